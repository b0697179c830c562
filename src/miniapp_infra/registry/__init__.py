# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images and the registries that hold them.

Images are written as OCI image layouts here, byte for byte reproducible, so that a digest is known before anything is
pushed. Talking to a registry is left to ``crane``: it already knows every way in which registries authenticate.
"""

from __future__ import annotations

from miniapp_infra.registry.access import RegistryAccess
from miniapp_infra.registry.client import RegistryClient
from miniapp_infra.registry.command import Completed, Runner, run_command
from miniapp_infra.registry.reference import ImageReference

__all__ = ["Completed", "ImageReference", "RegistryAccess", "RegistryClient", "Runner", "run_command"]
