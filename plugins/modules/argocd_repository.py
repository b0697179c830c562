# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declares a repository of Argo CD."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argocd_repository
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Declare a repository or a credential template of Argo CD
description:
  - Tells Argo CD how a repository is reached, or all repositories below an address.
  - With O(mode=core) it is a Secret with the label C(argocd.argoproj.io/secret-type), named as Argo CD itself does
    it, so that one which Argo CD or somebody else made is found and taken over.
  - Credentials are in no result, difference or log.
options:
  url:
    description: Address of the repository, or with O(credentials_template) the beginning of addresses.
    type: str
    required: true
  name:
    description: Name of the repository. Needed for O(type=helm).
    type: str
  type:
    description: Kind of the repository.
    type: str
    choices: [git, helm, oci]
    default: git
  project:
    description: AppProject that the repository belongs to; any may use it when left out.
    type: str
  credentials_template:
    description:
      - Whether this is no repository, but credentials for every repository whose address begins with O(url).
      - O(name), O(project), O(insecure), O(enable_lfs) and O(repo_no_proxy) do not count then.
    type: bool
    default: false
  repo_username:
    description: User name.
    type: str
  repo_password:
    description: Password or token that belongs to O(repo_username).
    type: str
  bearer_token:
    description: Bearer token.
    type: str
  ssh_private_key:
    description: Private key for addresses of SSH, in PEM form.
    type: str
  tls_client_cert_data:
    description: Client certificate, in PEM form.
    type: str
  tls_client_cert_key:
    description: Key of O(tls_client_cert_data), in PEM form.
    type: str
  github_app_id:
    description: Id of a GitHub App.
    type: int
  github_app_installation_id:
    description: Id of its installation.
    type: int
  github_app_private_key:
    description: Private key of the GitHub App, in PEM form.
    type: str
  github_app_enterprise_base_url:
    description: Address of the API of a GitHub Enterprise Server.
    type: str
  insecure:
    description: Whether the certificate or the host key of the repository is left unchecked.
    type: bool
    default: false
  enable_lfs:
    description: Whether files of Git LFS are fetched.
    type: bool
    default: false
  enable_oci:
    description: Whether a repository of the type V(helm) is an OCI registry.
    type: bool
    default: false
  force_http_basic_auth:
    description: Whether credentials are sent without being asked for.
    type: bool
    default: false
  repo_proxy:
    description: Proxy between Argo CD and the repository.
    type: str
  repo_no_proxy:
    description: Hosts that are reached without the proxy, joined with commas.
    type: str
  update_credentials:
    description:
      - With O(mode=api) Argo CD does not show whether credentials differ, so they are sent with another change only.
        Set this to send them now, which always counts as a change.
      - With O(mode=core) they are compared, and this has no effect.
    type: bool
    default: false
  state:
    description: Whether there has to be such a repository, or none.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.argocd
notes:
  - Credentials that are left out are taken away when the repository is written again.
seealso:
  - module: fuze.miniapp_infra.argocd_application
"""

EXAMPLES = r"""
- name: A private Git repository
  fuze.miniapp_infra.argocd_repository:
    url: https://git.example.com/platform.git
    project: payments
    repo_username: argocd
    repo_password: "{{ git_token }}"

- name: One key for all repositories of a host
  fuze.miniapp_infra.argocd_repository:
    url: ssh://git@git.example.com/
    credentials_template: true
    ssh_private_key: "{{ lookup('ansible.builtin.file', '/etc/argocd/deploy.pem') }}"

- name: Charts in an OCI registry
  fuze.miniapp_infra.argocd_repository:
    url: oci://registry.example.com/charts/service
    type: oci
"""

RETURN = r"""
repository:
  description:
    - The repository. C(credentials) names the options of which it has a value, and C(secret_name) its Secret in core
      mode.
  returned: success and state=present
  type: dict
  sample:
    url: https://git.example.com/platform.git
    type: git
    project: payments
    repo_username: argocd
    credentials: [repo_password]
    secret_name: repo-3427641520
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: forbidden
    retryable: false
    hint: Does the account of api_token have the right for it (argocd-rbac-cm), and is the token valid?
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.argocd import argocd_module


def main() -> None:
    module = argocd_module(
        {
            "bearer_token": {"type": "str", "no_log": True},
            "credentials_template": {"type": "bool", "default": False},
            "enable_lfs": {"type": "bool", "default": False},
            "enable_oci": {"type": "bool", "default": False},
            "force_http_basic_auth": {"type": "bool", "default": False},
            "github_app_enterprise_base_url": {"type": "str"},
            "github_app_id": {"type": "int"},
            "github_app_installation_id": {"type": "int"},
            "github_app_private_key": {"type": "str", "no_log": True},
            "insecure": {"type": "bool", "default": False},
            "name": {"type": "str"},
            "project": {"type": "str"},
            "repo_no_proxy": {"type": "str"},
            "repo_password": {"type": "str", "no_log": True},
            "repo_proxy": {"type": "str"},
            "repo_username": {"type": "str"},
            "ssh_private_key": {"type": "str", "no_log": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tls_client_cert_data": {"type": "str"},
            "tls_client_cert_key": {"type": "str", "no_log": True},
            "type": {"type": "str", "choices": ["git", "helm", "oci"], "default": "git"},
            "update_credentials": {"type": "bool", "default": False},
            "url": {"type": "str", "required": True},
        }
    )
    engine.run(module, "miniapp_infra.argocd.declare", "repository")


if __name__ == "__main__":
    main()
