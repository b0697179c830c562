# SPDX-License-Identifier: GPL-3.0-or-later
"""Software bills of materials of images, by the ``syft`` program, the same bytes for the same image."""

from __future__ import annotations

from miniapp_infra.sbom.document import SbomFormat, Subject, package_count, retarget
from miniapp_infra.sbom.syft import Syft

__all__ = ["SbomFormat", "Subject", "Syft", "package_count", "retarget"]
