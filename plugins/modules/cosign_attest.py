# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attaches a signed statement about an image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_attest
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Attach an attestation to a container image
description:
  - Attaches a signed statement, such as a bill of materials, to an image, unless one by the same key with the same
    content is there. An older one of the same type is replaced; those of other types stay.
  - The attestation is stored in the legacy format, as policy-controller reads it, and nothing is written to a public
    transparency log.
options:
  image:
    description: The image, named by digest.
    type: str
    required: true
  predicate_type:
    description: What kind of statement it is.
    type: str
    choices: [spdxjson, cyclonedx, slsaprovenance1, vuln, openvex]
    required: true
  predicate:
    description:
      - The statement, a JSON file.
      - Exactly one of O(predicate) and O(predicate_content) is required.
    type: path
  predicate_content:
    description: The statement itself.
    type: dict
extends_documentation_fragment:
  - fuze.miniapp_infra.cosign
  - fuze.miniapp_infra.cosign.registry
  - fuze.miniapp_infra.cosign.signing
attributes:
  action_group:
    description: Is in the action group C(fuze.miniapp_infra.miniapp), so that its defaults can be set once.
    support: full
  check_mode:
    description: Can run in check mode, looks at the real state and tells what would change.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
seealso:
  - module: fuze.miniapp_infra.cosign_verify_attestation
  - module: fuze.miniapp_infra.service_image
"""

EXAMPLES = r"""
- name: Attach the bill of materials
  fuze.miniapp_infra.cosign_attest:
    image: "198.18.0.2:5000/miniapp/playhub@{{ digest }}"
    predicate_type: spdxjson
    predicate: build/playhub.spdx.json
    key: .local/signing/cosign.key
    key_password_file: .local/signing/password
    registry_ca_cert: .local/pki/ca.crt
"""

RETURN = r"""
image:
  description: The image, as registry, repository and digest.
  returned: success
  type: str
  sample: 198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
digest:
  description: What the statement is about.
  returned: success
  type: str
  sample: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
predicate_sha256:
  description: Hash of the statement's canonical JSON.
  returned: success
  type: str
  sample: 0f3c7e9e0c6f0ed0c5fd7ce2b3e07f6fb1d0d5b4a0a8c2e8a7ab5a5a3d1f2b10
signed_by:
  description: Fingerprint of the public key.
  returned: success
  type: str
  sample: sha256:79076d013b94690b5234b22d43658fa20606124ff1f4d3b67e06b48f54378125
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
    from miniapp_infra.cosign import PredicateType, ensure_attested, public_half, read_predicate


def operation(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    image, key, cosign = supply_chain.image(params), supply_chain.signing_key(params), supply_chain.cosign(params)
    file = supply_chain.optional_path(params["predicate"])
    predicate = params["predicate_content"] if file is None else read_predicate(file)
    supply_chain.warn_about(module, cosign)
    with public_half(cosign, key, supply_chain.optional_path(params["public_key"])) as public:
        attested = ensure_attested(
            cosign,
            supply_chain.registry(params),
            image,
            key,
            public.reference,
            predicate_type=PredicateType(params["predicate_type"]),
            predicate=predicate,
            check_mode=module.check_mode,
        )
    return {
        "changed": attested.changed,
        "image": str(image),
        "digest": image.digest,
        "predicate_sha256": attested.after,
        "signed_by": public.fingerprint,
        "diff": {
            "before": {params["predicate_type"]: attested.before},
            "after": {params["predicate_type"]: attested.after},
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            "predicate_type": {
                "type": "str",
                "required": True,
                "choices": ["spdxjson", "cyclonedx", "slsaprovenance1", "vuln", "openvex"],
            },
            "predicate": {"type": "path"},
            "predicate_content": {"type": "dict"},
            **supply_chain.COSIGN_SPEC,
            **supply_chain.REGISTRY_SPEC,
            **supply_chain.SIGNING_SPEC,
        },
        mutually_exclusive=[*supply_chain.SIGNING_EXCLUSIVE, ("predicate", "predicate_content")],
        required_one_of=[("predicate", "predicate_content")],
        supports_check_mode=True,
    )
    supply_chain.run(module, operation)


if __name__ == "__main__":
    main()
