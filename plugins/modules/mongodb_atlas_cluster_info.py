# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads MongoDB Atlas clusters and what they can be restored to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_atlas_cluster_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: MongoDB Atlas clusters and what they can be restored to
description:
  - Returns the state of clusters, the window of their continuous backup, and their snapshots if asked for.
options:
  project_id:
    description: ID of the project, 24 hexadecimal digits.
    type: str
    required: true
  cluster_name:
    description: Cluster. All of the project, when left out. One that does not exist is no error.
    type: str
  include_snapshots:
    description: Whether to return the snapshots too, the newest first.
    type: bool
    default: false
  lag:
    description: Seconds that the backup of the oplog is behind; what is younger counts as not restorable yet.
    type: float
    default: 60.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.atlas
  - fuze.miniapp_infra.http
seealso:
  - module: fuze.miniapp_infra.mongodb_atlas_restore_job
"""

EXAMPLES = r"""
- name: Read the cluster of production
  fuze.miniapp_infra.mongodb_atlas_cluster_info:
    project_id: 32b6e34b3d91647abb20e7b8
    cluster_name: prod-miniapp
    include_snapshots: true
    client_id: "{{ atlas_client_id }}"
    client_secret: "{{ atlas_client_secret }}"
  register: atlas

- name: Make sure that every second of the last week can be restored
  ansible.builtin.assert:
    that: atlas.clusters[0].restore_window.days >= 7

- name: List all clusters of a project, with the credentials from the environment
  fuze.miniapp_infra.mongodb_atlas_cluster_info:
    project_id: 32b6e34b3d91647abb20e7b8
"""

RETURN = r"""
clusters:
  description: The clusters.
  returned: success
  type: list
  elements: dict
  sample:
    - name: prod-miniapp
      project_id: 32b6e34b3d91647abb20e7b8
      state: IDLE
      mongodb_version: 8.0.4
      paused: false
      backup_enabled: true
      pit_enabled: true
      connection_string: mongodb+srv://prod-miniapp.a1b2c.mongodb.net
      restore_window: {days: 7, earliest: "2026-11-17T10:15:00Z", latest: "2026-11-24T10:14:00Z"}
      snapshots:
        - id: 5f4007f327a3bd7b6f4103c5
          created: "2026-11-24T06:00:00Z"
          expires: "2026-12-01T06:00:00Z"
          status: completed
          type: scheduled
          mongodb_version: 8.0.4
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: forbidden
    retryable: false
    hint: ''
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.atlas import atlas_module


def main() -> None:
    module = atlas_module(
        {
            "cluster_name": {"type": "str"},
            "include_snapshots": {"type": "bool", "default": False},
            "lag": {"type": "float", "default": 60.0},
            "project_id": {"type": "str", "required": True},
        }
    )
    engine.run(module, "miniapp_infra.atlas.tasks", "cluster_info")


if __name__ == "__main__":
    main()
