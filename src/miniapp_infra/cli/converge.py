# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``playbooks/site.yml`` as a user would, with its output on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


Engine = Literal["node", "external"]


def converge(layout: Layout, inventory: str, engine: Engine) -> None:
    """Converge an environment.

    Args:
        layout: the checkout whose playbooks run.
        inventory: directory of the environment, relative to the checkout.
        engine: ``node`` works on the cluster that the inventory names and starts the local one; ``external`` works on
            the cluster that ``KUBECONFIG`` names and starts nothing.

    Raises:
        MiniappInfraError: ``KUBECONFIG`` names no file, or the playbook failed; its own output tells why.
    """
    scripts = Path(sys.executable).parent
    cluster = ["-e", f"preflight_kubeconfig={external_kubeconfig()}"] if engine == "external" else []
    run = subprocess.run(
        [str(scripts / "ansible-playbook"), "-i", inventory, *cluster, "playbooks/site.yml"],
        cwd=layout.root,
        env=os.environ | {"PATH": f"{scripts}:{os.environ.get('PATH', '')}", "LOCAL_ENGINE": engine},
        check=False,
    )
    if run.returncode:
        raise MiniappInfraError(
            f"Failed to converge {inventory}: ansible-playbook ended with exit code {run.returncode}",
            hint="The last failed task above names the cause. Running the same command again continues from there.",
        )


def external_kubeconfig() -> Path:
    """Return the kubeconfig of an existing cluster.

    Raises:
        MiniappInfraError: ``KUBECONFIG`` is not set or names no file.
    """
    path = Path(os.environ.get("KUBECONFIG", "")).expanduser()
    if not path.is_file():
        raise MiniappInfraError(
            f"Failed to use an existing cluster: KUBECONFIG is {str(path)!r}, which is no file",
            code=ErrorCode.INVALID_INPUT,
            hint="KUBECONFIG=<path of the cluster's kubeconfig> make up LOCAL_ENGINE=external",
        )
    return path.resolve()
