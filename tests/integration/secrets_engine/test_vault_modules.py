# SPDX-License-Identifier: GPL-3.0-or-later
"""``vault_policy``, ``vault_kubernetes_role``, ``vault_transit_key`` and ``vault_kv2_secret`` against Vault.

What they made is read with hvac, another client.
"""

from __future__ import annotations

import ast
import base64
import json
import runpy
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hvac
import pytest
import yaml

from live_vault import TOKEN
from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.secrets.vault import tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import RunModule
    from live_vault import LiveVault
    from vault_contract import ContractVault

PLUGINS = Path(__file__).parents[3] / "plugins"
READ = 'path "secret/data/a/*" {\n  capabilities = ["read"]\n}\n'
WRITE = 'path "secret/data/a/*" {\n  capabilities = ["read", "update"]\n}\n'


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def defaults(module: str) -> dict[str, Any]:
    """The options of a module when none is given. Another test compares the documentation with what it accepts."""
    found: dict[str, Any] = {}
    for path, name in ((f"modules/{module}", "DOCUMENTATION"), ("doc_fragments/vault", "ModuleDocFragment")):
        values = runpy.run_path(str(PLUGINS / f"{path}.py"), run_name="docs") if "fragment" in path else {}
        text = values[name].DOCUMENTATION if values else documentation(PLUGINS / f"{path}.py")
        found |= {key: option.get("default") for key, option in yaml.safe_load(text)["options"].items()}
    return found


