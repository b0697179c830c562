# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes resource quantities such as ``250m`` and ``1.5Gi``.

The grammar is that of the Kubernetes API reference, type ``Quantity``.
"""

from __future__ import annotations

import re
from decimal import Decimal

_PATTERN = re.compile(r"^(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>m|k|M|G|T|Ki|Mi|Gi|Ti)?$")
_FACTORS: dict[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGT", start=1)},
}


def parse(text: str) -> Decimal:
    """Return a quantity in its base unit: cores for CPU, bytes for memory and storage.

    Raises:
        ValueError: ``text`` is not a quantity, or is negative or in exponent form, which the inventories do not use.
    """
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError("must be a Kubernetes quantity such as 250m, 2 or 512Mi")
    return Decimal(match["number"]) * _FACTORS[match["unit"] or ""]
