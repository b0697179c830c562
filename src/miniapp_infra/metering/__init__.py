# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage events for a billing system: each one is stored exactly once, whatever breaks in between."""

from miniapp_infra.metering.delivery import Delivery, Policy
from miniapp_infra.metering.identity import event_id
from miniapp_infra.metering.ledger import Ledger
from miniapp_infra.metering.models import Content, Status, UsageEvent

__all__ = ["Content", "Delivery", "Ledger", "Policy", "Status", "UsageEvent", "event_id"]
