# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact numbers: money and quantities are decimal texts outside, ``Decimal`` inside and never ``float``."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

PLACES = 12
"""Places after the point: what Stripe keeps of a value, the least of all that we speak to."""
# Within these limits a sum stays exact in the 28 digits of Decimal's default context.
_PLAIN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", re.ASCII)


def exact(value: Any, field: str, *, negative: bool = False) -> Decimal:
    """Return a number that was given as text or as an integer.

    Args:
        value: such as ``"12.50"`` or ``3``.
        field: what errors call it.
        negative: whether it may be below zero.

    Raises:
        MiniappInfraError: invalid_input, for anything else: a float, which is not exact, NaN, infinity, an exponent.
    """
    if isinstance(value, float):
        raise _bad(field, f"must be a decimal text such as '12.50', not the inexact number {value!r}; put it in quotes")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _bad(field, f"must be a decimal text such as '12.50', not {value!r}")
    text = plain(value) if isinstance(value, Decimal) and value.is_finite() else str(value).strip()
    if not _PLAIN.fullmatch(text):
        raise _bad(
            field, f"must be a decimal number with at most 15 digits before and 12 after the point, not {text!r}"
        )
    number = Decimal(text)
    if number < 0 and not negative:
        raise _bad(field, f"must not be negative, but is {text}")
    return number


def plain(number: Decimal) -> str:
    """Return a number as text without exponent and without zeros at the end, so that equal numbers have equal texts."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def rounded(number: Decimal) -> Decimal:
    """Return a number with the places that ``exact`` takes; for estimates, whose further digits mean nothing."""
    return number.quantize(Decimal(1).scaleb(-PLACES))


def loads(data: bytes | str) -> Any:
    """Return decoded JSON whose fractions are ``Decimal``.

    Raises:
        ValueError: it is no JSON.
    """
    return json.loads(data, parse_float=Decimal)


def _bad(field: str, reason: str) -> MiniappInfraError:
    return MiniappInfraError(f"{field}: {reason}", code=ErrorCode.INVALID_INPUT)
