# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply a set and delete what an earlier run applied and this one does not declare.

The order makes every moment safe to stop at: an object is recorded before it exists, and forgotten after it is gone.
What a run must not do is found out before it changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube import inventory as inventory_module
from miniapp_infra.kube import live as live_module
from miniapp_infra.kube import locate
from miniapp_infra.kube.apply import apply
from miniapp_infra.kube.budget import SHOWN, Budget
from miniapp_infra.kube.errors import ApiError, KubeError, SeveralError
from miniapp_infra.kube.inventory import Inventory, Place, marked, owner_of, place_of
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.objects import KubeObject, ObjectRef, ref_of
from miniapp_infra.kube.prune import Kept, is_going, prune, sort_out
from miniapp_infra.kube.recall import Recall
from miniapp_infra.kube.width import MOST

if TYPE_CHECKING:
    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery
    from miniapp_infra.kube.live import Target
    from miniapp_infra.kube.wait import WaitOptions

Ready = Callable[[Sequence[Outcome]], object]
Identity = tuple[str, str, str, str]


@dataclass(frozen=True)
class Ownership:
    """Which inventory records a set, and what may be done in its name.

    Args:
        place: of the inventory.
        budget: what a run may delete.
        adopt: take over objects that belong to another inventory or to a release of Helm.
        create_namespace: make the inventory's namespace when it is missing; it stays when the set goes.
        waiting: for deletions, see ``prune.prune``.
    """

    place: Place
    budget: Budget = field(default_factory=Budget)
    adopt: bool = False
    create_namespace: bool = False
    waiting: WaitOptions | None = None


@dataclass(frozen=True)
class Converged:
    """What a run did with a set.

    Args:
        outcomes: of the objects, in the order in which they were treated.
        kept: what is not declared any more and stays nevertheless.
        before: the inventory at the start.
        after: the inventory at the end.
    """

    outcomes: tuple[Outcome, ...]
    kept: tuple[Kept, ...]
    before: Inventory
    after: Inventory

    @property
    def action(self) -> Action:
        """What was done with the inventory itself."""
        if self.before.refs == self.after.refs and (self.before.stored is None) == (self.after.stored is None):
            return Action.UNCHANGED
        if self.before.stored is None:
            return Action.CREATED
        return Action.DELETED if self.after.stored is None else Action.UPDATED

    def result(self, *, with_diff: bool) -> dict[str, Any]:
        """Return the result of a module."""
        result = report(self.outcomes, with_diff=with_diff)
        inventory_place = self.after.place
        result["changed"] = result["changed"] or self.action is not Action.UNCHANGED
        result["inventory"] = {
            "namespace": inventory_place.namespace,
            "name": inventory_place.name,
            "objects": len(self.after.refs),
            "action": self.action.value,
        }
        result["kept"] = [item.summary() for item in self.kept]
        if with_diff and self.action is not Action.UNCHANGED:
            header = f"inventory {inventory_place}"
            result["diff"].append(
                {
                    "before_header": header,
                    "after_header": header,
                    "before": _lines(set(self.before.refs) - set(self.after.refs)),
                    "after": _lines(set(self.after.refs) - set(self.before.refs)),
                }
            )
        return result


def converge(
    client: Client,
    discovery: Discovery,
    objects: Sequence[KubeObject],
    options: ApplyOptions,
    ownership: Ownership,
    *,
    ready: Ready | None = None,
) -> Converged:
    """Make the cluster hold what a set declares, and nothing that it declared before and does not any more.

    Args:
        client: reaches the server; a ``Recall`` that has read some of it already saves these requests.
        discovery: knows the kinds.
        objects: the set.
        options: how it is applied.
        ownership: whose it is.
        ready: called with the outcomes of the apply before anything is deleted; raises when the set did not become
            ready. Not called in check mode.

    Raises:
        KubeError: the set is not valid, belongs to somebody else, or too much would go; nothing was changed.
        SeveralError: some objects failed; carries the progress. The inventory records what there may be.
    """
    run = _Run(client, discovery, options, ownership)
    with ThreadPoolExecutor(MOST, thread_name_prefix="converge") as executor:
        inventory_read = executor.submit(inventory_module.read, run.recall, ownership.place)
        declared = locate.declared(discovery, objects, options.namespace)
        states = live_module.read(run.recall, declared.targets, executor)
        before = inventory_read.result()
        if not ownership.adopt:
            run.refuse_foreign(states)
        plan = run.plan(before, declared.refs, executor)
    return run.carry_out(objects, declared.refs, plan, ready)


