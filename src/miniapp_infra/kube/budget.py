# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a set may go in one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from miniapp_infra.kube.objects import ObjectRef

PERCENT = 50.0
PROTECTED = ("CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim")
"""Kinds whose deletion takes data along that is in no manifest."""
KEEP = "miniapp.fuze/keep"
"""Annotation of objects that are never pruned."""
ALL = 100.0
SHOWN = 10
"""Objects that a message names."""


@dataclass(frozen=True)
class Budget:
    """What a run may delete.

    Args:
        percent: of the objects that exist of a set, so many may go.
        protected: kinds of which no object goes, as ``Kind`` or ``Kind.group``.
    """

    percent: float = PERCENT
    protected: tuple[str, ...] = PROTECTED

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= ALL:
            raise KubeError(
                f"prune_budget: must be between 0 and 100, got {self.percent:g}", code=ErrorCode.INVALID_INPUT
            )

    def protects(self, ref: ObjectRef) -> bool:
        return ref.kind in self.protected or f"{ref.kind}.{ref.group}" in self.protected

    def spend(self, going: Sequence[ObjectRef], remaining: int, *, of: str, whole: bool = False) -> None:
        """Refuse a deletion that is larger than allowed.

        Args:
            going: what would be deleted.
            remaining: how many objects of the set would stay.
            of: which set, for the message.
            whole: all of it was asked for by name, so the percentage does not count.

        Raises:
            KubeError: names the objects, the numbers and the option to change.
        """
        protected = [ref for ref in going if self.protects(ref)]
        if protected:
            kinds = ", ".join(sorted({ref.kind for ref in protected}))
            raise KubeError(
                f"Refused to prune {of}: {named(protected)} would go, and {kinds} is protected",
                code=ErrorCode.REFUSED_BY_POLICY,
                hint=f"Give these objects the annotation {KEEP}: 'true' to leave them, or take {kinds} out of "
                "protected_kinds to delete them with all that they hold.",
            )
        total = len(going) + remaining
        if not going or whole or len(going) * ALL <= self.percent * total:
            return
        share = len(going) * ALL / total
        raise KubeError(
            f"Refused to prune {of}: {len(going)} of {total} objects would go ({share:.0f} %, allowed are "
            f"{self.percent:g} %): {named(going)}",
            code=ErrorCode.REFUSED_BY_POLICY,
            hint=f"If that is meant, set prune_budget to {-(-len(going) * 100 // total)} or more.",
        )


def named(refs: Iterable[ObjectRef]) -> str:
    """Name objects in a message, the first ones when they are many."""
    names = [str(ref) for ref in sorted(refs)]
    shown = names[:SHOWN]
    if len(names) > len(shown):
        shown.append(f"and {len(names) - len(shown)} more")
    return ", ".join(shown)
