# SPDX-License-Identifier: GPL-3.0-or-later
"""The infrastructure platform of the mini-app product: engines that Ansible content, runner and service share."""

from __future__ import annotations

__version__ = "0.1.0"
