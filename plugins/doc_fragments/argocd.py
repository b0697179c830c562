# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How modules reach Argo CD, and how its operations begin and end."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  mode:
    description:
      - V(core) works with the objects of Argo CD in the Kubernetes API, with the rights of the kubeconfig. Argo CD
        needs neither its API server nor accounts for it.
      - V(api) works with the REST interface of the API server of Argo CD, with the rights of the account of
        O(api_token). O(api_url) and O(api_token) are needed then, and the options of the Kubernetes connection are
        not used.
    type: str
    choices: [core, api]
    default: core
  api_url:
    description:
      - Address of the API server of Argo CD, such as V(https://argocd.example.com), with its root path if it has one.
    type: str
  api_token:
    description:
      - Token of an account with the capability C(apiKey), or of a role of a project.
      - Can also be set with E(ARGOCD_AUTH_TOKEN).
    type: str
  api_ca_cert:
    description:
      - File with the certificates that the certificate of O(api_url) is checked with; those of the system when left
        out.
    type: path
  api_validate_certs:
    description: Whether the certificate of O(api_url) is checked.
    type: bool
    default: true
  namespace:
    description: Namespace in which Argo CD keeps its objects.
    type: str
    default: argocd
"""

    OPERATION = r"""
options:
  name:
    description: Name of the application.
    type: str
    required: true
  project:
    description:
      - AppProject of the application. One that is in another project counts as missing.
      - With O(mode=api) it is looked up in the list of applications when it is left out, because Argo CD does not
        tell an application that is missing from one that must not be seen.
    type: str
  prune:
    description: Whether to delete objects that are no longer wanted.
    type: bool
    default: false
  on_running:
    description:
      - What to do when an operation of the application runs already. One that failed and waits to be tried again runs
        too.
      - V(wait) waits for its end first, V(fail) fails at once, V(terminate) ends it.
    type: str
    choices: [wait, fail, terminate]
    default: wait
  respect_sync_windows:
    description:
      - Whether to look at the sync windows of the project first. When one is in the way, the task fails with the code
        V(frozen), and nothing is started.
      - Without it Argo CD decides. In V(core) mode its controller parks an operation that a window blocks; the task
        ends it again and fails with the same code, as long as O(wait=true).
    type: bool
    default: true
  accept_health:
    description: Health that is waited for. Add V(Suspended) where a rollout may pause.
    type: list
    elements: str
    default: [Healthy]
  wait:
    description:
      - Whether to wait until the operation has ended well and the application is healthy. Check mode does not wait.
    type: bool
    default: true
  wait_timeout:
    description: Seconds that each of the steps may take. The error names the phase and the message that were seen last.
    type: float
    default: 300.0
  wait_interval:
    description: Seconds between two looks.
    type: float
    default: 2.0
  terminate_on_timeout:
    description: Whether to end the operation of this task when it takes longer than O(wait_timeout).
    type: bool
    default: false
"""
