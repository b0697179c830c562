# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked for and what comes out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.reference import ImageReference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A service name is a namespace name (RFC 1123 label).
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class ServiceRequest:
    """One image to have.

    Args:
        name: of the service.
        version: becomes the tag.
        env: further environment variables of the image.
    """

    name: str
    version: str
    env: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_options(cls, options: Sequence[Mapping[str, Any]]) -> tuple[ServiceRequest, ...]:
        """Read the option ``services`` of the module.

        Raises:
            MiniappInfraError: ``invalid_input`` naming the element, the part and what is wrong with it.
        """
        requests = tuple(
            cls(str(option["name"]), str(option["version"]), dict(option.get("env") or {})) for option in options
        )
        if not requests:
            raise MiniappInfraError("services: is empty, name at least one", code=ErrorCode.INVALID_INPUT)
        for index, request in enumerate(requests):
            request.validate(f"services[{index}]")
        for (name, version), count in Counter((it.name, it.version) for it in requests).items():
            if count > 1:
                raise MiniappInfraError(
                    f"services: {name} {version} is listed {count} times", code=ErrorCode.INVALID_INPUT
                )
        return requests

    def image(self, registry: str, prefix: str) -> ImageReference:
        """Return the tag under which the image is found."""
        return ImageReference.parse(f"{registry}/{prefix}/{self.name}:{self.version}", field="registry")

    def validate(self, where: str) -> None:
        """Check name and version.

        Args:
            where: the place in the options, for the error.

        Raises:
            MiniappInfraError: ``invalid_input``.
        """
        if not _NAME.fullmatch(self.name):
            raise MiniappInfraError(
                f"{where}.name: {self.name!r} is not a service name",
                code=ErrorCode.INVALID_INPUT,
                hint="use lower case letters, digits and hyphens, at most 63",
            )
        try:
            Version(self.version)
        except InvalidVersion:
            valid = False
        else:
            valid = _TAG.fullmatch(self.version) is not None
        if not valid:
            raise MiniappInfraError(
                f"{where}.version: {self.version!r} is not a version that can be a tag",
                code=ErrorCode.INVALID_INPUT,
                hint="write it like 1.4.2 or 1.4.2-rc.1",
            )


@dataclass(frozen=True)
class ServiceImage:
    """The state of one service's image.

    Args:
        name: of the service.
        version: its tag.
        image: registry, repository and digest: what is deployed.
        digest: ``sha256:...``.
        pushed: whether the image was not in the registry under its tag.
        signed: whether it was not signed by our key.
        attested: whether its bill of materials was missing or another.
        signed_by: fingerprint of the public key.
        packages: how many packages the bill of materials lists.
    """

    name: str
    version: str
    image: str
    digest: str
    pushed: bool
    signed: bool
    attested: bool
    signed_by: str
    packages: int

    @property
    def changed(self) -> bool:
        return self.pushed or self.signed or self.attested

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "image": self.image,
            "digest": self.digest,
            "changed": self.changed,
            "pushed": self.pushed,
            "signed": self.signed,
            "attested": self.attested,
            "signed_by": self.signed_by,
            "sbom": {"packages": self.packages},
        }
