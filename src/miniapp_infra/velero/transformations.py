# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules to specifications of Velero, and back to results. Pure functions."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.velero import durations
from miniapp_infra.velero.errors import invalid
from miniapp_infra.velero.models import API_VERSION, KEY_LABEL, REQUEST_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.kube.objects import KubeObject
    from miniapp_infra.velero.models import Run, StorageLocation

OLD_FILTERS = ("included_resources", "excluded_resources", "include_cluster_resources")
NEW_FILTERS = (
    "included_cluster_scoped_resources",
    "excluded_cluster_scoped_resources",
    "included_namespace_scoped_resources",
    "excluded_namespace_scoped_resources",
)
SELECTORS = ("label_selector", "or_label_selectors")
NAMESPACES = ("included_namespaces", "excluded_namespaces")
BACKUP_OPTIONS = (
    *NAMESPACES,
    *OLD_FILTERS,
    *NEW_FILTERS,
    *SELECTORS,
    "csi_snapshot_timeout",
    "default_volumes_to_fs_backup",
    "hooks",
    "item_operation_timeout",
    "ordered_resources",
    "resource_policy",
    "snapshot_move_data",
    "snapshot_volumes",
    "storage_location",
    "ttl",
    "volume_snapshot_locations",
)
RESTORE_OPTIONS = (
    *NAMESPACES,
    *OLD_FILTERS,
    *SELECTORS,
    "existing_resource_policy",
    "hooks",
    "item_operation_timeout",
    "namespace_mapping",
    "preserve_node_ports",
    "restore_pvs",
    "restore_status",
)
DURATIONS = frozenset({"csi_snapshot_timeout", "item_operation_timeout", "ttl"})
_SPELLED = {"restore_pvs": "restorePVs"}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
LONGEST_NAME = 200
"""Characters of a name of ours: Velero and this engine append to it, and 253 is the most that Kubernetes takes."""

LONGEST_LABEL = 63


def check_name(name: str, option: str = "name") -> None:
    """Refuse a name that Kubernetes would not take.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise invalid(f"{option}: must be at most {LONGEST_NAME} of a-z, 0-9, - and ., got {name!r}")


def backup_spec(params: Mapping[str, Any]) -> KubeObject:
    """Return the specification of a backup, or the template of a schedule.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    _refuse_contradictions(params)
    old, new = ([name for name in names if is_given(params.get(name))] for names in (OLD_FILTERS, NEW_FILTERS))
    if old and new:
        raise invalid(f"{new[0]}: cannot be combined with {old[0]}: Velero takes either the old or the new filters")
    spec = _spec(params, BACKUP_OPTIONS)
    if "resourcePolicy" in spec:
        spec["resourcePolicy"] = {"kind": "ConfigMap", "name": spec["resourcePolicy"]}
    if "orderedResources" in spec:
        spec["orderedResources"] = {
            kind: ",".join(names) if isinstance(names, list) else str(names)
            for kind, names in spec["orderedResources"].items()
        }
    return spec


def restore_spec(params: Mapping[str, Any]) -> KubeObject:
    """Return the specification of a restore without its backup.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    _refuse_contradictions(params)
    spec = _spec(params, RESTORE_OPTIONS)
    if "restoreStatus" in spec:
        spec["restoreStatus"] = {camel(key): value for key, value in spec["restoreStatus"].items() if is_given(value)}
    return spec


def is_given(value: Any) -> bool:
    """Tell whether an option says something: an empty list or mapping is the same as none for Velero."""
    return value is not None and value not in ("", [], {})


def camel(name: str) -> str:
    """Return the name of a field for the name of an option."""
    first, *others = name.split("_")
    return _SPELLED.get(name) or first + "".join(word.capitalize() for word in others)


def _spec(params: Mapping[str, Any], options: Iterable[str]) -> KubeObject:
    spec: KubeObject = {}
    for option in options:
        value = params.get(option)
        if not is_given(value):
            continue
        if option in DURATIONS:
            durations.seconds_of(str(value), option)
        spec[camel(option)] = value
    return spec


def _refuse_contradictions(params: Mapping[str, Any]) -> None:
    if all(is_given(params.get(name)) for name in SELECTORS):
        raise invalid("or_label_selectors: cannot be combined with label_selector")
    for noun in ("namespaces", "resources"):
        included, excluded = set(params.get(f"included_{noun}") or ()), set(params.get(f"excluded_{noun}") or ())
        if "*" in excluded:
            raise invalid(f"excluded_{noun}: * would leave nothing")
        if both := sorted(included & excluded):
            raise invalid(f"excluded_{noun}: {both[0]} is in included_{noun} as well")


def digest(value: Any) -> str:
    """Return a hash of options that does not depend on their order; short enough for a label."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def label_value(name: str) -> str:
    """Return a name as Velero writes it into a label, which holds 63 characters (``pkg/label``, GetValidName)."""
    return (
        name
        if len(name) <= LONGEST_LABEL
        else name[: LONGEST_LABEL - 6] + hashlib.sha256(name.encode()).hexdigest()[:6]
    )


