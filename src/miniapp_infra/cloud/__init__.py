# SPDX-License-Identifier: GPL-3.0-or-later
"""The clouds: one package for each provider."""
