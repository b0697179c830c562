# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decides about a pull request."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pull_request
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Approve, merge or close a pull request
description:
  - Decides about a pull request of the repository of desired state as O(user).
  - An approval is for the commits that the pull request has now; a later commit needs a new one.
  - The author of a pull request cannot approve it, except in the local environment.
options:
  number:
    description: Number of the pull request.
    type: int
    required: true
  state:
    description: V(approved) by O(user), V(merged) into the deployed branch, or V(closed) without being merged.
    type: str
    choices: [approved, merged, closed]
    required: true
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.delivery
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.service_promotion
"""

EXAMPLES = r"""
- name: Agree to a promotion as its reviewer
  fuze.miniapp_infra.pull_request:
    environment: "{{ inventory_dir }}"
    root: "{{ inventory_dir | dirname | dirname }}"
    user: release-manager
    number: 7
    state: approved
"""

RETURN = r"""
pull_request:
  description: The pull request afterwards.
  returned: success
  type: dict
  sample:
    number: 7
    title: Promote playhub to 1.1.0 in local
    source: promote/local/playhub/1.1.0
    target: main
    author: miniapp-infra
    head: 5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5
    state: open
    approved_by: [release-manager]
    merge_commit: null
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: refused_by_policy
    retryable: false
    hint: Somebody else has to approve it.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.delivery import EXCLUSIVE, delivery_spec
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    own = {
        "number": {"type": "int", "required": True},
        "state": {"type": "str", "choices": ["approved", "merged", "closed"], "required": True},
    }
    module = kube_module({**delivery_spec(), **own}, mutually_exclusive=EXCLUSIVE)
    engine.run(module, "miniapp_infra.delivery.tasks", "pull_request")


if __name__ == "__main__":
    main()
