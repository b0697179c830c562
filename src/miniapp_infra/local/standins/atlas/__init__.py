# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the Atlas Administration API, in front of real databases: FerretDB on PostgreSQL.

What is behind it is real: a restore to a point in time replays the archived WAL up to that time. Its answers are
checked against MongoDB's own OpenAPI description in the tests. ``server`` speaks HTTP, ``authentication`` knows who
may, ``operations`` has one function for each endpoint, ``world`` is what there is, ``databases`` are the databases.
"""
