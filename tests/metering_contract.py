# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges requests and answers of metering systems by the extracts of their published descriptions."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miniapp_infra.local.standins.metering.server import Exchange
    from miniapp_infra.local.standins.metering.wire import Request

CONTRACTS = Path(__file__).parent / "contracts" / "metering"


@cache
def contract(system: str) -> dict[str, Any]:
    """Return the extract of a system."""
    loaded: dict[str, Any] = yaml.safe_load((CONTRACTS / f"{system}.yml").read_text())
    return loaded


def judge(exchanges: Iterable[Exchange]) -> int:
    """Fail unless every exchange is as described; return their number."""
    number = 0
    for number, exchange in enumerate(exchanges, start=1):  # noqa: B007 - the last one is the number
        described = contract(exchange.system)
        operation = _operation(described, exchange.request)
        _judge_request(described, operation, exchange.request, refused=exchange.reply.status >= 400)
        assert exchange.reply.status in operation["answers"], f"{exchange.request.path} answers {exchange.reply.status}"
        schema = operation["answers"][exchange.reply.status]
        if schema is None:
            assert exchange.reply.body is None
        else:
            _valid(described, schema, json.loads(exchange.reply.encoded()))
    return number


def _operation(described: dict[str, Any], request: Request) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        one
        for one in described["operations"]
        if one["method"] == request.method and re.fullmatch(one["path"], request.path)
    ]
    assert found, f"{request.method} {request.path} is not described"
    return found[0]


def _judge_request(described: dict[str, Any], operation: dict[str, Any], request: Request, *, refused: bool) -> None:
    known = operation.get("parameters", [])
    for name, _ in request.query:
        assert any(re.fullmatch(one, name) for one in known), f"{request.path} has no parameter {name}"
    if "bodies" in operation and not refused:
        form = request.content_type == "application/x-www-form-urlencoded"
        _valid(
            described, operation["bodies"][request.content_type], request.form() if form else json.loads(request.body)
        )


def _valid(described: dict[str, Any], schema: str, value: Any) -> None:
    document = {"schemas": described["schemas"], "$ref": f"#/schemas/{schema}"}
    errors = list(Draft202012Validator(document, format_checker=FormatChecker()).iter_errors(value))
    assert not errors, f"{schema}: {errors[0].json_path}: {errors[0].message}"
