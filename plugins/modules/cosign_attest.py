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
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.cosign
  - fuze.miniapp_infra.cosign.registry
  - fuze.miniapp_infra.cosign.signing
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.supply_chain import (
    PREDICATE_TYPES,
    SIGNING_EXCLUSIVE,
    cosign_spec,
    registry_spec,
    signing_spec,
)


def main() -> None:
    own = {
        "image": {"type": "str", "required": True},
        "predicate_type": {"type": "str", "required": True, "choices": PREDICATE_TYPES},
        "predicate": {"type": "path"},
        "predicate_content": {"type": "dict"},
    }
    module = AnsibleModule(
        argument_spec={**cosign_spec(), **registry_spec(), **signing_spec(), **own},
        mutually_exclusive=[*SIGNING_EXCLUSIVE, ("predicate", "predicate_content")],
        required_one_of=[("predicate", "predicate_content")],
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.cosign.tasks", "attest")


if __name__ == "__main__":
    main()
