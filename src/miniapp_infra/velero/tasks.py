# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from miniapp_infra.kube.custom import CustomObjects
from miniapp_infra.velero import backups, info, locations, restores, schedules
from miniapp_infra.velero.runs import Options, Server

Params = Mapping[str, Any]
Result = dict[str, Any]


def backup(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Take or delete a backup. Raises what ``backups.present`` and ``backups.absent`` raise."""
    act = backups.present if params["state"] == "present" else backups.absent
    return act(_server(params, check_mode), params, Options.from_params(params), check=check_mode, diff=diff_mode)


def restore(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Start a restore, or delete the record of one. Raises what ``restores.present`` and ``restores.absent`` raise."""
    act = restores.present if params["state"] == "present" else restores.absent
    return act(_server(params, check_mode), params, Options.from_params(params), check=check_mode, diff=diff_mode)


def schedule(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Declare or delete a schedule. Raises what ``schedules.present`` and ``schedules.absent`` raise."""
    server = _server(params, check_mode)
    if params["state"] == "absent":
        return schedules.absent(server, params, diff=diff_mode)
    return schedules.present(server, params, check=check_mode, diff=diff_mode)


def storage_location(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Declare or delete a storage location. Raises what ``locations.present`` and ``locations.absent`` raise."""
    server = _server(params, check_mode)
    if params["state"] == "absent":
        return locations.absent(server, params, diff=diff_mode)
    return locations.present(server, params, check=check_mode, diff=diff_mode)


def backup_info(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Return backups and their age. Raises what ``info.backup_info`` raises."""
    del diff_mode  # reads only
    return info.backup_info(_server(params, check_mode), params)


def _server(params: Params, check_mode: bool) -> Server:  # noqa: FBT001 - passed on as it comes
    objects = CustomObjects.of(params, check_mode=check_mode)
    if params.get("force_conflicts"):
        objects = replace(objects, options=replace(objects.options, force_conflicts=True))
    return Server(objects, params["namespace"])
