# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules declare, as objects of Argo CD. Pure; bad input is refused here, before anything is changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd import windows
from miniapp_infra.argocd.client import API_VERSION, APP_PROJECT, APPLICATION, APPLICATION_SET
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.argocd.door import Raw

_APPLICATION_FIELDS = {
    "source": "source",
    "sources": "sources",
    "sync_policy": "syncPolicy",
    "ignore_differences": "ignoreDifferences",
    "info": "info",
    "revision_history_limit": "revisionHistoryLimit",
}
_SET_FIELDS = {
    "generators": "generators",
    "application_template": "template",
    "template_patch": "templatePatch",
    "go_template": "goTemplate",
    "go_template_options": "goTemplateOptions",
    "sync_policy": "syncPolicy",
    "strategy": "strategy",
    "preserved_fields": "preservedFields",
    "ignore_application_differences": "ignoreApplicationDifferences",
}
_PROJECT_FIELDS = {
    "description": "description",
    "source_repos": "sourceRepos",
    "source_namespaces": "sourceNamespaces",
    "destinations": "destinations",
    "cluster_resource_whitelist": "clusterResourceWhitelist",
    "cluster_resource_blacklist": "clusterResourceBlacklist",
    "namespace_resource_whitelist": "namespaceResourceWhitelist",
    "namespace_resource_blacklist": "namespaceResourceBlacklist",
    "orphaned_resources": "orphanedResources",
    "roles": "roles",
}
_WINDOW_FIELDS = {
    "kind": "kind",
    "schedule": "schedule",
    "duration": "duration",
    "time_zone": "timeZone",
    "applications": "applications",
    "namespaces": "namespaces",
    "clusters": "clusters",
    "manual_sync": "manualSync",
    "and_operator": "andOperator",
    "description": "description",
    "sync_overrun": "syncOverrun",
}


def application(params: Mapping[str, Any], live: Raw | None = None) -> Raw:
    """Return the Application that a module declares.

    Args:
        params: of the module.
        live: the present one. Sources that others gave it would win over the one that is declared, so they are emptied.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``, names the option.
    """
    sources = [params["source"]] if params["source"] else list(params["sources"] or [])
    if not sources:
        raise _invalid("source: give one source, or sources for several")
    for index, source in enumerate(sources):
        _check_source("source" if params["source"] else f"sources[{index}]", source)
    target = _without_nothing(params["destination"] or {})
    if ("server" in target) == ("name" in target):
        raise _invalid("destination: needs server or name of the cluster, and not both")
    spec = _fields(params, _APPLICATION_FIELDS)
    spec |= {"project": params["project"] or "default", "destination": target}
    if "source" in spec and "sources" in ((live or {}).get("spec") or {}):
        spec["sources"] = []
    return _object(APPLICATION, params, spec)


def application_set(params: Mapping[str, Any]) -> Raw:
    """Return the ApplicationSet that a module declares.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``, names the option.
    """
    if not params["generators"]:
        raise _invalid("generators: at least one is needed")
    template = params["application_template"] or {}
    if not (template.get("metadata") or {}).get("name"):
        raise _invalid("application_template: needs metadata.name, from which the names of the applications are made")
    if not (template.get("spec") or {}).get("project"):
        raise _invalid("application_template: needs spec.project")
    return _object(APPLICATION_SET, params, _fields(params, _SET_FIELDS))


def project(params: Mapping[str, Any], live: Raw | None = None) -> Raw:
    """Return the AppProject that a module declares.

    Args:
        params: of the module.
        live: the present one. The tokens that Argo CD issued for a role are kept in the role, and stay.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``, names the option.
    """
    spec = _fields(params, _PROJECT_FIELDS)
    if "destinations" in spec:
        spec["destinations"] = [_without_nothing(item) for item in spec["destinations"]]
    if params["sync_windows"] is not None:
        declared = [sync_window(item) for item in params["sync_windows"]]
        windows.check(declared)
        spec["syncWindows"] = declared
    if "roles" in spec:
        spec["roles"] = _with_tokens(spec["roles"], ((live or {}).get("spec") or {}).get("roles") or [])
    return _object(APP_PROJECT, params, spec)


def sync_window(window: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sync window in the form of the API, without what is empty or false, as Argo CD writes it."""
    found = {key: window.get(option) for option, key in _WINDOW_FIELDS.items()}
    return {"timeZone": "UTC", **{key: value for key, value in found.items() if value}}


def _with_tokens(roles: list[dict[str, Any]], live: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tokens = {role.get("name"): role["jwtTokens"] for role in live if role.get("jwtTokens")}
    for index, role in enumerate(roles):
        if not role.get("name"):
            raise _invalid(f"roles[{index}]: needs a name")
    return [
        {**role, "jwtTokens": tokens[role["name"]]} if role["name"] in tokens and "jwtTokens" not in role else role
        for role in roles
    ]


def _check_source(option: str, source: Mapping[str, Any]) -> None:
    if not source.get("repoURL"):
        raise _invalid(f"{option}: needs repoURL")
    helm = source.get("helm") or {}
    if "values" in helm and not isinstance(helm["values"], str):
        raise _invalid(f"{option}.helm.values: must be a text; give a mapping as valuesObject")
    if not any(source.get(key) for key in ("path", "chart", "ref")):
        raise _invalid(f"{option}: needs path, chart or ref")


def _fields(params: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {key: copy.deepcopy(params[option]) for option, key in names.items() if params[option] is not None}


def _object(kind: str, params: Mapping[str, Any], spec: dict[str, Any]) -> Raw:
    metadata: dict[str, Any] = {"name": params["name"], "namespace": params["namespace"]}
    for key in ("labels", "annotations", "finalizers"):
        if params.get(key):
            metadata[key] = copy.deepcopy(params[key])
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "")}


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
