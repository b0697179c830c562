# SPDX-License-Identifier: GPL-3.0-or-later
"""``access.yml``: which groups of the identity provider have which role."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Group, Positive


class BreakGlass(Model):
    """Who may ask for the emergency role, and for how long it is then bound. Nobody has it by default."""

    eligible_groups: tuple[Group, ...]
    max_minutes: Annotated[Positive, Field(le=480)]


class Access(Model):
    """The three roles of the specification (section 5)."""

    readonly: tuple[Group, ...]
    operator: tuple[Group, ...]
    break_glass: BreakGlass
