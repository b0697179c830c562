# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Kubernetes itself says that its node is ready."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import urllib3
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import APISERVER_PORT, NODE_ADDRESS, NODE_NAME

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

_URL = f"https://{NODE_ADDRESS}:{APISERVER_PORT}/api/v1/nodes/{NODE_NAME}"


def condition(layout: Layout) -> str:
    """Return ``Ready``, or in words why the node is not."""
    with urllib3.PoolManager(
        ca_certs=str(layout.ca_certificate),
        cert_file=str(layout.pki / "admin.crt"),
        key_file=str(layout.pki / "admin.key"),
        timeout=5,
        retries=False,
    ) as client:
        try:
            answer = client.request("GET", _URL)
        except urllib3.exceptions.HTTPError as error:
            return f"the apiserver does not answer: {error}"
    if answer.status != 200:  # noqa: PLR2004 - HTTP OK
        return f"the apiserver answers {answer.status}"
    return _explain(json.loads(answer.data))


def _explain(node: dict[str, Any]) -> str:
    for item in node.get("status", {}).get("conditions", ()):
        if item["type"] == "Ready":
            return "Ready" if item["status"] == "True" else str(item["message"])
    return "kubelet has not reported yet"


def wait(layout: Layout, seconds: float) -> None:
    """Wait until the node is Ready.

    Raises:
        MiniappInfraError: it is not after ``seconds`` (``timeout``); says why.
    """
    try:
        Retrying(
            stop=stop_after_delay(seconds), wait=wait_fixed(0.5), retry=retry_if_result(lambda said: said != "Ready")
        )(condition, layout)
    except RetryError as error:
        raise MiniappInfraError(
            f"Failed to start the node: not Ready within {seconds:.0f} s: {condition(layout)}",
            code=ErrorCode.TIMEOUT,
            retryable=True,
            hint=f"read {layout.logs / 'kubelet.log'} and {layout.logs / 'containerd.log'}",
        ) from error
