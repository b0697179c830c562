# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that make values fit to be shown."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ansible_collections.fuze.miniapp_infra.plugins.plugin_utils.rendering import rendered

# Without the package `rendered` says so, before any of them is used.
with contextlib.suppress(ImportError):
    from miniapp_infra import redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def redact(value: Any, secrets: Sequence[str] = ()) -> Any:
    """Return a copy of a value without secrets."""
    return rendered(lambda: redaction.redact(value, [secrets] if isinstance(secrets, str) else secrets))


class FilterModule:
    """The filters of redaction."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"redact": redact}
