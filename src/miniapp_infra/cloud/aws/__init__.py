# SPDX-License-Identifier: GPL-3.0-or-later
"""Amazon Web Services: what is done with data services after Terraform made them.

``session`` connects and translates errors, ``docdb`` restores DocumentDB clusters, ``elasticache`` reads replication
groups and keeps snapshots, ``tasks`` is the door for modules. boto3 is imported only when a call is made.
"""
