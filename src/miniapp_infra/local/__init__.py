# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded environment: a pinned toolchain, a real single-node cluster, its images and its Git server."""
