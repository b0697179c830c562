# SPDX-License-Identifier: GPL-3.0-or-later
"""Vault's HTTP API on loopback, as its documentation describes the parts that the modules use.

It stands in for Vault where that was not built. The tests of the modules run against both, the real one and this: what
the real one does otherwise makes the same test fail there. Sources: developer.hashicorp.com/vault/api-docs
(secret/kv/kv-v2, secret/transit, auth/kubernetes, auth/approle, system/policies).
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qs, unquote, urlsplit

import hvac

from live_vault import TOKEN

if TYPE_CHECKING:
    from types import TracebackType

Json = dict[str, Any]
CAPABILITIES = {"create", "read", "update", "patch", "delete", "list", "sudo", "deny"}
_METADATA = {"max_versions": 0, "cas_required": False, "delete_version_after": "0s", "custom_metadata": None}
_ROLE = {
    **dict.fromkeys(("token_explicit_max_ttl", "token_max_ttl", "token_num_uses", "token_period", "token_ttl"), 0),
    "token_bound_cidrs": [],
    "token_policies": [],
    "alias_name_source": "serviceaccount_uid",
    "bound_service_account_namespace_selector": "",
    "token_no_default_policy": False,
    "token_type": "default",
}
_KEY = {
    **dict.fromkeys(("allow_plaintext_backup", "deletion_allowed", "derived", "exportable"), False),
    "auto_rotate_period": 0,
    "min_decryption_version": 1,
    "min_encryption_version": 0,
    "type": "aes256-gcm96",
}


class Refused(Exception):  # noqa: N818 - an answer of the API
    def __init__(self, code: int, *errors: str, data: Json | None = None) -> None:
        super().__init__(*errors)
        self.code = code
        self.body: Json = {"data": data} if data is not None else {"errors": list(errors)}


class ContractVault:
    """A context manager with the attributes of ``LiveVault``.

    Attributes:
        tokens: those that are valid.
    """

    def __init__(self) -> None:
        self.tokens = {TOKEN}
        self._policies: dict[str, str] = {"default": "# the built-in one\n"}
        self._roles: dict[str, Json] = {}
        self._keys: dict[str, Json] = {}
        self._secrets: dict[str, Json] = {}
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"vault": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.root: Any = hvac.Client(url=self.url, token=TOKEN)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=60)

    def answer(self, verb: str, target: str, headers: Any, data: bytes) -> tuple[int, Json | None]:
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = json.loads(data) if data else {}
        path = unquote(url.path).removeprefix("/v1/")
        with self._lock:
            try:
                found = self._routed("POST" if verb == "PUT" else verb, path, query, body, headers)
            except Refused as refused:
                return refused.code, refused.body
        return (204, None) if found is None else (200, found)

    def _routed(self, verb: str, path: str, query: Json, body: Json, headers: Any) -> Json | None:
        if path == "sys/health":
            return {"server_time_utc": int(time.time()), "sealed": False}
        if path == "auth/approle/login":
            return self._login(body)
        token = headers.get("X-Vault-Token")
        if token not in self.tokens:
            raise Refused(403, "permission denied")
        if path == "auth/token/revoke-self":
            self.tokens.discard(token)
            return None
        routes = {
            "sys/policies/acl/": self._policy,
            "sys/policies/acl": lambda *_: {"data": {"keys": sorted(self._policies)}},
            "auth/kubernetes/role/": self._role,
            "auth/kubernetes/role": lambda *_: {"data": {"keys": sorted(self._roles)}},
            "transit/keys/": self._key,
            "transit/encrypt/": self._encrypt,
            "transit/decrypt/": self._decrypt,
            **{f"secret/{kind}/": self._secret for kind in ("data", "metadata", "delete", "destroy")},
        }
        for prefix, route in routes.items():
            if path.startswith(prefix) if prefix.endswith("/") else path == prefix:
                found: Json | None = route(verb, path, query, body)
                return found
        raise Refused(404, f'no handler for route "{path}". route entry not found.')

    def _login(self, body: Json) -> Json:
        if body != {"role_id": "the-role", "secret_id": "the-secret-of-the-role"}:
            raise Refused(400, "invalid role or secret ID")
        token = f"hvs.{uuid.uuid4().hex}"
        self.tokens.add(token)
        return {"auth": {"client_token": token, "policies": ["default"]}}

    def _policy(self, verb: str, path: str, query: Json, body: Json) -> Json | None:
        del query
        name = path.rpartition("/")[2]
        if verb == "POST":
            wanted = re.findall(r"capabilities\s*=\s*\[([^]]*)\]", body["policy"])
            unknown = {word for item in wanted for word in re.findall(r'"(\w+)"', item)} - CAPABILITIES
            if unknown:
                raise Refused(400, f"failed to parse policy: invalid capability {unknown}")
            self._policies[name] = body["policy"]
            return None
        return self._plain(self._policies, verb, name, lambda text: {"name": name, "policy": text})

    def _role(self, verb: str, path: str, query: Json, body: Json) -> Json | None:
        del query
        name = path.rpartition("/")[2]
        if verb != "POST":
            return self._plain(self._roles, verb, name, dict)
        role = {**_ROLE, **self._roles.get(name, {}), **body}
        role["token_policies"] = sorted({policy.lower() for policy in role["token_policies"]})
        role["token_bound_cidrs"] = [item.removesuffix("/32") for item in role["token_bound_cidrs"]]
        self._roles[name] = role
        return None

    def _key(self, verb: str, path: str, query: Json, body: Json) -> Json | None:
        del query
        name, _, action = path.removeprefix("transit/keys/").partition("/")
        key = self._keys.get(name)
        if action and key is None:
            raise Refused(400, f"no existing key named {name} could be found")
        if action == "rotate" and key is not None:
            key["latest_version"] += 1
            key["keys"][str(key["latest_version"])] = self._version(key["type"])
            return {"data": key}
        if action == "config" and key is not None:
            changed = {**key, **body}
            lowest, encrypt = changed["min_decryption_version"], changed["min_encryption_version"]
            if lowest > key["latest_version"] or 0 < encrypt < lowest:
                raise Refused(400, "cannot set the minimum of a version so")
            key.update(changed)
            return {"data": key}
        if verb == "POST":
            kind = {**_KEY, **body}["type"]
            self._keys.setdefault(
                name, {**_KEY, **body, "name": name, "latest_version": 1, "keys": {"1": self._version(kind)}}
            )
            return {"data": self._keys[name]}
        if verb == "DELETE" and key is not None and not key["deletion_allowed"]:
            raise Refused(400, "error deleting policy: deletion is not allowed for this key")
        return self._plain(self._keys, verb, name, dict)

    def _encrypt(self, verb: str, path: str, query: Json, body: Json) -> Json:
        del verb, query
        key = self._keys[path.rpartition("/")[2]]
        text = base64.b64encode(body["plaintext"].encode()).decode()
        return {"data": {"ciphertext": f"vault:v{key['latest_version']}:{text}"}}

    def _decrypt(self, verb: str, path: str, query: Json, body: Json) -> Json:
        del verb, query
        _, version, text = body["ciphertext"].split(":")
        if int(version.removeprefix("v")) < self._keys[path.rpartition("/")[2]]["min_decryption_version"]:
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        return {"data": {"plaintext": base64.b64decode(text).decode()}}

    def _secret(self, verb: str, path: str, query: Json, body: Json) -> Json | None:
        _, kind, name = path.split("/", 2)
        secret = self._secrets.get(name)
        if kind == "data" and verb == "POST":
            return self._written(name, body)
        if kind == "metadata" and verb in {"POST", "PATCH"}:
            secret = self._secrets.setdefault(name, self._empty())
            known = secret["metadata"]["custom_metadata"] or {}
            merged = {**known, **body.get("custom_metadata", {})} if verb == "PATCH" else body.get("custom_metadata")
            custom = {"custom_metadata": merged} if "custom_metadata" in body else {}
            secret["metadata"] |= {**body, **custom}
            if "delete_version_after" in body:
                secret["metadata"]["delete_version_after"] = _go_duration(body["delete_version_after"])
            return None
        if secret is None:
            raise Refused(404)
        if kind == "metadata":
            if verb == "DELETE":
                del self._secrets[name]
                return None
            numbers = {str(number): version["metadata"] for number, version in secret["versions"].items()}
            return {"data": {**secret["metadata"], "current_version": len(numbers), "versions": numbers}}
        if kind == "data":
            return self._read(secret, int(query.get("version") or len(secret["versions"])))
        for number in body["versions"]:
            version = secret["versions"][int(number)]
            version["metadata"] |= {"destroyed": True} if kind == "destroy" else {"deletion_time": _now()}
        return None

    def _written(self, name: str, body: Json) -> Json:
        secret = self._secrets.get(name) or self._empty()
        cas, latest = body.get("options", {}).get("cas"), len(secret["versions"])
        if cas is None and secret["metadata"]["cas_required"]:
            raise Refused(400, "check-and-set parameter required for this call")
        if cas not in {None, latest}:
            raise Refused(400, "check-and-set parameter did not match the current version")
        metadata = {"created_time": _now(), "deletion_time": "", "destroyed": False, "version": latest + 1}
        secret["versions"][latest + 1] = {"data": body["data"], "metadata": metadata}
        self._secrets[name] = secret
        return {"data": {**metadata, "custom_metadata": secret["metadata"]["custom_metadata"]}}

    def _read(self, secret: Json, number: int) -> Json:
        version = secret["versions"].get(number)
        if version is None:
            raise Refused(404)
        metadata = {**version["metadata"], "custom_metadata": secret["metadata"]["custom_metadata"]}
        if metadata["destroyed"] or metadata["deletion_time"]:
            raise Refused(404, data={"data": None, "metadata": metadata})
        return {"data": {"data": version["data"], "metadata": metadata}}

    def _plain(self, things: dict[str, Any], verb: str, name: str, shown: Any) -> Json | None:
        if verb == "DELETE":
            things.pop(name, None)
            return None
        if name not in things:
            raise Refused(404)
        return {"data": shown(things[name])}

    def _empty(self) -> Json:
        return {"versions": {}, "metadata": {**_METADATA, "created_time": _now()}}

    def _version(self, kind: str) -> Any:
        symmetric = kind.startswith(("aes", "chacha"))
        return int(time.time()) if symmetric else {"creation_time": _now(), "name": kind, "public_key": "-----"}


class _Handler(BaseHTTPRequestHandler):
    vault: ClassVar[ContractVault]
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.vault.answer(self.command, self.path, self.headers, data)
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if body is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_LIST = _serve  # noqa: N815 - the names that are called

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}123Z"


def _go_duration(text: str) -> str:
    seconds = int(text.removesuffix("s"))
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    return f"{hours}h{minutes}m{seconds % 60}s" if hours else f"{seconds}s"
