# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that the Velero modules share. Their argument specification is in module_utils/velero.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Which Velero, what a backup holds (``filters``, ``backup``), and how runs are followed (``run``)."""

    DOCUMENTATION = r"""
options:
  namespace:
    description: Namespace that Velero runs in, where all its objects are.
    type: str
    default: velero
"""

    FILTERS = r"""
options:
  included_namespaces:
    description: Namespaces to include. All of them, when left out.
    type: list
    elements: str
  excluded_namespaces:
    description: Namespaces to leave out.
    type: list
    elements: str
  included_resources:
    description: Kinds to include, such as V(configmaps) or V(deployments.apps). All of them, when left out.
    type: list
    elements: str
  excluded_resources:
    description: Kinds to leave out.
    type: list
    elements: str
  include_cluster_resources:
    description:
      - Whether to include objects that belong to no namespace.
      - When left out, those are included that objects of the namespaces need.
    type: bool
  label_selector:
    description:
      - Labels that objects must have, with the keys C(matchLabels) and C(matchExpressions) of Kubernetes.
      - Mutually exclusive with O(or_label_selectors).
    type: dict
  or_label_selectors:
    description:
      - Several selectors, of which an object must match one.
      - Mutually exclusive with O(label_selector).
    type: list
    elements: dict
  hooks:
    description: Commands to run in pods, as Velero documents them, with the key C(resources).
    type: dict
  item_operation_timeout:
    description: How long Velero waits for operations of its plugins, such as V(4h).
    type: str
"""

    BACKUP = r"""
options:
  storage_location:
    description: Storage location to write to. The default one, when left out.
    type: str
  ttl:
    description: How long the backup is kept, such as V(720h). As the Velero server is set up, when left out.
    type: str
  snapshot_volumes:
    description: Whether to take snapshots of volumes.
    type: bool
  snapshot_move_data:
    description: Whether to move the data of snapshots into the storage location.
    type: bool
  default_volumes_to_fs_backup:
    description: Whether to copy the files of all pod volumes that are not excluded.
    type: bool
  csi_snapshot_timeout:
    description: How long Velero waits for a CSI snapshot, such as V(10m).
    type: str
  volume_snapshot_locations:
    description: Names of the volume snapshot locations.
    type: list
    elements: str
  ordered_resources:
    description:
      - Order in which objects of a kind are backed up. The keys are kinds, such as C(pods), the values lists of
        C(namespace/name).
    type: dict
  resource_policy:
    description: Name of a ConfigMap with Velero's resource policies, in the namespace of Velero.
    type: str
  included_cluster_scoped_resources:
    description:
      - Kinds without a namespace to include.
      - This and the other options for scoped kinds cannot be combined with O(included_resources),
        O(excluded_resources) and O(include_cluster_resources).
    type: list
    elements: str
  excluded_cluster_scoped_resources:
    description: Kinds without a namespace to leave out.
    type: list
    elements: str
  included_namespace_scoped_resources:
    description: Kinds with a namespace to include.
    type: list
    elements: str
  excluded_namespace_scoped_resources:
    description: Kinds with a namespace to leave out.
    type: list
    elements: str
"""

    RUN = r"""
options:
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name of the object. One of O(name) and O(idempotency_key) must be given.
      - It is the identity of what is done. A name stands for the options that it was first used with, and is refused
        with others.
    type: str
  idempotency_key:
    description:
      - Stands for one run of a job, such as the number of a pipeline. The same key never starts the same thing twice.
      - Without O(name), the name follows from the key, so that also two tasks at the same moment start one only.
      - A hash of it is kept as a label.
    type: str
  wait:
    description: Whether to wait for the end. Check mode does not wait.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait. It goes on by itself after that, and another run continues to wait.
    type: float
    default: 3600.0
  stall_timeout:
    description:
      - Seconds without any progress after which to give up; V(0) for no such limit.
      - Progress is any change of the status or of its volumes. Waiting in Velero's queue is no stall.
    type: float
    default: 1800.0
  accept_partial:
    description:
      - Whether phase C(PartiallyFailed), with errors for single objects, counts as success. What failed as a whole
        never does.
    type: bool
    default: false
  fetch_log:
    description:
      - When to return the end of Velero's log. It is read from the object store, at the address that Velero hands out;
        where that cannot be reached from here, a warning says so.
    type: str
    choices: [on_failure, always, never]
    default: on_failure
"""
