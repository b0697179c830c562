# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How modules apply a set of objects."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  field_manager:
    description: Name under which the server records which fields we declare.
    type: str
    default: miniapp-infra
  force_conflicts:
    description:
      - Take fields over that other managers own.
      - Otherwise such fields fail the task, each named with its manager.
    type: bool
    default: false
  missing_kind_timeout:
    description: Seconds that a kind may take to appear whose definition is made by a controller and not by the set.
    type: float
    default: 10.0
"""
