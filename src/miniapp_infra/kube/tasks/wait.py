# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``k8s_wait`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from miniapp_infra.kube.predicates import for_kind
from miniapp_infra.kube.session import connected
from miniapp_infra.kube.tasks import compatibility, hidden_fields
from miniapp_infra.kube.tasks.inputs import predicate_of
from miniapp_infra.kube.tasks.matching import matching, pause
from miniapp_infra.kube.tasks.results import shown, since
from miniapp_infra.kube.wait import WaitOptions, wait

Params = Mapping[str, Any]


def run_wait(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Wait for objects that others make.

    In check mode nothing is waited for, because what would make them ready was not done: the result tells how they are.

    Raises:
        WaitTimeoutError: they are not ready in time, or never appeared.
        WaitFailedError: one of them cannot become ready.
        KubeError: the server does not answer, or does not allow it.
    """
    del diff_mode  # waiting changes nothing
    started = time.monotonic()
    warnings = compatibility.check_question(params)
    predicate = predicate_of(params)
    hidden = hidden_fields.parse(params.get("hidden_fields") or ())
    absent = params["state"] == "absent"
    client, discovery = connected(params)
    deadline = started + params["wait_timeout"]
    found = matching(client, discovery, params)
    states = found.states
    if not check_mode:
        while found.missing and not absent:
            pause(params, deadline, found.missing)
            discovery.refresh()
            found = matching(client, discovery, params)
        left = max(0.0, deadline - time.monotonic())
        options = WaitOptions(timeout=left, predicate=predicate, absent=absent)
        states = wait(client, list(found.targets.values()), options, found.seen.values())
    rules = {ref: predicate or for_kind(ref.api_version, ref.kind) for ref in states}
    is_ready = not states if absent else not found.missing and all(rules[ref](obj).ready for ref, obj in states.items())
    result: dict[str, Any] = {"warnings": warnings} if warnings else {}
    return {
        **result,
        "changed": False,
        "ready": is_ready,
        "resources": [shown(obj, hidden) for _, obj in sorted(states.items(), key=lambda item: item[0])],
        "duration": since(started),
    }
