# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of an image: ``registry/repository[:tag][@digest]``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from miniapp_infra.errors import ErrorCode, MiniappInfraError

# Grammar of the OCI distribution specification 1.1, "Pulling manifests".
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_REGISTRY = r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::[0-9]{1,5})?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_REFERENCE = re.compile(
    rf"(?P<registry>{_REGISTRY})/(?P<repository>{_PATH})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)


@dataclass(frozen=True)
class ImageReference:
    """An image in a registry that is always named: there is no default one.

    Args:
        registry: host and optional port.
        repository: path within the registry.
        tag: a name that may move, or None.
        digest: ``sha256:`` and 64 hexadecimal digits, or None.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str, *, field: str = "image") -> ImageReference:
        """Read a reference.

        Args:
            text: what the user wrote.
            field: the option it came from, for the error.

        Raises:
            MiniappInfraError: ``invalid_input`` if it is not a complete reference.
        """
        found = _REFERENCE.fullmatch(text)
        # Without a dot or a port the first part is a path of the default registry, which we do not have.
        if found is None or not re.search(r"[.:]|^localhost$", found["registry"]):
            raise MiniappInfraError(
                f"{field}: {text!r} is not an image reference",
                code=ErrorCode.INVALID_INPUT,
                hint="write registry/repository:tag or registry/repository@sha256:..., with the registry's host name",
            )
        return cls(found["registry"], found["repository"], found["tag"], found["digest"])

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    def at_digest(self, digest: str) -> ImageReference:
        """Return the same image named by content only."""
        return replace(self, tag=None, digest=digest)

    def require_digest(self, *, field: str = "image") -> str:
        """Return the digest.

        Raises:
            MiniappInfraError: ``invalid_input`` if the image is named by tag only, which may move between two looks.
        """
        if self.digest is None:
            raise MiniappInfraError(
                f"{field}: {self} names a tag, which may move; a digest is needed",
                code=ErrorCode.INVALID_INPUT,
                hint=f"write {self.name}@sha256:..., `crane digest {self}` prints it",
            )
        return self.digest
