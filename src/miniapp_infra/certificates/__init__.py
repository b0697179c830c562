# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of cert-manager: whether they are issued, how long they last, and what keeps them from being issued."""

from miniapp_infra.certificates.api import find_certificate, list_certificates, trace, wait_until_ready
from miniapp_infra.certificates.models import Certificate, Link

__all__ = ["Certificate", "Link", "find_certificate", "list_certificates", "trace", "wait_until_ready"]
