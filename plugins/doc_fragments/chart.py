# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Helm chart as the source of objects."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  helm_template:
    description:
      - Chart that C(helm template) renders. Its hooks are left out, because they are steps of Helm's own installation.
    type: dict
    suboptions:
      chart:
        description: Directory, archive, C(oci://) reference, or with O(helm_template.repository) the name of the chart.
        type: str
        required: true
      repository:
        description: URL of the chart repository.
        type: str
      version:
        description: Version of the chart, where O(helm_template.chart) is not a local one.
        type: str
      release_name:
        description: Name of the release, which charts use in the names of objects.
        type: str
        required: true
      namespace:
        description: Namespace of the release. Defaults to O(namespace).
        type: str
      values:
        description: Values of the chart. They win over O(helm_template.values_files).
        type: dict
        default: {}
      values_files:
        description: Files with values. Later ones win.
        type: list
        elements: path
        default: []
      include_crds:
        description: Whether the custom resource definitions of the chart are part of the set.
        type: bool
        default: true
      ca_file:
        description: Certificate of the CA of the chart's registry, in PEM form.
        type: path
      kube_version:
        description: Kubernetes version that the chart is told.
        type: str
      api_versions:
        description: API versions that the chart is told, such as V(monitoring.coreos.com/v1).
        type: list
        elements: str
        default: []
  helm_path:
    description: The program that renders O(helm_template).
    type: str
    default: helm
"""
