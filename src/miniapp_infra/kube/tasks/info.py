# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``k8s_info`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from miniapp_infra.kube.session import connected
from miniapp_infra.kube.tasks import compatibility, hidden_fields
from miniapp_infra.kube.tasks.inputs import predicate_of
from miniapp_infra.kube.tasks.matching import APPEAR_POLL, matching, read_metadata, resource_of
from miniapp_infra.kube.tasks.results import shown, since
from miniapp_infra.kube.wait import WaitOptions, wait

Params = Mapping[str, Any]


def run_info(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Read objects. Nothing that matches, or a kind that does not exist, is an empty list.

    Raises:
        WaitTimeoutError: objects exist, and are not ready in time.
        KubeError: the server does not answer, or does not allow it.
    """
    del diff_mode  # reading changes nothing
    started = time.monotonic()
    warnings = compatibility.check_question(params)
    predicate = predicate_of(params)
    hidden = hidden_fields.parse(params.get("hidden_fields") or ())
    client, discovery = connected(params)
    resource = resource_of(discovery, params)
    result: dict[str, Any] = {"changed": False, "api_found": resource is not None, "resources": []}
    if resource is None:
        result["msg"] = f"The API server does not serve {params['kind']} in {params['api_version']}"
    elif params.get("metadata_only"):
        result["resources"] = [shown(obj, hidden) for obj in read_metadata(client, resource, params)]
    else:
        found = matching(client, discovery, params)
        states = found.states
        if params.get("wait") and not check_mode:
            deadline = started + params["wait_timeout"]
            while found.missing and (left := deadline - time.monotonic()) > 0:
                time.sleep(min(APPEAR_POLL, left))
                found = matching(client, discovery, params)
            options = WaitOptions(timeout=max(0.0, deadline - time.monotonic()), predicate=predicate)
            states = wait(client, list(found.targets.values()), options, found.seen.values())
        result["resources"] = [shown(obj, hidden) for obj in states.values()]
    if warnings:
        result["warnings"] = warnings
    return {**result, "duration": since(started)}
