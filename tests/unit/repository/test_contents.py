# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of one machine, no secret and no leftover gets into the repository."""

from __future__ import annotations

import re

# Fixed by their formats: checksums, a licence, exported schemas.
UNREAD = {"LICENSE", "go.sum"}

# Home directories and checkouts of somebody's machine; /home is left out, because images have homes too.
MACHINE_PATH = re.compile(r"(?<![\w.:}~$-])/(?:root/|work/|Users/\w+|tmp/bash)")
# Where packages come from is a setting of the machine (pip.conf, GOPROXY, apt sources), never of the product.
REGISTRY_HOST = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("proxy", "golang", "org"),
            ("sum", "golang", "org"),
            ("registry", "npmjs", "org"),
            ("deb", "debian", "org"),
            ("archive", "ubuntu", "com"),
            ("galaxy", "ansible", "com"),
        ]
    )
)
PRIVATE_KEY = re.compile("-----BEGIN (?:[A-Z]+ )*PRIVATE " + "KEY-----")
LEFTOVER = re.compile(r"\b(?:TO" + "DO|FIX" + r"ME|XX" + r"X)\b")
CONFLICT = re.compile(r"^(?:<{7}|>{7}|={7})(?: |$)", re.MULTILINE)


def offenders(texts, pattern):
    return sorted(
        f"{path}:{text[: match.start()].count(chr(10)) + 1}: {match.group()}"
        for path, text in texts.items()
        if path.name not in UNREAD
        for match in pattern.finditer(text)
    )


def test_no_paths_of_a_machine(texts):
    assert not offenders(texts, MACHINE_PATH)


def test_no_hosts_of_package_registries(texts):
    assert not offenders(texts, REGISTRY_HOST)


def test_no_private_keys(texts):
    assert not offenders(texts, PRIVATE_KEY)


def test_nothing_left_to_do(texts):
    assert not offenders(texts, LEFTOVER)


def test_no_conflict_markers(texts):
    assert not offenders(texts, CONFLICT)


def test_lines_end_as_they_should(texts):
    bad = [
        str(path)
        for path, text in texts.items()
        if path.name not in UNREAD
        and text
        and (not text.endswith("\n") or "\r" in text or "\t\n" in text or " \n" in text)
    ]
    assert not bad, f"needs a final newline, LF and no trailing blanks: {bad}"


def test_python_files_are_short_enough_to_read(texts):
    long = {
        str(path): text.count("\n") for path, text in texts.items() if path.suffix == ".py" and text.count("\n") > 500
    }
    assert not long


def test_python_files_use_modern_annotations(texts):
    # Plugins are read by ansible-doc, which takes it too.
    old = [
        str(path)
        for path, text in texts.items()
        if path.suffix == ".py"
        and re.search(r"^(async def|def|class) ", text, re.MULTILINE)
        and "from __future__ import annotations" not in text
    ]
    assert not old
