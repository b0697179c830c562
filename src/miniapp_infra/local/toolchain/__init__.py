# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the local environment, built from pinned Go modules and cached by the hash of what went into them.

``ensure`` is the only call the other parts need: it returns a ``Toolset`` and leaves links in ``.local/bin``.
"""

from __future__ import annotations

from miniapp_infra.local.toolchain.ensure import ensure
from miniapp_infra.local.toolchain.toolset import Toolset

__all__ = ["Toolset", "ensure"]
