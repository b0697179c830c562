# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declares an Argo CD ApplicationSet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argocd_application_set
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Declare an Argo CD ApplicationSet
description:
  - Has an ApplicationSet as declared, or none, and waits until its controller has made the applications.
  - What is not declared here stays as it is. What is declared wins over what others wrote.
options:
  name:
    description: Name of the ApplicationSet.
    type: str
    required: true
  generators:
    description:
      - Where the parameters come from, in the form of the field C(spec.generators). Needed with O(state=present).
    type: list
    elements: dict
  application_template:
    description:
      - What each application looks like, in the form of the field C(spec.template). Needed with O(state=present).
    type: dict
  template_patch:
    description: A template in Go whose result is merged into each application.
    type: str
  go_template:
    description: Whether templates are those of Go. The older C(fasttemplate) otherwise.
    type: bool
    default: true
  go_template_options:
    description:
      - Options of the templates. The default makes a parameter that is missing an error instead of an empty text.
    type: list
    elements: str
    default: [missingkey=error]
  sync_policy:
    description:
      - What the set may do with its applications, in the form of the field C(spec.syncPolicy), such as
        C(applicationsSync) and C(preserveResourcesOnDeletion).
    type: dict
  strategy:
    description: In which order applications are updated, in the form of the field C(spec.strategy).
    type: dict
  preserved_fields:
    description:
      - Labels and annotations of applications that the set leaves alone, in the form of the field
        C(spec.preservedFields).
    type: dict
  ignore_application_differences:
    description:
      - Fields of applications that the set leaves alone, in the form of the field
        C(spec.ignoreApplicationDifferences).
    type: list
    elements: dict
  labels:
    description: Labels to have. Others stay.
    type: dict
  annotations:
    description: Annotations to have. Others stay.
    type: dict
  cascade:
    description:
      - What happens to the applications with O(state=absent). V(background) and V(foreground) delete them, and with
        them what they deployed, unless the set preserves it. V(orphan) leaves them.
      - With O(mode=api) only V(background) can be had.
    type: str
    choices: [foreground, background, orphan]
    default: background
  state:
    description: Whether there has to be such a set, or none.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Whether to wait until the controller has made the applications, or until the set is gone. Check mode does not
        wait.
      - With O(mode=api) there is no way to ask it to look now; the state that it reported last counts.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for that.
    type: float
    default: 120.0
  wait_interval:
    description: Seconds between two looks.
    type: float
    default: 1.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.argocd
seealso:
  - module: fuze.miniapp_infra.argocd_application
"""

EXAMPLES = r"""
- name: An application for each directory of a repository
  fuze.miniapp_infra.argocd_application_set:
    name: services
    generators:
      - git:
          repoURL: https://git.example.com/platform.git
          revision: main
          directories: [{path: services/*}]
    application_template:
      metadata:
        name: "{{ '{{ .path.basename }}' }}"
      spec:
        project: payments
        source:
          repoURL: https://git.example.com/platform.git
          targetRevision: main
          path: "{{ '{{ .path.path }}' }}"
        destination:
          server: https://kubernetes.default.svc
          namespace: "{{ '{{ .path.basename }}' }}"
    sync_policy:
      applicationsSync: create-update
      preserveResourcesOnDeletion: true

- name: Take the set away and leave its applications
  fuze.miniapp_infra.argocd_application_set:
    name: services
    state: absent
    cascade: orphan
"""

RETURN = r"""
application_set:
  description: The set, with the names of the applications that it made.
  returned: success and state=present
  type: dict
  sample:
    name: services
    namespace: argocd
    conditions:
      - type: ResourcesUpToDate
        status: "True"
        reason: ApplicationSetUpToDate
        message: All applications have been generated successfully
    applications: [payhub, playhub]
wait:
  description: How the wait ended.
  returned: when it was waited
  type: dict
  sample: {elapsed: 4.117, polls: 3, last: "All applications have been generated successfully"}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: timeout
    retryable: true
    hint: It goes on by itself; running it again continues to wait.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.argocd import argocd_module


def main() -> None:
    module = argocd_module(
        {
            "annotations": {"type": "dict"},
            "application_template": {"type": "dict"},
            "cascade": {"type": "str", "choices": ["foreground", "background", "orphan"], "default": "background"},
            "generators": {"type": "list", "elements": "dict"},
            "go_template": {"type": "bool", "default": True},
            "go_template_options": {"type": "list", "elements": "str", "default": ["missingkey=error"]},
            "ignore_application_differences": {"type": "list", "elements": "dict"},
            "labels": {"type": "dict"},
            "name": {"type": "str", "required": True},
            "preserved_fields": {"type": "dict"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "strategy": {"type": "dict"},
            "sync_policy": {"type": "dict"},
            "template_patch": {"type": "str"},
            "wait": {"type": "bool", "default": True},
            "wait_interval": {"type": "float", "default": 1.0},
            "wait_timeout": {"type": "float", "default": 120.0},
        },
        required_if=[("state", "present", ("generators", "application_template"))],
    )
    engine.run(module, "miniapp_infra.argocd.declare", "application_set")


if __name__ == "__main__":
    main()
