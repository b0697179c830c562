# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings a version of a service into an environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_promotion
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Promote a version of a service
description:
  - Writes version, image digest and chart version of a service into the repository of desired state, through a branch
    and a pull request, and waits until Argo CD has deployed it.
  - Refuses, before anything is written, a service that the catalogue does not have, a version that the registry does
    not have, an image that the trusted key did not sign, a version older than the deployed one, and any promotion in a
    freeze window.
  - Nothing is remembered outside Git. A run that was killed is taken up by the next one where it ended.
options:
  version:
    description: Version to promote, the tag of its image. What is deployed is the digest that the tag has now.
    type: str
    required: true
  chart_version:
    description: Version of the chart; the one of the inventory when left out.
    type: str
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.delivery
  - fuze.miniapp_infra.delivery.rollout
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.service_rollback
  - module: fuze.miniapp_infra.pull_request
  - module: fuze.miniapp_infra.argo_rollout
"""

EXAMPLES = r"""
- name: Promote playhub and approve it, where one person plays all parts
  fuze.miniapp_infra.service_promotion:
    environment: "{{ inventory_dir }}"
    root: "{{ inventory_dir | dirname | dirname }}"
    service: playhub
    version: 1.1.0
    approve: true
  register: promotion

- name: Show what changed
  ansible.builtin.debug:
    msg: "{{ promotion.old.image.digest }} -> {{ promotion.new.image.digest }}"
"""

RETURN = r"""
status:
  description:
    - V(unchanged) when the release was already the wanted one, V(planned) in check mode, V(awaiting_approval) when the
      pull request is open, V(merged) without O(wait), V(delivered) when the release runs,
      V(awaiting_promotion) when it is in preview and the version before serves until somebody promotes it (blue/green).
  returned: success
  type: str
  sample: delivered
service:
  description: The service.
  returned: success
  type: str
  sample: playhub
old:
  description: The release before; null before the first one.
  returned: success
  type: dict
  sample:
    service: playhub
    env: local
    version: 1.0.0
    chart: {version: 0.1.0}
    image:
      repository: 198.18.0.2:5000/miniapp/playhub
      digest: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
new:
  description: The wanted release.
  returned: success
  type: dict
  sample:
    service: playhub
    env: local
    version: 1.1.0
    chart: {version: 0.1.0}
    image:
      repository: 198.18.0.2:5000/miniapp/playhub
      digest: sha256:0d2e1c0b7b5d4c3a29180f6e5d4c3b2a19080706050403020100ffeeddccbbaa
pull_request:
  description: Number of the pull request; null when none was needed.
  returned: success
  type: int
  sample: 7
commit:
  description: Commit of the deployed branch that brought the release; null while it is not there.
  returned: success
  type: str
  sample: 5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5
sync:
  description: Sync status in Argo CD; null when it was not waited for.
  returned: success
  type: str
  sample: Synced
health:
  description: Health in Argo CD; null when it was not waited for.
  returned: success
  type: str
  sample: Healthy
awaits_promotion:
  description:
    - Whether the release is in preview, and the version before serves until M(fuze.miniapp_infra.argo_rollout)
      promotes it.
    - Null when it was not waited for.
  returned: success
  type: bool
  sample: false
seconds:
  description: How long the release took to run; null when it was not waited for.
  returned: success
  type: float
  sample: 21.4
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: frozen
    retryable: true
    hint: Wait until 2026-12-28T08:00:00+07:00 or ask release-managers to end the window.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.delivery import EXCLUSIVE, delivery_spec, rollout_spec
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    own = {"version": {"type": "str", "required": True}, "chart_version": {"type": "str"}}
    module = kube_module({**delivery_spec(), **rollout_spec(), **own}, mutually_exclusive=EXCLUSIVE)
    engine.run(module, "miniapp_infra.delivery.tasks", "promote_service")


if __name__ == "__main__":
    main()
