# SPDX-License-Identifier: GPL-3.0-or-later
"""The typed parts of an environment, one module per topic file of an inventory."""
