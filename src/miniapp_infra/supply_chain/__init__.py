# SPDX-License-Identifier: GPL-3.0-or-later
"""From a program to an image that admission lets in: build, list packages, push, sign, attest, name."""

from __future__ import annotations

from miniapp_infra.supply_chain.models import ServiceImage, ServiceRequest
from miniapp_infra.supply_chain.pipeline import Outcome, Pipeline

__all__ = ["Outcome", "Pipeline", "ServiceImage", "ServiceRequest"]
