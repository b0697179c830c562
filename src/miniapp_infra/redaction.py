# SPDX-License-Identifier: GPL-3.0-or-later
"""Hides secrets in what is shown: by the names of keys, and by the values themselves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
_SECRET_NAMES = re.compile(
    r"(?:^|[_.-])(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|client[_-]?key"
    r"|credentials?|authorization|connection[_-]?string)s?$",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)(?=@)")
_IN_HEADER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")


def is_secret_name(name: str) -> bool:
    """Tell whether the value under this name is a secret, in snake_case, kebab-case or camelCase."""
    return _SECRET_NAMES.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)) is not None


def redact(value: Any, secrets: Iterable[str] = ()) -> Any:
    """Return a copy without secrets.

    Args:
        value: anything made of mappings, lists and scalars.
        secrets: values to hide wherever they occur, also inside of longer texts.
    """
    return _redacted(value, sorted({text for text in secrets if text}, key=len, reverse=True))


def fingerprint(secret: str | bytes) -> str:
    """Return what may be shown in place of a secret of high entropy: the first 16 hex digits of its SHA-256."""
    data = secret.encode() if isinstance(secret, str) else secret
    return f"sha256:{hashlib.sha256(data).hexdigest()[:16]}"


def _redacted(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if is_secret_name(str(key)) and _is_content(item) else _redacted(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return _IN_HEADER.sub(rf"\1 {HIDDEN}", _IN_URL.sub(rf"\1:{HIDDEN}", value))
    return value


def _is_content(item: Any) -> bool:
    return item not in (None, "", [], {}) and not isinstance(item, bool)
