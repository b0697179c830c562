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
  fail_on_unverified:
    description: Whether the module fails without a good attestation. Otherwise RV(verified) and RV(reason) tell.
    type: bool
    default: true
extends_documentation_fragment:
  - fuze.miniapp_infra.cosign
  - fuze.miniapp_infra.cosign.registry
attributes:
  action_group:
    description: Is in the action group C(fuze.miniapp_infra.miniapp), so that its defaults can be set once.
    support: full
  check_mode:
    description: Can run in check mode and gives the same result.
    support: full
  diff_mode:
    description: Would show what changes.
    support: none
    details: The module changes nothing.
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

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import supply_chain

if supply_chain.IMPORT_ERROR is None:
    from miniapp_infra.cosign import PredicateType, check_attestation
    from miniapp_infra.errors import ErrorCode, MiniappInfraError


def operation(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    image, cosign = supply_chain.image(params), supply_chain.cosign(params)
    supply_chain.warn_about(module, cosign)
    check = check_attestation(
        cosign,
        supply_chain.registry(params),
        image,
        params["public_key"],
        predicate_type=PredicateType(params["predicate_type"]),
    )
    result = {
        "verified": check.verified,
        "reason": str(check.reason or ""),
        "digest": image.digest,
        "statements": list(check.statements),
    }
    if not check.verified and params["fail_on_unverified"]:
        error = MiniappInfraError(check.message, code=ErrorCode.UNVERIFIED_IMAGE)
        module.fail_json(
            msg=f"Failed to verify attestations of image {image}: {check.message}",
            error=error.as_dict(),
            changed=False,
            **result,
        )
    return {"changed": False, **result}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            "public_key": {"type": "str", "required": True, "no_log": False},
            "predicate_type": {
                "type": "str",
                "required": True,
                "choices": ["spdxjson", "cyclonedx", "slsaprovenance1", "vuln", "openvex"],
            },
            "fail_on_unverified": {"type": "bool", "default": True},
            **supply_chain.COSIGN_SPEC,
            **supply_chain.REGISTRY_SPEC,
        },
        supports_check_mode=True,
    )
    supply_chain.run(module, operation)


if __name__ == "__main__":
    main()
