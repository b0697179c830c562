# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules wait for, and how long."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait_timeout:
    description: Seconds to wait for the whole set.
    type: float
    default: 120.0
  wait_for:
    description:
      - V(condition=Type), V(condition=Type:Status) or V(path=value), such as V(status.phase=Running).
      - Without it and O(wait_condition) every kind has its own rule. Deployment, DaemonSet and StatefulSet are rolled
        out and available, a Job is complete, a Pod is ready or has succeeded, a Namespace is active, a
        PersistentVolumeClaim is bound, a CustomResourceDefinition is established, an APIService is available, a Node is
        ready, webhook configurations have their CA, the kind of a ConstraintTemplate exists. Any other object
        is ready when it exists.
      - Where the object reports C(status.observedGeneration), the status counts only when it is about the last change.
    type: str
  wait_condition:
    description: Condition to wait for, in the form of the kubernetes.core collection.
    type: dict
    suboptions:
      type:
        description: Type of the condition.
        type: str
        required: true
      status:
        description: Wanted status.
        type: str
        choices: ['True', 'False', Unknown]
        default: 'True'
      reason:
        description: Wanted reason; any, when left out.
        type: str
"""
