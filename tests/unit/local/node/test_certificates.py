# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.local.node.certificates import RENEW_BEFORE, Request, ensure, ensure_authority, read_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.local.node.certificates import Authority

SERVER = Request("web", "web", addresses=("localhost", "127.0.0.1"), server=True)
NOW = datetime.now(UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return ensure_authority(tmp_path, "ca", "trial CA", NOW)


def test_a_good_certificate_is_kept(tmp_path: Path, authority: Authority) -> None:
    assert ensure(tmp_path, SERVER, authority, NOW)
    before = (tmp_path / "web.crt").read_bytes()
    assert not ensure(tmp_path, SERVER, authority, NOW)
    assert (tmp_path / "web.crt").read_bytes() == before


@pytest.mark.parametrize(
    "changed",
    [
        replace(SERVER, addresses=("localhost",)),
        replace(SERVER, addresses=()),
        replace(SERVER, client=True),
        replace(SERVER, groups=("system:nodes",)),
        replace(SERVER, common_name="other"),
    ],
)
def test_another_request_makes_another_certificate(tmp_path: Path, authority: Authority, changed: Request) -> None:
    ensure(tmp_path, SERVER, authority, NOW)
    assert ensure(tmp_path, changed, authority, NOW)
    assert not ensure(tmp_path, changed, authority, NOW)


def test_renewed_within_thirty_days_of_its_end(tmp_path: Path, authority: Authority) -> None:
    ensure(tmp_path, SERVER, authority, NOW)
    certificate = read_certificate(tmp_path / "web.crt")
    assert certificate is not None
    limit = certificate.not_valid_after_utc - RENEW_BEFORE
    assert not ensure(tmp_path, SERVER, authority, limit - timedelta(hours=1))
    assert ensure(tmp_path, SERVER, authority, limit + timedelta(hours=1))


def test_another_authority_makes_another_certificate(tmp_path: Path, authority: Authority) -> None:
    ensure(tmp_path, SERVER, authority, NOW)
    (tmp_path / "ca.key").unlink()
    assert ensure(tmp_path, SERVER, ensure_authority(tmp_path, "ca", "trial CA", NOW), NOW)


def test_a_key_that_does_not_belong_to_its_certificate_is_replaced(tmp_path: Path, authority: Authority) -> None:
    ensure(tmp_path, SERVER, authority, NOW)
    (tmp_path / "web.key").write_bytes((tmp_path / "ca.key").read_bytes())
    assert ensure(tmp_path, SERVER, authority, NOW)


def test_keys_are_for_their_owner_only(tmp_path: Path, authority: Authority) -> None:
    ensure(tmp_path, SERVER, authority, NOW)
    for name in ("ca.key", "web.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
