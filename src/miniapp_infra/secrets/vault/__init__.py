# SPDX-License-Identifier: GPL-3.0-or-later
"""Vault: policies, roles of the Kubernetes auth method, transit keys and the key/value store, version 2."""
