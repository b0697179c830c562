# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declares which signatures a cluster admits."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_image_policy
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Declare which image signatures a cluster admits
description:
  - Has a ClusterImagePolicy of sigstore's policy-controller, or has none of this name.
  - Mistakes that the cluster would take silently are refused first. They are bundles together with a key, globs that
    mean Docker Hub by accident, keyless authorities without identities, and private keys.
  - A policy holds in namespaces that are labelled C(policy.sigstore.dev/include=true). Several policies that match an
    image must all be satisfied; of the authorities in one policy any is enough.
  - policy-controller takes a policy in within seconds and does not tell when. Offer an unsigned image in a server-side
    dry run to see that it is in force.
options:
  name:
    description: Name of the policy.
    type: str
    required: true
  state:
    description: Whether there is such a policy.
    type: str
    choices: [present, absent]
    default: present
  images:
    description:
      - Globs of the images that the policy is about. C(*) stands for any characters but a slash, C(**) for any at all.
      - Images are compared with registry, and with tag or digest, so that most globs end in C(**).
      - A glob that names no registry is refused without O(allow_docker_hub).
      - Required when O(state=present).
    type: list
    elements: str
  allow_docker_hub:
    description:
      - Whether a glob without a registry is accepted. The module then warns.
      - policy-controller takes V(team/**) for images of Docker Hub, and V(*) for C(index.docker.io/library/*).
    type: bool
    default: false
  authorities:
    description:
      - Whose signatures count, each in the form of C(spec.authorities) of the API, with exactly one of C(key),
        C(keyless) and C(static).
      - C(signatureFormat) must be V(legacy) (the default) together with C(key), because policy-controller verifies
        bundles of keyless authorities only.
      - C(key) has exactly one of C(data), a public key in PEM, C(secretRef) and C(kms). A key without C(ctlog) needs no
        transparency log.
      - C(keyless) needs C(identities), each with C(issuer) or C(issuerRegExp) and C(subject) or C(subjectRegExp).
      - Required when O(state=present).
    type: list
    elements: dict
  mode:
    description: Whether an image that does not satisfy the policy is refused, or admitted with a warning.
    type: str
    choices: [enforce, warn]
    default: enforce
  match:
    description: Kinds of objects that the policy is about, in the form of C(spec.match) of the API. All, when left out.
    type: list
    elements: dict
  policy:
    description: Rule about everything that the authorities have found, in the form of C(spec.policy) of the API.
    type: dict
  labels:
    description: Labels of the policy.
    type: dict
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.cosign_sign
  - module: fuze.miniapp_infra.image_info
  - module: fuze.miniapp_infra.gatekeeper_constraint
"""

EXAMPLES = r"""
- name: Admit only what our key has signed
  fuze.miniapp_infra.cluster_image_policy:
    name: signed-by-us
    images: ["registry.example.com/miniapp/**"]
    authorities:
      - name: release
        key:
          data: "{{ lookup('ansible.builtin.file', 'cosign.pub') }}"
          hashAlgorithm: sha256

- name: During a rotation take the old and the new key
  fuze.miniapp_infra.cluster_image_policy:
    name: signed-by-us
    images: ["registry.example.com/miniapp/**"]
    authorities:
      - {name: old, key: {kms: "awskms:///alias/release-2025"}}
      - {name: new, key: {kms: "awskms:///alias/release-2026"}}

- name: Warn about images that the pipeline of another team did not build
  fuze.miniapp_infra.cluster_image_policy:
    name: built-by-pipeline
    images: ["ghcr.io/example/**"]
    mode: warn
    authorities:
      - name: pipeline
        keyless:
          url: https://fulcio.example.com
          identities:
            - issuer: https://token.actions.githubusercontent.com
              subjectRegExp: ^https://github.com/example/.*$

- name: Have no such policy
  fuze.miniapp_infra.cluster_image_policy:
    name: built-by-pipeline
    state: absent
"""

RETURN = r"""
policy:
  description: The policy as the server has it, in check mode as it would be. Empty with O(state=absent).
  returned: success
  type: dict
  sample:
    apiVersion: policy.sigstore.dev/v1beta1
    kind: ClusterImagePolicy
    metadata: {name: signed-by-us}
    spec:
      mode: enforce
      images:
        - glob: registry.example.com/miniapp/**
      authorities:
        - name: release
          key: {kms: "awskms:///alias/release", hashAlgorithm: sha256}
objects:
  description: What was done with it, in check mode what would be.
  returned: success
  type: list
  elements: dict
  sample:
    - api_version: policy.sigstore.dev/v1beta1
      kind: ClusterImagePolicy
      namespace: ""
      name: signed-by-us
      action: created
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: invalid_input
    retryable: false
    hint: Set signatureFormat to legacy and sign in that format (signature_formats of cosign_sign).
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            "allow_docker_hub": {"type": "bool", "default": False},
            "authorities": {"type": "list", "elements": "dict"},
            "images": {"type": "list", "elements": "str"},
            "labels": {"type": "dict"},
            "match": {"type": "list", "elements": "dict"},
            "mode": {"type": "str", "choices": ["enforce", "warn"], "default": "enforce"},
            "name": {"type": "str", "required": True},
            "policy": {"type": "dict"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["images", "authorities"])],
    )
    engine.run(module, "miniapp_infra.policy.tasks", "cluster_image_policy")


if __name__ == "__main__":
    main()