def documentation(path: Path) -> str:
    """Without importing the module, which needs the collection on Ansible's path."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION":  # type: ignore[attr-defined]
            return str(ast.literal_eval(node.value))
    raise AssertionError(path)


class Module:
    """What one module calls, against the Vault of the tests."""

    def __init__(self, module: str, vault: LiveVault, state: Callable[[], Any]) -> None:
        self._call, self._state = getattr(tasks, module), state
        self._params = {**defaults(module), "url": vault.url, "token": TOKEN}

    def __call__(self, *, check: bool = False, fails: bool = False, **options: Any) -> dict[str, Any]:
        before = self._state()
        try:
            result = self._call({**self._params, **options}, check_mode=check, diff_mode=True)
        except MiniappInfraError as error:
            result = {"failed": True, "msg": error.message, "error": error.as_dict()}
        assert bool(result.get("failed")) is fails, result
        if check or fails:
            assert self._state() == before, "something was written"
        assert TOKEN not in json.dumps(result)
        return result

    def cycle(self, **options: Any) -> dict[str, Any]:
        """In check mode, for real, again, and in check mode again."""
        told = self(check=True, **options)
        done = self(**options)
        assert told["changed"]
        assert done["changed"]
        assert told["diff"].keys() == done["diff"].keys()
        for check in (False, True):
            again = self(check=check, **options)
            assert not again["changed"], again
            assert again["diff"]["before"].keys() == again["diff"]["after"].keys()
        return done


def or_none(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except hvac.exceptions.InvalidPath:
        return None


def test_a_policy(vault: LiveVault, name: str) -> None:
    def text() -> Any:
        return or_none(lambda: vault.root.sys.read_acl_policy(name)["data"]["policy"])

    module = Module("vault_policy", vault, text)
    created = module.cycle(name=name, policy=READ)
    assert created["diff"] == {"before": {}, "after": {"policy": READ}}
    assert text() == READ
    assert not module(name=name, policy=f"\n{READ.replace('{', '{   ', 1)}  \n")["changed"]
    module.cycle(name=name, policy=WRITE)
    assert text() == WRITE
    module.cycle(name=name, state="absent")
    assert text() is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "root", "policy": READ}, "name: the policy root is Vault's own and cannot be changed"),
        ({"name": "default", "state": "absent"}, "name: the policy default is Vault's own and cannot be deleted"),
        ({"name": "Upper", "policy": READ}, "name: must be in lower case"),
        ({"name": "empty", "policy": " \n"}, "policy: must not be empty"),
        ({"name": "../../mounts", "state": "absent"}, "name: must be in lower case and without slashes"),
    ],
)
def test_policies_that_are_refused(vault: LiveVault, options: dict[str, Any], message: str) -> None:
    module = Module("vault_policy", vault, lambda: vault.root.sys.list_acl_policies()["data"])
    result = module(fails=True, **options)
    assert result["msg"].startswith(message)
    assert result["error"]["code"] == "invalid_input"


def test_vault_refuses_rules_that_are_none(vault: LiveVault, name: str) -> None:
    module = Module("vault_policy", vault, lambda: vault.root.sys.list_acl_policies()["data"])
    result = module(name=name, policy='path "x" { capabilities = ["fly"] }', fails=True)
    assert result["msg"].startswith(f"Failed to write Vault policy {name}: Vault answered 400")


def test_a_role_for_kubernetes(vault: LiveVault, name: str) -> None:
    def role() -> Any:
        return or_none(lambda: vault.root.auth.kubernetes.read_role(name))

    module = Module("vault_kubernetes_role", vault, role)
    bound = {"bound_service_account_names": ["a"], "bound_service_account_namespaces": ["n", "m"]}
    options = {"name": name, **bound, "audience": "vault", "token_policies": ["P", "q"], "token_ttl": "1h"}
    created = module.cycle(**options)
    found = role()
    assert found["bound_service_account_namespaces"] == ["m", "n"]
    assert (found["token_ttl"], found["audience"], found["token_policies"]) == (3600, "vault", ["p", "q"])
    assert created["role"]["token_ttl"] == 3600
    changed = module.cycle(**{**options, "token_ttl": "2h", "token_bound_cidrs": ["10.0.0.0/8", "192.0.2.1/32"]})
    assert changed["diff"]["before"]["token_ttl"] == 3600
    assert role()["token_ttl"] == 7200
    # What is left out stays.
    assert not module(name=name, **bound)["changed"]
    assert role()["token_ttl"] == 7200
    module.cycle(name=name, state="absent")
    assert role() is None


def test_roles_that_are_refused(vault: LiveVault, name: str) -> None:
    module = Module("vault_kubernetes_role", vault, lambda: or_none(vault.root.auth.kubernetes.list_roles))
    everybody = {"bound_service_account_names": ["*"], "bound_service_account_namespaces": ["*"]}
    result = module(name=name, **everybody, fails=True)
    assert "every pod could log in" in result["msg"]
    one = {**everybody, "bound_service_account_names": ["a"]}
    one |= {"token_ttl": "soon"}
    wrong = module(name=name, **one, fails=True)
    del one["token_ttl"]
    assert wrong["msg"].startswith("token_ttl: must be a duration")
    elsewhere = module(name=name, **one, auth_mount_point="x", fails=True)
    assert elsewhere["error"]["hint"] == "Is the engine or the auth method mounted there?"


def test_a_transit_key(vault: LiveVault, name: str) -> None:
    transit = vault.root.secrets.transit

    def key() -> Any:
        return or_none(lambda: transit.read_key(name)["data"])

    module = Module("vault_transit_key", vault, key)
    module.cycle(name=name)
    assert key()["type"] == "aes256-gcm96"
    text = transit.encrypt_data(name, base64.b64encode(b"x").decode())["data"]["ciphertext"]

    # By age: a new key is not old, and with an age of nothing each is.
    assert not module(name=name, state="rotated", rotate_after="1h")["changed"]
    told = module(name=name, state="rotated", rotate_after="0", check=True)
    assert (told["changed"], told["rotated"], told["key"]["latest_version"]) == (True, True, 2)
    done = module(name=name, state="rotated", rotate_after="0")
    assert (done["changed"], done["rotated"]) == (True, True)
    assert (done["diff"]["before"], done["diff"]["after"]) == ({"latest_version": 1}, {"latest_version": 2})
    assert key()["latest_version"] == 2
    assert sorted(done["key"]["created"]) == ["1", "2"]
    assert not module(name=name, state="rotated", rotate_after="1h")["changed"]
    assert transit.decrypt_data(name, text)["data"]["plaintext"] == base64.b64encode(b"x").decode()

    # hvac refuses this, Vault does not: the oldest that encrypts is the oldest that decrypts.
    module.cycle(name=name, min_decryption_version=2, min_encryption_version=2, auto_rotate_period="720h")
    assert (key()["min_decryption_version"], key()["min_encryption_version"]) == (2, 2)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        transit.decrypt_data(name, text)

    refused = module(name=name, state="absent", fails=True)
    assert refused["error"]["code"] == "refused_by_policy"
    assert module(name=name, state="absent", check=True, fails=True)["msg"] == refused["msg"]
    module.cycle(name=name, state="absent", deletion_allowed=True)
    assert key() is None


def test_a_key_that_allows_its_deletion_is_deleted(vault: LiveVault, name: str) -> None:
    transit = vault.root.secrets.transit
    module = Module("vault_transit_key", vault, lambda: or_none(lambda: transit.read_key(name)["data"]))
    created = module.cycle(name=name, type="ecdsa-p256", deletion_allowed=True, exportable=True)
    assert created["key"]["exportable"]
    assert not module(name=name, state="rotated", rotate_after="1h")["changed"]
    module.cycle(name=name, state="absent")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "ed25519"}, "type: the key has 'aes256-gcm96', which cannot be changed to 'ed25519'"),
        ({"derived": True}, "derived: the key has False, which cannot be changed to True"),
        ({"exportable": False}, "exportable: is allowed for this key and can never be forbidden again"),
        ({"min_decryption_version": 2}, "min_decryption_version: must be at most 1, the newest version, not 2"),
        ({"min_encryption_version": 2}, "min_encryption_version: must be at most 1, the newest version, not 2"),
        ({"auto_rotate_period": "5m"}, "auto_rotate_period: must be 0 or at least 1h"),
        ({"state": "rotated", "rotate_after": "often"}, "rotate_after: must be a duration"),
        ({"engine_mount_point": "elsewhere"}, "Failed to read Vault transit key"),
    ],
)
def test_changes_of_a_key_that_are_refused(vault: LiveVault, name: str, options: dict[str, Any], message: str) -> None:
    vault.root.secrets.transit.create_key(name, exportable=True)
    module = Module("vault_transit_key", vault, lambda: vault.root.secrets.transit.read_key(name)["data"])
    assert module(name=name, fails=True, **options)["msg"].startswith(message)


def test_a_secret(vault: LiveVault, name: str) -> None:
    kv = vault.root.secrets.kv.v2

    def secret() -> Any:
        found = or_none(lambda: kv.read_secret_version(name, raise_on_deleted_version=False)["data"])
        return found, or_none(lambda: kv.read_secret_metadata(name)["data"])

    def data() -> Any:
        return secret()[0]["data"]

    module = Module("vault_kv2_secret", vault, secret)
    first = {"user": "u", "password": "canary-1", "count": 3, "nested": {"a": 1, "b": 2}}
    created = module.cycle(path=name, data=first, custom_metadata={"owner": "team"}, max_versions=5)
    assert data() == first
    assert (created["version"], created["keys"]) == (1, ["count", "nested", "password", "user"])
    assert secret()[1]["custom_metadata"] == {"owner": "team"}
    assert created["diff"]["after"]["custom_metadata"] == {"owner": "team"}

    changed = module.cycle(path=name, mode="merge", data={"password": "canary-2", "nested": {"b": None}, "user": None})
    assert data() == {"password": "canary-2", "count": 3, "nested": {"a": 1}}
    before, after = (changed["diff"][side]["data"] for side in ("before", "after"))
    assert before["count"] == after["count"]
    assert before["password"] != after["password"]
    assert (sorted(before), sorted(after)) == (["count", "nested", "password", "user"], ["count", "nested", "password"])
    assert changed["version"] == 2
    # Metadata that a task does not name stays.
    assert secret()[1]["max_versions"] == 5

    module.cycle(path=name, data={"only": "this"}, delete_version_after="720h")
    assert data() == {"only": "this"}
    assert secret()[1]["delete_version_after"] == "720h0m0s"
    assert secret()[1]["custom_metadata"] == {"owner": "team"}

    deleted = module.cycle(path=name, state="absent")
    assert (data(), deleted["version"]) == (None, 3)
    assert kv.read_secret_version(name, 2, raise_on_deleted_version=True)["data"]["data"]["count"] == 3
    module.cycle(path=name, data={"again": "here"})
    assert data() == {"again": "here"}
    # After a version was destroyed there is nothing to read, and its number still counts.
    kv.destroy_secret_versions(name, [4])
    module.cycle(path=name, data={"after": "that"})
    module.cycle(path=name, state="absent", purge=True)
    assert secret() == (None, None)


def test_nobody_is_overwritten(vault: LiveVault, name: str) -> None:
    kv = vault.root.secrets.kv.v2
    module = Module("vault_kv2_secret", vault, lambda: kv.read_secret_metadata(name)["data"])
    kv.create_or_update_secret(name, {"a": "1"})
    kv.create_or_update_secret(name, {"a": "2"})
    old = module(path=name, data={"a": "3"}, cas=1, fails=True)
    assert old["error"]["code"] == "conflict"
    assert "cas is 1, but the newest version is 2" in old["msg"]
    exists = module(path=name, data={"a": "3"}, cas=0, check=True, fails=True)
    assert exists["error"]["code"] == "conflict"
    assert module(path=name, data={"a": "3"}, cas=2)["version"] == 3
    assert module(path=name, state="absent", cas=2, fails=True)["error"]["code"] == "conflict"
    unmounted = module(path=name, engine_mount_point="elsewhere", data={"a": "3"}, fails=True)
    assert unmounted["error"]["code"] == "not_found"
    sideways = module(path="a/../b", data={"a": "3"}, fails=True)
    assert sideways["msg"].startswith("path: ")


CALLS: dict[str, dict[str, Any]] = {
    "vault_policy": {"policy": READ},
    "vault_kubernetes_role": {"bound_service_account_names": ["a"], "bound_service_account_namespaces": ["n"]},
    "vault_transit_key": {"state": "rotated", "rotate_after": "1h"},
    "vault_kv2_secret": {"data": {"password": "canary-of-a-module-51"}, "mode": "merge"},
}


@pytest.mark.parametrize("module", CALLS)
def test_the_modules(module_process: RunModule, contract_vault: ContractVault, name: str, module: str) -> None:
    key = "path" if module == "vault_kv2_secret" else "name"
    args = {"url": contract_vault.url, key: name, **CALLS[module]}
    results = [module_process(module, args, diff=True, env={"VAULT_TOKEN": TOKEN}) for _ in range(2)]
    assert [result.get("changed") for result in results] == [True, False], results
    text = json.dumps(results)
    assert TOKEN not in text
    assert "canary" not in text


def test_a_login_ends_with_its_token(run_module: RunModule, contract_vault: ContractVault, name: str) -> None:
    before = set(contract_vault.tokens)
    login = {"auth_method": "approle", "role_id": "the-role", "secret_id": "the-secret-of-the-role"}
    options = {"url": contract_vault.url, "path": name, "data": {"a": "b"}, **login}
    assert run_module("vault_kv2_secret", options)["version"] == 1
    assert contract_vault.tokens == before, "the token of the login is still valid"
    refused = run_module("vault_kv2_secret", {**options, "secret_id": "canary-wrong-9d"})
    assert refused["error"]["code"] == "forbidden"
    assert "canary-wrong" not in json.dumps(refused)
