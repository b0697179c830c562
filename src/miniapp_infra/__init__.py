# SPDX-License-Identifier: GPL-3.0-or-later
"""The infrastructure platform of the mini-app product: engines that the Ansible content, the runner and the service share."""

from __future__ import annotations

__version__ = "0.1.0"
