# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage locations. Only what is given is changed, so that one task can turn the access mode of a recovery."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.diff import render
from miniapp_infra.kube.models import Action
from miniapp_infra.kube.predicates import READY, Predicate, Verdict, waiting
from miniapp_infra.velero import durations
from miniapp_infra.velero.errors import invalid
from miniapp_infra.velero.models import StorageLocation, ref
from miniapp_infra.velero.transformations import check_name, location_result, manifest

if TYPE_CHECKING:
    from miniapp_infra.kube.objects import KubeObject
    from miniapp_infra.velero.runs import Result, Server

KIND = "BackupStorageLocation"
DURATIONS = {"backupSyncPeriod": "backup_sync_period", "validationFrequency": "validation_frequency"}
WHOLE = frozenset({"config", "credential"})
"""Mappings that are declared as a whole: what is not named any more goes."""


def present(server: Server, params: Mapping[str, Any], *, check: bool, diff: bool) -> Result:
    """Have a storage location as declared, and wait until Velero has found it available since.

    Raises:
        MiniappInfraError: an option cannot be used, or Velero has not found it available in time.
    """
    wanted = declared(params)
    where = ref(KIND, server.namespace, params["name"])
    before = server.find(KIND, params["name"])
    warnings: list[str] = []
    if before is None:
        for field, option in (("provider", "provider"), ("objectStorage", "bucket")):
            if not wanted.get(field) or (option == "bucket" and not wanted[field].get("bucket")):
                raise invalid(f"{option}: is needed, because there is no {where} yet")
        after = server.objects.create(manifest(KIND, server.namespace, params["name"], wanted))
        changed = True
    else:
        patch = changes(wanted, before.get("spec") or {})
        changed = bool(patch)
        after = server.objects.merge_patch(where, {"spec": patch}) if changed else before
        if "provider" in patch or {"bucket", "prefix"} & set(patch.get("objectStorage") or ()):
            warnings.append(
                f"{where} points to another place now: Velero removes the backups from the cluster that are not there"
            )
    if params["wait"] and not check:
        stale = StorageLocation.from_api(before).validated_at if changed and before is not None else ""
        after = server.objects.wait(where, available(stale), params["wait_timeout"]) or after
    result: Result = {
        "changed": changed,
        "storage_location": location_result(StorageLocation.from_api(after)),
        "warnings": warnings,
    }
    if diff and changed:
        result["diff"] = render(where, before, after)
    return result


def declared(params: Mapping[str, Any]) -> KubeObject:
    """Return the fields that the options give.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    check_name(params["name"])
    certificates = params.get("storage_ca_cert")
    if certificates and "-----BEGIN CERTIFICATE-----" not in certificates:
        raise invalid("storage_ca_cert: must be certificates in PEM form")
    storage = {
        "bucket": params.get("bucket"),
        "prefix": params.get("prefix"),
        "caCert": base64.b64encode(certificates.encode()).decode("ascii") if certificates else None,
    }
    storage = {field: value for field, value in storage.items() if value is not None}
    config = params.get("config")
    spec = {
        "accessMode": params.get("access_mode"),
        "backupSyncPeriod": params.get("backup_sync_period"),
        "config": None if config is None else {key: _text(value) for key, value in config.items()},
        "credential": params.get("credential"),
        "default": params.get("default"),
        "objectStorage": storage or None,
        "provider": params.get("provider"),
        "validationFrequency": params.get("validation_frequency"),
    }
    for field, option in DURATIONS.items():
        if spec[field] is not None:
            durations.seconds_of(str(spec[field]), option)
    return {field: value for field, value in spec.items() if value is not None}


def _text(value: Any) -> str:
    """Return a value of ``config``, which holds texts only, as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def changes(wanted: Mapping[str, Any], live: Mapping[str, Any], *, whole: bool = False) -> KubeObject:
    """Return the merge patch (RFC 7386) that makes the live fields the wanted ones; empty when they are.

    Args:
        wanted: fields that are declared.
        live: fields as they are.
        whole: remove what is not declared.
    """
    patch: KubeObject = {}
    for field, value in wanted.items():
        now = live.get(field)
        if isinstance(value, Mapping):
            if (inner := changes(value, now or {}, whole=field in WHOLE)) or now is None:
                patch[field] = inner
        elif not _same(field, value, now):
            patch[field] = value
    if whole:
        patch |= dict.fromkeys(sorted(set(live) - set(wanted)))
    return patch


def _same(field: str, value: Any, now: Any) -> bool:
    if field in DURATIONS and now is not None:
        return durations.seconds_of(value, field) == durations.seconds_of(now, field)
    return (
        bool(value == now)
        or (value is False and now is None)
        or (field == "accessMode" and value == "ReadWrite" and not now)
    )


def available(stale: str) -> Predicate:
    """Return the rule that Velero finds a location available.

    Args:
        stale: time of the last validation before a change; what it found then says nothing about what is there now.
    """

    def judge(obj: Any) -> Verdict:
        found = StorageLocation.from_api(obj)
        if found.phase != "Available" or not found.validated_at:
            return waiting(found.describe())
        if stale and found.validated_at == stale:
            return waiting(f"{found.describe()}, which is from before the change")
        return READY

    return judge


def absent(server: Server, params: Mapping[str, Any], *, diff: bool) -> Result:
    """Have no such storage location. What is in the bucket stays.

    Raises:
        MiniappInfraError: the API server refuses it.
    """
    check_name(params["name"])
    outcome = server.objects.absent(ref(KIND, server.namespace, params["name"]))
    result: Result = {"changed": outcome.action is Action.DELETED}
    if outcome.before is not None:
        result["storage_location"] = location_result(StorageLocation.from_api(outcome.before))
    if diff and outcome.changed:
        result["diff"] = render(outcome.ref, outcome.before, outcome.after)
    return result
