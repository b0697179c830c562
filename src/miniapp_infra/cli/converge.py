# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``playbooks/site.yml`` as a user would, with its output on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import MiniappInfraError

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def converge(layout: Layout, inventory: str, engine: str) -> None:
    """Converge an environment.

    Args:
        layout: the checkout whose playbooks run.
        inventory: directory of the environment, relative to the checkout.
        engine: ``node`` or ``external``; handed to the playbook, which starts the node only for the former.

    Raises:
        MiniappInfraError: the playbook failed; its own output tells why.
    """
    scripts = Path(sys.executable).parent
    run = subprocess.run(
        [str(scripts / "ansible-playbook"), "-i", inventory, "playbooks/site.yml"],
        cwd=layout.root,
        env=os.environ | {"PATH": f"{scripts}:{os.environ.get('PATH', '')}", "LOCAL_ENGINE": engine},
        check=False,
    )
    if run.returncode:
        raise MiniappInfraError(
            f"Failed to converge {inventory}: ansible-playbook ended with exit code {run.returncode}",
            hint="The last failed task above names the cause. Running the same command again continues from there.",
        )
