# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotates signing keys and shared secrets without a moment in which a valid token is refused."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_rotation
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Rotate signing keys and shared secrets in phases
description:
  - Keeps a key ring in one secret, with the key that signs, the one that will sign next, and those whose signatures
    still count. For public keys it holds the key set (JWKS) of all of them.
  - A rotation publishes the next key, lets it sign after O(publish_ahead), and retires the old one O(overlap) later.
    Run it regularly, for instance every few minutes; each run takes the steps that are due, and most runs change
    nothing.
  - Each step is one exchange of the whole ring, which fails when somebody else has changed it. A run that is
    interrupted is continued by the next. Of two runs at the same time one makes the step, and the other sees it.
  - The values are never returned. What services have to do is in the page C(docs/secret-rotation.md) of the project.
  - There is no state V(absent), because to delete keys is no rotation.
options:
  name:
    description: Name of the secret; with O(backend=vault_kv2) its path below O(engine_mount_point).
    type: str
    required: true
  backend:
    description: Where the secret is.
    type: str
    required: true
    choices: [vault_kv2, aws_secrets_manager, gcp_secret_manager]
  generator:
    description:
      - How keys are made. V(ec-p256) and V(rsa-2048) are for tokens that others check (ES256, RS256), V(hmac-256) and
        V(password) for webhooks and other shared secrets.
      - Another generator of the same family is introduced by a rotation, which begins at once. V(ec-p256) and
        V(rsa-2048) are one family.
    type: str
    required: true
    choices: [ec-p256, rsa-2048, hmac-256, password]
  password_length:
    description: Number of letters and digits with O(generator=password), at least 24.
    type: int
    default: 40
  max_age:
    description: Age, such as V(90d), at which a key has been replaced. Must be longer than O(publish_ahead).
    type: str
    default: 90d
  publish_ahead:
    description:
      - How long the next key is published before it signs. Longer than everybody who checks keeps the key set, plus the
        time of a request.
    type: str
    default: 1d
  overlap:
    description:
      - How long the key before is accepted after it was replaced. Longer than a token is valid, plus the time after
        which each service has read the new ring.
    type: str
    default: 2d
  phase:
    description:
      - V(auto) takes the steps that are due by age. The others take one step.
      - V(publish) does not wait for O(max_age). V(promote) is refused before O(publish_ahead) is over, V(retire) before
        O(overlap) is over.
    type: str
    choices: [auto, publish, promote, retire]
    default: auto
  engine_mount_point:
    description: Where the engine is mounted, with O(backend=vault_kv2).
    type: str
    default: secret
  region:
    description:
      - Region, with O(backend=aws_secrets_manager).
      - Can also be set with E(AWS_REGION) or E(AWS_DEFAULT_REGION).
    type: str
  endpoint_url:
    description:
      - Address of Secrets Manager where it is not the region's usual one, with O(backend=aws_secrets_manager).
      - Can also be set with E(AWS_ENDPOINT_URL_SECRETS_MANAGER) or E(AWS_ENDPOINT_URL).
    type: str
  kms_key_id:
    description: Key that a new secret is encrypted with, with O(backend=aws_secrets_manager).
    type: str
  project:
    description:
      - Project, with O(backend=gcp_secret_manager). That of the credentials when left out.
      - Can also be set with E(GOOGLE_CLOUD_PROJECT) or E(GCP_PROJECT).
    type: str
  locations:
    description:
      - Where a new secret is replicated to, with O(backend=gcp_secret_manager). Google chooses when it is empty.
    type: list
    elements: str
    default: []
  gcp_endpoint:
    description: Address of Secret Manager, with O(backend=gcp_secret_manager).
    type: str
    default: https://secretmanager.googleapis.com
  gcp_token:
    description:
      - Access token, with O(backend=gcp_secret_manager). The application default credentials are used when left out.
      - Can also be set with E(GCP_ACCESS_TOKEN).
    type: str
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.vault
requirements:
  - The Python package C(boto3) with O(backend=aws_secrets_manager).
  - The Python package C(google-auth) with O(backend=gcp_secret_manager) and without O(gcp_token).
notes:
  - The options of the login are for O(backend=vault_kv2). O(ca_cert), O(validate_certs), O(timeout) and O(retries) hold
    for each backend.
  - Ages are measured with the clock of the host that runs the module.
  - In Vault the token needs C(create), C(read) and C(update) for C(<mount>/data/<name>), C(read) and C(patch) for
    C(<mount>/metadata/<name>), and C(update) for C(<mount>/destroy/<name>).
  - In AWS the role needs C(CreateSecret), C(DescribeSecret), C(GetSecretValue), C(PutSecretValue),
    C(UpdateSecretVersionStage) and C(TagResource). C(RotateSecret) is never called.
  - In Google Cloud the account needs the role C(roles/secretmanager.admin) for the secret. Services read
    C(versions/current).
seealso:
  - module: fuze.miniapp_infra.vault_kv2_secret
  - module: fuze.miniapp_infra.vault_transit_key
"""

EXAMPLES = r"""
- name: Rotate the key that signs the tokens of a service
  fuze.miniapp_infra.secret_rotation:
    backend: vault_kv2
    url: https://vault.example.com:8200
    name: playhub/jwt
    generator: ec-p256
    max_age: 90d
    publish_ahead: 1d
    overlap: 2d
  register: rotation

- name: Publish the key set
  ansible.builtin.copy:
    content: "{{ rotation.jwks | to_json }}"
    dest: /srv/www/.well-known/jwks.json
    mode: "0644"

