# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the git program with an environment of its own: no user configuration, no prompts, no secrets in arguments."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from miniapp_infra.githost.models import Remote

# Passed on from the caller; everything else, GIT_TRACE* with its secrets included, stays outside.
_INHERITED = ("PATH", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "TMPDIR")

# First match wins. The texts are git's and libcurl's in the C locale.
_FAILURES: tuple[tuple[re.Pattern[str], ErrorCode, bool, str], ...] = (
    (
        re.compile(
            r"stale info|\[rejected\]|cannot lock ref|failed to update ref|atomic push failed|reference already exists"
        ),
        ErrorCode.CONFLICT,
        True,
        "Somebody else changed the branch at the same moment; run it again.",
    ),
    (
        re.compile(r"Authentication failed|returned error: 40[13]|could not read Username"),
        ErrorCode.FORBIDDEN,
        False,
        "Check the user name and password of the Git host, and that this user may push.",
    ),
    (
        re.compile(r"certificate|SSL|TLS", re.IGNORECASE),
        ErrorCode.UNAVAILABLE,
        False,
        "Give the certificate authority of the Git host (gitops.ca_file).",
    ),
    (
        re.compile(r"not found|does not appear to be a git repository|does not exist"),
        ErrorCode.NOT_FOUND,
        False,
        "Check gitops.repository in the inventory; the repository must exist before desired state is written to it.",
    ),
    (
        re.compile(
            r"Could not resolve host|Failed to connect|Connection (refused|reset|timed out)|returned error: 5\d\d|"
            r"Operation too slow|early EOF|unexpected disconnect|Empty reply"
        ),
        ErrorCode.UNAVAILABLE,
        True,
        "The Git host does not answer; run it again when it is up.",
    ),
)


class Git:
    """One repository directory and the remote that it talks to.

    Args:
        directory: a bare repository, or where one is made.
        remote: supplies credentials and certificate authority of network commands.
        timeout: seconds after which one git command is given up.
    """

    def __init__(self, directory: Path, remote: Remote, *, timeout: float = 120) -> None:
        self.directory = directory
        self.remote = remote
        self._timeout = timeout
        self._environment = _environment(directory, remote)

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (0,),
    ) -> bytes:
        """Return what the command prints.

        Args:
            arguments: subcommand and its arguments; nothing secret.
            stdin: input of the command.
            environment: further variables, such as the author of a commit.
            accept: exit codes that are answers and not failures.

        Raises:
            MiniappInfraError: git is missing, takes too long, or fails; ``CONFLICT`` for a lost race.
        """
        try:
            done = subprocess.run(
                ["git", *arguments],
                input=stdin,
                cwd=self.directory,
                env={**self._environment, **(environment or {})},
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except FileNotFoundError as error:
            raise MiniappInfraError(
                "Failed to run git: the program is not installed",
                code=ErrorCode.MISSING_TOOL,
                hint="Install the package git (version 2.38 or newer).",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise MiniappInfraError(
                f"Timed out after {self._timeout:g}s waiting for git {arguments[0]} on {self.remote.url}",
                code=ErrorCode.TIMEOUT,
                retryable=True,
            ) from error
        if done.returncode not in accept:
            raise _failure(arguments[0], self.remote.url, done)
        return done.stdout

    def text(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Return the printed text without the final line end."""
        return self.run(*arguments, stdin=stdin, environment=environment).decode().rstrip("\n")


def _failure(subcommand: str, url: str, done: subprocess.CompletedProcess[bytes]) -> MiniappInfraError:
    # A porcelain push reports rejected refs on stdout, everything else goes to stderr.
    output = f"{done.stderr.decode(errors='replace')}\n{done.stdout.decode(errors='replace')}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reason = next(
        (line for line in lines if line.startswith(("fatal:", "error:", "!"))), lines[0] if lines else "no output"
    )
    for pattern, code, retryable, hint in _FAILURES:
        if pattern.search(output):
            return MiniappInfraError(
                f"Failed to {subcommand} repository {url}: {reason}", code=code, retryable=retryable, hint=hint
            )
    return MiniappInfraError(f"Failed to {subcommand} repository {url}: {reason} (git exit code {done.returncode})")


def _environment(directory: Path, remote: Remote) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment |= {
        "LC_ALL": "C",
        "HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        # Plain http would carry the password in clear text.
        "GIT_ALLOW_PROTOCOL": "https:file",
        # Less than 1 kB/s for 30 s counts as a dead connection.
        "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
        "GIT_HTTP_LOW_SPEED_TIME": "30",
    }
    if remote.ca_file is not None:
        environment["GIT_SSL_CAINFO"] = str(remote.ca_file)
    settings = {"gc.auto": "0", "core.hooksPath": os.devnull, "http.followRedirects": "initial"}
    if remote.username:
        token = base64.b64encode(f"{remote.username}:{remote.password}".encode()).decode()
        # Bound to the remote's address: a redirect to another host does not get the header.
        settings[f"http.{remote.url}.extraHeader"] = f"Authorization: Basic {token}"
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for position, (key, value) in enumerate(settings.items()):
        environment[f"GIT_CONFIG_KEY_{position}"] = key
        environment[f"GIT_CONFIG_VALUE_{position}"] = value
    return environment
