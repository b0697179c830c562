# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads certificates of cert-manager."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read certificates, and say why one is not issued
description:
  - Returns whether certificates of cert-manager are issued, and how long they are valid.
  - A certificate is ready when its condition C(Ready) is true and about the present specification, and no issuance is
    under way. One whose specification was just changed is not ready, although the old certificate still works.
  - Where an issuance has failed or is under way, RV(certificates[].issuance) is the last object of the chain
    CertificateRequest, Order, Challenge that says something about it, with its reason.
  - Reads no Secret.
options:
  name:
    description: Name of one certificate; all of them when left out. Needs O(namespace).
    type: str
  namespace:
    description: Namespace of the certificates; all namespaces when left out.
    type: str
  label_selectors:
    description: Labels that certificates must have, such as V(app.kubernetes.io/name=playhub). Only without O(name).
    type: list
    elements: str
    default: []
  min_remaining_days:
    description:
      - Fail when a certificate expires in less than so many days, or was never issued.
      - Also fails when there is no certificate at all.
    type: float
  fail_on_not_ready:
    description: Fail when a certificate is not ready, or when there is none.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait by watching until the certificate is ready. Needs O(name). Check mode does not wait.
      - Fails as soon as an issuance has failed, because cert-manager tries again only after an hour or more.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for that.
    type: float
    default: 300.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.k8s_wait
"""

EXAMPLES = r"""
- name: Wait until the wildcard certificate is issued
  fuze.miniapp_infra.certificate_info:
    name: prod-miniapp-wildcard
    namespace: platform
    wait: true
    wait_timeout: 600

- name: Fail when any certificate of the cluster expires within two weeks
  fuze.miniapp_infra.certificate_info:
    min_remaining_days: 14

- name: Read the certificates of a namespace
  fuze.miniapp_infra.certificate_info:
    namespace: platform
  register: found

- name: Show what keeps certificates from being issued
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.issuance.kind }} {{ item.issuance.name }}: {{ item.issuance.reason }}"
  loop: "{{ found.certificates | selectattr('issuance') }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
certificates:
  description: The certificates by name; empty when there are none, or none of the given name.
  returned: success, and when an assertion fails
  type: list
  elements: dict
  contains:
    name:
      description: Name of the certificate.
      type: str
      returned: success
    namespace:
      description: Namespace of the certificate.
      type: str
      returned: success
    ready:
      description: Whether it is issued as specified now, and no issuance is under way.
      type: bool
      returned: success
    observed:
      description: Whether the condition C(Ready) is about the present specification.
      type: bool
      returned: success
    issuing:
      description: Whether an issuance is under way.
      type: bool
      returned: success
    message:
      description: Why it is not ready; empty when it is.
      type: str
      returned: success
    dns_names:
      description: Host names of the specification.
      type: list
      elements: str
      returned: success
    issuer:
      description: C(kind) and C(name) of the issuer.
      type: dict
      returned: success
    secret_name:
      description: Secret with certificate and key.
      type: str
      returned: success
    revision:
      description: Number of the issuance; 0 before the first one.
      type: int
      returned: success
    not_before:
      description: Begin of the validity; null before the first issuance.
      type: str
      returned: success
    not_after:
      description: End of the validity; null before the first issuance.
      type: str
      returned: success
    renewal_time:
      description: When cert-manager renews it; null when it does not plan to.
      type: str
      returned: success
    remaining_days:
      description: Days until it expires, rounded down to hundredths; negative afterwards, null before it is issued.
      type: float
      returned: success
    failed_issuance_attempts:
      description: Issuances that failed since the last one that succeeded.
      type: int
      returned: success
    last_failure_time:
      description: Time of the last of them; null when there was none.
      type: str
      returned: success
    issuance:
      description:
        - What the last or present issuance is at; null when the certificate is ready and no renewal has failed.
        - C(state) of a Challenge or an Order that has failed is C(invalid), C(errored) or C(expired).
      type: dict
      returned: success
  sample:
    - name: prod-miniapp-wildcard
      namespace: platform
      ready: false
      observed: true
      issuing: false
      message: "Ready=False (DoesNotExist): Issuing certificate as Secret does not exist"
      dns_names: ["*.app.example.com"]
      issuer: {kind: ClusterIssuer, name: letsencrypt}
      secret_name: prod-miniapp-wildcard-tls
      revision: 0
      not_before: null
      not_after: null
      renewal_time: null
      remaining_days: null
      failed_issuance_attempts: 1
      last_failure_time: "2026-11-22T10:00:00Z"
      issuance:
        kind: Challenge
        name: prod-miniapp-wildcard-1-2890123456-1234567890
        state: invalid
        reason: "Error accepting authorization: acme: authorization error for app.example.com: 403 unauthorized"
        failed: true
        dns_name: "*.app.example.com"
        challenge_type: DNS-01
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: upstream
    retryable: false
    hint: Look at the object that issuance names; once the cause is mended, cmctl renew asks for a new certificate.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            "fail_on_not_ready": {"type": "bool", "default": False},
            "label_selectors": {"type": "list", "elements": "str", "default": []},
            "min_remaining_days": {"type": "float"},
            "name": {"type": "str"},
            "namespace": {"type": "str"},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 300.0},
        }
    )
    engine.run(module, "miniapp_infra.certificates.tasks", "certificate_info")


if __name__ == "__main__":
    main()
