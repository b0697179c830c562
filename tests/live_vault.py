# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Vault in memory, which lives as long as the test session."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import hvac
import pytest
import requests

from live_apiserver import BIN, free_port

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

PROGRAM = BIN / "vault"
TOKEN = "canary-root-token-8c41d7"  # noqa: S105 - of a Vault that lives as long as the test session, on loopback


class LiveVault:
    """A context manager.

    Args:
        state: an empty directory.

    Attributes:
        url: of the API.
        root: a client with all rights, by another library than the one under test.
    """

    def __init__(self, state: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = state / "log"
        token_file = state / "token"
        token_file.write_text(TOKEN)
        token_file.chmod(0o600)
        self._command = [str(PROGRAM), "-listen", f"127.0.0.1:{port}", "-root-token-file", str(token_file)]
        self._process: subprocess.Popen[bytes] | None = None
        self.root: Any = hvac.Client(url=self.url, token=TOKEN)

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            self._wait()
            self.root.sys.enable_secrets_engine("transit")
            for method in ("approle", "kubernetes"):
                self.root.sys.enable_auth_method(method)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _wait(self, timeout: float = 120) -> None:
        assert self._process is not None
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                # A mount that can be read: the key/value engine upgrades itself for a moment after it was mounted.
                self.root.secrets.kv.v2.read_configuration()
            except (requests.RequestException, hvac.exceptions.VaultError):
                time.sleep(0.2)
            else:
                return
        pytest.fail(f"{self.url} was not ready:\n{self._log.read_text()[-3000:]}")

    def _end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=60)
