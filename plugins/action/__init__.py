# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loads the engine once, before Ansible forks a process for each task.

Ansible imports this package where it reads a playbook that has one of our modules in it. Without the engine in the
process that forks, each task would import it again, which takes longer than an apply that changes nothing.
"""

from __future__ import annotations

import contextlib
import importlib

# Whatever is wrong with the package is said by the module that needs it.
with contextlib.suppress(Exception):
    importlib.import_module("miniapp_infra.kube.tasks.apply")