- name: Rotate the secret of a webhook in AWS
  fuze.miniapp_infra.secret_rotation:
    backend: aws_secrets_manager
    region: eu-central-1
    name: payhub/webhook
    generator: hmac-256
    max_age: 180d

- name: Begin a rotation now, in Google Cloud
  fuze.miniapp_infra.secret_rotation:
    backend: gcp_secret_manager
    project: prod-miniapp
    name: playhub-jwt
    generator: ec-p256
    phase: publish

- name: A key has leaked; give it no time, although tokens will be refused
  fuze.miniapp_infra.secret_rotation:
    backend: vault_kv2
    name: playhub/jwt
    generator: ec-p256
    phase: "{{ item }}"
    publish_ahead: "0"
    overlap: "0"
  loop: [publish, promote, retire]
"""

RETURN = r"""
name:
  description: Name of the secret.
  returned: success
  type: str
  sample: playhub/jwt
backend:
  description: Where it is.
  returned: success
  type: str
  sample: vault_kv2
steps:
  description: What was done, or in check mode would be. Any of V(created), V(published), V(promoted), V(retired).
  returned: success
  type: list
  elements: str
  sample: [published]
tidied:
  description:
    - What was done beside the ring. V(metadata) is the summary in metadata, tags or annotations, V(old_versions) are
      versions that nobody needs any more.
  returned: success
  type: list
  elements: str
  sample: [metadata]
overtaken:
  description: Whether another run changed the ring meanwhile, so that this one started again.
  returned: success
  type: bool
  sample: false
version:
  description: ID of the version of the secret that is in force; empty when there is none.
  returned: success
  type: str
  sample: "7"
phase:
  description:
    - Where the rotation is. V(steady), V(published) while the next key waits, V(overlap) while an old one still counts,
      V(absent) in check mode when there is no secret yet.
  returned: success
  type: str
  sample: published
next_action:
  description: The next step by age, and when it is due.
  returned: when there is a ring
  type: dict
  sample: {phase: promote, at: "2026-11-23T10:00:00+00:00"}
current:
  description: The key that signs.
  returned: when there is a ring
  type: dict
  sample:
    kid: 8bJ4vN3p0d2m5pXo1u5c6yq1t9Wm0s7r2k4h6n8j0aE
    generator: ec-p256
    created: "2026-08-25T10:00:00+00:00"
    since: "2026-08-26T10:00:00+00:00"
    fingerprint: sha256:0f3d9c1b7a5e2468
next:
  description: The key that will sign, or nothing.
  returned: when there is a ring
  type: dict
  sample:
    kid: Qm1x7c3v5b7n9m1q3w5e7r9t1y3u5i7o9p1a3s5d7fG
    generator: ec-p256
    created: "2026-11-22T10:00:00+00:00"
    since: "2026-11-22T10:00:00+00:00"
    fingerprint: sha256:9a8b7c6d5e4f3021
previous:
  description: Keys whose signatures still count.
  returned: when there is a ring
  type: list
  elements: dict
  sample: []
jwks:
  description: The public keys of all of them, to be published. Only for V(ec-p256) and V(rsa-2048).
  returned: when there is a ring of public keys
  type: dict
  sample:
    keys:
      - kty: EC
        crv: P-256
        alg: ES256
        use: sig
        kid: 8bJ4vN3p0d2m5pXo1u5c6yq1t9Wm0s7r2k4h6n8j0aE
        x: WKn-ZIGevcwGIyyrzFoZNBdaq9_TsqzGl96oc0CWuis
        y: y77t-RvAHRKTsSGdIYUfweuOvwrvDD-Q3Hv5J0fSKbE
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: refused_by_policy
    retryable: false
    hint: Tokens that it signed are still valid, and would be refused.
"""

from ansible.module_utils.basic import env_fallback
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.vault import vault_module

BACKENDS = ["vault_kv2", "aws_secrets_manager", "gcp_secret_manager"]
GENERATORS = ["ec-p256", "rsa-2048", "hmac-256", "password"]
GOOGLE = "https://secretmanager.googleapis.com"


def setting(*variables: str, **spec: object) -> dict[str, object]:
    return {"type": "str", "fallback": (env_fallback, list(variables)), **spec}


def main() -> None:
    module = vault_module(
        {
            "backend": {"type": "str", "required": True, "choices": BACKENDS},
            "endpoint_url": setting("AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"),
            "engine_mount_point": {"type": "str", "default": "secret"},
            "gcp_endpoint": {"type": "str", "default": GOOGLE},
            "gcp_token": setting("GCP_ACCESS_TOKEN", no_log=True),
            "generator": {"type": "str", "required": True, "choices": GENERATORS},
            "kms_key_id": {"type": "str", "no_log": False},
            "locations": {"type": "list", "elements": "str", "default": []},
            "max_age": {"type": "str", "default": "90d"},
            "name": {"type": "str", "required": True},
            "overlap": {"type": "str", "default": "2d"},
            "password_length": {"type": "int", "default": 40, "no_log": False},
            "phase": {"type": "str", "choices": ["auto", "publish", "promote", "retire"], "default": "auto"},
            "project": setting("GOOGLE_CLOUD_PROJECT", "GCP_PROJECT"),
            "publish_ahead": {"type": "str", "default": "1d"},
            "region": setting("AWS_REGION", "AWS_DEFAULT_REGION"),
        }
    )
    engine.run(module, "miniapp_infra.secrets.rotation.tasks", "rotate")


if __name__ == "__main__":
    main()
