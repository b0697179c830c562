# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the metering systems that cannot be had locally: OpenMeter (and so Payhub), Lago and Stripe.

It keeps to what their published descriptions say about requests, answers and traps; tests compare it with them. Each
answers under a path of its own: ``/openmeter``, ``/lago`` and ``/stripe``.
"""

from miniapp_infra.local.standins.metering.server import Fault, MeteringServer

__all__ = ["Fault", "MeteringServer"]
