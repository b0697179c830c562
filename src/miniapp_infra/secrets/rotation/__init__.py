# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation of signing keys and shared secrets: publish the next, promote it, retire the old."""
