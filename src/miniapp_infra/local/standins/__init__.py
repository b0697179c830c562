# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in locally for services that a cloud or a vendor provides; part of the full profile.

Each is a real server that speaks the real protocol: moto for AWS, FerretDB on PostgreSQL for MongoDB, Vault with the
engines that are used, and a server for the contracts of metering vendors. They run in the node's network namespace
beside its own components, under the same supervisor.
"""
