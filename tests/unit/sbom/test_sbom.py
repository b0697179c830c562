# SPDX-License-Identifier: GPL-3.0-or-later
"""Bills of materials: about the right image, and the same bytes for the same image."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.registry import Completed
from miniapp_infra.sbom import SbomFormat, Subject, Syft, package_count, retarget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUBJECT = Subject("198.18.0.2:5000/miniapp/price", "1.0.0", "sha256:" + "a" * 64)
OTHER = Subject("198.18.0.2:5000/miniapp/escrow", "2.0.0", "sha256:" + "b" * 64)


def spdx(run: int = 1) -> dict[str, Any]:
    """What syft 1.44 writes, shortened; ``run`` stands for what differs from run to run."""
    root = "SPDXRef-DocumentRoot-Image-first"
    packages = [
        {"name": "a", "SPDXID": "SPDXRef-Package-a", "versionInfo": "v1"},
        {"name": "b", "SPDXID": "SPDXRef-Package-b", "versionInfo": "v2"},
        {"name": "first", "SPDXID": root, "versionInfo": "0", "checksums": [], "externalRefs": []},
    ]
    relationships = [
        {"spdxElementId": root, "relatedSpdxElement": "SPDXRef-Package-a", "relationshipType": "CONTAINS"},
        {"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": root, "relationshipType": "DESCRIBES"},
    ]
    if run % 2:
        packages.reverse()
        relationships.reverse()
    return {
        "spdxVersion": "SPDX-2.3",
        "name": "first",
        "documentNamespace": f"https://example.com/first-{run}",
        "creationInfo": {"created": f"2026-01-0{run}T00:00:00Z", "creators": ["Tool: syft-1.44.0"]},
        "packages": packages,
        "relationships": relationships,
    }


def cyclonedx(run: int = 1) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "serialNumber": f"urn:uuid:{run}",
        "metadata": {"timestamp": f"2026-01-0{run}", "component": {"name": "first", "bom-ref": "x"}},
        "components": [
            {"bom-ref": "b", "type": "library"},
            {"bom-ref": "f", "type": "file"},
            {"bom-ref": "a", "type": "library"},
        ],
    }


@pytest.mark.parametrize("document", [spdx, cyclonedx])
def test_two_runs_give_the_same_document(document: Any) -> None:
    assert retarget(document(1), SUBJECT) == retarget(document(2), SUBJECT)


@pytest.mark.parametrize("document", [spdx, cyclonedx])
def test_another_image_gives_another_document_and_packages_stay(document: Any) -> None:
    one, other = retarget(document(), SUBJECT), retarget(document(), OTHER)
    assert one != other
    assert package_count(one) == package_count(other) == package_count(document()) == 2


def test_the_scanned_document_is_not_changed() -> None:
    document = spdx()
    before = copy.deepcopy(document)
    retarget(document, SUBJECT)
    assert document == before


def test_an_spdx_document_names_its_image_everywhere() -> None:
    document = retarget(spdx(), SUBJECT)
    root = next(package for package in document["packages"] if "DocumentRoot" in package["SPDXID"])
    assert (root["name"], root["versionInfo"]) == (SUBJECT.name, "1.0.0")
    assert root["checksums"] == [{"algorithm": "SHA256", "checksumValue": "a" * 64}]
    described = [it for it in document["relationships"] if it["relationshipType"] == "DESCRIBES"]
    assert [it["relatedSpdxElement"] for it in described] == [root["SPDXID"]]
    assert document["documentNamespace"].endswith("sha256-" + "a" * 64)
    assert "first" not in json.dumps(document)


def test_anything_else_is_refused() -> None:
    with pytest.raises(MiniappInfraError, match="neither SPDX nor CycloneDX"):
        retarget({"packages": []}, SUBJECT)


def test_syft_reads_the_layout_and_nothing_else() -> None:
    seen: dict[str, Any] = {}

    def run(argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG001 - the protocol's name
        seen.update(argv=list(argv), environment=dict(environment))
        return Completed(0, json.dumps(spdx()), "")

    Syft(run=run).scan_layout(Path("/layout"), SUBJECT, SbomFormat.SPDX_JSON)
    assert seen["argv"][:3] == ["syft", "scan", "oci-dir:/layout"]
    assert seen["environment"]["SYFT_CHECK_FOR_APP_UPDATE"] == "false"


@pytest.mark.parametrize("done", [Completed(1, "", "cannot read"), Completed(0, "no json", "")])
def test_a_scan_that_fails_names_the_image(done: Completed) -> None:
    with pytest.raises(MiniappInfraError, match=r"list the packages of image 198\.18\.0\.2:5000/miniapp/price:1\.0\.0"):
        Syft(run=lambda *_, **__: done).scan_layout(Path("/layout"), SUBJECT, SbomFormat.SPDX_JSON)
