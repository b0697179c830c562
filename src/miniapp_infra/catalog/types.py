# SPDX-License-Identifier: GPL-3.0-or-later
"""The scalar types that environments are written with; each refuses what the systems behind it would refuse later."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from dateutil import tz
from pydantic import AfterValidator, Field

from miniapp_infra.catalog import quantities

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SHORT_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_FLAG_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")
_CRON_FIELD = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")
_CRON_FIELDS = 5
_DNS_NAME_LENGTH = 253


def _name(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError(
            "must be an RFC 1123 label: lower-case letters, digits and '-', at most 63, letter or digit first and last"
        )
    return value


def _short_name(value: str) -> str:
    if not _SHORT_LABEL.fullmatch(value):
        raise ValueError(
            "must be an RFC 1123 label of at most 30 characters that starts with a letter, "
            "as names such as {env}-miniapp-{service} are made from it"
        )
    return value


def _domain(value: str) -> str:
    if len(value) > _DNS_NAME_LENGTH or not all(_LABEL.fullmatch(label) for label in value.split(".")):
        raise ValueError("must be a DNS name in lower case such as dev.example.com")
    return value


def _cidr(value: str) -> str:
    try:
        ipaddress.IPv4Network(value)
    except ValueError:
        try:
            meant = ipaddress.IPv4Network(value, strict=False)
        except ValueError:
            raise ValueError("must be an IPv4 network such as 10.20.0.0/16") from None
        raise ValueError(f"has host bits set; write {meant}") from None
    if "/" not in value:
        raise ValueError(f"must name its prefix length; write {value}/32")
    return value


def _quantity(value: str) -> str:
    quantities.parse(value)
    return value


def _version(value: str) -> str:
    if not _SEMVER.fullmatch(value):
        raise ValueError("must be a semantic version such as 1.4.2")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http or https URL")
    if parts.username or parts.password:
        raise ValueError("must not carry credentials; refer to a secret instead")
    return value


def _timezone(value: str) -> str:
    if tz.gettz(value) is None:
        raise ValueError("must be an IANA time zone such as Europe/Berlin")
    return value


def _schedule(value: str) -> str:
    fields = value.split()
    if len(fields) != _CRON_FIELDS or not all(_CRON_FIELD.fullmatch(field) for field in fields):
        raise ValueError("must be a cron schedule of five fields such as '*/15 * * * *'")
    return value


def _absolute_path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("must be a URL path that starts with '/'")
    return value


def _environment_variable(value: str) -> str:
    if not _ENV_NAME.fullmatch(value):
        raise ValueError("must be an environment variable name in upper case such as LOG_LEVEL")
    return value


def _flag(value: str) -> str:
    if not _FLAG_NAME.fullmatch(value):
        raise ValueError("must be a feature flag name in snake case such as instant_payouts")
    return value


def _group(value: str) -> str:
    if not value or value.startswith("system:"):
        raise ValueError("must be a group of the identity provider; 'system:' groups belong to Kubernetes itself")
    return value


Name = Annotated[str, AfterValidator(_name)]
# A part of computed names, short enough that the whole fits.
ShortName = Annotated[str, AfterValidator(_short_name)]
Domain = Annotated[str, AfterValidator(_domain)]
Cidr = Annotated[str, AfterValidator(_cidr)]
Quantity = Annotated[str, AfterValidator(_quantity)]
Version = Annotated[str, AfterValidator(_version)]
Url = Annotated[str, AfterValidator(_url)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Schedule = Annotated[str, AfterValidator(_schedule)]
UrlPath = Annotated[str, AfterValidator(_absolute_path)]
EnvName = Annotated[str, AfterValidator(_environment_variable)]
FlagName = Annotated[str, AfterValidator(_flag)]
Group = Annotated[str, AfterValidator(_group)]
Text = Annotated[str, Field(min_length=1)]

# Strict, because YAML writes 1 and true without quotes and a quoted one is a mistake worth naming.
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]
Positive = Annotated[int, Field(strict=True, ge=1)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
# What a container listens on: below 1024 it would have to be root.
ContainerPort = Annotated[int, Field(strict=True, ge=1024, le=65535)]
Percent = Annotated[int, Field(strict=True, ge=1, le=100)]
