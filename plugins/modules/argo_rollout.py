# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Promotes, aborts, retries or restarts a Rollout."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argo_rollout
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Promote, abort, retry or restart a rollout
description:
  - Takes the steps of a blue/green rollout of Argo Rollouts that a person or a pipeline has to take, and waits until
    the controller has carried them out.
  - The rollout itself, and with it the version that it asks for, comes from Git. This module only says what becomes of
    that version.
  - A phase counts only when it is about the present specification.
  - Waits by watching. A timeout names the last phase and message, and a refusal of the new pods by admission.
  - Behind an ALB Ingress a blue/green switch can lose requests, because the controller of the ALB takes the old targets
    away before the new ones are healthy.
options:
  name:
    description: Name of the rollout.
    type: str
    required: true
  namespace:
    description: Namespace of the rollout.
    type: str
    required: true
  state:
    description:
      - V(promoted) gives the traffic to the version that is in preview. It waits for the preview to be ready,
        promotes it, and waits until no other version is in service. A rollout without a new version is left as it is.
        One that is degraded, is paused for another reason, or has the strategy canary is refused.
      - V(fully_promoted) does not wait for the preview, and skips analysis, pauses and steps that are left.
      - V(aborted) returns to the version that was promoted last. A rollout that is not under way is left as it is,
        and one in its first version is refused.
      - V(retried) tries the version of an aborted rollout again, up to its preview. One that failed without an abort is
        refused, because trying the same again does not help.
      - V(restarted) replaces the pods one after the other.
    type: str
    choices: [promoted, fully_promoted, aborted, retried, restarted]
    default: promoted
  image:
    description:
      - Image of a container of the version that is meant, as the rollout has it. Any other version is refused.
      - Without it and O(expected_pod_hash) it is the version that the module finds first. One that comes after that is
        refused.
    type: str
  expected_pod_hash:
    description:
      - Hash of the pod template of the version that is meant, C(current_pod_hash) in RV(rollout). Any other is refused.
    type: str
  restart_at:
    description:
      - Time of the restart, such as V(2026-11-22T10:00:00Z), only with O(state=restarted). A restart that was asked for
        at that time or later is enough.
      - Now, when left out.
    type: str
  wait:
    description:
      - Whether to wait until it is done. Check mode does not wait.
      - Without it a rollout whose preview is not ready yet is not promoted, and a warning says so.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait in all.
    type: float
    default: 300.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
attributes:
  idempotent:
    description: A second run with the same options changes nothing.
    support: partial
    details: With O(state=restarted) each run restarts, unless O(restart_at) is given.
seealso:
  - module: fuze.miniapp_infra.argo_rollout_info
  - module: fuze.miniapp_infra.service_promotion
  - module: fuze.miniapp_infra.service_rollback
"""

EXAMPLES = r"""
- name: Promote the version that was just tested, and no other
  fuze.miniapp_infra.argo_rollout:
    name: prod-miniapp-playhub
    namespace: playhub
    image: 198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414

- name: Keep the version that serves now
  fuze.miniapp_infra.argo_rollout:
    name: prod-miniapp-playhub
    namespace: playhub
    state: aborted

- name: Then take the new one out of Git as well
  fuze.miniapp_infra.service_rollback:
    environment: "{{ inventory_dir }}"
    root: "{{ inventory_dir | dirname | dirname }}"
    service: playhub

- name: Restart the pods once for a rotated secret, however often the play runs
  fuze.miniapp_infra.argo_rollout:
    name: prod-miniapp-playhub
    namespace: playhub
    state: restarted
    restart_at: "2026-11-22T10:00:00Z"
    wait_timeout: 900
"""

RETURN = r"""
rollout:
  description: The rollout, as it was seen last; in check mode as it would be before the controller acts.
  returned: success
  type: dict
  sample:
    name: prod-miniapp-playhub
    namespace: playhub
    strategy: blue_green
    phase: Healthy
    message: ""
    observed: true
    finished: true
    awaits_promotion: false
    aborted: false
    pause_reasons: []
    paused: false
    current_pod_hash: 6f8bdf9c7d
    stable_pod_hash: 6f8bdf9c7d
    active_pod_hash: 6f8bdf9c7d
    preview_pod_hash: 6f8bdf9c7d
    images: ["198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414"]
    replicas: {desired: 3, updated: 3, ready: 3, available: 3}
    restarted_at: ""
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    retryable: false
    hint: Look at what changed in Git since, then give the hash of the version that is meant.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module

STATES = ["promoted", "fully_promoted", "aborted", "retried", "restarted"]


def main() -> None:
    module = kube_module(
        {
            "expected_pod_hash": {"type": "str"},
            "image": {"type": "str"},
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "restart_at": {"type": "str"},
            "state": {"type": "str", "choices": STATES, "default": "promoted"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "float", "default": 300.0},
        }
    )
    engine.run(module, "miniapp_infra.rollouts.tasks", "rollout")


if __name__ == "__main__":
    main()
