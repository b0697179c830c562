# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletes with conditions of the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.client import Client, Response
from miniapp_infra.kube.errors import KubeError

if TYPE_CHECKING:
    from miniapp_infra.kube.objects import KubeObject

Params = Mapping[str, Any]


class _ConditionalClient(Client):
    """Adds what the caller says to every delete; shares everything else with another client."""

    def __init__(self, client: Client, extra: Mapping[str, Any]) -> None:
        self.__dict__.update(vars(client))
        self._extra = extra

    def request(self, method: str, path: str, **options: Any) -> Response:
        if method == "DELETE":
            body = options["body"]
            # The caller's word wins over the UID that was read a moment ago.
            conditions = {**body.get("preconditions", {}), **self._extra.get("preconditions", {})}
            options["body"] = {**body, **self._extra, "preconditions": conditions}
        return super().request(method, path, **options)


def deleting(client: Client, params: Params, objects: Sequence[KubeObject]) -> Client:
    """Return the client with which a set is deleted as ``delete_options`` says.

    Raises:
        KubeError: preconditions are given for a set that is not exactly one object.
    """
    given = {key: value for key, value in (params.get("delete_options") or {}).items() if value is not None}
    given.pop("propagationPolicy", None)
    conditions = {key: value for key, value in (given.pop("preconditions", None) or {}).items() if value is not None}
    if conditions:
        if len(objects) != 1:
            raise KubeError(
                f"delete_options.preconditions: are about one object, and the set has {len(objects)}",
                code=ErrorCode.INVALID_INPUT,
                hint="Delete that object in a task of its own.",
            )
        given["preconditions"] = conditions
    return _ConditionalClient(client, given) if given else client
