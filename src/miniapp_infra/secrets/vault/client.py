# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to Vault: how to log in, and requests to its HTTP API.

Vault's API is JSON over HTTP, so the HTTP client of all engines is enough. The client library hvac 2.4 is not used: it
refuses a ``min_encryption_version`` that Vault accepts, sets ``delete_version_after`` back with every other change of
metadata, and takes a secret whose newest version is destroyed for one that never was.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import HttpError, HttpOptions, JsonClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""Where a pod finds the token of its service account."""
_DEFAULT_MOUNTS = {"approle": "approle", "kubernetes": "kubernetes"}


@dataclass(frozen=True)
class VaultOptions:
    """How Vault is reached; the options of the documentation fragment ``vault``.

    Args:
        http: address and TLS.
        auth_method: ``token``, ``approle`` or ``kubernetes``.
        mount_point: of the auth method; its usual one when empty.
        namespace: of Vault Enterprise and OpenBao; the root namespace when empty.
        token: for the method ``token``.
        token_file: where the token is, when it is not given.
        role_id: for ``approle`` its role ID, for ``kubernetes`` the name of the role.
        secret_id: for ``approle``.
        jwt: for ``kubernetes``; the token of the pod's service account when empty.
    """

    http: HttpOptions
    auth_method: str = "token"
    mount_point: str = ""
    namespace: str = ""
    token: str = field(default="", repr=False)
    token_file: Path = Path("~/.vault-token")
    role_id: str = ""
    secret_id: str = field(default="", repr=False)
    jwt: str = field(default="", repr=False)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> VaultOptions:
        """Return the options of a module.

        Raises:
            MiniappInfraError: invalid_input, when an option that the auth method needs is missing.
        """
        if not params.get("url"):
            raise _invalid("url: the address of Vault must be given, here or as VAULT_ADDR")
        method, role = params.get("auth_method") or "token", params.get("role_id") or ""
        if method != "token" and not role:
            raise _invalid(f"role_id: must be given for the auth method {method}")
        directory = Path(params.get("token_path") or "~")
        return cls(
            http=HttpOptions.from_params(params),
            auth_method=method,
            mount_point=(params.get("mount_point") or "").strip("/"),
            namespace=params.get("namespace") or "",
            token=params.get("token") or "",
            token_file=(directory / (params.get("token_file") or ".vault-token")).expanduser(),
            role_id=role,
            secret_id=params.get("secret_id") or "",
            jwt=params.get("jwt") or "",
        )


@dataclass
class Vault:
    """Requests to Vault.

    Args:
        client: sends them, with the token in a header.

    Attributes:
        warnings: what Vault warned of in its answers.
    """

    client: JsonClient
    warnings: list[str] = field(default_factory=list)

    def read(self, path: str, *, action: str, query: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the ``data`` of a GET, None when there is nothing at this path.

        Raises:
            MiniappInfraError: nothing is mounted there, or Vault refused it.
        """
        try:
            body = self.client.request("GET", f"/v1/{path}", action=action, query=query).body
        except HttpError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            body = error.body if isinstance(error.body, dict) else {}
            # What does not exist is a 404 without a message. A deleted version of a secret is one with data.
            if body.get("errors"):
                raise MiniappInfraError(
                    error.message, code=ErrorCode.NOT_FOUND, hint="Is the engine or the auth method mounted there?"
                ) from error
        return dict(body.get("data") or {}) or None

    def write(self, path: str, body: Mapping[str, Any], *, action: str) -> dict[str, Any]:
        """Send a POST and return the ``data`` of the answer.

        Raises:
            HttpError: Vault refused it.
        """
        return self._answer(self.client.request("POST", f"/v1/{path}", action=action, body=dict(body)).body)

    def patch(self, path: str, body: Mapping[str, Any], *, action: str) -> dict[str, Any]:
        """Send a JSON merge patch and return the ``data`` of the answer.

        Raises:
            HttpError: Vault refused it.
        """
        kind = {"Content-Type": "application/merge-patch+json"}
        answer = self.client.request("PATCH", f"/v1/{path}", action=action, body=dict(body), headers=kind)
        return self._answer(answer.body)

    def delete(self, path: str, *, action: str) -> None:
        """Send a DELETE.

        Raises:
            HttpError: Vault refused it.
        """
        self.client.request("DELETE", f"/v1/{path}", action=action)

    def now(self) -> datetime:
        """Return the time of Vault's own clock, which its time stamps come from.

        Raises:
            MiniappInfraError: Vault does not answer, or is sealed.
        """
        # Asked as a standby the status would otherwise be 429 or 473, although the time in the answer is right.
        codes = {"standbyok": "true", "perfstandbyok": "true"}
        body = self.client.request("GET", "/v1/sys/health", action="read the time of Vault", query=codes).body
        return datetime.fromtimestamp(body["server_time_utc"], tz=UTC)

    def _answer(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict):
            return {}
        self.warnings += body.get("warnings") or []
        return dict(body.get("data") or {})


