# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules have, as the engine takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube import manifests, render
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.objects import KubeObject, flatten
from miniapp_infra.kube.predicates import Predicate, for_condition, parse

Params = Mapping[str, Any]


def declared(params: Params) -> list[KubeObject]:
    if params.get("definition") is not None:
        definition = params["definition"]
        texts = isinstance(definition, list) and any(isinstance(item, str) for item in definition)
        if isinstance(definition, str):
            return manifests.parse(definition, "definition")
        if texts:
            return [obj for item in definition for obj in declared({"definition": item})]
        return flatten([("definition", definition)])
    if params.get("src"):
        return manifests.read(params["src"])
    if params.get("kustomize"):
        return render.kustomize(params["kustomize"], params["kubectl_path"])
    chart = params["helm_template"]
    template = render.HelmTemplate(
        chart=chart["chart"],
        release_name=chart["release_name"],
        namespace=chart.get("namespace") or params.get("namespace") or "default",
        repository=chart.get("repository"),
        version=chart.get("version"),
        values_files=tuple(chart.get("values_files") or ()),
        values=chart.get("values") or {},
        include_crds=chart.get("include_crds", True),
        ca_file=chart.get("ca_file"),
        kube_version=chart.get("kube_version"),
        api_versions=tuple(chart.get("api_versions") or ()),
    )
    return render.helm_template(template, params["helm_path"])


def predicate_of(params: Params) -> Predicate | None:
    if params.get("wait_for"):
        return parse(params["wait_for"])
    condition = params.get("wait_condition")
    if condition:
        if not condition.get("type"):
            raise KubeError("wait_condition: type: must be given", code=ErrorCode.INVALID_INPUT)
        return for_condition(condition["type"], condition.get("status") or "True", condition.get("reason"))
    return None
