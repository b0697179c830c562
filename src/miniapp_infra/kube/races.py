# SPDX-License-Identifier: GPL-3.0-or-later
"""One server-side apply whose ``changed`` is true although others write the same object at the same moment.

What an apply changed is the difference between the state before and the state after. The state before was read a moment
ago; when somebody has written in between, the difference would be theirs as well. So the request names the version that
was read, and the server refuses it when that is not the present one any more. An answer that was lost is seen the same
way: the version is another one, because our own request was carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.errors import ApiError
from miniapp_infra.kube.live import read_one
from miniapp_infra.kube.ownership import is_in_force

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Resource
    from miniapp_infra.kube.objects import KubeObject, ObjectRef

APPLY_PATCH = "application/apply-patch+yaml"  # JSON is YAML, and parses faster


@dataclass(frozen=True)
class Applied:
    """What one apply did.

    Args:
        before: the state that it replaced; None when it made the object.
        after: the state that it left.
        warnings: of the server.
    """

    before: KubeObject | None
    after: KubeObject
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServerSideApply:
    """The request for one object.

    Args:
        query: ``fieldManager`` and what else holds for the whole set.
    """

    client: Client
    resource: Resource
    ref: ObjectRef
    desired: KubeObject
    query: Mapping[str, str]

    def run(self, before: KubeObject | None) -> Applied:
        """Apply.

        Args:
            before: the state as far as it is known.

        Raises:
            ApiError: the server said no.
            KubeError: the server did not answer.
        """
        if before is None:
            return self._send(None)
        try:
            return self._send(before, before["metadata"].get("resourceVersion"))
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT or error.conflicts:
                raise
            now = read_one(self.client, self.resource, self.ref)
            if now is not None and is_in_force(self.desired, now, self.query["fieldManager"]):
                # Either our own request was carried out without an answer, or another run of ours was faster.
                return Applied(before if error.unsure else now, now)
            known = before if error.unsure and now is not None else now
        # Somebody writes this object all the time; the moment since the last read is short enough.
        return self._send(known)

    def _send(self, before: KubeObject | None, version: str | None = None) -> Applied:
        body: dict[str, Any] = self.desired
        if version:
            body = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
        answer = self.client.request(
            "PATCH",
            self.resource.path(self.ref.namespace, self.ref.name),
            action=f"apply {self.ref}",
            query=self.query,
            body=body,
            content_type=APPLY_PATCH,
            repeat_conflicts=not version,
        )
        # The server makes an object that was deleted in the meantime, whatever version is named.
        was_made = answer.status == HTTPStatus.CREATED
        return Applied(None if was_made else before, answer.body, answer.warnings)
