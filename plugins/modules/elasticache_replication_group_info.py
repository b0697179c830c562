# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the replication groups of Amazon ElastiCache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: elasticache_replication_group_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Replication groups of Amazon ElastiCache
description:
  - Returns the state, the endpoints and the protection of replication groups, and their snapshots if asked for.
options:
  replication_group_id:
    description: Replication group. All of the region, when left out. One that does not exist is no error.
    type: str
  include_snapshots:
    description: Whether to return the snapshots too.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.aws
seealso:
  - module: fuze.miniapp_infra.redis_snapshot
"""

EXAMPLES = r"""
- name: Read the cache of production
  fuze.miniapp_infra.elasticache_replication_group_info:
    replication_group_id: prod-miniapp
    include_snapshots: true
  register: cache

- name: Make sure that it is encrypted and fails over
  ansible.builtin.assert:
    that:
      - cache.replication_groups[0].transit_encryption
      - cache.replication_groups[0].automatic_failover

- name: List all replication groups of a region
  fuze.miniapp_infra.elasticache_replication_group_info:
    region: eu-central-1
"""

RETURN = r"""
replication_groups:
  description: The replication groups.
  returned: success
  type: list
  elements: dict
  sample:
    - id: prod-miniapp
      arn: arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:prod-miniapp
      description: Sessions and limits
      status: available
      engine: redis
      cluster_mode: false
      node_type: cache.r7g.large
      shards: 1
      members: [prod-miniapp-001, prod-miniapp-002]
      primary_endpoint: {address: master.prod-miniapp.a1b2c3.euc1.cache.amazonaws.com, port: 6379}
      reader_endpoint: {address: replica.prod-miniapp.a1b2c3.euc1.cache.amazonaws.com, port: 6379}
      configuration_endpoint: null
      automatic_failover: true
      multi_az: true
      transit_encryption: true
      transit_encryption_mode: required
      at_rest_encryption: true
      auth_token_enabled: true
      snapshot_retention_days: 7
      snapshot_window: 01:00-02:00
      snapshots: []
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: forbidden
    retryable: false
    hint: ''
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.aws import aws_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **aws_spec(),
            "include_snapshots": {"type": "bool", "default": False},
            "replication_group_id": {"type": "str"},
        },
        required_together=[("access_key", "secret_key")],
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.cloud.aws.tasks", "elasticache_replication_group_info")


if __name__ == "__main__":
    main()
