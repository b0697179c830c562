# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings the repository of desired state up to the catalogue."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gitops_repository
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Render the catalogue into the repository of desired state
description:
  - Writes the chart values of every service and the objects that Argo CD reads first, in one commit, and only when they
    differ.
  - Never touches a release that is already there; promotions and rollbacks own those.
  - A service that left the catalogue is reported, and left as it is.
options:
  first_releases:
    description:
      - Whether a service without a release gets its first one, at the version that the catalogue starts with.
      - The same conditions hold as for a promotion. The image exists and is signed, and no freeze window is in force.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.delivery
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.helm_chart_publish
  - module: fuze.miniapp_infra.service_promotion
"""

EXAMPLES = r"""
- name: Render the catalogue into Git
  fuze.miniapp_infra.gitops_repository:
    environment: "{{ inventory_dir }}"
    root: "{{ inventory_dir | dirname | dirname }}"
    git_username: miniapp
    git_password_file: .local/git-password
    first_releases: true
"""

RETURN = r"""
commit:
  description: Last commit of the deployed branch.
  returned: success
  type: str
  sample: 5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5
paths:
  description: Files that differed.
  returned: success
  type: list
  elements: str
  sample: [services/local/playhub/values.yaml]
released:
  description: Services that got their first release.
  returned: success
  type: list
  elements: str
  sample: [playhub]
unmanaged:
  description: Services that the repository has and the catalogue does not.
  returned: success
  type: list
  elements: str
  sample: []
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: forbidden
    retryable: false
    hint: Check the user name and password of the Git host, and that this user may push.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.delivery import EXCLUSIVE, delivery_spec
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    own = {"first_releases": {"type": "bool", "default": False}}
    module = kube_module({**delivery_spec(), **own}, mutually_exclusive=EXCLUSIVE)
    engine.run(module, "miniapp_infra.delivery.tasks", "sync_repository")


if __name__ == "__main__":
    main()
