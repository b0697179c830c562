# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the images of services available, signed and with a bill of materials."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_image
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Build, list, push, sign and attest images of services
description:
  - Builds an image for each service and version from one static program, writes its bill of materials, pushes it by
    digest, signs it, attaches the bill of materials as an attestation, and then gives it its tag. So a tag always
    names a signed image.
  - The images are reproducible. A tag that exists with the same content is left alone; one with another content is
    refused before anything is pushed, because tags do not move.
  - The images run as user 65532 and need no writable root file system.
options:
  state:
    description: The images are there. Images are never removed, since a running release may need them.
    type: str
    choices: [present]
    default: present
  services:
    description: The images to have.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the service, the last part of the repository.
        type: str
        required: true
      version:
        description: Version, which becomes the tag.
        type: str
        required: true
      env:
        description: Further environment variables of the image.
        type: dict
        default: {}
  program:
    description: The static executable that the images carry.
    type: path
    required: true
  registry:
    description: Host and port of the registry.
    type: str
    required: true
  prefix:
    description: Path in the registry above the services.
    type: str
    default: miniapp
  signature_formats:
    description: Formats in which images are signed, as in M(fuze.miniapp_infra.cosign_sign).
    type: list
    elements: str
    choices: [legacy, bundle]
    default: [legacy]
  sbom_format:
    description: Format of the bill of materials.
    type: str
    choices: [spdx-json, cyclonedx-json]
    default: spdx-json
  syft_binary:
    description: Name or path of the C(syft) program.
    type: str
    default: syft
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.cosign
  - fuze.miniapp_infra.cosign.registry
  - fuze.miniapp_infra.cosign.signing
requirements:
  - C(syft) on the host that runs the module.
seealso:
  - module: fuze.miniapp_infra.cosign_key_pair
  - module: fuze.miniapp_infra.cosign_verify
"""

EXAMPLES = r"""
- name: Have the first version of two services
  fuze.miniapp_infra.service_image:
    services:
      - name: playhub
        version: 1.0.0
      - name: price
        version: 1.0.0
    program: .local/bin/podinfo
    registry: 198.18.0.2:5000
    registry_ca_cert: .local/pki/ca.crt
    key: .local/signing/cosign.key
    key_password_file: .local/signing/password
    public_key: .local/signing/cosign.pub
    cosign_binary: .local/bin/cosign
    crane_binary: .local/bin/crane
    syft_binary: .local/bin/syft
  register: images
"""

RETURN = r"""
images:
  description: One for each of O(services), in the same order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the service.
      type: str
      sample: playhub
    version:
      description: Its tag.
      type: str
      sample: 1.0.0
    image:
      description: Registry, repository and digest, to deploy from.
      type: str
      sample: 198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
    digest:
      description: Digest of the manifest. In check mode it is what the push would give.
      type: str
      sample: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
    changed:
      description: Whether any of the next three is true.
      type: bool
      sample: true
    pushed:
      description: Whether it was not there, so that it was pushed (in check mode would be).
      type: bool
      sample: true
    signed:
      description: Whether it was not signed by O(key), so that it was signed.
      type: bool
      sample: true
    attested:
      description: Whether its bill of materials was missing or another one, so that it was attached.
      type: bool
      sample: true
    signed_by:
      description: Fingerprint of the public key.
      type: str
      sample: sha256:79076d013b94690b5234b22d43658fa20606124ff1f4d3b67e06b48f54378125
    sbom:
      description: About the bill of materials, with C(packages), the number of packages in it.
      type: dict
      sample: {packages: 66}
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
    service = {
        "name": {"type": "str", "required": True},
        "version": {"type": "str", "required": True},
        "env": {"type": "dict", "default": {}},
    }
    own = {
        "state": {"type": "str", "choices": ["present"], "default": "present"},
        "services": {"type": "list", "elements": "dict", "required": True, "options": service},
        "program": {"type": "path", "required": True},
        "registry": {"type": "str", "required": True},
        "prefix": {"type": "str", "default": "miniapp"},
        "sbom_format": {"type": "str", "choices": ["spdx-json", "cyclonedx-json"], "default": "spdx-json"},
        "syft_binary": {"type": "str", "default": "syft"},
    }
    module = AnsibleModule(
        argument_spec={**cosign_spec(), **registry_spec(), **signing_spec(), **formats_spec(), **own},
        mutually_exclusive=SIGNING_EXCLUSIVE,
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.supply_chain.tasks", "ensure_images")


if __name__ == "__main__":
    main()
