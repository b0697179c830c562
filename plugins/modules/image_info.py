# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells what a registry holds about an image, and whether it would be admitted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Inspect a container image and tell whether it would be admitted
description:
  - Returns the digest of an image, its signatures and attestations in both formats of cosign, its bill of materials,
    and what admission would say about it, before anything is deployed.
  - RV(verdict) follows the rules of sigstore's policy-controller. What cannot be found out without the cluster or
    without public services makes it V(unknown), never V(admitted).
options:
  image:
    description: The image, named by digest or tag. Everything in the result is about the digest in RV(digest).
    type: str
    required: true
  public_key:
    description:
      - Public key by which signatures and attestations are verified, a file or a reference such as
        C(awskms:///alias/name). Without it they are only listed.
      - It counts for the verdict too, in the format O(require_format).
    type: str
  require_format:
    description: Format that a signature by O(public_key) has to have. Admission with a key takes V(legacy) only.
    type: str
    choices: [legacy, bundle]
    default: legacy
  policies:
    description:
      - ClusterImagePolicies, as M(fuze.miniapp_infra.k8s_info) returns them from a cluster, or as the filter
        P(fuze.miniapp_infra.image_policies#filter) renders them.
      - Their public keys and key references are used; authorities that are keyless, that ask a transparency log or have
        their key in a Secret are unknown.
    type: list
    elements: dict
  no_match:
    description:
      - What the cluster does with an image that none of O(policies) matches (C(no-match-policy) of the ConfigMap
        C(config-policy-controller)).
    type: str
    choices: [deny, warn, allow]
    default: deny
  fail_unless_admitted:
    description: Whether the module fails when the verdict is another one than V(admitted).
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.cosign
  - fuze.miniapp_infra.cosign.registry
seealso:
  - module: fuze.miniapp_infra.cosign_verify
  - module: fuze.miniapp_infra.cosign_verify_attestation
  - module: fuze.miniapp_infra.cluster_image_policy
"""

EXAMPLES = r"""
- name: Look at what is in the registry
  fuze.miniapp_infra.image_info:
    image: 198.18.0.2:5000/miniapp/playhub:1.0.0
    public_key: .local/signing/cosign.pub
    registry_ca_cert: .local/pki/ca.crt
  register: playhub

- name: Deploy only what the environment admits
  fuze.miniapp_infra.image_info:
    image: "{{ image }}"
    policies: "{{ inventory_dir | fuze.miniapp_infra.image_policies('.') }}"
    fail_unless_admitted: true
    registry_ca_cert: .local/pki/ca.crt
"""

RETURN = r"""
exists:
  description: Whether there is such an image.
  returned: always, unless the options are wrong
  type: bool
  sample: true
image:
  description: The image, by digest where it has one.
  returned: always, unless the options are wrong
  type: str
  sample: 198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
digest:
  description: Digest of the manifest. Empty when there is no such image.
  returned: always, unless the options are wrong
  type: str
  sample: sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414
signatures:
  description: The signatures of each format.
  returned: always, unless the options are wrong
  type: list
  elements: dict
  contains:
    format:
      description: V(legacy) or V(bundle).
      type: str
      sample: legacy
    count:
      description: How many there are, good or not.
      type: int
      sample: 1
    verified:
      description: Whether one of them is by O(public_key).
      type: bool
      sample: true
    reason:
      description: Why not, as M(fuze.miniapp_infra.cosign_verify) tells; V(not_checked) without O(public_key).
      type: str
      sample: ""
attestations:
  description: The attestations of each type and format.
  returned: always, unless the options are wrong
  type: list
  elements: dict
  contains:
    predicate_type:
      description: What it is about, a URI.
      type: str
      sample: https://spdx.dev/Document
    format:
      description: V(legacy) or V(bundle).
      type: str
      sample: legacy
    count:
      description: How many there are, good or not.
      type: int
      sample: 1
    verified:
      description: Whether one of them is by O(public_key).
      type: bool
      sample: true
    reason:
      description: Why not; V(not_checked) without O(public_key).
      type: str
      sample: ""
sbom:
  description: The bill of materials, which is one of the attestations.
  returned: always, unless the options are wrong
  type: dict
  contains:
    found:
      description: Whether there is one.
      type: bool
      sample: true
    format:
      description: V(spdx-json) or V(cyclonedx-json); empty without one.
      type: str
      sample: spdx-json
    verified:
      description: Whether it is by O(public_key). Only then the others say something.
      type: bool
      sample: true
    packages:
      description: Number of packages in it.
      type: int
      sample: 66
    sha256:
      description: Hash of its meaning, whatever the order of its keys.
      type: str
      sample: 3f1c9a0f3a8b8d1f6f0d9b6a8b3a1b2c3d4e5f60718293a4b5c6d7e8f9012345
verdict:
  description: What admission would say.
  returned: always, unless the options are wrong
  type: dict
  contains:
    decision:
      description: V(admitted), V(warned), V(refused) or V(unknown).
      type: str
      sample: admitted
    reason:
      description: Why; empty when it is admitted.
      type: str
      sample: ""
    policies:
      description: The same for O(public_key), which has no name, and for each policy that matches the image.
      type: list
      elements: dict
      sample:
        - {policy: local-miniapp-signed-images, decision: admitted, reason: ""}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: unverified_image
    retryable: false
    hint: deploy only what the trusted key has signed
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.supply_chain import cosign_spec, registry_spec


def main() -> None:
    own = {
        "fail_unless_admitted": {"type": "bool", "default": False},
        "image": {"type": "str", "required": True},
        "no_match": {"type": "str", "choices": ["deny", "warn", "allow"], "default": "deny"},
        "policies": {"type": "list", "elements": "dict"},
        "public_key": {"type": "str", "no_log": False},
        "require_format": {"type": "str", "choices": ["legacy", "bundle"], "default": "legacy"},
    }
    module = AnsibleModule(argument_spec={**cosign_spec(), **registry_spec(), **own}, supports_check_mode=True)
    engine.run(module, "miniapp_infra.supply_chain.tasks", "image_info")


if __name__ == "__main__":
    main()
