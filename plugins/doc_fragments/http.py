# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How modules reach an HTTP API, and how they wait for it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  ca_cert:
    description: File with the certificates that the server's is checked with; those of the system when left out.
    type: path
  client_cert:
    description: File with the certificate that is shown to the server.
    type: path
  client_key:
    description: File with the key of O(client_cert).
    type: path
  retries:
    description: How often a request is sent again after a passing failure, such as status 429 or a broken connection.
    type: int
    default: 3
  timeout:
    description: Seconds for one request.
    type: float
    default: 30.0
  validate_certs:
    description: Whether the server's certificate is checked.
    type: bool
    default: true
"""

    # Without the default of wait_timeout, which each module states itself.
    POLL = r"""
options:
  wait:
    description: Whether to wait for the end. Check mode does not wait.
    type: bool
    default: true
  wait_interval:
    description: Seconds between the first two looks; grows up to 15.
    type: float
    default: 1.0
"""