@contextlib.contextmanager
def connect(options: VaultOptions) -> Iterator[Vault]:
    """Log in, and revoke at the end the token that the login made.

    Raises:
        MiniappInfraError: the login failed, or there is no token.
    """
    client = JsonClient(options.http, _headers(options), "Vault")
    if options.auth_method == "token":
        yield Vault(replace(client, headers={**client.headers, "X-Vault-Token": _token(options)}))
        return
    logged_in = replace(client, headers={**client.headers, "X-Vault-Token": _login(client, options)})
    try:
        yield Vault(logged_in)
    finally:
        # Batch tokens cannot be revoked; and a task that is done does not fail because its token lives a little longer.
        with contextlib.suppress(MiniappInfraError):
            logged_in.request("POST", "/v1/auth/token/revoke-self", action="revoke the token of this login")


def segment(option: str, value: str) -> str:
    """Return a name or path for use in the path of a request.

    Args:
        option: whose value it is; the error names it.
        value: without or with slashes at its ends.

    Raises:
        MiniappInfraError: invalid_input, when it is empty or would lead to another path.
    """
    text = value.strip("/")
    parts = text.split("/")
    if not text or any(part in {"", ".", ".."} for part in parts) or not text.isprintable():
        raise _invalid(f"{option}: must be a path without empty parts and dots, not {value!r}")
    return quote(text, safe="/")


def _headers(options: VaultOptions) -> dict[str, str]:
    namespace = {"X-Vault-Namespace": options.namespace} if options.namespace else {}
    # Vault's agent and proxy can demand this header, as protection against forged requests.
    return {"X-Vault-Request": "true", **namespace}


def _token(options: VaultOptions) -> str:
    if options.token:
        return options.token
    try:
        return options.token_file.read_text().strip()
    except OSError:
        raise MiniappInfraError(
            "token: must be given, here, as VAULT_TOKEN or in a file",
            code=ErrorCode.INVALID_INPUT,
            hint=f"{options.token_file} is where `vault login` keeps it.",
        ) from None


def _login(client: JsonClient, options: VaultOptions) -> str:
    method = options.auth_method
    if method == "approle":
        body = {"role_id": options.role_id, "secret_id": options.secret_id}
    else:
        body = {"role": options.role_id, "jwt": options.jwt or _service_account_token()}
    mount = segment("mount_point", options.mount_point or _DEFAULT_MOUNTS[method])
    action = f"log in to Vault with {method} at auth/{mount}"
    try:
        answer = client.request("POST", f"/v1/auth/{mount}/login", action=action, body=body)
    except HttpError as error:
        if error.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise MiniappInfraError(
                error.message, code=ErrorCode.FORBIDDEN, hint="Are the role and its credential right, and not expired?"
            ) from error
        raise
    return str(answer.body["auth"]["client_token"])


def _service_account_token() -> str:
    try:
        return SERVICE_ACCOUNT_TOKEN.read_text().strip()
    except OSError:
        raise _invalid("jwt: must be given outside of a pod") from None


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
