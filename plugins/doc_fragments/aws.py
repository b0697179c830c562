# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How modules reach AWS. The options have the names of those of ``amazon.aws``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  access_key:
    description:
      - ID of the access key. O(secret_key) must be given too.
      - Without it the usual order of boto3 counts, which ends with the role of the pod or of the machine.
      - Can also be set with E(AWS_ACCESS_KEY_ID) or E(AWS_ACCESS_KEY).
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description:
      - Secret that belongs to O(access_key).
      - Can also be set with E(AWS_SECRET_ACCESS_KEY) or E(AWS_SECRET_KEY).
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description:
      - Session token of temporary credentials.
      - Can also be set with E(AWS_SESSION_TOKEN).
    type: str
    aliases: [aws_session_token]
  profile:
    description:
      - Profile of the AWS configuration. It does not count when O(access_key) is given.
      - Can also be set with E(AWS_PROFILE) or E(AWS_DEFAULT_PROFILE).
    type: str
    aliases: [aws_profile]
  region:
    description:
      - Region. That of the profile when left out.
      - Can also be set with E(AWS_REGION) or E(AWS_DEFAULT_REGION).
    type: str
    aliases: [aws_region]
  endpoint_url:
    description:
      - Another address than the usual one of the service, such as a VPC endpoint.
      - Can also be set with E(AWS_ENDPOINT_URL) or E(AWS_URL).
    type: str
    aliases: [aws_endpoint_url]
  aws_ca_bundle:
    description:
      - File with the certificates that those of AWS are checked with.
      - Can also be set with E(AWS_CA_BUNDLE).
    type: path
  validate_certs:
    description: Whether the certificates of AWS are checked.
    type: bool
    default: true
requirements:
  - The Python package C(miniapp-infra), of the collection's version and with the extra C(aws).
"""
