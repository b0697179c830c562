# SPDX-License-Identifier: GPL-3.0-or-later
"""What services cost: estimates of OpenCost, and the bills of AWS and Google Cloud."""

from miniapp_infra.cost.models import Bill, Charge
from miniapp_infra.cost.windows import Window, parse_window

__all__ = ["Bill", "Charge", "Window", "parse_window"]
