# SPDX-License-Identifier: GPL-3.0-or-later
"""How the wrapper of the API proxy takes a kubeconfig apart."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from api_proxy import current, take

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: dict[str, Any] = {
    "current-context": "second",
    "contexts": [
        {"name": "first", "context": {"cluster": "a", "user": "x"}},
        {"name": "second", "context": {"cluster": "b", "user": "y"}},
    ],
    "clusters": [{"name": "a", "cluster": {"server": "https://a"}}, {"name": "b", "cluster": {"server": "https://b"}}],
    "users": [{"name": "x", "user": {"token": "1"}}, {"name": "y", "user": {"token": "2"}}],
}


def test_the_current_context_decides() -> None:
    assert current(CONFIG) == ({"server": "https://b"}, {"token": "2"})


def test_what_is_taken_out_leaves_the_original_alone() -> None:
    cluster, _ = current(CONFIG)
    del cluster["server"]
    assert current(CONFIG)[0] == {"server": "https://b"}


@pytest.mark.parametrize("form", ["contained", "named", "relative"])
def test_files_are_named_or_contained(tmp_path: Path, form: str) -> None:
    (tmp_path / "key").write_bytes(b"pem")
    user = {
        "contained": {"client-key-data": base64.b64encode(b"pem").decode()},
        "named": {"client-key": str(tmp_path / "key")},
        "relative": {"client-key": "key"},
    }[form]
    user["username"] = "stays"
    assert take(user, "client-key", tmp_path) == b"pem"
    assert user == {"username": "stays"}
    assert take(user, "client-key", tmp_path) is None
