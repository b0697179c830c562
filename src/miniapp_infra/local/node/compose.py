# SPDX-License-Identifier: GPL-3.0-or-later
"""The components as a project file of process-compose, and one launcher script per component.

A component's command line and the fingerprint of what it reads are in its launcher, so that a change of either means
restarting that component. The project file itself changes only with this program. (process-compose's own
``project update`` takes every component for changed, and forgets those that depend on another one.)
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.local.node.component import Component, HttpProbe, as_user

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from miniapp_infra.local.layout import Layout

# process-compose stops a component for good when its readiness probe reached this threshold, and goes on counting while
# the component is restarting. A crash is restarted by `availability`; a component that hangs, by the next `up`.
_NEVER = 2**31 - 1
_BACKOFF_SECONDS = 2
_LOG_FILE_MEGABYTES = 20
_LOG_FILES = 3


def launcher_path(layout: Layout, name: str) -> Path:
    return layout.config / "run" / f"{name}.sh"


def launcher(component: Component) -> str:
    """Return the script that becomes the component; it changes if and only if the component has to be restarted."""
    start = f"exec {shlex.join(component.argv)}"
    if component.user:
        # Somewhere that the user may be. setpriv becomes the program, so the supervisor's signals reach it.
        start = f"cd / && exec {shlex.join((*as_user(component.user), *component.argv))}"
    return f"# reads files with fingerprint {component.fingerprint()}\n{start}\n"


def project(layout: Layout, components: Iterable[Component]) -> str:
    """Return the project file."""
    return yaml.safe_dump(
        {
            "version": "0.5",
            "is_strict": True,
            "disable_env_expansion": True,  # paths and arguments are meant as they are written
            "log_level": "info",
            "processes": {component.name: _process(layout, component) for component in components},
        },
        sort_keys=True,
        width=1000,
    )


def _process(layout: Layout, component: Component) -> dict[str, Any]:
    return {
        "entrypoint": ["/bin/sh", str(launcher_path(layout, component.name))],
        "working_dir": str(layout.data),
        "is_dotenv_disabled": True,
        "depends_on": {name: {"condition": "process_healthy"} for name in component.needs},
        "readiness_probe": {
            **_probe(component),
            "initial_delay_seconds": 0,
            "period_seconds": 2,
            "timeout_seconds": 5,
            "success_threshold": 1,
            "failure_threshold": _NEVER,
        },
        "availability": {"restart": "always", "backoff_seconds": _BACKOFF_SECONDS},
        "shutdown": {
            "signal": int(component.stop_signal),
            "timeout_seconds": component.stop_seconds,
            "parent_only": True,
        },
        "log_location": str(layout.logs / f"{component.name}.log"),
        "log_configuration": {
            "rotation": {"max_size_mb": _LOG_FILE_MEGABYTES, "max_backups": _LOG_FILES},
            "fields_order": ["message"],  # programs stamp their lines themselves
            "disable_json": True,
            "no_color": True,
            "no_metadata": True,
            "flush_each_line": True,
        },
    }


def _probe(component: Component) -> dict[str, Any]:
    probe = component.probe
    if isinstance(probe, HttpProbe):
        return {
            "http_get": {
                "scheme": probe.scheme,
                "host": probe.host,
                "port": str(probe.port),
                "num_port": probe.port,
                "path": probe.path,
            }
        }
    return {"exec": {"command": shlex.join(probe.argv)}}
