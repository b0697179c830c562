# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of secrets and tokens are in no output of Ansible: with -vvv, with a diff, and in failures."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from live_vault import TOKEN

if TYPE_CHECKING:
    from live_vault import LiveVault
    from warm_ansible import WarmAnsible

CANARIES = {name: f"canary-{name}-4d2c" for name in ("first", "second", "nested", "list", "refused", "mistyped")}
SHORT = "q7"


def leaked(text: str) -> list[str]:
    values = {**CANARIES, "token": TOKEN}
    coded = {name: base64.b64encode(value.encode()).decode().rstrip("=") for name, value in values.items()}
    return sorted(name for name, value in values.items() if value in text or coded[name] in text)


@pytest.mark.parametrize("callback", ["default", "capture"])
@pytest.mark.parametrize("inside", [True, False], ids=["worker", "process"])
def test_no_value_is_shown(warm_ansible: WarmAnsible, vault: LiveVault, callback: str, *, inside: bool) -> None:
    path = f"test-{uuid.uuid4().hex[:12]}"
    first = {"password": CANARIES["first"], "n": {"x": CANARIES["nested"]}, "l": [CANARIES["list"]], "pin": SHORT}

    def task(name: str, *, fails: bool = False, **args: Any) -> list[dict[str, Any]]:
        values = {"path": path, "url": vault.url, **args}
        shown = {"name": f"{name} shown", "ansible.builtin.debug": {"var": "result"}}
        call = {"name": name, "fuze.miniapp_infra.vault_kv2_secret": values, "register": "result"}
        return [{**call, "ignore_errors": fails}, shown]

    tasks = [
        *task("create", data=first),
        *task("change", data={**first, "password": CANARIES["second"], "pin": "q8"}),
        *task("merge", mode="merge", data={"l": None}),
        *task("refused", fails=True, cas=9, data={"password": CANARIES["refused"]}),
        *task("no mount", fails=True, engine_mount_point="x", data={"password": CANARIES["refused"]}),
        *task("bad option", fails=True, max_versions="many", data={"password": CANARIES["mistyped"]}),
        *task("absent", state="absent"),
    ]
    played = warm_ansible.play(
        tasks,
        options=["-vvv", "--diff"],
        env={"ANSIBLE_STDOUT_CALLBACK": callback, "VAULT_TOKEN": TOKEN},
        vars={"miniapp_infra_in_process": inside},
    )
    assert played.code == 0, played.output
    assert "refused shown" in played.output or callback == "capture"
    assert leaked(json.dumps(tasks)), "this search finds nothing at all"
    assert leaked(played.output) == []
    # A short value is neither shown nor given away by censored places.
    assert f'"{SHORT}"' not in played.output
    kv = vault.root.secrets.kv.v2
    assert kv.read_secret_version(path, 2, raise_on_deleted_version=True)["data"]["data"]["pin"] == "q8"
