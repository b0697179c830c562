# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects to the Atlas Administration API and speaks the right version of each of its endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from miniapp_infra.atlas.authentication import ApiKey, ServiceAccount
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import HttpOptions, JsonClient

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE = "/api/atlas/v2"
PAGE = 500
"""Entries of one page, the most that Atlas gives."""


class Version(StrEnum):
    """The version of the API in which an endpoint got its present form (MongoDB's OpenAPI description, 2026-08)."""

    ACCESS_LIST = "2023-01-01"
    CLUSTER = "2024-08-05"
    RESTORE_JOB = "2023-01-01"
    SCHEDULE = "2024-08-05"
    SNAPSHOT = "2023-01-01"


@dataclass(frozen=True)
class Atlas:
    """Sends requests to Atlas.

    Args:
        http: client of the server.
    """

    http: JsonClient

    @classmethod
    def connect(cls, params: Mapping[str, Any]) -> Atlas:
        """Return the client that the connection options of a module describe; the service account goes first.

        Raises:
            MiniappInfraError: invalid_input, when there are no credentials.
        """
        options = HttpOptions.from_params(params)
        plain = JsonClient(options, server="Atlas")
        if params.get("client_id") and params.get("client_secret"):
            account = ServiceAccount(plain, params["client_id"], params["client_secret"])
            return cls(JsonClient(options, server="Atlas", authentication=account))
        if params.get("public_key") and params.get("private_key"):
            key = ApiKey(options.url, params["public_key"], params["private_key"])
            return cls(JsonClient(options, server="Atlas", authentication=key))
        raise MiniappInfraError(
            "client_id: must be given with client_secret, or public_key with private_key", code=ErrorCode.INVALID_INPUT
        )

    def get(self, path: str, version: Version, *, action: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return the body of a GET.

        Raises:
            MiniappInfraError: Atlas refused, or there is no such thing.
        """
        return self.http.request("GET", BASE + path, action=action, query=query, headers=_media_type(version)).body

    def find(self, path: str, version: Version, *, action: str) -> Any:
        """Return the body of a GET, None when there is no such thing; that access is denied is another matter.

        Raises:
            MiniappInfraError: Atlas refused.
        """
        return self.http.find(BASE + path, action=action, headers=_media_type(version))

    def all(self, path: str, version: Version, *, action: str) -> list[dict[str, Any]]:
        """Return the results of all pages of a list.

        Raises:
            MiniappInfraError: Atlas refused, or there is no such list.
        """
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            query = {"itemsPerPage": PAGE, "pageNum": page, "includeCount": "false"}
            results = self.get(path, version, action=action, query=query).get("results") or []
            found += results
            if len(results) < PAGE:
                return found
            page += 1

    def send(self, method: str, path: str, version: Version, *, action: str, body: Any = None) -> Any:
        """Return the body of the answer to a request that changes something; a POST and a PATCH are sent once.

        Raises:
            MiniappInfraError: Atlas refused.
        """
        headers = {**_media_type(version), "Content-Type": f"application/vnd.atlas.{version}+json"}
        return self.http.request(method, BASE + path, action=action, body=body, headers=headers).body


def _media_type(version: Version) -> dict[str, str]:
    return {"Accept": f"application/vnd.atlas.{version}+json"}


def path_of(*parts: str) -> str:
    """Return a path whose parts are encoded, such as the slash of ``10.0.0.0/8``."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)
