# SPDX-License-Identifier: GPL-3.0-or-later
"""Key rings in Google Cloud Secret Manager. The exchange moves the alias ``current``, guarded by the secret's etag."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import urllib3

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import HttpError, HttpOptions, JsonClient
from miniapp_infra.secrets.rotation.ring import Ring
from miniapp_infra.secrets.rotation.store import Held, Overtaken, needed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALIAS = "current"
"""Services read ``versions/current``, not ``versions/latest``: the newest version may not be in force yet."""
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_MOST_VERSIONS = 1000


@dataclass(frozen=True)
class GcpStore:
    """The ring is the payload of the version with the alias ``current``.

    Args:
        client: with the access token in a header.
        project: ID or number of the project.
        name: of the secret.
        locations: where a new secret is replicated to; everywhere when empty.
    """

    client: JsonClient
    project: str
    name: str
    locations: tuple[str, ...] = ()

    @classmethod
    def connect(cls, params: Mapping[str, Any]) -> GcpStore:
        """Return the store for the options of a module, with a token of the application default credentials.

        Raises:
            MiniappInfraError: google-auth is not installed, or there are no credentials or no project.
        """
        token, project = params["gcp_token"], params["project"]
        if not token:
            token, default_project = _default_token()
            project = project or default_project
        if not project:
            raise MiniappInfraError(
                "project: must be given, here or as GOOGLE_CLOUD_PROJECT", code=ErrorCode.INVALID_INPUT
            )
        options = HttpOptions.from_params(params, params["gcp_endpoint"])
        client = JsonClient(options, {"Authorization": f"Bearer {token}"}, "Secret Manager")
        return cls(client, project, params["name"], tuple(params["locations"]))

    @property
    def place(self) -> str:
        """What messages call it."""
        return f"GCP secret {self.project}/{self.name}"

    @property
    def _path(self) -> str:
        return f"/v1/projects/{quote(self.project, safe='')}/secrets/{quote(self.name, safe='')}"

    def read(self) -> Held:
        """Return the version with the alias."""
        seen = ""
        while True:
            secret = self.client.find(self._path, action=f"read {self.place}")
            number = str((secret or {}).get("versionAliases", {}).get(ALIAS, ""))
            if secret is None or not number:
                return Held(None, "", secret)
            path = f"{self._path}/versions/{number}:access"
            try:
                answer = self.client.request("GET", path, action=f"read version {number} of {self.place}").body
            except HttpError as error:
                # Another run may have moved the alias meanwhile, and destroyed the version that had it.
                if not _is_outdated(error) or number == seen:
                    raise
                seen = number
            else:
                return Held(Ring.from_document(_decoded(answer), self.place), number, secret)

    def swap(self, held: Held, ring: Ring, is_stale: Callable[[], bool]) -> Held:
        """Add a version, and move the alias to it if the secret is still the one that was read."""
        if is_stale():
            raise Overtaken
        secret = held.guard or self._create()
        payload = base64.b64encode(json.dumps(ring.as_document()).encode()).decode()
        body: dict[str, Any] = {"payload": {"data": payload}}
        added = self.client.request(
            "POST", f"{self._path}:addVersion", action=f"add a version to {self.place}", body=body
        ).body
        number = added["name"].rpartition("/")[2]
        if is_stale():
            self._destroy(number)
            raise Overtaken
        return Held(ring, number, self._move(secret, number, ring))

    def tidy(self, held: Held, *, check_mode: bool) -> tuple[str, ...]:
        """Write the annotations, and destroy versions before the current one when no key is in its overlap.

        Newer versions are left alone: another run may be about to move the alias to one.
        """
        if held.ring is None:
            return ()
        done: list[str] = []
        annotations, summary = held.guard.get("annotations") or {}, held.ring.summary()
        if {name: annotations.get(name) for name in summary} != summary:
            done.append("metadata")
            if not check_mode:
                with contextlib.suppress(Overtaken):
                    self._move(held.guard, held.version, held.ring)
        old = [] if held.ring.previous else [n for n in self._enabled() if n < int(held.version)]
        if old:
            done.append("old_versions")
            for number in () if check_mode else old:
                self._destroy(str(number))
        return tuple(done)

    def _create(self) -> dict[str, Any]:
        replicas = [{"location": location} for location in self.locations]
        replication: dict[str, Any] = {"userManaged": {"replicas": replicas}} if replicas else {"automatic": {}}
        path, query = self._path.rpartition("/")[0], {"secretId": self.name}
        body = {"replication": replication}
        try:
            answer = self.client.request("POST", path, action=f"create {self.place}", query=query, body=body)
        except HttpError as error:
            if error.status == HTTPStatus.CONFLICT:
                raise Overtaken from error
            raise
        return dict(answer.body)

    def _move(self, secret: Mapping[str, Any], number: str, ring: Ring) -> dict[str, Any]:
        body = {
            "etag": secret["etag"],
            "versionAliases": {**(secret.get("versionAliases") or {}), ALIAS: number},
            "annotations": {**(secret.get("annotations") or {}), **ring.summary()},
        }
        query = {"updateMask": "versionAliases,annotations"}
        action = f"make version {number} of {self.place} the current one"
        try:
            return dict(self.client.request("PATCH", self._path, action=action, query=query, body=body).body)
        except HttpError as error:
            if not _is_outdated(error):
                raise
            if number != str((secret.get("versionAliases") or {}).get(ALIAS)):
                self._destroy(number)
            raise Overtaken from error

    def _enabled(self) -> list[int]:
        query = {"filter": "state:ENABLED", "pageSize": _MOST_VERSIONS}
        answer = self.client.request(
            "GET", f"{self._path}/versions", action=f"list the versions of {self.place}", query=query
        ).body
        return sorted(int(version["name"].rpartition("/")[2]) for version in answer.get("versions") or ())

    def _destroy(self, number: str) -> None:
        path = f"{self._path}/versions/{number}:destroy"
        action = f"destroy version {number} of {self.place}"
        try:
            self.client.request("POST", path, action=action, body={}, repeatable=True)
        except HttpError as error:
            # Another run, or a repetition of this request, has done it.
            if not _is_outdated(error):
                raise


def _default_token() -> tuple[str, str]:
    auth = needed("google.auth", "gcp")
    transport = needed("google.auth.transport.urllib3", "gcp")
    errors = needed("google.auth.exceptions", "gcp")
    try:
        credentials, project = auth.default(scopes=[_SCOPE])
        credentials.refresh(transport.Request(urllib3.PoolManager()))
    except errors.GoogleAuthError as error:
        raise MiniappInfraError(
            f"Failed to log in to Google Cloud: {error}",
            code=ErrorCode.FORBIDDEN,
            hint="Run `gcloud auth application-default login`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS.",
        ) from error
    return str(credentials.token), project or ""


def _is_outdated(error: HttpError) -> bool:
    """Tell whether a request was refused because the etag is an old one, or the version is destroyed already.

    Source: https://cloud.google.com/secret-manager/docs/etags (FAILED_PRECONDITION with status 400).
    """
    body = error.body if isinstance(error.body, dict) else {}
    status = (body.get("error") or {}).get("status")
    return status in {"FAILED_PRECONDITION", "ABORTED"} or error.status == HTTPStatus.PRECONDITION_FAILED


def _decoded(answer: Mapping[str, Any]) -> Any:
    try:
        return json.loads(base64.b64decode(answer["payload"]["data"]))
    except (KeyError, ValueError):
        return None
