# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers as the API server of Argo CD does, for what the tests need; objects are kept in memory.

Paths, parameters and fields of requests are those of its published description (assets/swagger.json, 3.5). A request
that does not fit is answered with 501 and remembered, so that a test can tell. The rules are those of its source
(server/application/application.go, server/project, server/repository).
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

TOKEN = "contract-token"  # noqa: S105 - of a server that lives as long as a test, on loopback
_APPLICATION_QUERY = {"refresh", "projects", "resourceVersion", "selector", "repo", "appNamespace", "project"}
QUERIES: dict[tuple[str, str], set[str]] = {
    ("GET", "/api/v1/applications"): {"name", *_APPLICATION_QUERY},
    ("POST", "/api/v1/applications"): {"upsert", "validate"},
    ("PUT", "/api/v1/applications/{name}"): {"validate", "project"},
    ("GET", "/api/v1/applications/{name}"): _APPLICATION_QUERY,
    ("DELETE", "/api/v1/applications/{name}"): {"cascade", "propagationPolicy", "appNamespace", "project"},
    ("DELETE", "/api/v1/applications/{name}/operation"): {"appNamespace", "project"},
    ("POST", "/api/v1/applications/{name}/rollback"): set(),
    ("POST", "/api/v1/applications/{name}/sync"): set(),
    ("GET", "/api/v1/applications/{name}/syncwindows"): {"appNamespace", "project"},
    ("GET", "/api/v1/applicationsets"): {"projects", "selector", "appsetNamespace"},
    ("POST", "/api/v1/applicationsets"): {"upsert", "dryRun"},
    ("DELETE", "/api/v1/applicationsets/{name}"): {"appsetNamespace"},
    ("POST", "/api/v1/projects"): set(),
    ("GET", "/api/v1/projects/{name}"): set(),
    ("PUT", "/api/v1/projects/{name}"): set(),
    ("DELETE", "/api/v1/projects/{name}"): set(),
    ("GET", "/api/v1/repositories"): {"repo", "forceRefresh", "appProject"},
    ("POST", "/api/v1/repositories"): {"upsert", "credsOnly"},
    ("DELETE", "/api/v1/repositories/{name}"): {"forceRefresh", "appProject"},
    ("GET", "/api/v1/repocreds"): {"url"},
    ("POST", "/api/v1/repocreds"): {"upsert"},
    ("DELETE", "/api/v1/repocreds/{name}"): set(),
}
BODIES: dict[tuple[str, str], set[str]] = {
    ("POST", "/api/v1/applications/{name}/rollback"): {"appNamespace", "dryRun", "id", "name", "project", "prune"},
    ("POST", "/api/v1/applications/{name}/sync"): {
        "appNamespace",
        "dryRun",
        "infos",
        "manifests",
        "name",
        "project",
        "prune",
        "resources",
        "retryStrategy",
        "revision",
        "revisions",
        "sourcePositions",
        "strategy",
        "syncOptions",
    },
}
_SHOWN_OF_REPOSITORIES = {
    "repo",
    "type",
    "name",
    "username",
    "insecure",
    "enableLfs",
    "enableOCI",
    "proxy",
    "noProxy",
    "project",
    "forceHttpBasicAuth",
    "inheritedCreds",
    "githubAppID",
    "githubAppInstallationID",
    "githubAppEnterpriseBaseUrl",
}


