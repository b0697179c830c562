# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups, restores, schedules and storage locations of Velero 1.18, through the Kubernetes API."""
