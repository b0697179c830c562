# SPDX-License-Identifier: GPL-3.0-or-later
"""Argo CD through the REST interface of its API server (assets/swagger.json), with the rights of an account.

The project is always sent along. Without it a missing application is answered with 403 instead of 404, so that nobody
learns what exists; where it is not known yet, the application is looked up in the list, which shows what may be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from miniapp_infra.argocd import repositories
from miniapp_infra.argocd.client import API_VERSION, APP_PROJECT, APPLICATION, APPLICATION_SET
from miniapp_infra.argocd.door import Declared, Raw
from miniapp_infra.argocd.models import RUN_INFO
from miniapp_infra.argocd.transformations import is_as_declared, merged
from miniapp_infra.argocd.windows import Verdict
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import HttpError, HttpOptions, JsonClient, reason_of
from miniapp_infra.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.argocd.door import SyncRequest
    from miniapp_infra.argocd.models import Application, Deployment

_PATHS = {
    APPLICATION: "/api/v1/applications",
    APPLICATION_SET: "/api/v1/applicationsets",
    APP_PROJECT: "/api/v1/projects",
}
_SHOWN_OF_TEMPLATES = frozenset({"username", "enableOCI"})
_CODES = {
    # google.golang.org/grpc/codes
    3: ErrorCode.INVALID_INPUT,
    5: ErrorCode.NOT_FOUND,
    6: ErrorCode.CONFLICT,
    7: ErrorCode.FORBIDDEN,
    9: ErrorCode.CONFLICT,
    16: ErrorCode.FORBIDDEN,
}


@dataclass
class RestDoor:
    """Implements ``Door``.

    Args:
        client: of the API server, with a token.
        namespace: of the objects.
        project: of the application; empty when it is not known.
        validate: let Argo CD check an application against its sources and destination before it is stored.
        check: change nothing.
    """

    client: JsonClient
    namespace: str
    project: str = ""
    validate: bool = True
    check: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, params: Mapping[str, Any], *, check: bool, project: str = "") -> RestDoor:
        """Return the door that the options of a module name.

        Raises:
            MiniappInfraError: ``INVALID_INPUT``, when ``api_url`` is no address.
        """
        options = {
            "ca_cert": params.get("api_ca_cert"),
            "validate_certs": params.get("api_validate_certs", True),
            "timeout": params.get("request_timeout", 60.0),
        }
        try:
            reached = HttpOptions.from_params(options, params["api_url"])
        except MiniappInfraError as error:
            raise MiniappInfraError(f"api_{error.message}", code=error.code) from error
        # It answers 415 to a request other than GET that has no content type, even if it has no content either.
        headers = {"Authorization": f"Bearer {params['api_token']}", "Content-Type": "application/json"}
        client = JsonClient(reached, headers, "Argo CD")
        hidden = [params["api_token"], *(params.get(option) for option in repositories.HIDDEN)]
        return cls(
            client,
            params["namespace"],
            project,
            params.get("validate", True),
            check,
            tuple(text for text in hidden if text),
        )

    def find(self, kind: str, name: str) -> Raw | None:
        if kind == APPLICATION and self.project:
            query = {"appNamespace": self.namespace, "project": self.project}
        elif kind == APP_PROJECT:
            query = {}
        else:
            matching = (item for item in self._listed(kind, name) if item["metadata"]["name"] == name)
            return next(matching, None)
        found = self._ask("GET", f"{_PATHS[kind]}/{quote(name)}", f"read {kind} {name}", query=query, missing=True)
        return None if found is None else _typed(kind, found)

    def all_of(self, kind: str) -> list[Raw]:
        return self._listed(kind)

    def declare(self, manifest: Raw) -> Declared:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        before = self.find(kind, name)
        wanted = manifest if before is None else merged(before, manifest)
        if before is not None and is_as_declared(before, wanted):
            return Declared(before, before, changed=False)
        if self.check:
            return Declared(before, wanted, changed=True)
        body = _writable(wanted)
        action = f"apply {kind} {self.namespace}/{name}"
        if kind == APP_PROJECT:
            # Its update compares the resource version; its creation refuses one that is there.
            method, path = ("POST", _PATHS[kind]) if before is None else ("PUT", f"{_PATHS[kind]}/{quote(name)}")
            after = self._ask(method, path, action, body={"project": body})
        elif before is None:
            query = {"validate": _flag(self.validate)} if kind == APPLICATION else {}
            after = self._ask("POST", _PATHS[kind], action, query=query, body=body)
        elif kind == APPLICATION:
            query = {"validate": _flag(self.validate), "project": before["spec"].get("project") or "default"}
            after = self._ask("PUT", f"{_PATHS[kind]}/{quote(name)}", action, query=query, body=body)
        else:
            body["metadata"].pop("resourceVersion", None)
            after = self._ask("POST", _PATHS[kind], action, query={"upsert": "true"}, body=body)
        return Declared(before, _typed(kind, after), changed=True)

    def remove(self, kind: str, live: Raw, cascade: str) -> None:
        if self.check:
            return
        name = live["metadata"]["name"]
        query: dict[str, str] = {}
        if kind == APPLICATION:
            query = {"appNamespace": self.namespace, "project": live["spec"].get("project") or "default"}
            if cascade == "orphan":
                query["cascade"] = "false"
            else:
                query |= {"cascade": "true", "propagationPolicy": cascade}
        elif kind == APPLICATION_SET:
            if cascade != "background":
                raise MiniappInfraError(
                    f"cascade: {cascade} is not offered by the API server of Argo CD for an ApplicationSet",
                    code=ErrorCode.INVALID_INPUT,
                    hint="Use mode=core, or cascade=background.",
                )
            query = {"appsetNamespace": self.namespace}
        self._ask("DELETE", f"{_PATHS[kind]}/{quote(name)}", f"delete {kind} {name}", query=query, missing=True)

    def refresh(self, application: Application, *, hard: bool) -> None:
        query = {**self._of(application), "refresh": "hard" if hard else "normal"}
        self._ask("GET", self._path(application), f"refresh application {application.name}", query=query)

    def refresh_set(self, name: str) -> bool:
        del name
        return False

    def windows(self, application: Application) -> Verdict:
        answer = self._ask(
            "GET",
            self._path(application, "syncwindows"),
            f"read the sync windows of application {application.name}",
            query=self._of(application),
        )
        active, assigned = (tuple(answer.get(key) or ()) for key in ("activeWindows", "assignedWindows"))
        return Verdict(bool(answer.get("canSync")), active, assigned)

    def sync(self, application: Application, request: SyncRequest) -> None:
        spec = application.raw["spec"]
        body: dict[str, Any] = {
            "name": application.name,
            **self._of(application),
            "prune": request.prune,
            "infos": [{"name": RUN_INFO, "value": request.run}],
        }
        if request.revisions and spec.get("sources"):
            positions = range(1, len(request.revisions) + 1)
            body |= {"revisions": list(request.revisions), "sourcePositions": list(positions)}
        elif request.revisions:
            body["revision"] = request.revisions[0]
        if request.sync_options:
            # They take the place of the application's own there.
            own = (spec.get("syncPolicy") or {}).get("syncOptions") or []
            body["syncOptions"] = {"items": list(dict.fromkeys([*own, *request.sync_options]))}
        if request.resources:
            body["resources"] = [dict(item) for item in request.resources]
        if request.retry_limit:
            body["retryStrategy"] = {"limit": request.retry_limit}
        if request.strategy:
            body["strategy"] = {request.strategy: {}}
        self._ask("POST", self._path(application, "sync"), f"synchronise application {application.name}", body=body)

    def roll_back(self, application: Application, past: Deployment, request: SyncRequest) -> None:
        body = {"name": application.name, **self._of(application), "id": past.id, "prune": request.prune}
        self._ask("POST", self._path(application, "rollback"), f"roll application {application.name} back", body=body)

    def terminate(self, application: Application) -> None:
        action = f"terminate the operation of application {application.name}"
        try:
            self._ask("DELETE", self._path(application, "operation"), action, query=self._of(application))
        except MiniappInfraError as error:
            if "No operation is in progress" not in error.message:  # it has ended by itself
                raise

    def set_auto_sync(self, application: Application, *, enabled: bool) -> None:
        # A patch would be checked against the sources, and a repository that is down must not be in the way here.
        live = self.find(APPLICATION, application.name) or application.raw
        policy = live["spec"].get("syncPolicy") or {}
        automated = {**(policy.get("automated") or {}), "enabled": enabled}
        wanted = {**live, "spec": {**live["spec"], "syncPolicy": {**policy, "automated": automated}}}
        action = f"switch the automatic synchronisation of application {application.name}"
        query = {"validate": "false", "project": application.project or "default"}
        self._ask("PUT", self._path(application), action, query=query, body=_writable(wanted))

    def repositories(self, *, templates: bool) -> list[Raw]:
        answer = self._ask("GET", _repository_path(templates=templates), "list repositories") or {}
        return [{**item, "url": item.get("url") or item.get("repo", "")} for item in answer.get("items") or []]

    def declare_repository(
        self, repository: Mapping[str, Any], live: Raw | None, *, templates: bool, renew: bool
    ) -> Declared:
        if live is not None and not renew and _is_same_repository(live, repository, templates=templates):
            return Declared(live, live, changed=False)
        if not self.check:
            body = {key: value for key, value in repository.items() if key != "url"}
            body["url" if templates else "repo"] = repository["url"]
            action = f"apply repository {repository['url']}"
            self._ask("POST", _repository_path(templates=templates), action, query={"upsert": "true"}, body=body)
        return Declared(live, dict(repository), changed=True)

    def remove_repository(self, live: Raw, *, templates: bool) -> None:
        if not self.check:
            path = f"{_repository_path(templates=templates)}/{quote(live['url'], safe='')}"
            query = {} if templates else {"appProject": live.get("project") or None}
            self._ask("DELETE", path, f"delete repository {live['url']}", query=query, missing=True)

    def _listed(self, kind: str, name: str = "") -> list[Raw]:
        query: dict[str, str] = {}
        if kind == APPLICATION:
            query = {"appNamespace": self.namespace, **({"name": name} if name else {})}
            query |= {"projects": self.project} if self.project else {}
        elif kind == APPLICATION_SET:
            query = {"appsetNamespace": self.namespace}
        answer = self._ask("GET", _PATHS[kind], f"list {kind}", query=query) or {}
        found = [_typed(kind, item) for item in answer.get("items") or []]
        return sorted(found, key=lambda item: str(item["metadata"]["name"]))

    def _of(self, application: Application) -> dict[str, str]:
        return {"appNamespace": application.namespace or self.namespace, "project": application.project or "default"}

    def _path(self, application: Application, below: str = "") -> str:
        return f"{_PATHS[APPLICATION]}/{quote(application.name)}" + (f"/{below}" if below else "")

    def _ask(
        self, method: str, path: str, action: str, *, query: Any = None, body: Any = None, missing: bool = False
    ) -> Any:
        """Send a request and return its answer; with ``missing`` None for what does not exist."""
        try:
            return self.client.request(method, path, action=action, query=query, body=body).body
        except HttpError as error:
            if missing and error.status == HTTPStatus.NOT_FOUND:
                return None
            raise self._explained(error) from None

    def _explained(self, error: HttpError) -> HttpError:
        """Give the error of a gRPC gateway (``{"error", "code", "message"}``) its code, and take secrets out of it."""
        code = error.body.get("code") if isinstance(error.body, dict) else None
        error.code = _CODES.get(code, error.code) if isinstance(code, int) else error.code
        if "blocked by sync window" in reason_of(error.body):
            error.code = ErrorCode.FROZEN
        if error.code is ErrorCode.FORBIDDEN and not error.hint:
            error.hint = "Does the account of api_token have the right for it (argocd-rbac-cm), and is the token valid?"
        error.message = redact(error.message, self.secrets)
        error.args = (error.message,)
        error.body = redact(error.body, self.secrets)
        return error


def _writable(raw: Raw) -> Raw:
    """Return what of an object is sent. An update replaces all of it, so what is to stay has to be in it."""
    kept = ("name", "namespace", "labels", "annotations", "finalizers", "resourceVersion")
    return {"metadata": {key: raw["metadata"][key] for key in kept if raw["metadata"].get(key)}, "spec": raw["spec"]}


def _typed(kind: str, raw: Raw) -> Raw:
    return {**raw, "apiVersion": API_VERSION, "kind": kind}


def _repository_path(*, templates: bool) -> str:
    return "/api/v1/repocreds" if templates else "/api/v1/repositories"


def _flag(value: bool) -> str:  # noqa: FBT001 - a conversion
    return "true" if value else "false"


def _is_same_repository(live: Mapping[str, Any], wanted: Mapping[str, Any], *, templates: bool) -> bool:
    """Compare what Argo CD shows of a repository; it never shows credentials."""
    compared = _SHOWN_OF_TEMPLATES if templates else set(repositories.SHOWN.values()) - {"tlsClientCertData"}
    if live.get("inheritedCreds"):
        compared = compared - {"username"}  # that of a credential template
    return all((live.get(key) or None) == (wanted.get(key) or None) for key in compared)
