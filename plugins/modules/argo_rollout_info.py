# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads Rollouts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argo_rollout_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read rollouts
description:
  - Returns what rollouts of Argo Rollouts are doing, which version serves and which one is in preview, and why new pods
    cannot be made.
  - With O(wait) it waits by watching until a rollout is healthy, waits for its promotion, or has failed. A rollout that
    has failed is returned as well.
options:
  name:
    description: Name of one rollout; all of them when left out. Needs O(namespace).
    type: str
  namespace:
    description: Namespace of the rollouts; all namespaces when left out.
    type: str
  label_selectors:
    description: Labels that the rollouts must have, such as V(app.kubernetes.io/name=playhub). Only without O(name).
    type: list
    elements: str
    default: []
  wait:
    description: Whether to wait until the controller has nothing left to do. Needs O(name). Check mode does not wait.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for that.
    type: float
    default: 300.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.argo_rollout
"""

EXAMPLES = r"""
- name: Read all rollouts
  fuze.miniapp_infra.argo_rollout_info: {}
  register: found

- name: List what waits for somebody to promote it
  ansible.builtin.debug:
    msg: "{{ found.rollouts | selectattr('awaits_promotion') | map(attribute='name') | list }}"

- name: Wait until the preview of a new version is ready
  fuze.miniapp_infra.argo_rollout_info:
    name: prod-miniapp-playhub
    namespace: playhub
    wait: true
  register: preview

- name: Promote exactly this version, after it was tested
  fuze.miniapp_infra.argo_rollout:
    name: prod-miniapp-playhub
    namespace: playhub
    expected_pod_hash: "{{ preview.rollouts[0].current_pod_hash }}"
"""

RETURN = r"""
rollouts:
  description: The rollouts by name; empty when there are none, or none of the given name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the rollout.
      type: str
      returned: success
    namespace:
      description: Namespace of the rollout.
      type: str
      returned: success
    strategy:
      description: V(blue_green), V(canary), or empty.
      type: str
      returned: success
    phase:
      description:
        - V(Healthy), V(Progressing), V(Paused) or V(Degraded).
        - Also V(Progressing) while the controller has not seen the present specification.
      type: str
      returned: success
    message:
      description: The controller's explanation of the phase.
      type: str
      returned: success
    observed:
      description: Whether the controller has seen the present specification.
      type: bool
      returned: success
    finished:
      description: Whether the version that is asked for is the only one in service.
      type: bool
      returned: success
    awaits_promotion:
      description: Whether the new version is in preview and only the promotion is missing.
      type: bool
      returned: success
    aborted:
      description: Whether an abort was asked for.
      type: bool
      returned: success
    pause_reasons:
      description: Why the controller has paused the rollout.
      type: list
      elements: str
      returned: success
    paused:
      description: Whether the rollout is paused by its specification.
      type: bool
      returned: success
    current_pod_hash:
      description: Hash of the pod template that is asked for.
      type: str
      returned: success
    stable_pod_hash:
      description: Hash of the pod template that was promoted last.
      type: str
      returned: success
    active_pod_hash:
      description: Hash of the pod template that the active Service leads to.
      type: str
      returned: success
    preview_pod_hash:
      description: Hash of the pod template that the preview Service leads to.
      type: str
      returned: success
    images:
      description: Images of the version that is asked for; empty where another object has the pod template.
      type: list
      elements: str
      returned: success
    replicas:
      description: How many pods are desired, updated, ready and available.
      type: dict
      returned: success
    restarted_at:
      description: Time of the last restart; empty when there was none.
      type: str
      returned: success
    refusal:
      description: Why the newest ReplicaSet cannot make its pods, such as a refusal by admission; empty when it can.
      type: str
      returned: success
  sample:
    - name: prod-miniapp-playhub
      namespace: playhub
      strategy: blue_green
      phase: Paused
      message: BlueGreenPause
      observed: true
      finished: false
      awaits_promotion: true
      aborted: false
      pause_reasons: [BlueGreenPause]
      paused: false
      current_pod_hash: 6f8bdf9c7d
      stable_pod_hash: 5d5c8b7f66
      active_pod_hash: 5d5c8b7f66
      preview_pod_hash: 6f8bdf9c7d
      images:
        - 198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
      replicas: {desired: 3, updated: 3, ready: 3, available: 3}
      restarted_at: ""
      refusal: ""
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: timeout
    retryable: true
    hint: ''
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            "label_selectors": {"type": "list", "elements": "str", "default": []},
            "name": {"type": "str"},
            "namespace": {"type": "str"},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 300.0},
        }
    )
    engine.run(module, "miniapp_infra.rollouts.tasks", "rollout_info")


if __name__ == "__main__":
    main()
