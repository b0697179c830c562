# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the access list of a MongoDB Atlas project."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_atlas_access_list
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Access list of a MongoDB Atlas project
description:
  - Declares from where clients may connect to the clusters of a project, as a set of entries.
  - An address and its block of one address are the same entry. Others stay, unless O(purge=true).
  - New entries are active before old ones go, so that nobody who stays is locked out for a moment.
options:
  project_id:
    description: ID of the project, 24 hexadecimal digits.
    type: str
    required: true
  entries:
    description: The entries. Each has exactly one of C(ip_address), C(cidr_block) and C(aws_security_group).
    type: list
    elements: dict
    required: true
    suboptions:
      ip_address:
        description: An address.
        type: str
      cidr_block:
        description: A block of addresses, such as V(10.0.0.0/8).
        type: str
      aws_security_group:
        description: A security group of a peered VPC in AWS.
        type: str
      comment:
        description: What the entry is for, at most 80 characters. Any that is there will do, when left out.
        type: str
      delete_after:
        description:
          - When Atlas deletes the entry, at most a week from now, in ISO 8601 with its time zone.
          - When left out, the entry stays.
        type: str
  purge:
    description: Whether entries that are not declared are removed. Only with O(state=present), and never all of them.
    type: bool
    default: false
  state:
    description: Whether the entries are there.
    type: str
    choices: [present, absent]
    default: present
  wait_timeout:
    description: Seconds to wait until new entries are active.
    type: float
    default: 300.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.atlas
  - fuze.miniapp_infra.http
  - fuze.miniapp_infra.http.poll
"""

EXAMPLES = r"""
- name: Let the NAT gateways of production connect, and nobody else
  fuze.miniapp_infra.mongodb_atlas_access_list:
    project_id: 32b6e34b3d91647abb20e7b8
    purge: true
    entries:
      - {ip_address: 203.0.113.17, comment: NAT gateway a}
      - {ip_address: 203.0.113.18, comment: NAT gateway b}
    client_id: "{{ atlas_client_id }}"
    client_secret: "{{ atlas_client_secret }}"

- name: Let the office connect for a restore drill
  fuze.miniapp_infra.mongodb_atlas_access_list:
    project_id: 32b6e34b3d91647abb20e7b8
    entries:
      - cidr_block: 198.51.100.0/24
        comment: restore drill
        delete_after: "2026-11-25T18:00:00Z"

- name: Take it away again
  fuze.miniapp_infra.mongodb_atlas_access_list:
    project_id: 32b6e34b3d91647abb20e7b8
    entries:
      - cidr_block: 198.51.100.0/24
    state: absent
"""

RETURN = r"""
entries:
  description: The access list, in check mode as it would be.
  returned: success
  type: list
  elements: dict
  sample:
    - {entry: 203.0.113.17/32, comment: NAT gateway a, delete_after: null}
added:
  description: Entries that were added or changed, or would be.
  returned: success
  type: list
  elements: str
  sample: [203.0.113.17/32]
removed:
  description: Entries that were removed, or would be.
  returned: success
  type: list
  elements: str
  sample: []
wait:
  description: How long was waited, in seconds, how often was looked, and what was seen last.
  returned: when waited
  type: dict
  sample:
    elapsed: 3.1
    polls: 3
    last: 203.0.113.17/32 ACTIVE
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: invalid_input
    retryable: false
    hint: ''
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.atlas import atlas_module
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.http import poll_spec


def main() -> None:
    texts = ("aws_security_group", "cidr_block", "comment", "delete_after", "ip_address")
    module = atlas_module(
        {
            **poll_spec(300.0),
            "entries": {
                "type": "list",
                "elements": "dict",
                "options": {name: {"type": "str"} for name in texts},
                "required": True,
            },
            "project_id": {"type": "str", "required": True},
            "purge": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        }
    )
    engine.run(module, "miniapp_infra.atlas.tasks", "access")


if __name__ == "__main__":
    main()
