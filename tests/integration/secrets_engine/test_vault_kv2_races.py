# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when somebody else writes a secret of Vault between our reading and our writing."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from live_vault import TOKEN
from miniapp_infra.http import HttpOptions
from miniapp_infra.secrets.vault import kv2
from miniapp_infra.secrets.vault.client import Vault

from .backends import Gate, GatedHttp

if TYPE_CHECKING:
    from live_vault import LiveVault


def options(name: str, **changes: Any) -> dict[str, Any]:
    given = dict.fromkeys(("custom_metadata", "max_versions", "cas_required", "delete_version_after", "cas"))
    common = {"engine_mount_point": "secret", "path": name, "mode": "replace", "purge": False}
    return {**given, **common, "data": {"a": "ours"}, **changes}


@pytest.mark.parametrize("exists", [True, False], ids=["changed", "created"])
def test_a_write_does_not_undo_what_came_between(vault: LiveVault, *, exists: bool) -> None:
    kv, name = vault.root.secrets.kv.v2, f"test-{uuid.uuid4().hex[:12]}"
    if exists:
        kv.create_or_update_secret(name, {"a": "before"})
    gate = Gate(meet_before=2, meet=lambda: kv.create_or_update_secret(name, {"a": "theirs"}))
    client = GatedHttp(HttpOptions(vault.url), {"X-Vault-Token": TOKEN}, "Vault", gate=gate)
    with pytest.raises(kv2.CheckAndSetError) as raised:
        kv2.present(Vault(client), options(name), check_mode=False, diff_mode=False)
    assert raised.value.retryable
    assert kv.read_secret_version(name, raise_on_deleted_version=True)["data"]["data"] == {"a": "theirs"}


def test_a_deletion_does_not_delete_what_came_between(vault: LiveVault) -> None:
    kv, name = vault.root.secrets.kv.v2, f"test-{uuid.uuid4().hex[:12]}"
    kv.create_or_update_secret(name, {"a": "before"})
    gate = Gate(meet_before=2, meet=lambda: kv.create_or_update_secret(name, {"a": "theirs"}))
    client = GatedHttp(HttpOptions(vault.url), {"X-Vault-Token": TOKEN}, "Vault", gate=gate)
    kv2.absent(Vault(client), options(name), check_mode=False, diff_mode=False)
    assert kv.read_secret_version(name, raise_on_deleted_version=True)["data"]["data"] == {"a": "theirs"}
