# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that pods of the local environment run: recipes as data in ``local/images``, made and published here."""

from __future__ import annotations

from miniapp_infra.local.images.publish import publish
from miniapp_infra.local.images.recipes import Recipe, Recipes, load

__all__ = ["Recipe", "Recipes", "load", "publish"]
