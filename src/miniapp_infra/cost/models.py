# SPDX-License-Identifier: GPL-3.0-or-later
"""A day's bill, split by whom it belongs to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from miniapp_infra.amounts import plain

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Charge:
    """What one owner pays for one service of the cloud.

    Attributes:
        owner: value of the label; empty when nobody's.
        service: of the cloud, such as ``AmazonEC2``.
        currency: ISO 4217.
        cost: before credits.
        credits: negative or zero.
        reason: why it belongs to nobody; empty when it belongs to ``owner``.
    """

    owner: str
    service: str
    currency: str
    cost: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)
    reason: str = ""

    @property
    def net(self) -> Decimal:
        """Cost after credits."""
        return self.cost + self.credits

    def as_result(self) -> dict[str, str]:
        """Return what modules report."""
        amounts = {"cost": plain(self.cost), "credits": plain(self.credits), "net": plain(self.net)}
        whose = {"reason": self.reason} if self.reason else {"owner": self.owner}
        return {**whose, "service": self.service, "currency": self.currency, **amounts}


@dataclass(frozen=True)
class Bill:
    """The bill of one day.

    Attributes:
        charges: what belongs to somebody and what does not.
        revision: changes when the cloud restates the day; empty when there is nothing yet.
    """

    charges: tuple[Charge, ...]
    revision: str

    def as_result(self) -> dict[str, Any]:
        """Return what modules report; what belongs to nobody is kept apart."""
        return {
            "revision": self.revision,
            "costs": [charge.as_result() for charge in self.charges if not charge.reason],
            "unassigned": [charge.as_result() for charge in self.charges if charge.reason],
            "totals": self._totals(),
        }

    def _totals(self) -> dict[str, str]:
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for charge in self.charges:
            totals[charge.currency] += charge.net
        return {currency: plain(total) for currency, total in sorted(totals.items())}


def summed(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return one charge for each owner, service, currency and reason, sorted; without those of nothing."""
    sums: dict[tuple[str, str, str, str], Charge] = {}
    for one in charges:
        key = (one.owner, one.reason, one.service, one.currency)
        had = sums.get(key, Charge(one.owner, one.service, one.currency, reason=one.reason))
        sums[key] = Charge(
            one.owner, one.service, one.currency, had.cost + one.cost, had.credits + one.credits, one.reason
        )
    return tuple(charge for _, charge in sorted(sums.items()) if charge.cost or charge.credits)
