# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restores a DocumentDB cluster to a point in time, as a new cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docdb_cluster_restore
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Restore an Amazon DocumentDB cluster to a point in time
description:
  - Makes a new cluster with the data that another one had at a point in time, adds instances to it, and waits for both.
  - The source stays as it is. What uses it moves to the new cluster by its endpoint, for example through a secret.
  - The new cluster carries the tags C(miniapp-infra/restored-from) and C(miniapp-infra/restored-to). A cluster with the
    name of the target and the same tags is taken for an earlier run's work and completed, any other is refused.
  - Terraform adopts the new cluster with an C(import) block; this module never changes a cluster afterwards.
options:
  source:
    description: Cluster that the data comes from.
    type: str
    required: true
  target:
    description: Name of the new cluster, at most 60 characters. Its instances are called C(<target>-1) and so on.
    type: str
    required: true
  confirm_target:
    description: The name of the target once more. Nothing is done when it differs.
    type: str
    required: true
  restore_to_time:
    description:
      - Point in time in ISO 8601 with its time zone, such as V(2026-11-24T10:15:00Z).
      - Exactly one of O(restore_to_time) and O(use_latest_restorable_time) must be given.
    type: str
  use_latest_restorable_time:
    description: Restore the newest data that can be restored.
    type: bool
  restore_type:
    description: V(copy-on-write) makes a clone that shares storage with the source, of the newest data alone.
    type: str
    choices: [full-copy, copy-on-write]
    default: full-copy
  instances:
    description: Instances of the new cluster, at most 16. A restored cluster has none by itself.
    type: list
    elements: dict
    required: true
    suboptions:
      instance_class:
        description: Class, such as V(db.r6g.large).
        type: str
        required: true
      count:
        description: How many of them.
        type: int
        default: 1
  subnet_group:
    description: Subnet group of the new cluster.
    type: str
    required: true
  vpc_security_group_ids:
    description: Security groups of the new cluster. AWS would take the default one, so at least one must be named.
    type: list
    elements: str
    required: true
  kms_key_id:
    description: Key that encrypts the new cluster; that of the source when left out.
    type: str
  port:
    description: Port of the new cluster; the usual one when left out.
    type: int
  deletion_protection:
    description: Whether the new cluster is protected against deletion.
    type: bool
    default: true
  tags:
    description: Tags of the new cluster and its instances.
    type: dict
    default: {}
  wait:
    description:
      - Whether to wait until the cluster and its instances are available. Check mode does not wait.
      - Without it, instances are added by a later run, when the cluster is available.
    type: bool
    default: true
  wait_interval:
    description: Seconds between the first two looks; grows up to 15.
    type: float
    default: 5.0
  wait_timeout:
    description: Seconds to wait in all.
    type: float
    default: 7200.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.aws
seealso:
  - module: fuze.miniapp_infra.mongodb_atlas_restore_job
"""

EXAMPLES = r"""
- name: Restore the database of Playhub to the time before the accident
  fuze.miniapp_infra.docdb_cluster_restore:
    source: prod-miniapp-playhub
    target: prod-miniapp-playhub-20261124
    confirm_target: prod-miniapp-playhub-20261124
    restore_to_time: "2026-11-24T10:15:00Z"
    subnet_group: prod-miniapp
    vpc_security_group_ids: [sg-0f3a4b5c6d7e8f901]
    instances:
      - instance_class: db.r6g.large
        count: 3
  register: restored

- name: Show where the restored data is
  ansible.builtin.debug:
    var: restored.cluster.endpoint

- name: Clone the newest data for a restore drill
  fuze.miniapp_infra.docdb_cluster_restore:
    source: prod-miniapp-playhub
    target: drill-miniapp-playhub
    confirm_target: drill-miniapp-playhub
    use_latest_restorable_time: true
    restore_type: copy-on-write
    subnet_group: prod-miniapp
    vpc_security_group_ids: [sg-0f3a4b5c6d7e8f901]
    deletion_protection: false
    instances:
      - instance_class: db.t4g.medium
"""

RETURN = r"""
cluster:
  description: The new cluster, as it was seen last; none in check mode when it does not exist yet.
  returned: success
  type: dict
  sample:
    id: prod-miniapp-playhub-20261124
    arn: arn:aws:rds:eu-central-1:123456789012:cluster:prod-miniapp-playhub-20261124
    status: available
    engine_version: 5.0.0
    endpoint: prod-miniapp-playhub-20261124.cluster-c1a2b3c4d5e6.eu-central-1.docdb.amazonaws.com
    reader_endpoint: prod-miniapp-playhub-20261124.cluster-ro-c1a2b3c4d5e6.eu-central-1.docdb.amazonaws.com
    port: 27017
    instances:
      - id: prod-miniapp-playhub-20261124-1
        instance_class: db.r6g.large
        status: available
restored_from:
  description: Cluster that the data comes from.
  returned: success
  type: str
  sample: prod-miniapp-playhub
restored_to:
  description: Point in time of the data, or V(latest).
  returned: success
  type: str
  sample: "2026-11-24T10:15:00Z"
wait:
  description: How long was waited, in seconds, how often was looked, and what was seen last.
  returned: when waited
  type: dict
  sample:
    elapsed: 912.4
    polls: 66
    last: prod-miniapp-playhub-20261124-1 available
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    retryable: false
    hint: Choose another name for the target; a restore never writes to a cluster that exists.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.aws import aws_spec


def main() -> None:
    instance = {"count": {"type": "int", "default": 1}, "instance_class": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={
            **aws_spec(),
            "confirm_target": {"type": "str", "required": True},
            "deletion_protection": {"type": "bool", "default": True},
            "instances": {"type": "list", "elements": "dict", "options": instance, "required": True},
            "kms_key_id": {"type": "str", "no_log": False},
            "port": {"type": "int"},
            "restore_to_time": {"type": "str"},
            "restore_type": {"type": "str", "choices": ["full-copy", "copy-on-write"], "default": "full-copy"},
            "source": {"type": "str", "required": True},
            "subnet_group": {"type": "str", "required": True},
            "tags": {"type": "dict", "default": {}},
            "target": {"type": "str", "required": True},
            "use_latest_restorable_time": {"type": "bool"},
            "vpc_security_group_ids": {"type": "list", "elements": "str", "required": True},
            "wait": {"type": "bool", "default": True},
            "wait_interval": {"type": "float", "default": 5.0},
            "wait_timeout": {"type": "float", "default": 7200.0},
        },
        mutually_exclusive=[("restore_to_time", "use_latest_restorable_time")],
        required_one_of=[("restore_to_time", "use_latest_restorable_time")],
        required_together=[("access_key", "secret_key")],
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.cloud.aws.tasks", "docdb_cluster_restore")


if __name__ == "__main__":
    main()
