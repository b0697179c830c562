# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences between two states of an object, in the form that Ansible prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.kube.normalise import normalise, redact
from miniapp_infra.kube.objects import is_same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.kube.objects import ObjectRef


def differs(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """Tell whether two states of an object differ. The only rule for ``changed``, and the diff shows the same."""
    return not is_same(normalise(before), normalise(after))


def render(ref: ObjectRef, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, str]:
    """Return one entry for the ``diff`` of a module."""
    return {
        "before_header": str(ref),
        "after_header": str(ref),
        "before": _text(before),
        "after": _text(after),
    }


def _text(obj: Mapping[str, Any] | None) -> str:
    if obj is None:
        return ""
    return yaml.safe_dump(
        redact(normalise(obj)), sort_keys=True, default_flow_style=False, allow_unicode=True, width=200
    )
