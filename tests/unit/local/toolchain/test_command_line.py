# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from click.testing import CliRunner

from miniapp_infra.local.toolchain.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import Checkout


def test_list_shows_the_pinned_versions(checkout: Checkout) -> None:
    result = CliRunner().invoke(main, ["--root", str(checkout.layout.root), "list"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "v1.2.3" in result.output


def test_build_prints_what_is_there(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIAPP_INFRA_CACHE", str(checkout.cache))
    result = CliRunner().invoke(main, ["--root", str(checkout.layout.root), "build"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "built" in result.output
    assert (checkout.layout.bin / "one").exists()


def test_directory_that_is_no_checkout_is_refused_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "miniapp_infra.local.toolchain", "--root", str(tmp_path), "list"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is not a checkout" in done.stderr
    assert "Traceback" not in done.stderr
