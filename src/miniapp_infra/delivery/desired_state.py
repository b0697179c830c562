# SPDX-License-Identifier: GPL-3.0-or-later
"""Desired state in Git, as it follows from the catalogue: values of each service and the bootstrap objects."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.catalog.render.values import service_values
from miniapp_infra.delivery.bootstrap import bootstrap_path, git_objects
from miniapp_infra.delivery.guards import require_not_frozen, resolve_release
from miniapp_infra.delivery.release import Release, release_path

if TYPE_CHECKING:
    from datetime import datetime

    from miniapp_infra.catalog import Environment
    from miniapp_infra.delivery.ports import Artefacts
    from miniapp_infra.githost import GitHost

_HEADER = "# Rendered from inventories/{env}. Changes made here are overwritten; change the inventory instead.\n"


@dataclass(frozen=True)
class SyncResult:
    """What a synchronisation of the repository did.

    Args:
        changed: whether files differed.
        commit: last commit of the deployed branch.
        paths: files that differed.
        diff: as a unified diff.
        unmanaged: services in the repository that the catalogue does not have; they are left alone.
        released: services that got their first release.
    """

    changed: bool
    commit: str
    paths: tuple[str, ...]
    diff: str
    unmanaged: tuple[str, ...]
    released: tuple[str, ...]


def render_files(environment: Environment) -> dict[str, bytes]:
    """Return every rendered file by path; releases are not among them, promotions own those."""
    env = environment.name
    files = {
        f"services/{env}/{service}/values.yaml": _yaml(env, service_values(environment, service))
        for service in environment.service_names
    }
    for name, definition in git_objects(environment).items():
        files[f"{bootstrap_path(env)}/{name}"] = _yaml(env, definition)
    return files


def first_releases(environment: Environment, host: GitHost, artefacts: Artefacts, now: datetime) -> list[Release]:
    """Return the release of each service that has none, at the version that the catalogue starts with.

    Raises:
        MiniappInfraError: as a promotion would: ``FROZEN``, ``NOT_FOUND``, ``UNVERIFIED_IMAGE``.
    """
    missing = [name for name in environment.service_names if host.read(release_path(environment.name, name)) is None]
    if missing:
        require_not_frozen(environment, now, action=f"release {', '.join(missing)} in {environment.name}")
    return [resolve_release(environment, artefacts, name, environment.service(name).version) for name in missing]


def sync(host: GitHost, environment: Environment, *, releases: list[Release], check: bool = False) -> SyncResult:
    """Make the repository contain what the catalogue says, in one commit and only where it differs.

    Args:
        host: the repository.
        environment: the inventory.
        releases: first releases; one that the repository has already is not touched.
        check: only tell what would change.
    """
    wanted = render_files(environment)
    wanted |= {release.path: release.to_yaml() for release in releases if host.read(release.path) is None}
    before = {path: host.read(path) for path in wanted}
    changes: dict[str, bytes | None] = {path: content for path, content in wanted.items() if before[path] != content}
    commit = host.head(host.branch)
    if changes and not check:
        commit = host.commit(host.branch, changes, _message(environment, changes))
    return SyncResult(
        changed=bool(changes),
        commit=commit,
        paths=tuple(sorted(changes)),
        diff="".join(_diff(path, before[path], wanted[path]) for path in sorted(changes)),
        unmanaged=_unmanaged(host, environment),
        released=tuple(release.service for release in releases if release.path in changes),
    )


def _yaml(env: str, content: dict[str, Any]) -> bytes:
    return (_HEADER.format(env=env) + yaml.safe_dump(content, sort_keys=True, width=120)).encode()


def _message(environment: Environment, changes: dict[str, bytes | None]) -> str:
    return "\n".join(
        [f"Render the inventory of {environment.name}", "", *(f"- {path}" for path in sorted(changes)), ""]
    )


def _diff(path: str, before: bytes | None, after: bytes) -> str:
    old = (before or b"").decode().splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, after.decode().splitlines(keepends=True), f"a/{path}", f"b/{path}"))


def _unmanaged(host: GitHost, environment: Environment) -> tuple[str, ...]:
    folder = f"services/{environment.name}/"
    present = {path.removeprefix(folder).split("/")[0] for path in host.paths(folder)}
    return tuple(sorted(present - set(environment.service_names)))
