# SPDX-License-Identifier: GPL-3.0-or-later
"""Every source file says under which licence it is."""

from __future__ import annotations

from .conftest import ROOT

HEADER = "SPDX-License-Identifier: GPL-3.0-or-later"
SUFFIXES = {
    ".cfg",
    ".cjs",
    ".cue",
    ".go",
    ".j2",
    ".js",
    ".json5",
    ".py",
    ".rego",
    ".sh",
    ".sql",
    ".tf",
    ".tpl",
    ".yaml",
    ".yml",
}
NAMES = {"Corefile", "Dockerfile", "Makefile", ".editorconfig", ".yamllint", ".ansible-lint"}
# Written by their own tools, which drop comments.
GENERATED = {"changelogs/changelog.yaml", "changelogs/.plugin-cache.yaml"}


def test_source_files_begin_with_the_licence(texts):
    missing = [
        str(path)
        for path, text in texts.items()
        if (path.suffix in SUFFIXES or path.name in NAMES)
        and str(path) not in GENERATED
        and not any(HEADER in line for line in text.splitlines()[:3])
    ]
    assert not missing, f"first line must be the SPDX header: {missing}"


def test_programs_have_the_licence_too(texts):
    missing = [str(path) for path, text in texts.items() if text.startswith("#!") and HEADER not in text[:200]]
    assert not missing


def test_the_licence_is_complete():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "Version 3, 29 June 2007" in text
    assert "END OF TERMS AND CONDITIONS" in text
