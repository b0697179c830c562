# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells whether an image is signed by a key or an identity."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_verify
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Verify the signature of a container image
description:
  - Looks for signatures of an image by a key, or by a certificate of an identity, and checks them. Changes nothing.
  - With O(public_key) it needs no connection to Sigstore's public services, nor with an identity and O(trusted_root).
options:
  image:
    description: The image, named by digest, or by tag with O(resolve_tag).
    type: str
    required: true
  resolve_tag:
    description: Whether to look up the digest of a tag first. What is verified is the digest in RV(digest).
    type: bool
    default: false
  public_key:
    description:
      - The public key, a file or a reference such as C(awskms:///alias/name).
      - One of O(public_key), O(certificate_identity) and O(certificate_identity_regexp) is required.
    type: str
  signature_format:
    description: Format that a signature has to have to count; V(any) takes either.
    type: str
    choices: [any, legacy, bundle]
    default: any
    aliases: [require_format]
  annotations:
    description: Claims that a signature has to carry to count.
    type: dict
    default: {}
  fail_on_unverified:
    description: Whether the module fails when the image is not verified. Otherwise RV(verified) and RV(reason) tell.
    type: bool
    default: true
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.cosign
  - fuze.miniapp_infra.cosign.identity
  - fuze.miniapp_infra.cosign.registry
seealso:
  - module: fuze.miniapp_infra.cosign_sign
  - module: fuze.miniapp_infra.cosign_verify_attestation
"""

EXAMPLES = r"""
- name: Refuse to promote what is not signed
  fuze.miniapp_infra.cosign_verify:
    image: 198.18.0.2:5000/miniapp/playhub:1.0.0
    resolve_tag: true
    public_key: .local/signing/cosign.pub
    registry_ca_cert: .local/pki/ca.crt
  register: verified

- name: Accept only what the pipeline of our repository has signed
  fuze.miniapp_infra.cosign_verify:
    image: ghcr.io/example/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
    certificate_identity_regexp: ^https://github\.com/example/playhub/\.github/workflows/release\.yml@.*$
    certificate_oidc_issuer: https://token.actions.githubusercontent.com
    github_workflow:
      ref: refs/heads/main
"""

RETURN = r"""
verified:
  description: Whether at least one signature is good.
  returned: always, unless the options are wrong
  type: bool
  sample: true
reason:
  description:
    - Why not; empty when verified. One of V(no_signature), V(image_not_found), V(no_matching_signature) (another key,
      another identity, another annotation or a changed signature), V(no_certificate), V(registry_error), V(other).
  returned: always, unless the options are wrong
  type: str
  sample: ""
digest:
  description: What was verified. Empty when the tag does not exist.
  returned: always, unless the options are wrong
  type: str
  sample: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
image:
  description: The image, by digest where it has one.
  returned: always, unless the options are wrong
  type: str
  sample: 198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
signatures:
  description: The good signatures.
  returned: always, unless the options are wrong
  type: list
  elements: dict
  sample:
    - digest: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
      identity: 198.18.0.2:5000/miniapp/playhub
      type: cosign container image signature
      annotations: {}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: unavailable
    retryable: true
    hint: ""
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.supply_chain import (
    IDENTITY_EXCLUSIVE,
    cosign_spec,
    identity_spec,
    registry_spec,
)


def main() -> None:
    own = {
        "image": {"type": "str", "required": True},
        "resolve_tag": {"type": "bool", "default": False},
        "public_key": {"type": "str", "no_log": False},
        "signature_format": {
            "type": "str",
            "choices": ["any", "legacy", "bundle"],
            "default": "any",
            "aliases": ["require_format"],
        },
        "annotations": {"type": "dict", "default": {}},
        "fail_on_unverified": {"type": "bool", "default": True},
    }
    module = AnsibleModule(
        argument_spec={**cosign_spec(), **registry_spec(), **identity_spec(), **own},
        mutually_exclusive=IDENTITY_EXCLUSIVE,
        required_one_of=[("public_key", "certificate_identity", "certificate_identity_regexp")],
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.cosign.tasks", "verify")


if __name__ == "__main__":
    main()
