# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters that kubelet sets for the whole machine: remembered before, put back by ``down``.

The list is what kubelet's container manager changes unless ``protectKernelDefaults`` forbids it, in which case it
refuses to start where they differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHANGED_BY_KUBELET = (
    "kernel.keys.root_maxbytes",
    "kernel.keys.root_maxkeys",
    "kernel.panic",
    "kernel.panic_on_oops",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
)


def _path(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


def current() -> dict[str, str]:
    """Return the present values of those parameters that this kernel has."""
    return {name: _path(name).read_text().strip() for name in _CHANGED_BY_KUBELET if _path(name).exists()}


def restore(values: Mapping[str, str]) -> None:
    """Write ``values`` back where they differ now."""
    for name, value in values.items():
        if name in _CHANGED_BY_KUBELET and _path(name).exists() and _path(name).read_text().strip() != value:
            _path(name).write_text(value)
