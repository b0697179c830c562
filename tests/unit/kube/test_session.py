# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection for all that asks in the same way, another one for everything else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.session import connected, prepare

if TYPE_CHECKING:
    from pathlib import Path


def params(**changes: Any) -> dict[str, Any]:
    return {"host": "https://127.0.0.1:1", "api_key": "token", **changes}


def test_the_same_question_gets_the_same_connection() -> None:
    assert connected(params()) is connected(params(kind="Pod"))


def test_another_user_gets_another_connection() -> None:
    assert connected(params())[0] is not connected(params(api_key="other"))[0]
    assert connected(params())[0] is not connected(params(impersonate_user="alice"))[0]


def test_another_environment_gets_another_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    before = connected(params())[0]
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    assert connected(params())[0] is not before


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "config"

    def write(token: str) -> None:
        file.write_text(
            "{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],"
            " clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}],"
            f" users: [{{name: a, user: {{token: {token}}}}}]}}"
        )

    write("first")
    client = connected({"kubeconfig": str(file)})[0]
    assert client.credentials.authorization() == "Bearer first"
    write("second")
    os.utime(file, (1, 1))
    assert connected({"kubeconfig": str(file)})[0].credentials.authorization() == "Bearer second"


def test_a_prepared_connection_is_the_one_that_is_used() -> None:
    prepare(params(api_key="prepared"), connections=2)
    assert connected(params(api_key="prepared")) is connected(params(api_key="prepared"))


def test_what_is_wrong_is_told_to_who_asks_for_the_connection() -> None:
    missing = {"kubeconfig": "/nowhere/config"}
    prepare(missing)
    with pytest.raises(KubeError, match="does not exist"):
        connected(missing)
