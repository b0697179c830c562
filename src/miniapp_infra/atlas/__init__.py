# SPDX-License-Identifier: GPL-3.0-or-later
"""MongoDB Atlas: backups, restores to a point in time, and who may connect. Clusters themselves belong to Terraform.

``authentication`` proves who asks, ``client`` knows the versions of the API, ``api`` has one function for each call,
``models`` its answers as values, ``schedule`` and ``access_list`` compare, ``restore`` guards and runs a restore with
``ledger`` as its memory, ``tasks`` is the door for modules.
"""
