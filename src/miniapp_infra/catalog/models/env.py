# SPDX-License-Identifier: GPL-3.0-or-later
"""``environment.yml``: which environment this is, and its names on the network."""

from __future__ import annotations

from typing import Literal

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Domain, ShortName


class Certificates(Model):
    """Where the wildcard certificate of the domain comes from (spec sections 4 and 6)."""

    issuer: Literal["local-ca", "letsencrypt-staging", "letsencrypt"]
    challenge: Literal["none", "dns01"]


class Env(Model):
    """The identity of an environment. ``env`` and not ``environment``, which is a keyword of Ansible."""

    name: ShortName
    domain: Domain
    certificates: Certificates
