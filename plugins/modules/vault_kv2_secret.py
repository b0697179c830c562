# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manages secrets in Vault's key/value store, version 2."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_kv2_secret
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Manage a secret in Vault's key/value store, version 2
description:
  - Reads a secret, and writes a new version only when a value differs.
  - Each write has a condition (check-and-set), so that it never undoes what somebody else wrote since the secret was
    read. That fails with the code V(conflict), and can be repeated.
  - Values never leave the module. The diff has the names of the keys, and for each value a hash with a random key that
    is thrown away at the end of the task. So it can be seen which values change, but even a short value cannot be found
    by trying, and the hashes of two runs have nothing in common.
  - Values of less than eight characters are not censored in texts that Ansible itself writes, because the censored
    places would give them away.
options:
  path:
    description: Path of the secret below the mount, such as V(playhub/database).
    type: str
    required: true
  engine_mount_point:
    description: Where the engine is mounted.
    type: str
    default: secret
  data:
    description: The values by their keys. When left out the values are not managed, only the metadata.
    type: dict
  mode:
    description:
      - With V(replace) the secret has exactly the keys of O(data).
      - With V(merge) other keys stay, dictionaries are merged, and a key with the value V(null) is removed, as in
        RFC 7396.
    type: str
    choices: [replace, merge]
    default: replace
  cas:
    description:
      - Number of the version that O(data) was made for; V(0) when the secret must not exist yet.
      - When the newest version is another one, nothing is changed and the task fails with the code V(conflict).
    type: int
  custom_metadata:
    description: Metadata by its keys; others are removed. It is no secret, and is shown.
    type: dict
  max_versions:
    description: How many versions are kept; V(0) for as many as the engine is configured for.
    type: int
  cas_required:
    description: Whether Vault refuses writes without a condition.
    type: bool
  delete_version_after:
    description: Age at which a version is deleted, such as V(720h); V(0) for never.
    type: str
  state:
    description:
      - V(absent) deletes the version that was read. It can be restored, and older versions stay.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description: Whether O(state=absent) removes all versions and the metadata for ever.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.vault
notes:
  - The token needs C(read), C(create) and C(update) for C(<mount>/data/<path>), with the options about metadata the
    same for C(<mount>/metadata/<path>), and for O(state=absent) C(update) for C(<mount>/delete/<path>) or C(delete) for
    the metadata.
seealso:
  - module: fuze.miniapp_infra.secret_rotation
"""

EXAMPLES = r"""
- name: The credentials of a database
  fuze.miniapp_infra.vault_kv2_secret:
    url: https://vault.example.com:8200
    path: playhub/database
    data:
      username: playhub
      password: "{{ playhub_database_password }}"
    custom_metadata:
      owner: team-play

- name: Change one value and leave the others
  fuze.miniapp_infra.vault_kv2_secret:
    path: playhub/payment
    mode: merge
    data:
      api_key: "{{ new_api_key }}"
      old_api_key: null

- name: Delete the newest version; older ones can be read
  fuze.miniapp_infra.vault_kv2_secret:
    path: playhub/old
    state: absent

- name: Remove a secret for ever
  fuze.miniapp_infra.vault_kv2_secret:
    path: playhub/old
    state: absent
    purge: true
"""

RETURN = r"""
path:
  description: Path of the secret.
  returned: success
  type: str
  sample: playhub/database
version:
  description: Number of the newest version. In check mode the one before the change.
  returned: success
  type: int
  sample: 4
created_time:
  description: When that version was written; empty when there is none.
  returned: success
  type: str
  sample: "2026-11-22T10:00:00.123456789Z"
keys:
  description: Names of the keys, without their values.
  returned: success
  type: list
  elements: str
  sample: [password, username]
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    retryable: true
    hint: Run it again; it starts from what is there now.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.vault import vault_module


def main() -> None:
    module = vault_module(
        {
            "cas": {"type": "int"},
            "cas_required": {"type": "bool"},
            "custom_metadata": {"type": "dict"},
            "data": {"type": "dict", "no_log": True},
            "delete_version_after": {"type": "str"},
            "engine_mount_point": {"type": "str", "default": "secret"},
            "max_versions": {"type": "int"},
            "mode": {"type": "str", "choices": ["replace", "merge"], "default": "replace"},
            "path": {"type": "str", "required": True},
            "purge": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        }
    )
    engine.run(module, "miniapp_infra.secrets.vault.tasks", "vault_kv2_secret")


if __name__ == "__main__":
    main()
