# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a difference, and what a diff may show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.vault import kubernetes_role, kv2, policy
from miniapp_infra.secrets.vault.client import VaultOptions, connect, segment
from miniapp_infra.secrets.vault.transit import TransitKey

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://vault.example.com:8200"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), (" \n\n", ""), ("a  \n  b\t\n\n", "a\n  b\n"), ("a\r\nb", "a\nb\n")],
)
def test_white_space_in_policies(text: str, expected: str) -> None:
    assert policy.normalised(text) == expected


def test_fields_of_a_role_have_one_form() -> None:
    options = {
        "bound_service_account_names": ["b", "a", "a"],
        "token_policies": ["Q", "p"],
        "token_ttl": "1h",
        "token_bound_cidrs": ["192.0.2.1/32", "10.0.0.0/8"],
        "token_num_uses": 0,
    }
    from_vault = {
        "bound_service_account_names": ["a", "b"],
        "token_policies": ["p", "q"],
        "token_ttl": 3600,
        "token_bound_cidrs": ["10.0.0.0/8", "192.0.2.1"],
        "token_num_uses": 0,
        "unknown_to_us": 1,
    }
    assert kubernetes_role.normalised(options) == kubernetes_role.normalised(from_vault)
    assert kubernetes_role.normalised({"token_bound_cidrs": None}) == {"token_bound_cidrs": []}


@pytest.mark.parametrize(
    ("current", "patch", "expected"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None}, {}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": None, "z": 3}}, {"a": {"y": 2, "z": 3}}),
        ({"a": "text"}, {"a": {"x": None}}, {"a": {}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        (None, {"a": None, "b": 1}, {"b": 1}),
    ],
)
def test_merge_patches_of_the_standard(current: Any, patch: Any, expected: Any) -> None:
    assert kv2.merged(current, patch) == expected


def test_a_diff_shows_which_values_change_and_nothing_else() -> None:
    show = kv2._Shown()
    before = show({"same": "1", "other": "1", "pin": "0000"}, {})["data"]
    after = show({"same": "1", "pin": "0001"}, {})["data"]
    assert before["same"] == after["same"]
    assert before["pin"] != after["pin"]
    assert before["same"] != before["other"], "equal values of two names can be recognised"
    # Another diff has another key, so that nobody can try all short values, nor compare.
    assert kv2._Shown()({"same": "1"}, {})["data"]["same"] != before["same"]


def test_a_secret_is_not_in_its_representation() -> None:
    assert "canary" not in repr(kv2.Kv2Secret({"a": "canary"}, 1))


SYMMETRIC = {"type": "aes256-gcm96", "keys": {"1": 1700000000, "2": 1700003600}, "latest_version": 2}
SIGNING = {
    "type": "ecdsa-p256",
    "latest_version": 1,
    "keys": {"1": {"creation_time": "2026-11-22T10:00:00.123456789Z", "public_key": "-----", "name": "P-256"}},
}


def test_times_of_both_kinds_of_keys() -> None:
    assert TransitKey.from_api(SYMMETRIC).created[2] == datetime.fromtimestamp(1700003600, tz=UTC)
    assert TransitKey.from_api(SIGNING).created[1] == datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
    other = {**SIGNING, "keys": {"1": {"creation_time": "2026-11-22T12:00:00+02:00"}}}
    assert TransitKey.from_api(other).created[1] == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_the_age_is_that_of_the_newest_version() -> None:
    key, made = TransitKey.from_api(SYMMETRIC), datetime.fromtimestamp(1700003600, tz=UTC)
    assert not key.is_older_than(60, made + timedelta(seconds=59))
    assert key.is_older_than(60, made + timedelta(seconds=60))
    # Made in the same second that Vault's clock shows.
    assert TransitKey.from_api(SIGNING).is_older_than(0, datetime(2026, 11, 22, 10, tzinfo=UTC))


@pytest.mark.parametrize("value", ["", "/", "a//b", "a/../b", ".", "a\nb", "a/./b"])
def test_paths_that_lead_elsewhere_are_refused(value: str) -> None:
    with pytest.raises(MiniappInfraError, match=r"^path: "):
        segment("path", value)


def test_paths_are_encoded() -> None:
    assert segment("path", "/a b/c?d#e%/") == "a%20b/c%3Fd%23e%25"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": None}, "url: the address of Vault must be given"),
        ({"url": "vault:8200"}, "url: "),
        ({"auth_method": "approle"}, "role_id: must be given for the auth method approle"),
        ({"auth_method": "kubernetes"}, "role_id: must be given for the auth method kubernetes"),
    ],
)
def test_options_that_are_missing(options: dict[str, Any], message: str) -> None:
    with pytest.raises(MiniappInfraError, match=f"^{message}") as raised:
        VaultOptions.from_params({"url": URL, **options})
    assert raised.value.code is ErrorCode.INVALID_INPUT


def test_without_a_token_the_file_is_named(tmp_path: Path) -> None:
    options = VaultOptions.from_params({"url": URL, "token_path": str(tmp_path)})
    with pytest.raises(MiniappInfraError, match=r"^token: ") as raised, connect(options):
        pytest.fail("there is no token")
    assert str(tmp_path / ".vault-token") in raised.value.hint


def test_credentials_are_not_in_representations() -> None:
    options = VaultOptions.from_params({"url": URL, "token": "canary", "secret_id": "canary", "jwt": "canary"})
    assert "canary" not in repr(options)
    with connect(options) as vault:
        assert "canary" not in repr(vault)
