# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests know of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypothesis import strategies as st

    from truth.bodies import Body


@dataclass(frozen=True)
class Kind:
    """One kind.

    Args:
        plural: as in the path.
        body: strategy for the object without its identity.
        scaled: has a subresource ``scale``.
    """

    api_version: str
    kind: str
    plural: str
    body: st.SearchStrategy[Body]
    namespaced: bool = True
    scaled: bool = False

    def path(self, namespace: str, name: str) -> str:
        root = "/apis" if "/" in self.api_version else "/api"
        place = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{root}/{self.api_version}{place}/{self.plural}/{name}"
