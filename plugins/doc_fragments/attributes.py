# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every module of the collection says about itself."""

from __future__ import annotations


class ModuleDocFragment:
    # For modules that change something.
    DOCUMENTATION = r"""
attributes:
  action_group:
    description: Is in the action group C(fuze.miniapp_infra.miniapp), so that its defaults can be set once.
    support: full
    membership: [fuze.miniapp_infra.miniapp]
  check_mode:
    description: Can run in check mode and tells what would change.
    support: full
  diff_mode:
    description: Shows what changes, or in check mode would change. Secret values are replaced by placeholders.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

    # For modules that only read.
    READ_ONLY = r"""
attributes:
  action_group:
    description: Is in the action group C(fuze.miniapp_infra.miniapp), so that its defaults can be set once.
    support: full
    membership: [fuze.miniapp_infra.miniapp]
  check_mode:
    description: Can run in check mode and gives the same result.
    support: full
  diff_mode:
    description: Would show what changes.
    support: none
    details: The module changes nothing.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""
