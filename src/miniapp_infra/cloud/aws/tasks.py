# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from miniapp_infra.cloud.aws import docdb, elasticache
from miniapp_infra.cloud.aws.session import client
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import parse_instant
from miniapp_infra.waiting import Patience, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

Result = dict[str, Any]

# RestoreDBClusterToPointInTime: letters, digits and single hyphens, at most 63, the first one a letter.
_IDENTIFIER = re.compile(r"[a-z](?:-?[a-z0-9]){0,62}")
_LONGEST_IDENTIFIER = 60
"""Of 63: ``-1`` to ``-16`` are added for the instances."""
_MOST_INSTANCES = 16


def docdb_cluster_restore(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Restore a DocumentDB cluster to a point in time, as a new cluster with instances."""
    wanted = restore_of(params)
    aws = client(params, "docdb")
    read = partial(docdb.find_cluster, aws, wanted.target)
    target = read()
    made = target is None
    if target is None:
        docdb.check_source(docdb.find_cluster(aws, wanted.source), wanted)
    else:
        docdb.check_origin(docdb.tags_of(aws, target), wanted)
    before = docdb.list_instances(aws, wanted.target) if target else ()
    missing = {name: size for name, size in wanted.instances.items() if name not in {item.name for item in before}}
    result: Result = {
        "changed": made or bool(missing),
        "restored_from": wanted.source,
        "restored_to": wanted.origin[docdb.TIME_TAG],
    }
    if diff_mode:
        result["diff"] = {
            "before": {} if made else _described(wanted, [item.name for item in before]),
            "after": _described(wanted, sorted({*(item.name for item in before), *wanted.instances})),
        }
    if check_mode:
        return {**result, "cluster": target.as_result() if target else None}
    if made and not docdb.start(aws, wanted):
        target = read()
        if target is not None:
            docdb.check_origin(docdb.tags_of(aws, target), wanted)
    return {**result, **_with_instances(aws, params, wanted, missing)}


def _with_instances(aws: Any, params: Mapping[str, Any], wanted: docdb.Restore, missing: Mapping[str, str]) -> Result:
    """Wait for a restored cluster, add the instances that it lacks, and wait for them."""
    read = partial(docdb.find_cluster, aws, wanted.target)
    patience = Patience(params["wait_timeout"], params["wait_interval"])
    start = patience.clock()
    waited = None
    if params["wait"]:
        waited = wait_for(read, docdb.cluster_goal(wanted.target), patience)
    cluster = waited.value if waited else read()
    warnings = []
    if cluster is not None and cluster.status == docdb.AVAILABLE:
        for name, instance_class in missing.items():
            docdb.add_instance(aws, cluster, name, instance_class, {**wanted.tags, **wanted.origin})
    elif missing:
        warnings.append(
            f"DocumentDB cluster {wanted.target} is still being restored; another run of this task adds its instances"
        )
    if waited:
        left = max(0.0, params["wait_timeout"] - (patience.clock() - start))
        goal = docdb.instances_goal(wanted.target, wanted.instances)
        waited_too = wait_for(
            partial(docdb.list_instances, aws, wanted.target), goal, Patience(left, params["wait_interval"])
        )
        elapsed = round(patience.clock() - start, 3)
        wait = {"elapsed": elapsed, "polls": waited.polls + waited_too.polls, "last": waited_too.last}
        instances = waited_too.value
        cluster = read()
    else:
        wait = None
        instances = docdb.list_instances(aws, wanted.target)
    shown = cluster.as_result() if cluster else {"id": wanted.target}
    result: Result = {
        "cluster": {**shown, "instances": [item.as_result() for item in instances]},
        "warnings": warnings,
    }
    return {**result, "wait": wait} if wait else result


def restore_of(params: Mapping[str, Any]) -> docdb.Restore:
    """Return what a module asks for, after everything was checked that needs no request.

    Raises:
        MiniappInfraError: an option is wrong (invalid_input), or the target was not confirmed (refused_by_policy).
    """
    source, target = params["source"].lower(), params["target"].lower()
    if not _IDENTIFIER.fullmatch(target) or len(target) > _LONGEST_IDENTIFIER:
        raise _invalid(
            f"target: must begin with a letter, consist of letters, digits and single hyphens, and have at most "
            f"{_LONGEST_IDENTIFIER} of them; got {params['target']!r}"
        )
    if source == target:
        raise MiniappInfraError(
            f"target: must differ from source: DocumentDB restores to a new cluster; got {target} for both",
            code=ErrorCode.REFUSED_BY_POLICY,
        )
    if params["confirm_target"].lower() != target:
        raise MiniappInfraError(
            f"confirm_target: must be the name of the target, {target}; got {params['confirm_target']!r}",
            code=ErrorCode.REFUSED_BY_POLICY,
        )
    if not params["restore_to_time"] and not params["use_latest_restorable_time"]:
        raise _invalid("use_latest_restorable_time: must be true when there is no restore_to_time")
    copy_on_write = params["restore_type"] == "copy-on-write"
    if copy_on_write and params["restore_to_time"]:
        raise _invalid("restore_to_time: a copy-on-write restore takes the newest data; set use_latest_restorable_time")
    classes = [item["instance_class"] for item in params["instances"] for _ in range(_count(item["count"]))]
    if not 1 <= len(classes) <= _MOST_INSTANCES:
        raise _invalid(f"instances: must be 1 to {_MOST_INSTANCES} in all; got {len(classes)}")
    if not params["vpc_security_group_ids"]:
        raise _invalid("vpc_security_group_ids: must name at least one; without it AWS takes the default group")
    optional = {"KmsKeyId": params["kms_key_id"], "Port": params["port"]}
    return docdb.Restore(
        source=source,
        target=target,
        to=parse_instant(params["restore_to_time"], "restore_to_time") if params["restore_to_time"] else None,
        copy_on_write=copy_on_write,
        settings={
            "DBSubnetGroupName": params["subnet_group"],
            "VpcSecurityGroupIds": params["vpc_security_group_ids"],
            "DeletionProtection": params["deletion_protection"],
            **{key: value for key, value in optional.items() if value is not None},
        },
        instance_classes=tuple(classes),
        tags=_tags(params["tags"]),
    )


def elasticache_replication_group_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return replication groups, all of the region or one by name, with their snapshots if asked for."""
    del check_mode, diff_mode  # reads only
    aws = client(params, "elasticache")
    groups = [elasticache.group_as_result(raw) for raw in elasticache.list_groups(aws, params["replication_group_id"])]
    if params["include_snapshots"]:
        groups = [
            {**group, "snapshots": [item.as_result() for item in elasticache.list_snapshots(aws, group["id"])]}
            for group in groups
        ]
    return {"changed": False, "replication_groups": groups}


def redis_snapshot(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Create or delete a snapshot of a replication group."""
    name, group = params["name"], params["replication_group_id"]
    wanted = params["state"] == "present"
    if wanted and not group:
        raise _invalid("replication_group_id: must be given to create a snapshot")
    aws = client(params, "elasticache")
    read = partial(elasticache.find_snapshot, aws, name)
    before = read()
    if wanted and before is not None:
        elasticache.check_snapshot(before, group)
    elif wanted:
        elasticache.check_group(elasticache.list_groups(aws, group), group)
    changed = wanted == (before is None)
    result: Result = {"changed": changed, "snapshot": before.as_result() if before else None}
    if diff_mode:
        known = {"name": name, "replication_group_id": before.replication_group if before else group}
        result["diff"] = {"before": known if before else {}, "after": known if wanted else {}}
    if check_mode:
        return result
    if changed and wanted:
        elasticache.create_snapshot(aws, name, group, params["kms_key_id"], _tags(params["tags"]))
    elif changed and before and before.status != elasticache.DELETING:
        elasticache.delete_snapshot(aws, name)
    if not params["wait"]:
        after = read()
        return {**result, "snapshot": after.as_result() if after else None}
    goal = elasticache.present_goal(name) if wanted else elasticache.absent_goal(name)
    waited = wait_for(read, goal, Patience(params["wait_timeout"], params["wait_interval"]))
    return {
        **result,
        "snapshot": waited.value.as_result() if waited.value else None,
        "wait": waited.as_result(),
    }


def _described(wanted: docdb.Restore, instances: list[str]) -> Result:
    return {
        "id": wanted.target,
        "restored_from": wanted.source,
        "restored_to": wanted.origin[docdb.TIME_TAG],
        "instances": instances,
    }


def _tags(tags: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in tags.items()}


def _count(count: int) -> int:
    if count < 1:
        raise _invalid(f"instances: count must be at least 1; got {count}")
    return count


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