def name_for(base: str, key: str) -> str:
    """Return the name of what a key stands for: the API server itself then refuses a second one."""
    return f"{base[: LONGEST_NAME - 13]}-{digest(key)[:12]}"


def manifest(kind: str, namespace: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> KubeObject:
    """Return an object of Velero; empty labels and annotations are left out."""
    given = {key: value for key, value in metadata.items() if value}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **given},
        "spec": dict(spec),
    }


def marks(request: str, key: str) -> dict[str, dict[str, str]]:
    """Return the labels and annotations by which a later run knows what an earlier one has started."""
    return {
        "labels": {KEY_LABEL: digest(key)} if key else {},
        "annotations": {REQUEST_ANNOTATION: request},
    }


def differences(asked: Mapping[str, Any], request: str, run: Run) -> list[str]:
    """Return the fields in which a run differs from what is asked for; empty when it is the same.

    What we made carries a hash of its options. For what somebody else made the fields count that are asked for; Velero
    adds to lists and spells durations in another way.
    """
    made_for = run.annotations.get(REQUEST_ANNOTATION)
    if made_for == request:
        return []
    different = [field for field, value in asked.items() if not _holds(value, run.spec.get(field))]
    return sorted(different) or (
        ["an option that was given then and is not now, or the other way round"] * bool(made_for)
    )


def _holds(asked: Any, live: Any) -> bool:
    if isinstance(asked, list) and isinstance(live, list):
        return all(item in live for item in asked)
    if isinstance(asked, str) and isinstance(live, str) and asked != live:
        try:
            return durations.seconds_of(asked, "") == durations.seconds_of(live, "")
        except MiniappInfraError:
            return False
    return bool(asked == live)


def modifier(name: str, namespace: str, rules: list[Any]) -> KubeObject:
    """Return the ConfigMap with the rules that change objects while they are restored (its format is version v1)."""
    content = yaml.safe_dump({"version": "v1", "resourceModifierRules": rules}, sort_keys=False)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"rules.yaml": content},
    }


def run_result(run: Run) -> dict[str, Any]:
    """Return what modules report of a backup or a restore."""
    return {
        "name": run.name,
        "namespace": run.namespace,
        "phase": run.phase,
        "errors": run.errors,
        "warnings": run.warnings,
        "failure_reason": run.failure_reason,
        "validation_errors": list(run.validation_errors),
        "items_total": run.items_total,
        "items_done": run.items_done,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "duration_seconds": run.duration,
    }


def backup_result(run: Run) -> dict[str, Any]:
    """Return what modules report of a backup."""
    return {
        **run_result(run),
        "expires_at": run.expires_at,
        "schedule": run.schedule,
        "storage_location": run.spec.get("storageLocation") or "",
        "included_namespaces": list(run.spec.get("includedNamespaces") or ()),
    }


def restore_result(run: Run) -> dict[str, Any]:
    """Return what modules report of a restore."""
    return {
        **run_result(run),
        "backup_name": run.spec.get("backupName") or "",
        "namespace_mapping": dict(run.spec.get("namespaceMapping") or {}),
    }


def location_result(location: StorageLocation) -> dict[str, Any]:
    """Return what modules report of a storage location; its configuration holds addresses, no secrets."""
    storage = location.spec.get("objectStorage") or {}
    return {
        "name": location.name,
        "phase": location.phase,
        "message": location.message,
        "access_mode": location.access_mode,
        "validated_at": location.validated_at,
        "default": location.is_default,
        "provider": location.spec.get("provider") or "",
        "bucket": storage.get("bucket") or "",
        "prefix": storage.get("prefix") or "",
        "config": dict(location.spec.get("config") or {}),
    }
