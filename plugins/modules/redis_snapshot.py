# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Creates and deletes snapshots of Redis and Valkey in Amazon ElastiCache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_snapshot
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Snapshots of ElastiCache replication groups
description:
  - Takes a snapshot of a replication group and waits until it is complete, or deletes one and waits until it is gone.
  - The name is the identity. A snapshot of that name is taken for done; one of another replication group is refused.
  - Replication groups themselves belong to Terraform.
options:
  name:
    description: Name of the snapshot, unique in the region.
    type: str
    required: true
  replication_group_id:
    description: Replication group that the snapshot is taken of. Must be given when O(state=present).
    type: str
  kms_key_id:
    description: Key that encrypts the snapshot; that of ElastiCache when left out.
    type: str
  tags:
    description: Tags of a new snapshot. Those of one that exists stay.
    type: dict
    default: {}
  state:
    description: Whether there is such a snapshot.
    type: str
    choices: [present, absent]
    default: present
  wait_timeout:
    description: Seconds to wait.
    type: float
    default: 3600.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.aws
  - fuze.miniapp_infra.http.poll
seealso:
  - module: fuze.miniapp_infra.elasticache_replication_group_info
"""

EXAMPLES = r"""
- name: Take a snapshot before the upgrade
  fuze.miniapp_infra.redis_snapshot:
    name: prod-miniapp-before-7-1
    replication_group_id: prod-miniapp
    tags:
      reason: upgrade to 7.1

- name: Delete it when the upgrade has proved itself
  fuze.miniapp_infra.redis_snapshot:
    name: prod-miniapp-before-7-1
    state: absent
"""

RETURN = r"""
snapshot:
  description: The snapshot, as it was seen last; none when it does not exist.
  returned: success
  type: dict
  sample:
    name: prod-miniapp-before-7-1
    status: available
    source: manual
    replication_group_id: prod-miniapp
    engine: redis
    engine_version: 7.0.7
    arn: arn:aws:elasticache:eu-central-1:123456789012:snapshot:prod-miniapp-before-7-1
    created: "2026-11-24T10:15:00Z"
wait:
  description: How long was waited, in seconds, how often was looked, and what was seen last.
  returned: when waited
  type: dict
  sample:
    elapsed: 61.2
    polls: 9
    last: available
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: not_found
    retryable: false
    hint: ''
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.aws import aws_spec
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.http import poll_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **aws_spec(),
            **poll_spec(3600.0),
            "kms_key_id": {"type": "str", "no_log": False},
            "name": {"type": "str", "required": True},
            "replication_group_id": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict", "default": {}},
        },
        required_if=[("state", "present", ["replication_group_id"])],
        required_together=[("access_key", "secret_key")],
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.cloud.aws.tasks", "redis_snapshot")


if __name__ == "__main__":
    main()
