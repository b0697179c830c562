# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publishes the chart of all services."""

from __future__ import annotations

DOCUMENTATION = r"""
module: helm_chart_publish
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Publish a Helm chart as an OCI artefact
description:
  - Pushes a chart to the address that the environment's C(gitops.chart.ref) names, under the version of its
    C(Chart.yaml), once.
  - A version that exists with the same files is left alone; with other files the module fails, as a published version
    does not change.
options:
  chart:
    description: Folder of the chart, relative to O(root).
    type: path
    default: charts/miniapp-service
  helm_binary:
    description: Name or path of the C(helm) program.
    type: str
    default: helm
extends_documentation_fragment:
  - fuze.miniapp_infra.delivery
  - fuze.miniapp_infra.kube
attributes:
  action_group:
    description: Is in the action group C(fuze.miniapp_infra.miniapp), so that its defaults can be set once.
    support: full
    membership: [fuze.miniapp_infra.miniapp]
  check_mode:
    description: Can run in check mode and tells whether the chart would be pushed.
    support: full
  diff_mode:
    description: Would show what changes.
    support: none
    details: A published version never changes, so there is nothing to compare.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
requirements:
  - C(helm) on the host that runs the module.
"""

EXAMPLES = r"""
- name: Publish the chart of all services
  fuze.miniapp_infra.helm_chart_publish:
    environment: "{{ inventory_dir }}"
    root: "{{ inventory_dir | dirname | dirname }}"
"""

RETURN = r"""
reference:
  description: Where the chart is.
  returned: success
  type: str
  sample: oci://198.18.0.2:5000/charts/miniapp-service
version:
  description: Its version.
  returned: success
  type: str
  sample: 0.1.0
digest:
  description: Digest of its manifest; null in check mode before the first push.
  returned: success
  type: str
  sample: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    retryable: false
    hint: Raise version in charts/miniapp-service/Chart.yaml and gitops.chart.version.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.delivery import EXCLUSIVE, delivery_spec
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    own = {
        "chart": {"type": "path", "default": "charts/miniapp-service"},
        "helm_binary": {"type": "str", "default": "helm"},
    }
    module = kube_module({**delivery_spec(), **own}, mutually_exclusive=EXCLUSIVE)
    engine.run(module, "miniapp_infra.delivery.tasks", "publish_chart")


if __name__ == "__main__":
    main()
