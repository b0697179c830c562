# SPDX-License-Identifier: GPL-3.0-or-later
"""A real repository, the real local inventory, and a registry and a cluster that do what they are told."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from miniapp_infra import catalog
from miniapp_infra.delivery import Delivery, Deployment, desired_state
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.githost import LocalGitHost, Remote
from miniapp_infra.githost.repository import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def digest_of(repository: str, version: str) -> str:
    return f"sha256:{hashlib.sha256(f'{repository}:{version}'.encode()).hexdigest()}"


@dataclass
class FakeArtefacts:
    """Has versions 1.0.0 to 1.2.0 of everything, all signed."""

    tags: tuple[str, ...] = ("1.0.0", "1.1.0", "1.2.0", "0.2.0", "0.3.0", "latest")
    unsigned: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def versions(self, repository):
        del repository
        return self.tags

    def digest(self, repository, version):
        self.asked.append(f"{repository}:{version}")
        if version not in self.tags:
            return None
        return self.moved.get(version) or digest_of(repository, version)

    def require_signed(self, image):
        if image.digest in self.unsigned:
            raise MiniappInfraError(
                f"Failed to verify image {image}: no signatures found", code=ErrorCode.UNVERIFIED_IMAGE
            )


@dataclass
class FakeDeployments:
    """Delivers at once, or fails."""

    delivered: dict[str, tuple[str, str]] = field(default_factory=dict)
    failure: MiniappInfraError | None = None

    def is_delivered(self, release, commit):
        return self.delivered.get(release.service) == (release.image.digest, commit)

    def deliver(self, release, commit):
        assert commit
        if self.failure is not None:
            raise self.failure
        self.delivered[release.service] = (release.image.digest, commit)
        return Deployment("Synced", "Healthy", 1.5)


@pytest.fixture(scope="session")
def environment() -> catalog.Environment:
    return catalog.load(ROOT / "inventories" / "local")


@pytest.fixture(scope="session")
def seeded(environment, tmp_path_factory) -> Path:
    """A repository with every service at its first release; made once, copied for each test."""
    directory = tmp_path_factory.mktemp("seeded") / "platform.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(directory)], check=True)
    with copy_of(Remote(f"file://{directory}")) as copy:
        host = LocalGitHost(copy, user="operator")
        releases = desired_state.first_releases(environment, host, FakeArtefacts(), NOW)
        desired_state.sync(host, environment, releases=releases)
    return directory


@pytest.fixture
def remote(seeded: Path, tmp_path: Path) -> Remote:
    return Remote(f"file://{shutil.copytree(seeded, tmp_path / 'platform.git')}")


@pytest.fixture
def open_host(remote: Remote) -> Iterator[Callable[..., LocalGitHost]]:
    copies = []

    def open_as(user: str, *, self_approval: bool = True) -> LocalGitHost:
        copy = copy_of(remote)
        copies.append(copy)
        return LocalGitHost(copy.__enter__(), user=user, self_approval=self_approval)

    yield open_as
    for copy in copies:
        copy.__exit__(None, None, None)


@pytest.fixture
def delivery(environment, open_host) -> Delivery:
    return Delivery(environment, open_host("operator"), FakeArtefacts(), FakeDeployments(), lambda: NOW)
