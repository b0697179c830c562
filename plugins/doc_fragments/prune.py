# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much modules may delete of what is not declared any more."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  prune_budget:
    description:
      - Percentage of the existing objects of the set that may be deleted because they are not declared any more.
      - When more would go, the task fails before it changes anything, and names them. An input that is empty by mistake
        is found this way; all of a set goes only with V(100).
    type: float
    default: 50.0
  protected_kinds:
    description:
      - Kinds of which no object is deleted, as V(Kind) or V(Kind.group). When one would go, the task fails before it
        changes anything, and names it.
      - The default are the kinds that take data along which is in no manifest.
    type: list
    elements: str
    default: [CustomResourceDefinition, Namespace, PersistentVolume, PersistentVolumeClaim]
  propagation_policy:
    description: What happens to the objects that a deleted object owns.
    type: str
    choices: [Background, Foreground, Orphan]
    default: Background
"""
