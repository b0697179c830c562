# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes sure that there is a signing key pair."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_key_pair
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Create a key pair for signing images
description:
  - Creates C(cosign.key) (encrypted), C(cosign.pub) and C(password) in a directory when they are missing. The password
    is random, is never shown, and like the private key is readable by its owner only.
  - An existing private key is never replaced, because images are signed with it. The parts are checked to belong
    together.
  - For keys in a key management service create the key there and name it in
    O(fuze.miniapp_infra.cosign_sign#module:key).
options:
  directory:
    description: Where the key pair is kept. Created with mode 0700 when missing.
    type: path
    required: true
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.cosign
seealso:
  - module: fuze.miniapp_infra.cosign_sign
  - module: fuze.miniapp_infra.cosign_verify
"""

EXAMPLES = r"""
- name: Have a key pair for the local environment
  fuze.miniapp_infra.cosign_key_pair:
    directory: .local/signing
  register: signing
"""

RETURN = r"""
public_key:
  description: The public key in PEM. Empty when check mode would create it.
  returned: success
  type: str
  sample: "-----BEGIN PUBLIC KEY-----\n..."
fingerprint:
  description: C(sha256:) and the hash of the public key in DER. Empty when check mode would create it.
  returned: success
  type: str
  sample: sha256:79076d013b94690b5234b22d43658fa20606124ff1f4d3b67e06b48f54378125
paths:
  description: Where the parts are.
  returned: success
  type: dict
  sample:
    private_key: .local/signing/cosign.key
    public_key: .local/signing/cosign.pub
    password_file: .local/signing/password
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
    cosign_spec,
)


def main() -> None:
    own = {"directory": {"type": "path", "required": True}}
    module = AnsibleModule(argument_spec={**cosign_spec(), **own}, supports_check_mode=True)
    engine.run(module, "miniapp_infra.cosign.tasks", "make_key_pair")


if __name__ == "__main__":
    main()
