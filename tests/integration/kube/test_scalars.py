# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain YAML scalars mean what they mean to kubectl: thousands of strange ones, compared with kubectl itself."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.manifests import parse

if TYPE_CHECKING:
    from conftest import Kubectl

pytestmark = pytest.mark.live

CHARACTERS = "0123456789+-_.eExXobBnNyYtTrRuUfFsSiI~=<"
WORDS = (
    *("true", "yes", "no", "on", "off", "y", "n", "null", "NULL", "inf", ".inf", "nan", "0x", "0o", "0b", "1e", "1_0"),
    *("-", "+", ".", "_", "e5", "E-3", "0", "00", "07", "08", "1:2", "2026-01-01", "T00:00:00Z", "~", "=", "<<"),
)
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: scalars}\n"


def scalars() -> list[str]:
    source = random.Random(4)  # the same ones every time
    made = {"".join(source.choices(CHARACTERS, k=source.randint(1, 6))) for _ in range(3000)}
    made |= {"".join(source.choices("0123456789._eE+-", k=source.randint(1, 8))) for _ in range(2000)}
    made |= {"".join(source.choices(WORDS, k=source.randint(1, 3))) for _ in range(1500)}
    return sorted(made - {"-"})  # which begins a list


def test_plain_scalars_mean_what_they_mean_to_kubectl(kubectl: Kubectl) -> None:
    ours: dict[str, Any] = {}
    refused = []
    for scalar in scalars():
        try:
            ours[scalar] = parse(f"{HEAD}data:\n- {scalar}\n", "t")[0]["data"][0]
        except KubeError:
            refused.append(scalar)
    text = HEAD + "data:\n" + "".join(f"- {scalar}\n" for scalar in ours)
    options = ("--dry-run=client", "--validate=false", "-o", "json", "-f", "-")
    theirs = kubectl("create", *options, stdin=text)["data"]
    assert len(ours) > 4000
    different = [
        (scalar, value, other)
        for (scalar, value), other in zip(ours.items(), theirs, strict=True)
        if json.dumps(value) != json.dumps(other) and (is_text(value, other) or value != other)
    ]
    assert different == []
    # JSON has no infinity, and what is left of these is no plain scalar at all.
    assert [
        item for item in refused if "inf" not in item.lower() and "nan" not in item.lower() and item[0] not in ".-"
    ] == []


def is_text(*values: Any) -> bool:
    """Whether one is no number: for numbers, 1 and 1.0 are the same text in two languages."""
    return any(isinstance(value, str | bool) or value is None for value in values)
