# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signs an image that is not signed yet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_sign
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Sign a container image
description:
  - Signs an image by its digest with a key, unless this key has signed it already in the wanted formats with the wanted
    annotations. Every signature is verified after it was made.
  - Nothing is written to a transparency log, unless O(signing_config) names one. Keyless signing is not supported.
options:
  image:
    description: The image, named by digest. A tag may move between signing and use, so it needs O(resolve_tag).
    type: str
    required: true
  resolve_tag:
    description: Whether to look up the digest of a tag first. What is signed is the digest in RV(digest).
    type: bool
    default: false
  signature_formats:
    description:
      - Formats in which the image has to be signed.
      - V(legacy) is what sigstore policy-controller understands together with a plain key.
      - V(bundle) is the default format of cosign since version 3.
    type: list
    elements: str
    choices: [legacy, bundle]
    default: [legacy]
  annotations:
    description: Claims that are signed together with the digest.
    type: dict
    default: {}
  force:
    description:
      - Whether to sign once more although the image is signed, for example after the certificate was renewed.
      - Every run adds a signature then.
    type: bool
    default: false
  certificate:
    description: File with the certificate of O(key), in PEM form, by which the signature carries an identity.
    type: path
  certificate_chain:
    description: File with the authorities of O(certificate), in PEM form, the root last.
    type: path
  signing_config:
    description:
      - File that names the services to use for signatures in the format V(bundle), as C(cosign signing-config create)
        writes it. None are used without it.
    type: path
  trusted_root:
    description: File with the authorities and logs of the services in O(signing_config).
    type: path
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.cosign
  - fuze.miniapp_infra.cosign.registry
  - fuze.miniapp_infra.cosign.signing
seealso:
  - module: fuze.miniapp_infra.cosign_verify
  - module: fuze.miniapp_infra.cosign_attest
"""

EXAMPLES = r"""
- name: Sign what was just pushed
  fuze.miniapp_infra.cosign_sign:
    image: "198.18.0.2:5000/miniapp/playhub@{{ digest }}"
    key: .local/signing/cosign.key
    key_password_file: .local/signing/password
    public_key: .local/signing/cosign.pub
    registry_ca_cert: .local/pki/ca.crt

- name: Sign in both formats what a tag names now, and tell who reviewed it
  fuze.miniapp_infra.cosign_sign:
    image: registry.example.com/miniapp/playhub:1.0.0
    resolve_tag: true
    key: awskms:///alias/release
    signature_formats: [legacy, bundle]
    annotations:
      reviewed-by: jane
"""

RETURN = r"""
image:
  description: The image, as registry, repository and digest.
  returned: success
  type: str
  sample: 198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
digest:
  description: What is signed.
  returned: success
  type: str
  sample: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
added:
  description: Formats in which a signature was added, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [legacy]
signatures:
  description: The verified signatures of this key.
  returned: success
  type: list
  elements: dict
  sample:
    - digest: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
      identity: 198.18.0.2:5000/miniapp/playhub
      type: cosign container image signature
      annotations: {}
signed_by:
  description: Fingerprint of the public key.
  returned: success
  type: str
  sample: sha256:79076d013b94690b5234b22d43658fa20606124ff1f4d3b67e06b48f54378125
cosign_version:
  description: Version of the program.
  returned: success
  type: str
  sample: v3.1.3
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
    SIGNING_EXCLUSIVE,
    cosign_spec,
    formats_spec,
    registry_spec,
    signing_spec,
)


def main() -> None:
    own = {
        "annotations": {"type": "dict", "default": {}},
        "certificate": {"type": "path"},
        "certificate_chain": {"type": "path"},
        "force": {"type": "bool", "default": False},
        "image": {"type": "str", "required": True},
        "resolve_tag": {"type": "bool", "default": False},
        "signing_config": {"type": "path"},
        "trusted_root": {"type": "path"},
    }
    module = AnsibleModule(
        argument_spec={**cosign_spec(), **registry_spec(), **signing_spec(), **formats_spec(), **own},
        mutually_exclusive=SIGNING_EXCLUSIVE,
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.cosign.tasks", "sign")


if __name__ == "__main__":
    main()
