# SPDX-License-Identifier: GPL-3.0-or-later
"""Which namespaces a restore writes to, and whether it would write over what it comes from. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.velero.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

EVERYTHING = "*"
"""Stands for the namespaces of a backup that names none."""


@dataclass(frozen=True)
class Target:
    """Where a restore reads from and writes to.

    Args:
        sources: namespaces of the backup that are restored; ``*`` when the backup holds all that there were.
        namespaces: where they are written to; ``*`` likewise.
    """

    sources: frozenset[str]
    namespaces: frozenset[str]

    @property
    def over_source(self) -> frozenset[str]:
        """Namespaces that are both read and written; ``*`` when any may be."""
        return self.namespaces & self.sources


def target_of(restore: Mapping[str, Any], backup: Mapping[str, Any]) -> Target:
    """Work the target out of the specifications of a restore and its backup.

    The namespaces of the restore count, where it names some, else those of the backup, without those that either
    excludes. Patterns stand for themselves. Objects of the cluster as a whole belong to no namespace and do not count.

    Raises:
        MiniappInfraError: invalid_input, when a namespace is mapped that is not restored: a slip there would write into
            the source.
    """
    mapping: Mapping[str, str] = restore.get("namespaceMapping") or {}
    named = _named(restore) or _named(backup)
    if not named:
        return Target(frozenset({EVERYTHING}), frozenset({EVERYTHING}))
    excluded = {*(restore.get("excludedNamespaces") or ()), *(backup.get("excludedNamespaces") or ())}
    sources = frozenset(named) - excluded
    if unknown := sorted(set(mapping) - sources):
        raise invalid(
            f"namespace_mapping: {unknown[0]} is not restored, only {', '.join(sorted(sources)) or 'nothing'}",
            "Map namespaces of the backup.",
        )
    return Target(sources, frozenset(mapping.get(source, source) for source in sources))


def _named(spec: Mapping[str, Any]) -> list[str]:
    included: list[str] = list(spec.get("includedNamespaces") or ())
    return [] if EVERYTHING in included else included


def check_confirmation(confirmed: Collection[str], target: Target) -> None:
    """Refuse a restore whose target is not the one that was confirmed.

    Raises:
        MiniappInfraError: invalid_input; names the target.
    """
    if set(confirmed) != target.namespaces:
        wanted = ", ".join(sorted(target.namespaces)) or "nothing"
        given = ", ".join(sorted(confirmed)) or "nothing"
        raise invalid(
            f"confirm_target: the restore writes to {wanted}, confirmed is {given}",
            "Look at namespace_mapping and included_namespaces first; then confirm exactly these namespaces.",
        )
