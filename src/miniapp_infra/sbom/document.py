# SPDX-License-Identifier: GPL-3.0-or-later
"""Bills of materials as values: what a document is about, and nothing that differs between two runs.

syft puts the time and a random number into each document. An attestation that is compared with what it should be cannot
carry them; the SPDX 2.3 specification (sections 6.5 and 6.9) and CycloneDX 1.6 (``serialNumber``) ask only that the
identifier is unique for the content, which one derived from the image's digest is.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from miniapp_infra.errors import MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPDX_ROOT = "SPDXRef-DocumentRoot-"
_EPOCH = "1970-01-01T00:00:00Z"


class SbomFormat(StrEnum):
    """Format of a document, by the name that syft takes."""

    SPDX_JSON = "spdx-json"
    CYCLONEDX_JSON = "cyclonedx-json"


@dataclass(frozen=True)
class Subject:
    """The image that a document describes.

    Args:
        name: registry and repository.
        version: what people call it.
        digest: ``sha256:...`` of its manifest.
    """

    name: str
    version: str
    digest: str

    @property
    def package_url(self) -> str:
        """Package URL of type ``oci``: the last part of the repository, the rest as qualifier."""
        repository = quote(self.name, safe="")
        return f"pkg:oci/{self.name.rsplit('/', 1)[-1]}@{quote(self.digest, safe='')}?repository_url={repository}"


def retarget(document: Mapping[str, Any], subject: Subject) -> dict[str, Any]:
    """Return the same bill of materials as a document about ``subject``, without anything random.

    Images that share their layers differ in configuration only, so one scan serves all of them.

    Args:
        document: what syft wrote about an image with the same layers.
        subject: the image that the result is about.

    Raises:
        MiniappInfraError: if the document is neither SPDX nor CycloneDX.
    """
    result = copy.deepcopy(dict(document))
    if "spdxVersion" in result:
        return _retarget_spdx(result, subject)
    if result.get("bomFormat") == "CycloneDX":
        return _retarget_cyclonedx(result, subject)
    raise MiniappInfraError("Failed to read bill of materials: the document is neither SPDX nor CycloneDX")


def package_count(document: Mapping[str, Any]) -> int:
    """Return how many packages are listed, the image itself not counted."""
    if "packages" in document:
        return sum(1 for package in document["packages"] if not package["SPDXID"].startswith(_SPDX_ROOT))
    return sum(1 for component in document.get("components", []) if component.get("type") != "file")


def _retarget_spdx(document: dict[str, Any], subject: Subject) -> dict[str, Any]:
    root = f"{_SPDX_ROOT}Image"
    document["name"] = f"{subject.name}:{subject.version}"
    document["documentNamespace"] = f"https://{subject.name}/sbom/{subject.digest.replace(':', '-')}"
    document["creationInfo"]["created"] = _EPOCH
    for package in document["packages"]:
        if package["SPDXID"].startswith(_SPDX_ROOT):
            package["SPDXID"], package["name"], package["versionInfo"] = root, subject.name, subject.version
            package["checksums"] = [{"algorithm": "SHA256", "checksumValue": subject.digest.removeprefix("sha256:")}]
            package["externalRefs"] = [
                {
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": subject.package_url,
                }
            ]
    for relationship in document["relationships"]:
        for end in ("spdxElementId", "relatedSpdxElement"):
            if relationship[end].startswith(_SPDX_ROOT):
                relationship[end] = root
    document["packages"].sort(key=lambda package: package["SPDXID"])
    document["relationships"].sort(
        key=lambda it: (it["spdxElementId"], it["relationshipType"], it["relatedSpdxElement"])
    )
    return document


def _retarget_cyclonedx(document: dict[str, Any], subject: Subject) -> dict[str, Any]:
    document.pop("serialNumber", None)
    document["metadata"].pop("timestamp", None)
    document["metadata"]["component"] = {
        "bom-ref": subject.package_url,
        "type": "container",
        "name": subject.name,
        "version": subject.version,
        "purl": subject.package_url,
    }
    document["components"].sort(key=lambda component: component.get("bom-ref", ""))
    return document
