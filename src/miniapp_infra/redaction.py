# SPDX-License-Identifier: GPL-3.0-or-later
"""Hides secrets in what is shown: by the names of keys, by the forms of secrets in texts, and by their values."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

SHORTEST_QUOTED = 3
"""Characters. Replacing a shorter value inside of a text would take unrelated letters out of it."""

_SECRET_NAMES = re.compile(
    r"(?:^|[_.-])(?:passw(?:or)?d|pwd|passphrase|secret|token|jwt|cookie|api[_-]?key|auth[_-]?key"
    r"|(?:private|client|secret|signing|encryption|master|account|shared|ssh)[_-]?key|secret[_-]?access[_-]?key"
    r"|secret[_-]?(?:string|binary|value|data)|credentials?|authorization|connection[_-]?string|dsn)s?$",
    re.IGNORECASE,
)
# Between a small letter and a capital one, and before the last of several capitals: dbPassword, HTTPToken.
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Passwords in URLs may hold @ and : unencoded; the last @ before the path ends them.
_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):([^/\s]+)(?=@)")
# A user of so many characters without a password is a token, as Git hosts take it.
_USER_IN_URL = re.compile(r"(?<=://)[^/\s:@]{20,}(?=@)")
_IN_HEADER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")
_IN_QUERY = re.compile(r"([?&;])([\w.-]+)=([^&;\s#\"']+)")
_SIGNATURES = frozenset({"sig", "signature", "x-amz-credential", "x-amz-signature", "x-goog-signature"})
# name=value, and "name": "value" in JSON. A colon alone is prose: "invalid token: expired".
_ASSIGNED = re.compile(r"(?<![\w?&;])([A-Za-z][\w.-]*)=(\"[^\"]*\"|'[^']*'|[^\s\"',;&]+)")
_QUOTED = re.compile(r"([\"'])([A-Za-z][\w.-]*)\1(\s*:\s*)([\"'])((?:\\.|(?!\4).)+)\4")
_PEM = re.compile(r"(-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----).*?(-----END \2-----|\Z)", re.DOTALL)
# A JSON Web Token: header, claims and signature, of which the first two begin with {" in base64.
_JWT = re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")
_REFERENCE = frozenset({"apiVersion", "api_version", "key", "kind", "name", "namespace", "optional", "version"})
_SECRET_SECTIONS = ("data", "stringData")


def is_secret_name(name: str) -> bool:
    """Tell whether the value under this name is a secret, in snake_case, kebab-case or camelCase."""
    return _SECRET_NAMES.search(_CAMEL.sub("_", name)) is not None


def redact(value: Any, secrets: Iterable[str] = ()) -> Any:
    """Return a copy without secrets.

    Args:
        value: anything made of mappings, lists and scalars.
        secrets: values to hide wherever they occur, also inside of longer texts, and there also in base64, with URL
            encoding or as a string of JSON.
    """
    return _Redactor(_Values.of(secrets)).redacted(value)


def fingerprint(secret: str | bytes) -> str:
    """Return what may be shown in place of a secret of high entropy: the first 16 hex digits of its SHA-256."""
    data = secret.encode() if isinstance(secret, str) else secret
    return f"sha256:{hashlib.sha256(data).hexdigest()[:16]}"


@dataclass(frozen=True)
class _Values:
    """Known secrets.

    Args:
        whole: hidden where they are a value of their own.
        quoted: forms that are hidden inside of texts, the longest first.
    """

    whole: frozenset[str]
    quoted: tuple[str, ...]

    @classmethod
    def of(cls, secrets: Iterable[str]) -> _Values:
        whole = frozenset(text for text in secrets if text)
        forms = {form for text in whole if len(text) >= SHORTEST_QUOTED for form in _forms(text)}
        return cls(whole, tuple(sorted(forms, key=lambda form: (-len(form), form))))


def _forms(text: str) -> set[str]:
    encoded = base64.b64encode(text.encode()).decode()
    return {text, encoded, encoded.rstrip("="), quote(text, safe=""), quote(text), json.dumps(text)[1:-1]}


@dataclass(frozen=True)
class _Redactor:
    values: _Values

    def redacted(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, list | tuple | AbstractSet):
            return [self.redacted(item) for item in value]
        if isinstance(value, bytes):
            return self._text(value.decode(errors="replace"))
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bool) or value is None:
            return value
        return HIDDEN if str(value) in self.values.whole else value

    def _mapping(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        pair = _secret_pair(value)
        hidden = {pair} if pair else set()
        if value.get("kind") == "Secret":
            hidden |= set(_SECRET_SECTIONS)
        result: dict[Any, Any] = {}
        for key, item in value.items():
            name = self._text(key) if isinstance(key, str) else key
            if key in _SECRET_SECTIONS and key in hidden and isinstance(item, Mapping):
                result[name] = dict.fromkeys(item, HIDDEN)  # which entries a Secret has is no secret
            elif (key in hidden or is_secret_name(str(key))) and _is_content(item):
                result[name] = HIDDEN
            else:
                result[name] = self.redacted(item)
        return result

    def _text(self, text: str) -> str:
        if text in self.values.whole:
            return HIDDEN
        for form in self.values.quoted:
            text = text.replace(form, HIDDEN)
        text = _PEM.sub(rf"\1{HIDDEN}\3", text)
        text = _USER_IN_URL.sub(HIDDEN, _IN_URL.sub(rf"\1:{HIDDEN}", text))
        text = _JWT.sub(HIDDEN, _IN_HEADER.sub(rf"\1 {HIDDEN}", text))
        return _ASSIGNED.sub(_assigned, _QUOTED.sub(_quoted, _IN_QUERY.sub(_queried, text)))


def _secret_pair(value: Mapping[Any, Any]) -> str | None:
    """Return the key of the value in a pair such as ``{name: DB_PASSWORD, value: ...}``, None without a secret one."""
    for name, content in (("name", "value"), ("key", "value"), ("Name", "Value"), ("Key", "Value")):
        if content in value and isinstance(value.get(name), str) and is_secret_name(value[name]):
            return content
    return None


def _queried(match: re.Match[str]) -> str:
    mark, name, _ = match.groups()
    secret = is_secret_name(name) or name.lower() in _SIGNATURES
    return f"{mark}{name}={HIDDEN}" if secret else match[0]


def _assigned(match: re.Match[str]) -> str:
    return f"{match[1]}={HIDDEN}" if is_secret_name(match[1]) else match[0]


def _quoted(match: re.Match[str]) -> str:
    mark, name, colon, other, _ = match.groups()
    return f"{mark}{name}{mark}{colon}{other}{HIDDEN}{other}" if is_secret_name(name) else match[0]


def _is_content(item: Any) -> bool:
    """Tell whether what stands under a secret name is a secret: not nothing, a switch, or a reference."""
    if item in (None, "", [], {}) or isinstance(item, bool):
        return False
    return not _is_reference(item)


def _is_reference(item: Any) -> bool:
    """Tell whether something only names where a secret is: ``{name: ..., key: ...}``, or a list of such."""
    if isinstance(item, Mapping):
        return "name" in item and set(item) <= _REFERENCE
    return (
        isinstance(item, list | tuple)
        and bool(item)
        and all(isinstance(one, Mapping) for one in item)
        and all(map(_is_reference, item))
    )
