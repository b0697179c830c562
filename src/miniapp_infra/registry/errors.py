# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong at a registry, from what the program that talked to it said.

crane and cosign share one registry library, which passes on the error codes of the OCI distribution specification
(section "Error codes") and the words of the Go network stack.
"""

from __future__ import annotations

import re

from miniapp_infra.errors import ErrorCode, MiniappInfraError

_MISSING = re.compile(r"MANIFEST_UNKNOWN|NAME_UNKNOWN|BLOB_UNKNOWN|NOT_FOUND|unexpected status code 404")
_DENIED = re.compile(r"UNAUTHORIZED|DENIED|unexpected status code 40[13]")
# On a loopback address the programs try plain HTTP after TLS that they do not trust, and tell only about that.
_TRUST = re.compile(r"x509: |tls: |HTTP request to an HTTPS server")
_UNREACHABLE = re.compile(
    r"dial tcp|connection refused|connection reset|i/o timeout|no such host|no route to host|TLS handshake timeout"
    r"|context deadline exceeded|unexpected EOF|: EOF|TOOMANYREQUESTS|unexpected status code (?:429|5\d\d)"
)


def is_missing(stderr: str) -> bool:
    """Return whether a registry answered that there is no such repository, tag or digest."""
    return _MISSING.search(stderr) is not None


def is_registry_failure(stderr: str) -> bool:
    """Return whether the registry refused us or could not be reached, so that nothing is known about the image."""
    return any(pattern.search(stderr) for pattern in (_DENIED, _TRUST, _UNREACHABLE))


def last_line(stderr: str) -> str:
    """Return the sentence that says why, without the program's own prefix."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    return (told or lines or ["it gave no reason"])[-1]


def registry_error(action: str, stderr: str) -> MiniappInfraError:
    """Return the error for a failed registry call.

    Args:
        action: verb and object, such as ``push image registry/name:tag``.
        stderr: what the program wrote.
    """
    message = f"Failed to {action}: {last_line(stderr)}"
    if _DENIED.search(stderr):
        return MiniappInfraError(
            message,
            code=ErrorCode.FORBIDDEN,
            hint="log in to the registry, or set registry_username and registry_password",
        )
    if _TRUST.search(stderr):
        return MiniappInfraError(
            message, code=ErrorCode.UNAVAILABLE, hint="set registry_ca_cert to the authority of the registry"
        )
    if _MISSING.search(stderr):
        return MiniappInfraError(message, code=ErrorCode.NOT_FOUND)
    if _UNREACHABLE.search(stderr):
        return MiniappInfraError(message, code=ErrorCode.UNAVAILABLE, retryable=True)
    return MiniappInfraError(message, code=ErrorCode.UPSTREAM)
