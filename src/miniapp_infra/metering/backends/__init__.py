# SPDX-License-Identifier: GPL-3.0-or-later
"""The systems that take usage events, behind one protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.http import HttpOptions, JsonClient
from miniapp_infra.metering.backends.cloudevents import CloudEvents
from miniapp_infra.metering.backends.lago import Lago
from miniapp_infra.metering.backends.stripe import Stripe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.metering.backends.base import Backend

BACKENDS: dict[str, type[CloudEvents | Lago | Stripe]] = {"cloudevents": CloudEvents, "lago": Lago, "stripe": Stripe}


def connect(params: Mapping[str, Any]) -> Backend:
    """Return the back end of a module's options.

    Raises:
        MiniappInfraError: invalid_input, for an address that is none.
    """
    kind = BACKENDS[params["backend"]]
    token = params.get("api_token")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return kind(JsonClient(HttpOptions.from_params(params), headers, kind.title))


__all__ = ["BACKENDS", "connect"]
