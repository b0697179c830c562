# SPDX-License-Identifier: GPL-3.0-or-later
"""Google Cloud Secret Manager on loopback, judged by Google's own description of its API.

Each request has to be one that the discovery document of ``secretmanager`` v1 describes: its method and path, the
parameters of the query, and the fields of the body. Each answer is compared with the schema that the document names for
it. The document is part of the wheel of google-api-python-client, so nothing of the API is written down here but its
behaviour: states of versions, aliases, and etags as in https://cloud.google.com/secret-manager/docs/etags.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

import jsonschema

if TYPE_CHECKING:
    from types import TracebackType

TOKEN = "ya29.canary-access-token-5b1d"  # noqa: S105 - of a server that lives as long as the test session, on loopback
PROJECT = "test-miniapp"
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS"}
_MOST_BYTES = 65536


class Refused(Exception):  # noqa: N818 - an answer of the API
    def __init__(self, code: int, message: str, status: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.status = status or _STATUS[code]


@dataclass(frozen=True)
class Method:
    """A method of the discovery document."""

    name: str
    verb: str
    path: re.Pattern[str]
    query: frozenset[str]
    request: str
    response: str


class Description:
    """The discovery document, as a judge of requests and answers."""

    def __init__(self) -> None:
        package = importlib.util.find_spec("googleapiclient")
        assert package is not None
        assert package.origin is not None
        documents = Path(package.origin).parent / "discovery_cache" / "documents"
        self._document = json.loads((documents / "secretmanager.v1.json").read_text())
        self._validators: dict[tuple[str, bool], jsonschema.Draft202012Validator] = {}
        self._shared = frozenset(self._document["parameters"])
        self.methods = tuple(self._found(self._document["resources"]))

    def method(self, verb: str, path: str) -> Method:
        fitting = [method for method in self.methods if method.verb == verb and method.path.fullmatch(path)]
        assert fitting, f"the API has no method {verb} {path}"
        return fitting[0]

    def judge(self, schema: str, value: Any, *, incoming: bool) -> None:
        """Compare a body with a schema; in a request, fields that only the server sets are refused as well."""
        self._validator(schema, incoming=incoming).validate(value)

    def judge_query(self, method: Method, names: set[str]) -> None:
        unknown = names - method.query - self._shared
        assert not unknown, f"{method.name} has no parameter {unknown}"

    def _found(self, resources: dict[str, Any]) -> list[Method]:
        methods: list[Method] = []
        for resource in resources.values():
            methods += self._found(resource.get("resources", {}))
            for method in resource.get("methods", {}).values():
                pattern = re.sub(r"\\\{\w+\\\}", "([^/:]+)", re.escape(method["flatPath"]))
                query = [name for name, item in method.get("parameters", {}).items() if item["location"] == "query"]
                request, response = (method.get(kind, {}).get("$ref", "") for kind in ("request", "response"))
                found = Method(
                    method["id"], method["httpMethod"], re.compile(f"/{pattern}"), frozenset(query), request, response
                )
                methods.append(found)
        return methods

    def _validator(self, name: str, *, incoming: bool) -> jsonschema.Draft202012Validator:
        if (name, incoming) not in self._validators:
            schemas = self._document["schemas"].items()
            definitions = {key: self._converted(schema, incoming=incoming) for key, schema in schemas}
            self._validators[name, incoming] = jsonschema.Draft202012Validator(
                {"$ref": f"#/$defs/{name}", "$defs": definitions}
            )
        return self._validators[name, incoming]

    def _converted(self, schema: dict[str, Any], *, incoming: bool) -> dict[str, Any]:
        if "$ref" in schema:
            return {"$ref": f"#/$defs/{schema['$ref']}"}
        result: dict[str, Any] = {"type": schema["type"]} if schema.get("type") != "any" else {}
        if schema.get("format") in {"int64", "uint64"}:
            result["pattern"] = r"^-?\d+$"  # 64 bits are text in the JSON of Google's APIs
        if schema.get("format") == "byte":
            result["pattern"] = r"^[A-Za-z0-9+/_-]*={0,2}$"
        if "enum" in schema:
            result["enum"] = schema["enum"]
        if "items" in schema:
            result["items"] = self._converted(schema["items"], incoming=incoming)
        if isinstance(schema.get("additionalProperties"), dict):
            result["additionalProperties"] = self._converted(schema["additionalProperties"], incoming=incoming)
        elif schema.get("type") == "object":
            properties = schema.get("properties", {})
            kept = {name: item for name, item in properties.items() if not (incoming and item.get("readOnly"))}
            result["properties"] = {name: self._converted(item, incoming=incoming) for name, item in kept.items()}
            result["additionalProperties"] = False
        return result


@dataclass
class Stored:
    """A secret, its versions and their payloads."""

    secret: dict[str, Any]
    versions: dict[int, dict[str, Any]] = field(default_factory=dict)
    payloads: dict[int, str] = field(default_factory=dict)


class SecretManager:
    """A context manager.

    Attributes:
        url: of the API.
        complaints: what the discovery document does not describe; a test ends with an assertion that there is nothing.
        requests: method and path of each request, in their order.
    """

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.secrets: dict[str, Stored] = {}
        self._description = Description()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"manager": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=60)

    def answer(self, verb: str, target: str, headers: Any, data: bytes) -> tuple[int, dict[str, Any]]:
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        with self._lock:
            self.requests.append(f"{verb} {url.path}")
            try:
                _log_in(headers)
                method = self._description.method(verb, url.path)
                self._description.judge_query(method, set(query))
                body = json.loads(data) if data else {}
                if method.request:
                    self._description.judge(method.request, body, incoming=True)
                else:
                    assert not body, f"{method.name} takes no body"
                result = self._done(method.name.rpartition("secrets.")[2], url.path, query, body)
                self._description.judge(method.response, result, incoming=False)
            except Refused as refused:
                error = {"code": refused.code, "message": str(refused), "status": refused.status}
                return refused.code, {"error": error}
            except (AssertionError, jsonschema.ValidationError) as error:
                self.complaints.append(f"{verb} {target}: {str(error).splitlines()[0]}")
                return 500, {"error": {"code": 500, "message": "not in the discovery document", "status": "INTERNAL"}}
            return 200, result

    def document(self, name: str) -> Any:
        """What services read: the payload of the version with the alias."""
        with self._lock:
            stored = self.secrets[name]
            return json.loads(base64.b64decode(stored.payloads[int(stored.secret["versionAliases"]["current"])]))

    def readable(self, name: str) -> list[str]:
        """The payloads of all versions that can still be read."""
        with self._lock:
            return [base64.b64decode(payload).decode() for payload in self.secrets[name].payloads.values()]

    def put(self, name: str, text: str) -> None:
        """Make a secret by hand."""
        stored = self._create(name, {"replication": {"automatic": {}}})
        version = self._add(stored, base64.b64encode(text.encode()).decode())
        stored.secret["versionAliases"] = {"current": version["name"].rpartition("/")[2]}

    def _done(self, action: str, path: str, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if action == "create":
            if query["secretId"] in self.secrets:
                raise Refused(409, f"Secret [{path}/{query['secretId']}] already exists.")
            return dict(self._create(query["secretId"], body).secret)
        parts = path.removeprefix("/v1/").replace(":", "/").split("/")
        stored = self.secrets.get(parts[3])
        if stored is None:
            raise Refused(404, f"Secret [{'/'.join(parts[:4])}] not found.")
        if action == "get":
            return dict(stored.secret)
        if action == "patch":
            return self._patch(stored, query, body)
        if action == "addVersion":
            return dict(self._add(stored, body["payload"]["data"]))
        if action == "versions.list":
            assert query.get("filter") in {None, "state:ENABLED"}
            newest_first = [version for _, version in sorted(stored.versions.items(), reverse=True)]
            return {"versions": [version for version in newest_first if version["state"] == "ENABLED"]}
        return self._version(action, stored, parts[5])

    def _create(self, name: str, body: dict[str, Any]) -> Stored:
        full = f"projects/{PROJECT}/secrets/{name}"
        stored = Stored({**body, "name": full, "createTime": _now(), "etag": _etag()})
        self.secrets[name] = stored
        return stored

    def _patch(self, stored: Stored, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if body.get("etag") not in {None, stored.secret["etag"]}:
            raise Refused(400, "Etag provided does not match the one of the resource.", "FAILED_PRECONDITION")
        if not query.get("updateMask"):
            raise Refused(400, "The update mask must not be empty.")
        for number in body.get("versionAliases", {}).values():
            if int(number) not in stored.versions:
                raise Refused(400, f"Version {number} does not exist.")
        for name in query["updateMask"].split(","):
            stored.secret[name] = body[name]
        stored.secret["etag"] = _etag()
        return dict(stored.secret)

    def _add(self, stored: Stored, data: str) -> dict[str, Any]:
        if len(base64.b64decode(data)) > _MOST_BYTES:
            raise Refused(400, "Payload is too large.")
        number = len(stored.versions) + 1
        name = f"{stored.secret['name']}/versions/{number}"
        version = {"name": name, "createTime": _now(), "state": "ENABLED", "etag": _etag()}
        stored.versions[number], stored.payloads[number] = version, data
        return version

    def _version(self, action: str, stored: Stored, number: str) -> dict[str, Any]:
        version = stored.versions.get(int(number))
        if version is None:
            raise Refused(404, f"Secret Version [{stored.secret['name']}/versions/{number}] not found.")
        if action == "versions.access":
            if version["state"] != "ENABLED":
                raise Refused(400, f"Secret Version is in {version['state']} state.", "FAILED_PRECONDITION")
            return {"name": version["name"], "payload": {"data": stored.payloads[int(number)]}}
        assert action == "versions.destroy", f"{action} is not made here"
        if version["state"] == "DESTROYED":
            raise Refused(400, "Secret Version is in DESTROYED state.", "FAILED_PRECONDITION")
        version |= {"state": "DESTROYED", "destroyTime": _now(), "etag": _etag()}
        del stored.payloads[int(number)]
        return dict(version)


class _Handler(BaseHTTPRequestHandler):
    manager: ClassVar[SecretManager]
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.manager.answer(self.command, self.path, self.headers, data)
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that the base class calls

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def _log_in(headers: Any) -> None:
    if headers.get("Authorization") != f"Bearer {TOKEN}":
        raise Refused(401, "Request had invalid authentication credentials.")


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _etag() -> str:
    return f'"{uuid.uuid4().hex[:12]}"'
