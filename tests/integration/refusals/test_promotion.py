# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotions and rollbacks that must not be: refused before Git or the cluster hears of them.

The versions are higher than any real one, so that none is refused for being older, and are removed in the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from admission.cluster import BIN
from admission.images import REGISTRY, Images

from .conftest import REPOSITORY, Playbook, git, refs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Rewrite = Callable[[str, Callable[[dict[str, Any]], object]], None]

pytestmark = pytest.mark.live

SERVICE = "watchlist"
SIGNED, UNSIGNED, STRANGER, ABSENT = "999.0.0", "999.0.1", "999.0.2", "999.0.3"


@pytest.fixture(scope="module")
def images(
    kubeconfig: Path, module_process: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Images by version."""
    del kubeconfig  # only so that the tests are skipped where no environment runs
    stranger = tmp_path_factory.mktemp("stranger") / "signing"
    made = module_process("cosign_key_pair", {"directory": str(stranger), "cosign_binary": str(BIN / "cosign")})
    assert made["changed"], made
    pushed = Images(module_process, stranger)
    try:
        yield {
            SIGNED: pushed.signed(SERVICE, SIGNED),
            UNSIGNED: pushed.unsigned(SERVICE, UNSIGNED),
            STRANGER: pushed.signed(SERVICE, STRANGER, key=stranger),
        }
    finally:
        pushed.remove()


@pytest.fixture(autouse=True)
def _git_stays_as_it_is() -> Iterator[None]:
    """No test of this file leaves a branch, a pull request, a record or a commit."""
    before = refs()
    yield
    assert refs() == before


def freeze(rewrite: Rewrite, *, ends_in: timedelta) -> datetime:
    """Put a freeze window of two hours into the copied inventory; return its end, in UTC."""
    end = datetime.now(UTC).replace(microsecond=0, tzinfo=None) + ends_in
    window = {
        "name": "prize-draw",
        "start": (end - timedelta(hours=2)).isoformat(),
        "end": end.isoformat(),
        "timezone": "UTC",
        "reason": "the draw is on air",
        "owner": "games",
    }
    rewrite("freeze", lambda content: content.update(freeze_windows=[window]))
    return end


@dataclass(frozen=True)
class Refusal:
    """How a version is refused; ``{image}`` stands for its digest."""

    version: str
    code: str
    says: str
    why: str


REFUSALS = {
    "does not exist": Refusal(
        ABSENT,
        "not_found",
        f"Failed to find version {ABSENT} of service {SERVICE}: {REGISTRY}/miniapp/{SERVICE} has ",
        SIGNED,
    ),
    "not signed": Refusal(UNSIGNED, "unverified_image", "Failed to verify image {image}: ", "no signature"),
    "signed with another key": Refusal(
        STRANGER, "unverified_image", "Failed to verify image {image}: ", "no matching signatures: "
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_version_that_may_not_run_is_not_promoted(
    playbook: Playbook, inventory: Path, images: dict[str, str], name: str
) -> None:
    refusal = REFUSALS[name]

    run = playbook("promote", inventory, service=SERVICE, version=refusal.version, approve="true")

    assert not run.succeeded
    assert run.failure["msg"].startswith(refusal.says.format(image=images.get(refusal.version, "")))
    assert refusal.why in run.failure["msg"]
    assert (run.failure["error"]["code"], run.changed) == (refusal.code, 0)
    assert run.failure["error"]["hint"]


def test_nothing_is_promoted_while_frozen(
    playbook: Playbook, inventory: Path, rewrite: Rewrite, images: dict[str, str]
) -> None:
    """A version that could run: its twin below differs in the end of the window only."""
    assert SIGNED in images
    end = freeze(rewrite, ends_in=timedelta(hours=1))

    run = playbook("promote", inventory, service=SERVICE, version=SIGNED, approve="true")

    assert not run.succeeded
    assert run.failure["msg"].startswith(
        f"Failed to promote service {SERVICE} to {SIGNED} in local: local is frozen by "
    )
    for part in ("prize-draw", "the draw is on air", "games", end.isoformat()):
        assert part in run.failure["msg"]
    assert (run.failure["error"]["code"], run.failure["error"]["retryable"]) == ("frozen", True)
    assert f"Wait until {end.isoformat()}+00:00 or ask games" in run.failure["error"]["hint"]
    assert run.changed == 0


def test_a_signed_version_would_be_promoted_after_the_window(
    playbook: Playbook, inventory: Path, rewrite: Rewrite, images: dict[str, str]
) -> None:
    freeze(rewrite, ends_in=-timedelta(minutes=1))

    run = playbook("promote", inventory, "--check", service=SERVICE, version=SIGNED, approve="true")

    assert run.succeeded, run.output
    assert run.changed == 1
    assert f"{SERVICE}: planned" in run.output
    assert images[SIGNED].partition("@")[2] in run.output


def test_a_first_release_is_not_rolled_back(playbook: Playbook, inventory: Path, tmp_path: Path) -> None:
    git("clone", "--quiet", "--bare", "--single-branch", REPOSITORY, str(tmp_path / "platform.git"))
    first = next(name for name in _released(tmp_path) if len(_history(tmp_path, name)) == 1)

    run = playbook("rollback", inventory, service=first, approve="true")

    assert not run.succeeded
    assert run.failure["msg"].startswith(f"Failed to roll back service {first} in local: ")
    assert run.failure["msg"].endswith(" is its first release, there is none before it")
    assert (run.failure["error"]["code"], run.changed) == ("conflict", 0)


def _released(directory: Path) -> list[str]:
    listed = git(f"--git-dir={directory / 'platform.git'}", "ls-tree", "--name-only", "HEAD", "services/local/")
    return [line.rpartition("/")[2] for line in listed.splitlines()]


def _history(directory: Path, service: str) -> list[str]:
    path = f"services/local/{service}/release.yaml"
    return git(f"--git-dir={directory / 'platform.git'}", "log", "--format=%H", "--", path).splitlines()
