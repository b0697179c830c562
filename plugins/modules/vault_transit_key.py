# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manages keys of Vault's transit engine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_transit_key
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Manage a key of Vault's transit engine
description:
  - Makes, configures, rotates and deletes keys that encrypt or sign inside of Vault.
  - A rotation adds a version. What older versions have encrypted stays readable until O(min_decryption_version) is
    raised above them.
  - Options that are left out are not managed; a new key gets Vault's defaults for them.
  - What cannot be changed, such as O(type), is refused when it differs, before anything is changed.
options:
  name:
    description: Name of the key.
    type: str
    required: true
  engine_mount_point:
    description: Where the engine is mounted.
    type: str
    default: transit
  state:
    description:
      - V(rotated) is V(present) and in addition adds a version when the newest is older than O(rotate_after), by
        Vault's own clock. A key that did not exist is made, and is new.
      - V(absent) is refused when the key does not allow its deletion, unless O(deletion_allowed) is set in the same
        task.
      - Two tasks that rotate at the same moment add two versions, because Vault has no condition for this. That harms
        nobody.
    type: str
    choices: [present, absent, rotated]
    default: present
  rotate_after:
    description: Age, such as V(90d), at which O(state=rotated) adds a version. Required with it; V(0) always adds one.
    type: str
  type:
    description: Type of the key. A new key has V(aes256-gcm96) when it is left out.
    type: str
    choices:
      - aes128-gcm96
      - aes256-gcm96
      - chacha20-poly1305
      - ed25519
      - ecdsa-p256
      - ecdsa-p384
      - ecdsa-p521
      - rsa-2048
      - rsa-3072
      - rsa-4096
  derived:
    description: Whether each use derives a key of its own from a context.
    type: bool
  convergent_encryption:
    description: Whether equal texts with an equal context give equal results. Needs O(derived).
    type: bool
  exportable:
    description: Whether the key can leave Vault. Once allowed it can never be forbidden again.
    type: bool
  allow_plaintext_backup:
    description: Whether the key can be backed up in plain text. Once allowed it can never be forbidden again.
    type: bool
  deletion_allowed:
    description: Whether the key can be deleted. Everything that it encrypted is lost with it.
    type: bool
  min_decryption_version:
    description: The oldest version that still decrypts and verifies.
    type: int
  min_encryption_version:
    description: The oldest version that may encrypt and sign; V(0) for the newest only.
    type: int
  auto_rotate_period:
    description: Lets Vault add a version by itself after this time, such as V(720h); V(0) for never.
    type: str
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.vault
seealso:
  - module: fuze.miniapp_infra.secret_rotation
"""

EXAMPLES = r"""
- name: A key that encrypts personal data, with a new version every 90 days
  fuze.miniapp_infra.vault_transit_key:
    url: https://vault.example.com:8200
    name: personal-data
    state: rotated
    rotate_after: 90d

- name: A key that signs
  fuze.miniapp_infra.vault_transit_key:
    name: receipts
    type: ecdsa-p256

- name: Make what the first two versions encrypted unreadable
  fuze.miniapp_infra.vault_transit_key:
    name: personal-data
    min_decryption_version: 3

- name: Delete a key and everything that it encrypted
  fuze.miniapp_infra.vault_transit_key:
    name: old
    state: absent
    deletion_allowed: true
"""

RETURN = r"""
key:
  description: The key as Vault has it, without its material. C(created) has the time of each version.
  returned: success
  type: dict
  sample:
    name: personal-data
    type: aes256-gcm96
    derived: false
    convergent_encryption: false
    exportable: false
    allow_plaintext_backup: false
    deletion_allowed: false
    min_decryption_version: 1
    min_encryption_version: 0
    auto_rotate_period: 0
    latest_version: 2
    created:
      "1": "2026-08-20T10:00:00+00:00"
      "2": "2026-11-22T10:00:00+00:00"
rotated:
  description: Whether a version was added, or in check mode would be.
  returned: success
  type: bool
  sample: true
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: refused_by_policy
    retryable: false
    hint: What it encrypted could never be read again. Set deletion_allowed in this task if that is meant.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.vault import vault_module

TYPES = [
    *("aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521"),
    *("rsa-2048", "rsa-3072", "rsa-4096"),
]


def main() -> None:
    module = vault_module(
        {
            "allow_plaintext_backup": {"type": "bool"},
            "auto_rotate_period": {"type": "str"},
            "convergent_encryption": {"type": "bool"},
            "deletion_allowed": {"type": "bool"},
            "derived": {"type": "bool"},
            "engine_mount_point": {"type": "str", "default": "transit"},
            "exportable": {"type": "bool"},
            "min_decryption_version": {"type": "int"},
            "min_encryption_version": {"type": "int"},
            "name": {"type": "str", "required": True},
            "rotate_after": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent", "rotated"], "default": "present"},
            "type": {"type": "str", "choices": TYPES},
        },
        required_if=[("state", "rotated", ["rotate_after"])],
    )
    engine.run(module, "miniapp_infra.secrets.vault.tasks", "vault_transit_key")


if __name__ == "__main__":
    main()
