# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How modules reach Vault. Names and environment variables are those of the collection community.hashi_vault."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of Vault, such as V(https://vault.example.com:8200).
      - Can also be set with E(ANSIBLE_HASHI_VAULT_ADDR) or E(VAULT_ADDR).
    type: str
  namespace:
    description:
      - Namespace of Vault Enterprise or of OpenBao. The root namespace when left out.
      - Can also be set with E(ANSIBLE_HASHI_VAULT_NAMESPACE) or E(VAULT_NAMESPACE).
    type: str
  auth_method:
    description:
      - How to log in. A token that the login makes is revoked at the end of the task.
      - Can also be set with E(ANSIBLE_HASHI_VAULT_AUTH_METHOD).
    type: str
    choices: [token, approle, kubernetes]
    default: token
  mount_point:
    description: Where the auth method is mounted. V(approle) or V(kubernetes) when left out.
    type: str
  token:
    description:
      - Token for O(auth_method=token). Read from the file O(token_file) when left out.
      - Can also be set with E(ANSIBLE_HASHI_VAULT_TOKEN) or E(VAULT_TOKEN).
    type: str
  token_path:
    description:
      - Directory of O(token_file). The home directory when left out.
      - Can also be set with E(ANSIBLE_HASHI_VAULT_TOKEN_PATH).
    type: path
  token_file:
    description:
      - Name of the file that holds the token.
      - Can also be set with E(ANSIBLE_HASHI_VAULT_TOKEN_FILE).
    type: str
    default: .vault-token
  role_id:
    description:
      - The role ID for O(auth_method=approle), the name of the role for O(auth_method=kubernetes).
      - Can also be set with E(ANSIBLE_HASHI_VAULT_ROLE_ID).
    type: str
  secret_id:
    description:
      - The secret ID for O(auth_method=approle).
      - Can also be set with E(ANSIBLE_HASHI_VAULT_SECRET_ID).
    type: str
  jwt:
    description:
      - Token of a service account for O(auth_method=kubernetes). In a pod it is the pod's own when left out.
      - Can also be set with E(ANSIBLE_HASHI_VAULT_JWT).
    type: str
  ca_cert:
    description:
      - File with the certificates that Vault's is checked with; those of the system when left out.
      - Can also be set with E(ANSIBLE_HASHI_VAULT_CA_CERT) or E(VAULT_CACERT).
    type: path
    aliases: [cacert]
  client_cert:
    description:
      - File with the certificate that is shown to Vault.
      - Can also be set with E(VAULT_CLIENT_CERT).
    type: path
  client_key:
    description:
      - File with the key of O(client_cert).
      - Can also be set with E(VAULT_CLIENT_KEY).
    type: path
  validate_certs:
    description: Whether Vault's certificate is checked.
    type: bool
    default: true
  timeout:
    description: Seconds for one request.
    type: float
    default: 30.0
  retries:
    description: How often a request is sent again after a passing failure, such as status 503 or a broken connection.
    type: int
    default: 3
requirements:
  - The Python package C(miniapp-infra), of the collection's version, on the host that runs the module.
"""
