# SPDX-License-Identifier: GPL-3.0-or-later
"""``cloud.yml``: the account or project that belongs to this environment alone (spec section 4)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Name, Text

# AWS account ids have twelve digits; Google project ids 6 to 30 characters.
AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
ProjectId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]


class Cloud(Model):
    """One of ``account_id`` (AWS) and ``project_id`` (Google Cloud) is set; neither for the local environment."""

    provider: Literal["aws", "gcp", "local"]
    account_id: AccountId | None
    project_id: ProjectId | None
    regions: Annotated[tuple[Name, ...], Field(min_length=1, description="the first is the primary region")]
    labels: dict[str, Text]
