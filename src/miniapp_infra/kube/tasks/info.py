# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``k8s_info`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from miniapp_infra.kube.session import connected
from miniapp_infra.kube.tasks.matching import read
from miniapp_infra.kube.tasks.results import shown, since

Params = Mapping[str, Any]


def run_info(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Read objects. Nothing that matches, or a kind that does not exist, is an empty list.

    Raises:
        KubeError: the server does not answer, or does not allow it.
    """
    del check_mode, diff_mode  # reading changes nothing
    started = time.monotonic()
    client, discovery = connected(params)
    resource = discovery.find(params["api_version"], params["kind"])
    found = [] if resource is None else read(client, resource, params)
    resources = [shown(obj) for obj in found]
    return {
        "changed": False,
        "api_found": resource is not None,
        "resources": resources,
        "duration": since(started),
    }
