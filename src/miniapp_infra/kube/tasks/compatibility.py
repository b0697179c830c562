# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of ``kubernetes.core.k8s`` that have another name here, that have no effect here, or that are refused.

Everything in this file is decided from the options alone, before anything is contacted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.models import FIELD_MANAGER
from miniapp_infra.kube.tasks import hidden_fields, selectors

Params = Mapping[str, Any]

INPUTS = ("definition", "src", "template", "kustomize", "helm_template")
NO_EFFECT = {
    "apply": "objects are always applied; state: patched merges instead",
    "merge_type": "server-side apply merges by the schema of the kind; it counts with state: patched",
    "persist_config": "renewed tokens are not written into the kubeconfig",
    "validate.fail_on_error": "the API server refuses unknown and wrong fields",
    "validate.strict": "the API server refuses unknown and wrong fields",
    "validate.version": "the API server checks against its own version",
    "wait_sleep": "changes are watched and not polled",
}
"""Why an option is accepted and changes nothing."""


def check(params: Params) -> list[str]:
    """Check the options that ``k8s_apply`` has for playbooks written for kubernetes.core.

    Returns:
        A warning for each option that was given and has no effect.

    Raises:
        KubeError: an option or a combination is refused; names the field and the fix.
    """
    _refuse_unsupported(params)
    _refuse_contradictions(params)
    _refuse_unclear_targets(params)
    selectors.parse(params.get("label_selectors") or ())
    hidden_fields.parse(params.get("hidden_fields") or ())
    return without_effect(params)


def check_question(params: Params) -> list[str]:
    """Check the same of a module that only reads. Returns and raises as ``check`` does."""
    _refuse_proxy_headers(params)
    if params.get("metadata_only") and params.get("wait"):
        raise _refused(
            "metadata_only: cannot be combined with wait, because whether an object is ready is not in its metadata",
            "Leave one of the two out.",
        )
    return without_effect(params)


def without_effect(params: Params) -> list[str]:
    """Return a sentence for each option that was given although it changes nothing."""
    validate = params.get("validate") or {}
    given = {
        "apply": params.get("apply") is False,
        "merge_type": bool(params.get("merge_type")) and params.get("state") != "patched",
        "persist_config": bool(params.get("persist_config")),
        "validate.fail_on_error": validate.get("fail_on_error") is False,
        "validate.strict": validate.get("strict") is False,
        "validate.version": bool(validate.get("version")),
        "wait_sleep": params.get("wait_sleep") is not None,
    }
    return [f"{option}: has no effect: {NO_EFFECT[option]}" for option, is_given in given.items() if is_given]


def field_manager(params: Params) -> str:
    return str((params.get("server_side_apply") or {}).get("field_manager") or params["field_manager"])


def force_conflicts(params: Params) -> bool:
    return bool(params["force_conflicts"] or (params.get("server_side_apply") or {}).get("force_conflicts"))


def propagation_policy(params: Params) -> str:
    return str((params.get("delete_options") or {}).get("propagationPolicy") or params["propagation_policy"])


def deletes_by_selection(params: Params) -> bool:
    """Whether everything of a kind that matches is to be deleted, and not named objects."""
    return (
        params["state"] == "absent"
        and not params.get("name")
        and not has_input(params)
        and bool(params.get("delete_all") or params.get("label_selectors"))
    )


def has_input(params: Params) -> bool:
    return any(params.get(option) is not None for option in INPUTS)


def _refuse_unsupported(params: Params) -> None:
    if params.get("force"):
        raise _refused(
            "force: objects are not replaced, because that would remove the fields of other managers",
            "Take single fields over with force_conflicts: true.",
        )
    _refuse_proxy_headers(params)
    if params.get("template") is not None:
        raise _refused(
            "template: is rendered by the action plugin of this module, which did not run",
            "Call the module as fuze.miniapp_infra.k8s_apply, or give the text that lookup('template', ...) returns "
            "as definition.",
        )


def _refuse_proxy_headers(params: Params) -> None:
    variables = [name for name in os.environ if name.startswith("K8S_AUTH_PROXY_HEADERS_")]
    if any((params.get("proxy_headers") or {}).values()) or variables:
        raise _refused(
            f"{variables[0] if variables else 'proxy_headers'}: headers for a proxy are not supported",
            "Let the proxy accept this host by its address, and name the proxy with the option proxy.",
        )


def _refuse_contradictions(params: Params) -> None:
    served = params.get("server_side_apply") or {}
    manager = params.get("field_manager") or FIELD_MANAGER
    if served.get("field_manager") and manager not in {FIELD_MANAGER, served["field_manager"]}:
        raise _refused(
            f"server_side_apply.field_manager: is {served['field_manager']!r}, but field_manager is {manager!r}",
            "Leave one of the two out.",
        )
    wanted = (params.get("delete_options") or {}).get("propagationPolicy")
    policy = params.get("propagation_policy") or "Background"
    if wanted and policy not in {"Background", wanted}:
        raise _refused(
            f"delete_options.propagationPolicy: is {wanted!r}, but propagation_policy is {policy!r}",
            "Leave one of the two out.",
        )


def _refuse_unclear_targets(params: Params) -> None:
    if params.get("state") == "absent" and params.get("delete_all"):
        if params.get("name") or has_input(params):
            raise _refused(
                "delete_all: cannot be combined with objects that are named",
                "Leave delete_all out to delete those, or leave them out and give kind and namespace.",
            )
        if not params.get("kind"):
            raise _refused("delete_all: needs a kind", "Give the option kind, and namespace where the kind has one.")
    if has_input(params):
        return
    if not params.get("kind"):
        raise _refused(
            "kind: must be given when there is no definition",
            f"Give kind and name, or one of {', '.join(INPUTS)}.",
        )
    can_draw = params.get("state") == "present" and params.get("generate_name")
    if not params.get("name") and not can_draw and not deletes_by_selection(params):
        fix = (
            "delete_all or label_selectors" if params.get("state") == "absent" else "generate_name with state: present"
        )
        raise _refused(f"name: must be given with kind {params['kind']}", f"Give name, or {fix}.")


def _refused(message: str, hint: str) -> KubeError:
    return KubeError(message, code=ErrorCode.INVALID_INPUT, hint=hint)
