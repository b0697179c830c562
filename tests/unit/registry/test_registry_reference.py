# SPDX-License-Identifier: GPL-3.0-or-later
"""Image references."""

from __future__ import annotations

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import ImageReference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    "text",
    [
        "198.18.0.2:5000/miniapp/playhub:1.0.0",
        f"198.18.0.2:5000/miniapp/playhub@{DIGEST}",
        f"registry.example.com/a/b-c_d.e:v1@{DIGEST}",
        "localhost/x:1",
    ],
)
def test_a_reference_reads_back_as_written(text: str) -> None:
    assert str(ImageReference.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "playhub", "miniapp/playhub:1", "a.b/C:1", "a.b/x:", "a.b/x@sha256:12", "a.b/x:1 ", "https://a.b/x:1", "a.b/"],
)
def test_an_incomplete_reference_is_refused_with_the_name_of_the_option(text: str) -> None:
    with pytest.raises(MiniappInfraError, match=r"^image: ") as caught:
        ImageReference.parse(text)
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_a_tag_is_not_a_digest() -> None:
    with pytest.raises(MiniappInfraError, match="a digest is needed") as caught:
        ImageReference.parse("a.b/x:1").require_digest()
    assert "a.b/x@sha256:" in caught.value.hint


def test_at_digest_drops_the_tag() -> None:
    assert str(ImageReference.parse("a.b/x:1").at_digest(DIGEST)) == f"a.b/x@{DIGEST}"
