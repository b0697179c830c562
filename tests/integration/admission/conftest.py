# SPDX-License-Identifier: GPL-3.0-or-later
"""The live cluster, and images of every sort in its registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .cluster import BIN, NAMESPACE, Cluster
from .images import Images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Pushed:
    """Images of one service, by digest; only ``good`` may run."""

    good: str
    unsigned: str
    stranger: str
    attested: str
    copied: str


@pytest.fixture(scope="session")
def cluster(kubeconfig: Path) -> Cluster:
    return Cluster(kubeconfig)


# Not for the session: later tests may start the environment anew, and with it an empty registry.
@pytest.fixture(scope="package")
def pushed(
    cluster: Cluster, module_process: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pushed]:
    del cluster  # only so that the tests are skipped where no environment runs
    stranger = tmp_path_factory.mktemp("stranger") / "signing"
    made = module_process("cosign_key_pair", {"directory": str(stranger), "cosign_binary": str(BIN / "cosign")})
    assert made["changed"], made
    images = Images(module_process, stranger)
    try:
        good = images.signed(NAMESPACE, "test-signed")
        yield Pushed(
            good=good,
            unsigned=images.unsigned(NAMESPACE, "test-unsigned"),
            stranger=images.signed(NAMESPACE, "test-stranger", key=stranger),
            attested=images.attested(NAMESPACE, "test-attested"),
            copied=images.with_signature_of(good, NAMESPACE, "test-copied"),
        )
    finally:
        images.remove()


@pytest.fixture(scope="package")
def good(pushed: Pushed) -> str:
    return pushed.good
