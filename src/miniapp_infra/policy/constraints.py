# SPDX-License-Identifier: GPL-3.0-or-later
"""Guardrails of an environment: the repository's Gatekeeper policies with the environment's parameters."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from miniapp_infra.catalog import Environment
    from miniapp_infra.policy.library import GuardrailPolicy

Parameters = dict[str, Any]

_RFC_1123_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_ANYTHING = ".+"


def render(environment: Environment, policies: Iterable[GuardrailPolicy]) -> list[dict[str, Any]]:
    """Return the constraints of an environment, in the order of the policies.

    What does not depend on the environment (where a policy applies, how strictly) stays as the repository has it.
    """
    return [_render(environment, policy) for policy in policies]


def templates(environment: Environment, policies: Iterable[GuardrailPolicy]) -> list[dict[str, Any]]:
    """Return the constraint templates, labelled as belonging to the environment."""
    return [_labelled(environment, policy.template) for policy in policies]


def trusted_repositories(environment: Environment) -> list[str]:
    """Return where images may come from; the final slash keeps ``miniapp-evil`` from passing for ``miniapp``."""
    return [naming.image_repository(environment.registry.host, environment.registry.prefix, "") + "/"]


def required_labels(environment: Environment) -> list[dict[str, str]]:
    """Return the labels of every workload, each with the RE2 expression that its value must match.

    Names of environments are RFC 1123 labels, so nothing in them needs escaping.
    """
    values = {
        "app.kubernetes.io/instance": f"{environment.name}-{naming.PRODUCT}-{_RFC_1123_LABEL}",
        # Argo CD, Helm and kubectl users each leave their own name here.
        "app.kubernetes.io/managed-by": _ANYTHING,
        "app.kubernetes.io/part-of": naming.PRODUCT,
        "app.kubernetes.io/version": _ANYTHING,
        naming.ENVIRONMENT_LABEL: environment.name,
        naming.NAME_LABEL: _RFC_1123_LABEL,
        naming.OWNER_LABEL: _RFC_1123_LABEL,
    }
    return [{"key": key, "allowedRegex": f"^{values[key]}$"} for key in sorted(values)]


def _render(environment: Environment, policy: GuardrailPolicy) -> dict[str, Any]:
    constraint = _labelled(environment, policy.constraint)
    parameters = _PARAMETERS.get(policy.kind)
    if parameters is not None:
        constraint["spec"]["parameters"] = parameters(environment)
    return constraint


def _labelled(environment: Environment, manifest: dict[str, Any]) -> dict[str, Any]:
    labelled = copy.deepcopy(manifest)
    labelled["metadata"]["labels"] = naming.labels(environment.name)
    return labelled


# Kinds whose parameters come from the environment, in alphabetical order; the others say everything themselves.
_PARAMETERS: dict[str, Callable[[Environment], Parameters]] = {
    "MiniappRequiredLabels": lambda environment: {"labels": required_labels(environment)},
    "MiniappTrustedRegistries": lambda environment: {"repositories": trusted_repositories(environment)},
}
