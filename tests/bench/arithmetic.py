# SPDX-License-Identifier: GPL-3.0-or-later
"""From samples to ratios."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Comparison:
    """Samples of two contenders that were taken in turns; those at one position belong to one round.

    Args:
        ours: seconds or requests, one a round.
        peer: the same of the other one.
    """

    ours: Sequence[float]
    peer: Sequence[float]

    def __post_init__(self) -> None:
        if not self.ours or len(self.ours) != len(self.peer):
            raise ValueError(f"samples come in pairs, got {len(self.ours)} of ours and {len(self.peer)} of the peer")
        if min(*self.ours, *self.peer) <= 0:
            raise ValueError("a sample is positive: nothing takes no time and no request")

    @property
    def ratio(self) -> float:
        """How many times better we are: the ratio of the medians."""
        return median(self.peer) / median(self.ours)

    @property
    def smallest_pair_ratio(self) -> float:
        """The round that was worst for us."""
        return min(peer / ours for ours, peer in zip(self.ours, self.peer, strict=True))

    def as_dict(self, target: float | None) -> dict[str, Any]:
        """Return the samples and what follows from them.

        Args:
            target: the ratio that is wanted at least; None: it is only reported.
        """
        result = {
            "ours": list(self.ours),
            "peer": list(self.peer),
            "ours_median": round(median(self.ours), 4),
            "peer_median": round(median(self.peer), 4),
            "ratio": round(self.ratio, 2),
            "smallest_pair_ratio": round(self.smallest_pair_ratio, 2),
            "target": target,
        }
        # Rounding must never turn a miss into a hit.
        return {**result, "met": None if target is None else self.ratio >= target}
