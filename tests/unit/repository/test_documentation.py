# SPDX-License-Identifier: GPL-3.0-or-later
"""What documents name exists."""

from __future__ import annotations

import re

from .conftest import ROOT

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"`(?:[A-Z_]+=\S+ )*make ([a-z]+)[^`]*`")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
ADR = re.compile(r"docs/adr/\d{4}-[a-z0-9-]+\.md")


def documents(texts):
    return {path: text for path, text in texts.items() if path.suffix == ".md"}


def test_links_lead_somewhere(texts):
    broken = [
        f"{path}: {link}"
        for path, text in documents(texts).items()
        for link in LINK.findall(text)
        if not (ROOT / path.parent / link).exists()
    ]
    assert not broken


def test_named_make_targets_exist(texts):
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    unknown = [
        f"{path}: make {target}"
        for path, text in documents(texts).items()
        for target in MAKE.findall(text)
        if target not in targets
    ]
    assert not unknown


def test_named_decisions_exist(texts):
    missing = sorted(
        {f"{path}: {adr}" for path, text in texts.items() for adr in ADR.findall(text) if not (ROOT / adr).exists()}
    )
    assert not missing


def test_each_decision_has_a_number_of_its_own():
    numbers = [path.name[:4] for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")]
    assert len(numbers) == len(set(numbers))
