# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages that the node needs: installed when missing, never started as services."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node import profiles
from miniapp_infra.local.node.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.local.layout import Layout

# Asked by invoke-rc.d and deb-systemd-invoke before they start a service; 101 means "not allowed" (policy-rc.d(8)).
_POLICY = Path("/usr/sbin/policy-rc.d")
_OUR_POLICY = (
    "#!/bin/sh\n# miniapp-infra: no service starts while packages are installed; removed afterwards\nexit 101\n"
)
_FORBIDDEN = 101
_SERVICES = ("lighttpd", "postgresql")


def needed(layout: Layout) -> dict[str, str]:
    """Return the packages of the environment's profile, with the reason for each."""
    files = ["packages.yml", *(["packages-full.yml"] if profiles.running(layout) == "full" else [])]
    loaded = [yaml.safe_load((layout.node_content / name).read_text()) for name in files]
    return {str(name): str(reason) for part in loaded for name, reason in part.items()}


def missing(names: list[str]) -> list[str]:
    """Return which packages are not installed, in the order given."""
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        check=False,  # it fails when one is unknown, which is an answer
    )
    installed = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def ensure(layout: Layout) -> list[str]:
    """Install what is missing and return it.

    Raises:
        MiniappInfraError: no apt here (``unsupported_host``), or apt failed.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg-query"):
        raise MiniappInfraError(
            f"Failed to install packages: no apt-get on this machine; needed are {', '.join(needed(layout))}",
            code=ErrorCode.UNSUPPORTED_HOST,
            hint="use Debian or Ubuntu, or an existing cluster: KUBECONFIG=... make up LOCAL_ENGINE=external",
        )
    wanted = missing(list(needed(layout)))
    if wanted:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        with no_service_starts():
            try:
                _install(wanted, environment)
            except MiniappInfraError:  # most often the package lists are old or were never fetched
                run(["apt-get", "update", "-q"], "fetch the package lists", env=environment, timeout=300)
                _install(wanted, environment)
        for service in set(_SERVICES) & set(wanted):
            _keep_from_booting(service)
    return wanted


def _install(names: list[str], environment: dict[str, str]) -> None:
    run(
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", *names],
        f"install packages {' '.join(names)}",
        env=environment,
        timeout=900,
    )


def _keep_from_booting(service: str) -> None:
    """Without this the package's own server would start with the machine, on a port of the machine."""
    if shutil.which("systemctl"):  # works on unit files, also where systemd does not run
        run(["systemctl", "disable", f"{service}.service"], f"disable the service {service}")
    else:
        run(["update-rc.d", service, "disable"], f"disable the service {service}")


@contextmanager
def no_service_starts(policy: Path = _POLICY) -> Iterator[None]:
    """Forbid that packages start services while the block runs.

    A policy of the machine's owner that already forbids it is left alone; another one is put aside and put back, also
    by the next run after a kill.
    """
    aside = policy.with_name(f"{policy.name}.before-miniapp-infra")
    _put_back(policy, aside)
    if policy.exists() and _forbids(policy):
        yield
        return
    if policy.exists():
        policy.rename(aside)
    policy.write_text(_OUR_POLICY)
    policy.chmod(0o755)
    try:
        yield
    finally:
        _put_back(policy, aside)


def _forbids(policy: Path) -> bool:
    return (
        subprocess.run([str(policy), _SERVICES[0], "start"], capture_output=True, check=False).returncode == _FORBIDDEN
    )


def _put_back(policy: Path, aside: Path) -> None:
    if policy.is_file() and policy.read_text(errors="replace") == _OUR_POLICY:
        policy.unlink()
    if aside.exists():
        aside.rename(policy)
