# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates policies of the platform: what would be let through, and what refused."""
