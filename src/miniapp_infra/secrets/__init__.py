# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets: Vault's policies, roles, keys and values, and the rotation of keys in Vault and the clouds."""
