# SPDX-License-Identifier: GPL-3.0-or-later
"""Registry operations, one ``crane`` call each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.registry.access import RegistryAccess
from miniapp_infra.registry.command import Completed, Runner, run_command
from miniapp_infra.registry.errors import is_missing, registry_error

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.registry.reference import ImageReference

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# cosign's own tags (its SIGNATURE_SPEC): signatures, attestations, attached SBOMs and the index of referrers.
_COSIGN_TAG = re.compile(r"sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?")


@dataclass(frozen=True)
class RegistryClient:
    """Reads and writes images of any registry that speaks OCI distribution.

    Args:
        program: path or name of ``crane``.
        access: trust and credentials.
        run: what runs the program.
        timeout: limit of one call, seconds.
    """

    program: str = "crane"
    access: RegistryAccess = field(default_factory=RegistryAccess)
    run: Runner = run_command
    timeout: float = 120.0

    def digest(self, image: ImageReference) -> str | None:
        """Return the digest that a tag or digest stands for now, or None if there is no such image.

        Raises:
            MiniappInfraError: if the registry cannot be asked.
        """
        done = self._crane(image.registry, "digest", str(image))
        if done.returncode == 0:
            return self._read_digest(done, f"read the digest of image {image}")
        if is_missing(done.stderr):
            return None
        raise registry_error(f"read the digest of image {image}", done.stderr)

    def manifest(self, image: ImageReference) -> dict[str, Any] | None:
        """Return the manifest that a tag or digest stands for, or None if there is none.

        Raises:
            MiniappInfraError: if the registry cannot be asked.
        """
        done = self._crane(image.registry, "manifest", str(image))
        if done.returncode != 0:
            if is_missing(done.stderr):
                return None
            raise registry_error(f"read the manifest of {image}", done.stderr)
        try:
            manifest = json.loads(done.stdout)
        except ValueError as error:
            raise MiniappInfraError(f"Failed to read the manifest of {image}: crane printed no JSON") from error
        return manifest if isinstance(manifest, dict) else None

    def tags(self, image: ImageReference) -> tuple[str, ...]:
        """Return the tags of a repository in order, without those that cosign keeps for itself.

        Raises:
            MiniappInfraError: if the registry cannot be asked. A repository that does not exist has no tags.
        """
        done = self._crane(image.registry, "ls", image.name)
        if done.returncode == 0:
            return tuple(sorted(tag for tag in done.stdout.split() if not _COSIGN_TAG.fullmatch(tag)))
        if is_missing(done.stderr):
            return ()
        raise registry_error(f"list tags of repository {image.name}", done.stderr)

    def push(self, layout: Path, image: ImageReference) -> str:
        """Push the one image of an OCI image layout and return its digest.

        Args:
            layout: directory with ``oci-layout`` and ``index.json``.
            image: a tag, or a digest to push without giving it a name.

        Raises:
            MiniappInfraError: if the registry does not take it.
        """
        done = self._crane(image.registry, "push", str(layout), str(image))
        if done.returncode != 0:
            raise registry_error(f"push image {image}", done.stderr)
        return self._read_digest(done, f"push image {image}")

    def tag(self, image: ImageReference, tag: str) -> None:
        """Give an image that is already in the registry a name.

        Raises:
            MiniappInfraError: if the registry does not take it.
        """
        done = self._crane(image.registry, "tag", str(image), tag)
        if done.returncode != 0:
            raise registry_error(f"tag image {image} as {tag}", done.stderr)

    def _crane(self, registry: str, *arguments: str) -> Completed:
        flags = ["--insecure"] if self.access.allow_http or self.access.allow_insecure else []
        with self.access.environment(registry) as environment:
            return self.run([self.program, *flags, *arguments], environment=environment, timeout=self.timeout)

    @staticmethod
    def _read_digest(done: Completed, action: str) -> str:
        found = _DIGEST.findall(done.stdout)
        if not found:
            raise MiniappInfraError(f"Failed to {action}: crane printed no digest but {done.stdout.strip()!r}")
        return str(found[-1])
