# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How modules reach a Kubernetes API server."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file, several joined with V(:), or the content of one as a dictionary.
      - Not read when O(host) and a credential are given.
      - Defaults to E(K8S_AUTH_KUBECONFIG), then E(KUBECONFIG), then C(~/.kube/config), then the pod's service account.
    type: raw
  context:
    description:
      - Context of the kubeconfig; its current context when left out.
      - Can also be set with E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description:
      - URL of the API server, such as V(https://10.0.0.1:6443).
      - Can also be set with E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - Bearer token.
      - Can also be set with E(K8S_AUTH_API_KEY).
    type: str
  username:
    description:
      - User name for basic authentication at a proxy in front of the API server.
      - Can also be set with E(K8S_AUTH_USERNAME).
    type: str
  password:
    description:
      - Password that belongs to O(username).
      - Can also be set with E(K8S_AUTH_PASSWORD).
    type: str
  client_cert:
    description:
      - Path of the client certificate, in PEM form.
      - Can also be set with E(K8S_AUTH_CLIENT_CERT) or E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path of the key that belongs to O(client_cert), in PEM form.
      - Can also be set with E(K8S_AUTH_CLIENT_KEY) or E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  ca_cert:
    description:
      - Path of the certificate of the CA that signed the certificate of the API server, in PEM form.
      - Can also be set with E(K8S_AUTH_CA_CERT) or E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  tls_server_name:
    description: Name that the certificate of the API server must carry, where it is not the one in O(host).
    type: str
  validate_certs:
    description:
      - Whether the certificate of the API server is checked. As the kubeconfig says, when left out.
      - Can also be set with E(K8S_AUTH_VALIDATE_CERTS) or E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
  proxy:
    description:
      - URL of an HTTP proxy. Defaults to what the kubeconfig says, then E(HTTPS_PROXY).
      - Can also be set with E(K8S_AUTH_PROXY).
    type: str
  no_proxy:
    description:
      - Hosts, domains and networks that are reached without the proxy, joined with commas.
      - Can also be set with E(K8S_AUTH_NO_PROXY).
    type: str
  proxy_headers:
    description:
      - Accepted only when it is empty. Headers for the proxy are not supported, and a task that gives some is refused.
      - The proxy must accept this host by its address.
    type: dict
    suboptions:
      proxy_basic_auth:
        description: User and password for the proxy, joined with a colon.
        type: str
      basic_auth:
        description: User and password, joined with a colon.
        type: str
      user_agent:
        description: Name of the program that calls.
        type: str
  persist_config:
    description:
      - Has no effect and gives a warning. Tokens that are renewed are not written into the kubeconfig.
      - Can also be set with E(K8S_AUTH_PERSIST_CONFIG).
    type: bool
  impersonate_user:
    description:
      - User to act as.
      - Can also be set with E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - Groups to act as a member of.
      - Can also be set with E(K8S_AUTH_IMPERSONATE_GROUPS), joined with commas.
    type: list
    elements: str
  retry_timeout:
    description:
      - Seconds in which a request is repeated when the API server restarts, throttles or loses a race.
      - An address that has never answered is given up after eight seconds.
    type: float
    default: 60.0
  request_timeout:
    description: Seconds that one answer may take.
    type: float
    default: 60.0
requirements:
  - The Python package C(miniapp-infra), of the collection's version, on the host that runs the module.
"""
