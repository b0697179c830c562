# SPDX-License-Identifier: GPL-3.0-or-later
"""One function for each endpoint, and the versions of the API that it has."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.local.standins.atlas.errors import bad_request, conflict, not_found
from miniapp_infra.local.standins.atlas.world import IDLE, Object, new_id, now_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from miniapp_infra.local.standins.atlas.world import World


@dataclass(frozen=True)
class Call:
    """A request.

    Args:
        world: what there is.
        names: parts of the path.
        query: parameters, each once.
        body: decoded; None without one.
    """

    world: World
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    @property
    def cluster(self) -> Object:
        """The cluster that the path names."""
        name = self.names["clusterName"]
        if name not in self.world.clusters:
            raise not_found("CLUSTER_NOT_FOUND", f"No cluster named {name} exists in group {self.world.project}.")
        return self.world.clusters[name]

    def page(self, items: Iterable[Object]) -> Object:
        """Return one page of a list."""
        size, number = int(self.query.get("itemsPerPage", "100")), int(self.query.get("pageNum", "1"))
        everything = list(items)
        found: Object = {"links": [], "results": everything[(number - 1) * size : number * size]}
        if self.query.get("includeCount", "true") == "true":
            found["totalCount"] = len(everything)
        return found


@dataclass(frozen=True)
class Route:
    """An endpoint.

    Args:
        method: HTTP method.
        path: below the base, with names in braces, as the OpenAPI description has it.
        versions: in which it exists, the oldest first.
        answer: returns the body.
    """

    method: str
    path: str
    versions: tuple[str, ...]
    answer: Callable[[Call], Any]

    def match(self, path: str) -> re.Match[str] | None:
        """Return the parts of a path, None when it is another one."""
        return re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path), path)


def list_clusters(call: Call) -> Any:
    return call.page(call.world.clusters.values())


def get_cluster(call: Call) -> Any:
    return call.cluster


def list_snapshots(call: Call) -> Any:
    return call.page(call.world.snapshots[call.cluster["name"]])


def get_schedule(call: Call) -> Any:
    return call.world.schedules[call.cluster["name"]]


def update_schedule(call: Call) -> Any:
    schedule, change = call.world.schedules[call.cluster["name"]], call.body
    policies = change.get("policies")
    if not isinstance(policies, list) or len(policies) != 1:
        raise bad_request("VALIDATION_ERROR", "policies must have one policy.")
    present = schedule["policies"][0]
    if policies[0].get("id", present["id"]) != present["id"]:
        raise bad_request("BACKUP_POLICY_NOT_FOUND", f"There is no policy {policies[0]['id']}.")
    ids = {item["id"] for item in present["policyItems"]}
    items = []
    for item in policies[0]["policyItems"]:
        if "id" in item and item["id"] not in ids:
            raise bad_request("BACKUP_POLICY_ITEM_NOT_FOUND", f"There is no policy item {item['id']}.")
        items.append({"id": new_id(), **item})
    for field in ("referenceHourOfDay", "referenceMinuteOfHour", "restoreWindowDays"):
        if field in change:
            schedule[field] = change[field]
    schedule["policies"] = [{"id": present["id"], "policyItems": items}]
    call.world.save()
    return schedule


def list_restore_jobs(call: Call) -> Any:
    jobs = call.world.jobs[call.cluster["name"]]
    for job in jobs:
        call.world.databases.looked_at(job)
    return call.page(jobs)


def get_restore_job(call: Call) -> Any:
    for job in call.world.jobs[call.cluster["name"]]:
        if job["id"] == call.names["restoreJobId"]:
            call.world.databases.looked_at(job)
            return job
    raise not_found("RESTORE_JOB_NOT_FOUND", f"There is no restore job {call.names['restoreJobId']}.")


def create_restore_job(call: Call) -> Any:
    source, body = call.cluster, call.body
    target = call.world.clusters.get(body.get("targetClusterName", ""))
    if target is None or body.get("targetGroupId") != call.world.project:
        raise not_found("CLUSTER_NOT_FOUND", "The target of the restore does not exist.")
    if target["stateName"] != IDLE or target["paused"]:
        raise conflict("CLUSTER_NOT_IDLE", f"Cluster {target['name']} cannot be restored to at present.")
    if body["deliveryType"] == "automated":
        known = {snapshot["id"] for snapshot in call.world.snapshots[source["name"]]}
        if body.get("snapshotId") not in known:
            raise not_found("SNAPSHOT_NOT_FOUND", f"There is no snapshot {body.get('snapshotId')}.")
    elif body["deliveryType"] == "pointInTime":
        seconds = body.get("pointInTimeUTCSeconds") or body.get("oplogTs")
        if not source["pitEnabled"] or not seconds or seconds > datetime.now(UTC).timestamp():
            raise bad_request("INVALID_POINT_IN_TIME", f"{source['name']} cannot be restored to that time.")
    else:
        raise bad_request("INVALID_ATTRIBUTE", "Invalid attribute deliveryType specified.")
    return call.world.start_restore(source["name"], body)


def list_access(call: Call) -> Any:
    return call.page(call.world.access.values())


def add_access(call: Call) -> Any:
    if not isinstance(call.body, list) or not call.body:
        raise bad_request("VALIDATION_ERROR", "The body must be a list of entries.")
    added = {}
    for entry in call.body:
        name = _entry_name(entry)
        added[name] = {"comment": "", **entry, "groupId": call.world.project, "links": []}
        if "ipAddress" in entry:
            added[name]["cidrBlock"] = name
    call.world.access |= added
    call.world.save()
    return call.page(call.world.access.values())


def delete_access(call: Call) -> Any:
    del call.world.access[_known_entry(call)]
    call.world.save()
    return {}


def access_status(call: Call) -> Any:
    _known_entry(call)
    return {"STATUS": "ACTIVE"}


def _known_entry(call: Call) -> str:
    value = call.names["entryValue"]
    name = value if value.partition("/")[0].startswith("sg-") else str(ipaddress.ip_network(value))
    if name not in call.world.access:
        raise not_found("ATLAS_NETWORK_PERMISSION_ENTRY_NOT_FOUND", f"IP Address {value} not on Atlas access list.")
    return name


def _entry_name(entry: Object) -> str:
    given = [key for key in ("ipAddress", "cidrBlock", "awsSecurityGroup") if key in entry]
    until = entry.get("deleteAfterDate")
    if len(given) != 1 or (until and until <= now_text()):
        raise bad_request("INVALID_ATTRIBUTE", "An entry has one of ipAddress, cidrBlock and awsSecurityGroup.")
    value: str = entry[given[0]]
    try:
        return value if given[0] == "awsSecurityGroup" else str(ipaddress.ip_network(value))
    except ValueError as error:
        raise bad_request("INVALID_ATTRIBUTE", f"Invalid attribute {given[0]} specified: {error}") from error


_CLUSTERS = "/groups/{groupId}/clusters"
_CLUSTER = f"{_CLUSTERS}/{{clusterName}}"
_SCHEDULE = f"{_CLUSTER}/backup/schedule"
_JOBS = f"{_CLUSTER}/backup/restoreJobs"
_ACCESS = "/groups/{groupId}/accessList"
ROUTES = (
    Route("GET", _CLUSTERS, ("2024-08-05",), list_clusters),
    Route("GET", _CLUSTER, ("2024-08-05",), get_cluster),
    Route("GET", f"{_CLUSTER}/backup/snapshots", ("2023-01-01",), list_snapshots),
    Route("GET", _SCHEDULE, ("2024-08-05",), get_schedule),
    Route("PATCH", _SCHEDULE, ("2024-08-05",), update_schedule),
    Route("GET", _JOBS, ("2023-01-01",), list_restore_jobs),
    Route("POST", _JOBS, ("2023-01-01",), create_restore_job),
    Route("GET", f"{_JOBS}/{{restoreJobId}}", ("2023-01-01",), get_restore_job),
    Route("GET", _ACCESS, ("2023-01-01",), list_access),
    Route("POST", _ACCESS, ("2023-01-01",), add_access),
    Route("DELETE", f"{_ACCESS}/{{entryValue}}", ("2023-01-01",), delete_access),
    Route("GET", f"{_ACCESS}/{{entryValue}}/status", ("2023-01-01",), access_status),
)
