# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.atlas import access_list, api, run, schedule
from miniapp_infra.atlas.client import Atlas
from miniapp_infra.atlas.ledger import Ledger
from miniapp_infra.atlas.models import Phase
from miniapp_infra.atlas.restore import restore_of, window_of
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text
from miniapp_infra.waiting import Goal, Patience, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.atlas.models import Cluster

Result = dict[str, Any]

_PROJECT = re.compile(r"[a-f0-9]{24}")  # groupId in MongoDB's OpenAPI description
_CLUSTER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*")  # clusterName there


def cluster_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return clusters, all of a project or one by name, with what they can be restored to."""
    del check_mode, diff_mode  # reads only
    _check_names(params)
    atlas, project, name = Atlas.connect(params), params["project_id"], params["cluster_name"]
    if name is None:
        found = api.list_clusters(atlas, project)
    else:
        one = api.find_cluster(atlas, project, name)
        found = [] if one is None else [one]
    return {"changed": False, "clusters": [_described(atlas, cluster, params) for cluster in found]}


def backup_schedule(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Make the backup schedule of a cluster the wanted one."""
    _check_names(params)
    wanted = schedule.schedule_of(params)
    atlas, project, name = Atlas.connect(params), params["project_id"], params["cluster_name"]
    cluster = api.get_cluster(atlas, project, name)
    if not cluster.backup_enabled:
        raise MiniappInfraError(
            f"Failed to change the backup schedule of cluster {project}/{name}: backups are not enabled on it",
            code=ErrorCode.CONFLICT,
            hint="Enable them where Terraform declares the cluster.",
        )
    if wanted.restore_window_days is not None and not cluster.pit_enabled:
        raise MiniappInfraError(
            f"restore_window_days: needs continuous backup, which is not enabled on cluster {project}/{name}",
            code=ErrorCode.CONFLICT,
            hint="Set pit_enabled where Terraform declares the cluster.",
        )
    raw = api.get_schedule(atlas, project, name)
    before, after = schedule.shown(raw), schedule.after_change(raw, wanted)
    changed = before != after
    if changed and not check_mode:
        body = schedule.change_of(raw, wanted, update_snapshots=params["update_snapshots"])
        after = schedule.shown(api.update_schedule(atlas, project, name, body))
    result: Result = {"changed": changed, "schedule": after}
    return {**result, "diff": {"before": before, "after": after}} if diff_mode else result


def restore_job(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Restore a cluster to a point in time or to a snapshot, and wait until the target can be used again."""
    _check_names(params)
    wanted = restore_of(params)
    key = params["idempotency_key"]
    settings = run.Settings(
        lag=params["lag"],
        reuse_within=params["reuse_within"],
        ledger=Ledger(Path(params["ledger_directory"]), key) if key else None,
    )
    atlas = Atlas.connect(params)
    started = run.begin(atlas, wanted, settings, check_mode=check_mode)
    job, was = started.job, Phase.IN_PROGRESS
    result: Result = {"changed": started.is_new, "restored_to": started.restore.point, "job": None}
    if job is not None:
        result["job"], was = job.as_result(), job.phase
        if params["wait"] and not check_mode:
            patience = Patience(params["wait_timeout"], params["wait_interval"])
            waited = run.follow(atlas, started.restore, job, patience)
            # A job of an earlier run that ends now has changed the target during this run.
            changed = started.is_new or waited.value.job.phase is not was
            result |= {"changed": changed, "job": waited.value.job.as_result(), "wait": waited.as_result()}
    target = api.get_cluster(atlas, *started.restore.target)
    result["target"] = target.as_result()
    if diff_mode:
        name = "/".join(started.restore.target)
        before = {} if result["changed"] else {"cluster": name, "restored_to": started.restore.point}
        result["diff"] = {"before": before, "after": {"cluster": name, "restored_to": started.restore.point}}
    return result


def access(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Add entries to a project's access list, or remove them."""
    _check_names(params)
    wanted = access_list.entries_of(params, datetime.now(UTC))
    atlas, project = Atlas.connect(params), params["project_id"]
    present = [access_list.Entry.from_api(raw) for raw in api.list_access(atlas, project)]
    change = access_list.change_of(present, wanted, absent=params["state"] == "absent", purge=params["purge"])
    before = [entry.as_result() for entry in sorted(present, key=lambda entry: entry.value)]
    after = access_list.after_change(present, change)
    waited = None
    if change.add and not check_mode:
        api.add_access(atlas, project, [entry.body() for entry in change.add])
        if params["wait"]:
            names = {entry.value: entry.name for entry in change.add}
            waited = wait_for(
                lambda: {value: api.access_status(atlas, project, name) for value, name in names.items()},
                _active(project),
                Patience(params["wait_timeout"], params["wait_interval"]),
            )
    if not check_mode:
        # Only now, so that nobody who stays is locked out for a moment.
        for entry in change.remove:
            api.remove_access(atlas, project, entry.name)
    result: Result = {
        "changed": bool(change.add or change.remove),
        "added": [entry.value for entry in change.add],
        "removed": [entry.value for entry in change.remove],
        "entries": after,
    }
    if diff_mode:
        result["diff"] = {"before": {"entries": before}, "after": {"entries": after}}
    return {**result, "wait": waited.as_result()} if waited else result


def _active(project: str) -> Goal[dict[str, str]]:
    def named(states: Mapping[str, str], *, only: str = "") -> str:
        return ", ".join(f"{value} {state}" for value, state in states.items() if only in ("", state))

    return Goal(
        f"the entries of the access list of project {project} to be active",
        is_met=lambda states: set(states.values()) == {"ACTIVE"},
        failure=partial(named, only="FAILED"),
        describe=named,
    )


def _described(atlas: Atlas, cluster: Cluster, params: Mapping[str, Any]) -> Result:
    result: Result = {**cluster.as_result(), "restore_window": None}
    if cluster.backup_enabled and cluster.pit_enabled:
        raw = api.get_schedule(atlas, cluster.project, cluster.name)
        window = window_of(raw, datetime.now(UTC).replace(microsecond=0), params["lag"])
        if window:
            result["restore_window"] = {
                "days": raw["restoreWindowDays"],
                "earliest": as_text(window[0]),
                "latest": as_text(window[1]),
            }
    if params["include_snapshots"]:
        snapshots = api.list_snapshots(atlas, cluster.project, cluster.name) if cluster.backup_enabled else []
        result["snapshots"] = [snapshot.as_result() for snapshot in snapshots]
    return result


def _check_names(params: Mapping[str, Any]) -> None:
    """Refuse names that cannot be right, before they become part of an address."""
    for option, pattern in (
        ("project_id", _PROJECT),
        ("source_project_id", _PROJECT),
        ("target_project_id", _PROJECT),
        ("cluster_name", _CLUSTER),
        ("source_cluster_name", _CLUSTER),
        ("target_cluster_name", _CLUSTER),
    ):
        value = params.get(option)
        if value is not None and not pattern.fullmatch(value):
            raise MiniappInfraError(
                f"{option}: must match {pattern.pattern}; got {value!r}", code=ErrorCode.INVALID_INPUT
            )