class Refused(Exception):  # noqa: N818 - an answer
    """An answer of a gRPC gateway that is no success."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, "code": code, "message": message}


@dataclass
class ArgoServer:
    """A context manager.

    Args:
        applications: by name.
        sets: by name.
        projects: by name.
        repositories: as they were sent, with credentials.
        templates: the same for credential templates.
        blocked: names of applications that a sync window blocks.
        requests: method, path, query and body of each request.
        violations: requests that the description does not know.
    """

    applications: dict[str, Any] = field(default_factory=dict)
    sets: dict[str, Any] = field(default_factory=dict)
    projects: dict[str, Any] = field(default_factory=dict)
    repositories: list[dict[str, Any]] = field(default_factory=list)
    templates: list[dict[str, Any]] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        contract = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                try:
                    status, found = 200, contract.handle(self.command, self.path, self.headers, body)
                except Refused as refused:
                    status, found = refused.status, refused.body
                data = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names of http.server

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def writes(self) -> list[str]:
        """Method and path of the requests that are no reads."""
        return [f"{method} {path}" for method, path, _, _ in self.requests if method != "GET"]

    def handle(self, method: str, target: str, headers: Any, body: Any) -> Any:
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, 16, "no session information")
        if method != "GET" and headers.get("Content-Type") != "application/json":
            raise Refused(415, 3, "Invalid content type")
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        template, name = _template(parts.path)
        self.requests.append((method, parts.path, query, body))
        key = (method, template)
        unknown = set(query) - QUERIES.get(key, set()) if key in QUERIES else {"the path"}
        unknown |= set(body or {}) - BODIES[key] if key in BODIES else set()
        if unknown:
            self.violations.append(f"{method} {target}: {sorted(unknown)}")
            raise Refused(501, 12, "Method Not Allowed")
        kind = parts.path.split("/")[3]
        return getattr(self, f"_{kind}")(method, template, name, query, body)

    def _applications(self, method: str, template: str, name: str, query: dict[str, str], body: Any) -> Any:
        if template == "/api/v1/applications":
            return self._all_applications(method, query, body)
        project = (body or {}).get("project") if method == "POST" else query.get("project")
        found = self.applications.get(name)
        if found is None or (project and project != found["spec"]["project"]):
            if project:
                raise Refused(404, 5, f'applications.argoproj.io "{name}" not found')
            raise Refused(403, 7, "permission denied")
        act = {
            ("GET", "/syncwindows"): lambda: self._windows_of(name),
            ("DELETE", "/operation"): lambda: _end(found),
            ("POST", "/sync"): lambda: self._begin(found, body, is_rollback=False),
            ("POST", "/rollback"): lambda: self._begin(found, body, is_rollback=True),
            ("GET", ""): lambda: found,
            ("DELETE", ""): lambda: self._delete(name, query),
            ("PUT", ""): lambda: _put(found, body),
        }
        return act[method, template.removeprefix("/api/v1/applications/{name}")]()

    def _all_applications(self, method: str, query: dict[str, str], body: Any) -> Any:
        if method == "GET":
            wanted = [item for key, item in self.applications.items() if query.get("name") in (None, key)]
            projects = query.get("projects")
            return {"items": [item for item in wanted if projects in (None, item["spec"]["project"])] or None}
        present = self.applications.get(body["metadata"]["name"])
        if present is not None and query.get("upsert") != "true":
            raise Refused(400, 3, "existing application spec is different, use upsert flag to force update")
        return self._store(self.applications, body)

    def _windows_of(self, name: str) -> Any:
        windows = [{"kind": "deny", "schedule": "0 0 * * *", "duration": "24h"}] if name in self.blocked else None
        return {"activeWindows": windows, "assignedWindows": windows, "canSync": not windows}

    def _delete(self, name: str, query: dict[str, str]) -> Any:
        if query.get("cascade") == "false" and query.get("propagationPolicy"):
            raise Refused(400, 3, "cannot set propagation policy when cascading is disabled")
        del self.applications[name]
        return {}

    def _begin(self, found: dict[str, Any], body: dict[str, Any], *, is_rollback: bool) -> Any:
        if found["metadata"]["name"] in self.blocked and not is_rollback:
            raise Refused(403, 7, "cannot sync: blocked by sync window")
        automated = (found["spec"].get("syncPolicy") or {}).get("automated")
        is_automatic = automated is not None and automated.get("enabled") is not False
        target = (found["spec"].get("source") or {}).get("targetRevision")
        if is_rollback and is_automatic:
            raise Refused(400, 9, "rollback cannot be initiated when auto-sync is enabled")
        if is_automatic and body.get("revision") not in (None, target):
            raise Refused(400, 9, f"Cannot sync to {body['revision']}: auto-sync currently set to {target}")
        if found.get("operation"):
            raise Refused(400, 9, "error setting app operation: another operation is already in progress")
        sync: dict[str, Any] = {"revision": body.get("revision") or target, "prune": body.get("prune", False)}
        if is_rollback:
            past = next((item for item in found["status"]["history"] if item["id"] == body["id"]), None)
            if past is None:
                raise Refused(400, 3, f"application does not have deployment with id {body['id']}")
            sync = {"revision": past["revision"], "source": past["source"], "syncStrategy": {"apply": {}}}
        elif "syncOptions" in body:
            sync["syncOptions"] = body["syncOptions"]["items"]
        found["operation"] = {"sync": sync, "info": body.get("infos")}
        found["status"].pop("operationState", None)
        return found

    def _applicationsets(self, method: str, template: str, name: str, query: dict[str, str], body: Any) -> Any:
        del template
        if method == "GET":
            return {"items": list(self.sets.values())}
        if method == "DELETE":
            del self.sets[name]
            return {}
        present = self.sets.get(body["metadata"]["name"])
        if present is not None and query.get("upsert") != "true":
            raise Refused(400, 3, "existing ApplicationSet spec is different, use upsert flag to force update")
        return self._store(self.sets, body)

    def _projects(self, method: str, template: str, name: str, query: dict[str, str], body: Any) -> Any:
        del template, query
        if method == "POST":
            return self._store(self.projects, body["project"])
        if name not in self.projects:
            raise Refused(404, 5, f'appprojects.argoproj.io "{name}" not found')
        if method == "DELETE":
            return self.projects.pop(name) and {}
        if method == "PUT":
            return self._store(self.projects, body["project"])
        return self.projects[name]

    def _repositories(self, method: str, template: str, name: str, query: dict[str, str], body: Any) -> Any:
        del template
        if method == "GET":
            return {
                "items": [
                    {key: value for key, value in item.items() if key in _SHOWN_OF_REPOSITORIES}
                    for item in self.repositories
                ]
            }
        url = name if method == "DELETE" else body["repo"]
        if method == "POST" and body.get("password") == "refused":
            raise Refused(400, 3, f"error testing repository: {url}: password {body['password']} is wrong")
        self.repositories = [item for item in self.repositories if item["repo"] != url]
        if method == "POST":
            assert query == {"upsert": "true"}
            self.repositories.append(body)
        return body or {}

    def _repocreds(self, method: str, template: str, name: str, query: dict[str, str], body: Any) -> Any:
        del template, query
        shown = {"url", "username", "enableOCI"}
        if method == "GET":
            return {"items": [{key: item[key] for key in item if key in shown} for item in self.templates]}
        url = name if method == "DELETE" else body["url"]
        self.templates = [item for item in self.templates if item["url"] != url]
        if method == "POST":
            self.templates.append(body)
        return body or {}

    def _store(self, objects: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        name = body["metadata"]["name"]
        present = objects.get(name, {})
        metadata = {**body["metadata"], "resourceVersion": str(len(self.requests)), "uid": name}
        objects[name] = {**present, "metadata": metadata, "spec": body["spec"]}
        objects[name].setdefault("status", {})
        return objects[name]


def _end(found: dict[str, Any]) -> Any:
    if not found.get("operation") or not found["status"].get("operationState"):
        raise Refused(400, 3, "Unable to terminate operation. No operation is in progress")
    found["status"]["operationState"]["phase"] = "Terminating"
    return {}


def _put(found: dict[str, Any], body: dict[str, Any]) -> Any:
    """Replace labels, annotations and finalizers as a whole, as the server does."""
    kept = {key: found["metadata"].get(key) for key in ("name", "namespace", "resourceVersion", "uid")}
    found["metadata"] = {**body["metadata"], **kept}
    found["spec"] = body["spec"]
    return found


def _template(path: str) -> tuple[str, str]:
    """Return the path with its name replaced, and the name."""
    found = re.fullmatch(r"(/api/v1/\w+)/([^/]+)(/\w+)?", path)
    if found is None:
        return path, ""
    return f"{found[1]}/{{name}}{found[3] or ''}", unquote(found[2])
