# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How modules reach MongoDB Atlas. The environment variables are those of MongoDB's own tools."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of Atlas, such as V(https://cloud.mongodbgov.com) for Atlas for Government.
      - Can also be set with E(MONGODB_ATLAS_BASE_URL).
    type: str
    default: https://cloud.mongodb.com
  client_id:
    description:
      - ID of a service account. O(client_secret) must be given too.
      - At least one of O(client_id) and O(public_key) must be given; the service account is used when both are.
      - Can also be set with E(MONGODB_ATLAS_CLIENT_ID).
    type: str
  client_secret:
    description:
      - Secret of the service account.
      - Can also be set with E(MONGODB_ATLAS_CLIENT_SECRET).
    type: str
  public_key:
    description:
      - Public part of an API key. O(private_key) must be given too.
      - Can also be set with E(MONGODB_ATLAS_PUBLIC_API_KEY) or E(MONGODB_ATLAS_PUBLIC_KEY).
    type: str
  private_key:
    description:
      - Private part of the API key.
      - Can also be set with E(MONGODB_ATLAS_PRIVATE_API_KEY) or E(MONGODB_ATLAS_PRIVATE_KEY).
    type: str
requirements:
  - The Python package C(miniapp-infra), of the collection's version, on the host that runs the module.
"""
