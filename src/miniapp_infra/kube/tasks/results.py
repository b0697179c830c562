# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of results that several modules have."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.normalise import redact

if TYPE_CHECKING:
    from miniapp_infra.kube.objects import KubeObject


def shown(obj: KubeObject) -> dict[str, Any]:
    """Return an object as a module reports it: without the field managers' records and without secret values."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return redact({**obj, "metadata": metadata})


def since(started: float) -> float:
    """Return the seconds since a reading of the monotonic clock."""
    return round(time.monotonic() - started, 3)
