# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declares where Velero keeps backups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: velero_backup_storage_location
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Declare a storage location of Velero
description:
  - Makes, changes or deletes a BackupStorageLocation, and waits until Velero has found it available.
  - After a change only a validation that is newer than the change counts.
  - Options that are left out stay as they are, so that one short task can turn O(access_mode) during a recovery.
  - What is in the bucket stays when a location is deleted.
options:
  name:
    description: Name of the location.
    type: str
    required: true
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
  provider:
    description: Provider, such as V(aws), V(gcp) or V(azure). Required to make a location.
    type: str
  bucket:
    description: Bucket. Required to make a location.
    type: str
  prefix:
    description: Directory inside the bucket.
    type: str
  config:
    description:
      - Settings of the provider, such as C(region), C(s3Url), C(s3ForcePathStyle) and C(publicUrl). It is declared as a
        whole, so settings that are not named any more are removed.
      - C(publicUrl) is the address of the object store for clients outside the cluster. Without it, logs and results
        can be read only where the cluster's own address can be reached.
    type: dict
  credential:
    description: Secret in the namespace of Velero with the credentials. Those of the Velero server, when left out.
    type: dict
    suboptions:
      name:
        description: Name of the Secret.
        type: str
        required: true
      key:
        description: Key inside the Secret.
        type: str
        required: true
  storage_ca_cert:
    description: Certificates that the object store's is checked with, in PEM form.
    type: str
  default:
    description: Whether backups that name no location go here.
    type: bool
  access_mode:
    description: Whether backups may be written and deleted. V(ReadOnly) is meant for recoveries.
    type: str
    choices: [ReadWrite, ReadOnly]
  backup_sync_period:
    description: How often backups that are in the bucket appear in the cluster, such as V(1m); V(0s) for never.
    type: str
  validation_frequency:
    description: How often Velero looks whether it is available, such as V(1m); V(0s) for never.
    type: str
  wait:
    description: Whether to wait until it is available. Check mode does not wait.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for that. Velero looks once a minute, unless O(validation_frequency) says otherwise.
    type: float
    default: 300.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.velero
seealso:
  - module: fuze.miniapp_infra.velero_backup
"""

EXAMPLES = r"""
- name: Keep backups in a bucket
  fuze.miniapp_infra.velero_backup_storage_location:
    name: default
    provider: aws
    bucket: fuze-prod-backups
    prefix: cluster-a
    config:
      region: eu-central-1
    credential:
      name: cloud-credentials
      key: cloud
    default: true

- name: Let nothing write or delete backups during a recovery
  fuze.miniapp_infra.velero_backup_storage_location:
    name: default
    access_mode: ReadOnly

- name: Forget a location and keep what is in its bucket
  fuze.miniapp_infra.velero_backup_storage_location:
    name: archive
    state: absent
"""

RETURN = r"""
storage_location:
  description: The location, as it was seen last.
  returned: when there is one, or was
  type: dict
  sample:
    name: default
    phase: Available
    message: ""
    access_mode: ReadWrite
    validated_at: "2026-11-24T10:00:12Z"
    default: true
    provider: aws
    bucket: fuze-prod-backups
    prefix: cluster-a
    config: {region: eu-central-1}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: timeout
    retryable: true
    hint: ""
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine, velero
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    credential = {
        "name": {"type": "str", "required": True},
        "key": {"type": "str", "required": True, "no_log": False},
    }
    module = kube_module(
        {
            **velero.velero_spec(),
            "access_mode": {"type": "str", "choices": ["ReadWrite", "ReadOnly"]},
            "backup_sync_period": {"type": "str"},
            "bucket": {"type": "str"},
            "config": {"type": "dict"},
            "credential": {"type": "dict", "options": credential},
            "default": {"type": "bool"},
            "name": {"type": "str", "required": True},
            "prefix": {"type": "str"},
            "provider": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "storage_ca_cert": {"type": "str"},
            "validation_frequency": {"type": "str"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "float", "default": 300.0},
        }
    )
    engine.run(module, "miniapp_infra.velero.tasks", "storage_location")


if __name__ == "__main__":
    main()
