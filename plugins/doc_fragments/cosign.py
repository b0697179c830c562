# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that the modules around cosign share. Their argument specification is in module_utils/supply_chain.py."""

from __future__ import annotations


class ModuleDocFragment:
    """The cosign program, the registry (``registry``), the signing key (``signing``) and who signed (``identity``)."""

    DOCUMENTATION = r"""
options:
  cosign_binary:
    description:
      - Name or path of the C(cosign) program, version 2.6.4 or later of series 2, or 3.0.4 or later of series 3.
    type: str
    default: cosign
  timeout:
    description: Limit of each call of a program, in seconds.
    type: int
    default: 60
requirements:
  - The Python package C(miniapp-infra), of the collection's version, on the host that runs the module.
  - C(cosign) on the host that runs the module.
"""

    REGISTRY = r"""
options:
  crane_binary:
    description: Name or path of the C(crane) program.
    type: str
    default: crane
  registry_ca_cert:
    description: Certificate authority of the registry, trusted besides those of the system.
    type: path
  registry_username:
    description:
      - User name at the registry.
      - Without it the Docker configuration of the user who runs the module counts, with its credential helpers.
    type: str
  registry_password:
    description: Password or token at the registry. It is passed to programs in a private file.
    type: str
  registry_token:
    description:
      - Bearer token for the registry, in place of user name and password. It is passed to programs in a private file.
      - Mutually exclusive with O(registry_username).
    type: str
  allow_http_registry:
    description: Whether to talk to the registry without TLS.
    type: bool
    default: false
  allow_insecure_registry:
    description: Whether to talk to a registry whose certificate nobody vouches for. O(registry_ca_cert) is better.
    type: bool
    default: false
requirements:
  - C(crane) on the host that runs the module.
"""

    SIGNING = r"""
options:
  key:
    description:
      - The private key, a file or a reference such as C(awskms:///alias/name), C(gcpkms://...) or C(hashivault://name).
    type: str
    required: true
  key_password:
    description:
      - What opens the private key. It is passed to C(cosign) in the environment.
      - Mutually exclusive with O(key_password_file).
    type: str
  key_password_file:
    description: File whose content opens the private key.
    type: path
  public_key:
    description:
      - Public half of O(key), by which signatures that are already there are recognised.
      - Without it the module derives it from O(key).
    type: path
"""

    IDENTITY = r"""
options:
  certificate_identity:
    description:
      - The name in the certificate of whoever signed, such as an e-mail address or the URL of a workflow.
      - With a certificate, exactly one of O(certificate_identity) and O(certificate_identity_regexp) is required.
    type: str
  certificate_identity_regexp:
    description: Regular expression that this name has to match.
    type: str
  certificate_oidc_issuer:
    description:
      - The OIDC issuer in the certificate, which knows that name.
      - With a certificate, exactly one of O(certificate_oidc_issuer) and O(certificate_oidc_issuer_regexp) is required.
    type: str
  certificate_oidc_issuer_regexp:
    description: Regular expression that this issuer has to match.
    type: str
  github_workflow:
    description: Further claims of a certificate that was given to a workflow of GitHub.
    type: dict
    suboptions:
      name:
        description: Name of the workflow.
        type: str
      ref:
        description: Git reference, such as V(refs/heads/main).
        type: str
      repository:
        description: Owner and repository.
        type: str
      sha:
        description: Commit.
        type: str
      trigger:
        description: Event, such as V(push).
        type: str
  trusted_root:
    description:
      - File with the authorities and logs to trust, as C(cosign trusted-root create) writes it.
      - Without it C(cosign) fetches those of the public Sigstore services.
    type: path
  ignore_tlog:
    description: Whether a signature of an identity counts that is in no transparency log. By a key it always does.
    type: bool
    default: false
  ignore_sct:
    description: Whether a certificate counts that is in no certificate transparency log.
    type: bool
    default: false
  use_signed_timestamps:
    description: Whether a time-stamp authority in O(trusted_root) has to vouch for the time of signing.
    type: bool
    default: false
"""
