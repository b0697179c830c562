# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules log in to Vault: token, approle, and the service account of a pod."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from live_apiserver import BIN
from live_apiserver import TOKEN as REVIEWER
from live_vault import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import RunModule
    from live_apiserver import ApiServer
    from live_vault import LiveVault

pytestmark = [pytest.mark.live, pytest.mark.full, pytest.mark.tool("vault")]

RULES = """
path "secret/data/login/*" { capabilities = ["create", "read", "update"] }
"""


@pytest.fixture(scope="module")
def policy(real_vault: LiveVault) -> str:
    real_vault.root.sys.create_or_update_acl_policy("login-test", RULES)
    return "login-test"


def tokens(real_vault: LiveVault) -> set[str]:
    return set(real_vault.root.auth.token.list_accessors()["data"]["keys"])


def write(real_vault: LiveVault, **login: Any) -> dict[str, Any]:
    return {"url": real_vault.url, "path": f"login/{uuid.uuid4().hex[:12]}", "data": {"a": "b"}, **login}


@pytest.fixture
def approle(real_vault: LiveVault, policy: str) -> dict[str, str]:
    roles, name = real_vault.root.auth.approle, f"test-{uuid.uuid4().hex[:12]}"
    roles.create_or_update_approle(name, token_policies=[policy])
    return {
        "role_id": roles.read_role_id(name)["data"]["role_id"],
        "secret_id": roles.generate_secret_id(name)["data"]["secret_id"],
    }


def test_a_role_of_an_application(module_worker: RunModule, real_vault: LiveVault, approle: dict[str, str]) -> None:
    before = tokens(real_vault)
    result = module_worker("vault_kv2_secret", write(real_vault, auth_method="approle", **approle))
    assert result["version"] == 1
    assert approle["secret_id"] not in json.dumps(result)
    assert tokens(real_vault) == before, "the token of the login is still valid"

    wrong = {**approle, "secret_id": "canary-wrong-secret-id-77"}
    refused = module_worker("vault_kv2_secret", write(real_vault, auth_method="approle", **wrong))
    assert refused["msg"].startswith("Failed to log in to Vault with approle at auth/approle")
    assert refused["error"]["code"] == "forbidden"
    assert wrong["secret_id"] not in json.dumps(refused)


def test_a_service_account(
    module_worker: RunModule, real_vault: LiveVault, policy: str, empty_api_server: ApiServer
) -> None:
    def kubectl(*arguments: str) -> str:
        command = [str(BIN / "kubectl"), "--kubeconfig", str(empty_api_server.kubeconfig), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    account = f"test-{uuid.uuid4().hex[:12]}"
    kubectl("create", "serviceaccount", account, "-n", "default")
    jwt = kubectl("create", "token", account, "-n", "default", "--audience", "vault")
    real_vault.root.auth.kubernetes.configure(
        kubernetes_host=empty_api_server.url,
        kubernetes_ca_cert=empty_api_server.certificate.read_text(),
        token_reviewer_jwt=REVIEWER,
    )
    role = {
        "url": real_vault.url,
        "token": TOKEN,
        "name": account,
        "bound_service_account_names": [account],
        "bound_service_account_namespaces": ["default"],
        "audience": "vault",
        "token_policies": [policy],
    }
    assert module_worker("vault_kubernetes_role", role)["changed"]
    login = {"auth_method": "kubernetes", "role_id": account, "jwt": jwt}
    result = module_worker("vault_kv2_secret", write(real_vault, **login))
    assert not result.get("failed"), result
    assert result["version"] == 1
    other = kubectl("create", "token", account, "-n", "default", "--audience", "somebody-else")
    refused = module_worker("vault_kv2_secret", write(real_vault, **{**login, "jwt": other}))
    assert refused["error"]["code"] == "forbidden"
    assert other not in json.dumps(refused)


def test_a_token_from_the_environment_or_a_file(
    module_worker: RunModule, real_vault: LiveVault, tmp_path: Path
) -> None:
    assert module_worker("vault_kv2_secret", write(real_vault), env={"VAULT_TOKEN": TOKEN})["version"] == 1
    (tmp_path / ".vault-token").write_text(f"{TOKEN}\n")
    from_file = write(real_vault, token_path=str(tmp_path))
    assert module_worker("vault_kv2_secret", from_file)["version"] == 1
    address = {**write(real_vault, token=TOKEN), "url": None}
    assert module_worker("vault_kv2_secret", address, env={"VAULT_ADDR": real_vault.url})["version"] == 1


def test_a_missing_right(module_worker: RunModule, real_vault: LiveVault, approle: dict[str, str]) -> None:
    args = {**write(real_vault, auth_method="approle", **approle), "path": "elsewhere/a"}
    result = module_worker("vault_kv2_secret", args)
    assert result["error"]["code"] == "forbidden"
    assert result["msg"].startswith("Failed to read Vault secret secret/elsewhere/a: Vault answered 403")