def dissolve(client: Client, discovery: Discovery, options: ApplyOptions, ownership: Ownership) -> Converged:
    """Delete all that an inventory records, and the inventory.

    Raises:
        KubeError: a protected object would go; nothing was changed.
        SeveralError: some objects failed; carries the progress.
    """
    run = _Run(client, discovery, options, ownership)
    with ThreadPoolExecutor(MOST, thread_name_prefix="dissolve") as executor:
        plan = run.plan(inventory_module.read(run.recall, ownership.place), (), executor, whole=True)
    return run.finish(plan, (), ())


def reduce(
    client: Client, discovery: Discovery, objects: Sequence[KubeObject], options: ApplyOptions, ownership: Ownership
) -> Converged:
    """Delete what an inventory records and a set does not have. Applies nothing.

    Args:
        client: reaches the server.
        discovery: knows the kinds.
        objects: what stays. Only their identity counts.
        options: how objects are deleted, and the namespace of those that name none.
        ownership: whose they are.

    Raises:
        KubeError: too much would go; nothing was changed.
        SeveralError: some objects failed; carries the progress.
    """
    run = _Run(client, discovery, options, ownership)
    declared = locate.declared(discovery, objects, options.namespace)
    with ThreadPoolExecutor(MOST, thread_name_prefix="reduce") as executor:
        plan = run.plan(inventory_module.read(run.recall, ownership.place), declared.refs, executor)
    stays = {ref.identity for ref in declared.refs}
    recorded = locate.known(discovery, plan.inventory.refs)
    return run.finish(plan, (), [ref for ref in recorded if ref.identity in stays])


@dataclass(frozen=True)
class _Plan:
    """What a run will delete.

    Args:
        inventory: as recorded.
        going: the state of what is to be deleted.
        kept: what is left although it is not declared.
    """

    inventory: Inventory
    going: Mapping[Target, KubeObject]
    kept: tuple[Kept, ...]


