# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that keep secrets out of inventories and tokens off the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from miniapp_infra.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from miniapp_infra.catalog.models.env import Env
    from miniapp_infra.catalog.models.services import Service
    from miniapp_infra.catalog.problems import Location

_SECRET_NAME = re.compile(r"(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIALS?|PRIVATE_KEY|API_KEY|SIGNING_KEY)(_|$)")
_URL_WITH_CREDENTIALS = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)


def secrets_by_reference(services: Mapping[str, Service]) -> Iterator[tuple[Location, str]]:
    """A plain value that is named or written like a secret is refused, and not repeated in the message."""
    for name, service in services.items():
        for variable, value in service.env.items():
            if _SECRET_NAME.search(variable) or _URL_WITH_CREDENTIALS.search(value):
                yield (
                    ("services", name, "env", variable),
                    f"looks like a secret; refer to it under services.{name}.secrets instead",
                )


def one_source_per_variable(services: Mapping[str, Service]) -> Iterator[tuple[Location, str]]:
    """An environment variable is a plain value, a secret or the computed URL of a called service: one of them."""
    for name, service in services.items():
        computed = {naming.url_variable(called): called for called in service.calls}
        for variable in (*service.env, *service.secrets):
            kind = "env" if variable in service.env else "secrets"
            if variable in computed:
                yield (
                    ("services", name, kind, variable),
                    f"is computed from the call of '{computed[variable]}'; remove it",
                )
            if kind == "env" and variable in service.secrets:
                yield ("services", name, "env", variable), f"is also set in services.{name}.secrets; keep one"


def jwks_over_tls(env: Env, services: Mapping[str, Service]) -> Iterator[tuple[Location, str]]:
    """Whoever can change the keys on their way can sign tokens; only the local environment has no TLS inside."""
    if env.name == "local":
        return
    for name, service in services.items():
        if not service.jwks_url.startswith("https://"):
            yield ("services", name, "jwks_url"), f"must be an https URL outside local, got '{service.jwks_url}'"


CHECKS = (secrets_by_reference, one_source_per_variable, jwks_over_tls)
