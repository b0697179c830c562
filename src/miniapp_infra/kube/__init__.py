# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes: read, apply, delete and wait for sets of objects, over plain dictionaries and one connection pool.

``tasks`` is the door for modules; programs use ``client.Client``, ``apply.apply``, ``wait.wait`` directly.
"""