class _Run:
    def __init__(self, client: Client, discovery: Discovery, options: ApplyOptions, ownership: Ownership) -> None:
        self.recall = client if isinstance(client, Recall) else Recall(client)
        self._client = self.recall.inner
        self._discovery = discovery
        self._options = options
        self._ownership = ownership

    def refuse_foreign(self, states: Mapping[ObjectRef, KubeObject]) -> None:
        """Refuse objects that belong to somebody else.

        An inventory that does not exist any more, or does not record the object, is nobody.

        Raises:
            KubeError: names the objects and both owners.
        """
        mine = str(self._ownership.place)
        claims: dict[str, list[ObjectRef]] = {}
        for ref, obj in states.items():
            owner = owner_of(obj)
            if owner and owner != mine and not is_going(obj):
                claims.setdefault(owner, []).append(ref)
        foreign = [
            f"{ref} belongs to {owner}" for owner, refs in claims.items() for ref in self._still_owned(owner, refs)
        ]
        if foreign:
            shown = sorted(foreign)[:SHOWN]
            if len(foreign) > len(shown):
                shown.append(f"and {len(foreign) - len(shown)} more")
            raise KubeError(
                f"Refused to apply the set of inventory {mine}: {'; '.join(shown)}",
                code=ErrorCode.CONFLICT,
                hint="Remove them from one of the two sets, or take them over with adopt.",
            )

    def _still_owned(self, owner: str, refs: Sequence[ObjectRef]) -> list[ObjectRef]:
        other = place_of(owner)
        if other is None:
            return list(refs)
        recorded = inventory_module.read(self.recall, other).refs
        identities = {ref.identity for ref in locate.known(self._discovery, recorded)}
        return [ref for ref in refs if ref.identity in identities]

    def plan(
        self, inventory: Inventory, declared: Iterable[ObjectRef], executor: ThreadPoolExecutor, *, whole: bool = False
    ) -> _Plan:
        """Find out what is to be deleted.

        Raises:
            KubeError: it is more than the budget allows.
        """
        wanted = {ref.identity for ref in declared}
        recorded = locate.known(self._discovery, inventory.refs)
        candidates = [ref for ref in recorded if ref.identity not in wanted]
        states = locate.read(self.recall, self._discovery, candidates, executor) if candidates else {}
        going, kept = sort_out(states, str(self._ownership.place))
        self._ownership.budget.spend(
            [target.ref for target in going],
            len(recorded) - len(candidates),
            of=f"inventory {inventory.place}",
            whole=whole,
        )
        return _Plan(inventory, going, tuple(kept))

    def carry_out(
        self, objects: Sequence[KubeObject], declared: Sequence[ObjectRef], plan: _Plan, ready: Ready | None
    ) -> Converged:
        """Record, apply, wait, delete, and record what is left."""
        own = [marked(obj, self._ownership.place) for obj in objects]
        early, recorded = self._record(own, declared, plan.inventory)
        done = {outcome.ref for outcome in early}
        rest = [obj for obj in own if not (_is_namespace(obj) and ref_of(obj) in done)]
        try:
            outcomes = [*early, *apply(self.recall, self._discovery, rest, self._options)]
        except SeveralError as error:
            raise SeveralError(error.failures, _together(early, error.progress)) from error
        if ready is not None and not self._options.check:
            try:
                ready(outcomes)
            except MiniappInfraError as error:
                raise SeveralError([error], report(outcomes, with_diff=False)) from error
        mine = [item.ref for item in outcomes if item.ref not in done or item.ref in set(declared)]
        return self.finish(plan, outcomes, mine, recorded)

    def finish(
        self, plan: _Plan, outcomes: Sequence[Outcome], final: Iterable[ObjectRef], recorded: Inventory | None = None
    ) -> Converged:
        """Delete what is to go, and record what is left."""
        owner = str(self._ownership.place)
        pruned = prune(self._client, plan.going, owner, self._options, waiting=self._ownership.waiting, before=outcomes)
        outcomes = [*outcomes, *pruned.outcomes]
        try:
            after = inventory_module.write(self._client, recorded or plan.inventory, final, check=self._options.check)
        except MiniappInfraError as error:
            raise SeveralError([error], report(outcomes, with_diff=False)) from error
        return Converged(tuple(outcomes), tuple(sorted([*plan.kept, *pruned.kept])), plan.inventory, after)

    def _record(
        self, own: Sequence[KubeObject], declared: Sequence[ObjectRef], inventory: Inventory
    ) -> tuple[list[Outcome], Inventory]:
        """Record what comes beside what there is, before it comes.

        The namespace of the inventory is made first where it is missing. It is the one thing that can exist unrecorded.
        """
        recorded = {ref.identity: ref for ref in locate.known(self._discovery, inventory.refs)}
        if all(ref.identity in recorded for ref in declared):
            return [], inventory
        union = list((recorded | {ref.identity: ref for ref in declared}).values())
        write = inventory_module.rehearse if self._options.check else inventory_module.write
        try:
            return [], write(self._client, inventory, union)
        except ApiError as error:
            if not error.namespace_is_missing:
                raise
            early = self._namespace(own, error)
        self.recall.forget()
        return early, inventory if self._options.check else write(self._client, inventory, union)

    def _namespace(self, own: Sequence[KubeObject], error: ApiError) -> list[Outcome]:
        name = self._ownership.place.namespace
        found = [obj for obj in own if _is_namespace(obj) and obj["metadata"]["name"] == name]
        if not found and self._ownership.create_namespace:
            found = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}]
        if not found and self._options.check:
            return []  # an earlier task would have made it, as with objects in namespaces that do not exist yet
        if not found:
            raise KubeError(
                f"Failed to write inventory {self._ownership.place}: Namespace {name} does not exist",
                code=ErrorCode.NOT_FOUND,
                hint=f"Declare Namespace {name} in the same set, or create it before.",
            ) from error
        return apply(self._client, self._discovery, found, self._options)


def _is_namespace(obj: KubeObject) -> bool:
    return (obj["apiVersion"], obj["kind"]) == ("v1", "Namespace")


def _together(early: Sequence[Outcome], progress: Mapping[str, Any]) -> dict[str, Any]:
    """Put what was done first in front of what a failed apply reports."""
    if not early:
        return dict(progress)
    first = report(early, with_diff=False)
    counts = {action: number + progress["counts"][action] for action, number in first["counts"].items()}
    return {
        **progress,
        "changed": first["changed"] or progress["changed"],
        "objects": [*first["objects"], *progress["objects"]],
        "counts": counts,
    }


def _lines(refs: Iterable[ObjectRef]) -> str:
    return "".join(f"{ref}\n" for ref in sorted(refs))
