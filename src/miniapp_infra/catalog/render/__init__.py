# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure functions from an environment to what is applied: equal environments give equal objects in equal order."""

from __future__ import annotations

from miniapp_infra.catalog.render.tenancy import tenancy_objects
from miniapp_infra.catalog.render.values import service_values

__all__ = ["service_values", "tenancy_objects"]
