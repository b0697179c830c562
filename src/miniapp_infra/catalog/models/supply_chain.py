# SPDX-License-Identifier: GPL-3.0-or-later
"""``registry.yml`` and ``supply_chain.yml``: where images come from and what proves where they were made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Flag, Positive, Text


class Registry(Model):
    """The only registry that admission trusts. ``ca_file`` is null where a public authority issued its certificate."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?$")]
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$")]
    ca_file: Text | None


class Sbom(Model):
    """The bill of materials that is attached to each image as an attestation."""

    required: Flag
    format: Literal["spdx-json", "cyclonedx-json"]


class Cosign(Model):
    """How signatures are made and read.

    ``legacy`` is the format that admission understands with a plain key; ``bundle`` is the newer one.
    """

    signature_format: Literal["legacy", "bundle"]
    transparency_log: Flag
    timeout_seconds: Positive


class SupplyChain(Model):
    """Keys are references: a path relative to the checkout, or a KMS URI such as ``awskms:///alias/name``."""

    public_key: Text
    signing_key: Text
    signing_key_password_file: Text | None
    cosign: Cosign
    sbom: Sbom
