# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the signed statements about an image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_verify_attestation
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Verify and read the attestations of a container image
description:
  - Looks for attestations of one type by a key, checks them and returns what they state. Changes nothing.
  - Reads the legacy format, in which M(fuze.miniapp_infra.cosign_attest) writes.
options:
  image:
    description: The image, named by digest.
    type: str
    required: true
  public_key:
    description: The public key, a file or a reference such as C(awskms:///alias/name).
    type: str
    required: true
  predicate_type:
    description: What kind of statement to look for.
    type: str
    choices: [spdxjson, cyclonedx, slsaprovenance1, vuln, openvex]
    required: true
  policy_files:
    description: Files in Rego (C(.rego)) or CUE (C(.cue)) with rules that every statement has to satisfy.
    type: list
    elements: path
  fail_on_unverified:
    description: Whether the module fails without a good attestation. Otherwise RV(verified) and RV(reason) tell.
    type: bool
    default: true
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.cosign
  - fuze.miniapp_infra.cosign.registry
seealso:
  - module: fuze.miniapp_infra.cosign_attest
"""

EXAMPLES = r"""
- name: Read the bill of materials
  fuze.miniapp_infra.cosign_verify_attestation:
    image: "198.18.0.2:5000/miniapp/playhub@{{ digest }}"
    public_key: .local/signing/cosign.pub
    predicate_type: spdxjson
    registry_ca_cert: .local/pki/ca.crt
  register: sbom
"""

RETURN = r"""
verified:
  description: Whether at least one attestation is good.
  returned: always, unless the options are wrong
  type: bool
  sample: true
reason:
  description: Why not, with the values of the same key of M(fuze.miniapp_infra.cosign_verify); empty when verified.
  returned: always, unless the options are wrong
  type: str
  sample: ""
digest:
  description: What the statements are about.
  returned: always, unless the options are wrong
  type: str
  sample: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
statements:
  description: The good in-toto statements, decoded.
  returned: always, unless the options are wrong
  type: list
  elements: dict
  sample:
    - _type: https://in-toto.io/Statement/v0.1
      predicateType: https://spdx.dev/Document
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
    PREDICATE_TYPES,
    cosign_spec,
    registry_spec,
)


def main() -> None:
    own = {
        "image": {"type": "str", "required": True},
        "public_key": {"type": "str", "required": True, "no_log": False},
        "predicate_type": {"type": "str", "required": True, "choices": PREDICATE_TYPES},
        "policy_files": {"type": "list", "elements": "path"},
        "fail_on_unverified": {"type": "bool", "default": True},
    }
    module = AnsibleModule(argument_spec={**cosign_spec(), **registry_spec(), **own}, supports_check_mode=True)
    engine.run(module, "miniapp_infra.cosign.tasks", "verify_attestation")


if __name__ == "__main__":
    main()
