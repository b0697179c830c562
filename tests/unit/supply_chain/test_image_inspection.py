# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept beside an image, from the manifests of both formats."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from miniapp_infra.cosign import Cosign, SignatureFormat
from miniapp_infra.registry import Completed, ImageReference, RegistryClient
from miniapp_infra.supply_chain.inspection import Artefact, ImageVerifier, artefacts, attestations, signatures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIGEST = "sha256:" + "1" * 64
SIGNED, STATED, OTHER = ("sha256:" + mark * 64 for mark in "234")
IMAGE = ImageReference.parse(f"r.example.com/x@{DIGEST}")
SPDX, SIGN = "https://spdx.dev/Document", "https://sigstore.dev/cosign/sign/v1"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
TAG = f"r.example.com/x:{DIGEST.replace(':', '-')}"
MANIFESTS: dict[str, Any] = {
    f"{TAG}.sig": {"layers": [{}, {"annotations": {"dev.cosignproject.cosign/signature": "x"}}]},
    f"{TAG}.att": {"layers": [{"annotations": {"predicateType": SPDX}}]},
    f"r.example.com/x@{SIGNED}": {"artifactType": BUNDLE, "annotations": {"dev.sigstore.bundle.predicateType": SIGN}},
    f"r.example.com/x@{STATED}": {"artifactType": BUNDLE, "annotations": {"dev.sigstore.bundle.predicateType": SPDX}},
    f"r.example.com/x@{OTHER}": {"artifactType": "text/plain"},
}
PREDICATE = {"packages": [{"SPDXID": "SPDXRef-a"}, {"SPDXID": "SPDXRef-b"}]}


class Programs:
    """crane and cosign over these manifests; signatures are by nobody we know, attestations by our key."""

    def __init__(self, manifests: dict[str, Any]) -> None:
        self.manifests = manifests

    def __call__(self, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG002 - the protocol's name
        command, target = argv[1], argv[-1]
        if command == "version":
            return Completed(0, '{"gitVersion": "v3.1.3"}', "")
        if command == "manifest":
            found = self.manifests.get(target)
            return Completed(0, json.dumps(found), "") if found else Completed(1, "", "Error: MANIFEST_UNKNOWN")
        if command == "digest":
            return Completed(0, DIGEST, "")
        if command == "tree":
            lines = [f"└── 🔗 {SIGN} artifacts via OCI referrer: {name}" for name in self.manifests if "@" in name]
            return Completed(0, "\n".join(lines), "")
        if command == "verify-attestation":
            statement = {"subject": [{"digest": {"sha256": DIGEST.partition(":")[2]}}], "predicate": PREDICATE}
            return Completed(0, json.dumps({"payload": base64.b64encode(json.dumps(statement).encode()).decode()}), "")
        return Completed(12, "", "Error: no matching signatures")


def inspected(manifests: dict[str, Any]) -> tuple[ImageVerifier, list[Artefact]]:
    programs = Programs(manifests)
    cosign, registry = Cosign(run=programs), RegistryClient(run=programs)
    return ImageVerifier(cosign, registry, IMAGE), artefacts(cosign, registry, IMAGE)


def test_both_formats_are_found_and_other_referrers_are_not() -> None:
    _, found = inspected(MANIFESTS)
    assert found == [
        Artefact("attestation", SignatureFormat.BUNDLE, SPDX),
        Artefact("attestation", SignatureFormat.LEGACY, SPDX),
        Artefact("signature", SignatureFormat.BUNDLE),
        Artefact("signature", SignatureFormat.LEGACY),
        Artefact("signature", SignatureFormat.LEGACY),
    ]


def test_with_a_key_all_of_them_are_verified() -> None:
    verifier, found = inspected(MANIFESTS)
    listed = signatures(verifier, found, "cosign.pub")
    assert [(item["format"], item["count"]) for item in listed] == [("bundle", 1), ("legacy", 2)]
    assert {(item["verified"], item["reason"]) for item in listed} == {(False, "no_matching_signature")}
    stated, bom = attestations(verifier, found, "cosign.pub")
    assert [(item["format"], item["verified"]) for item in stated] == [("bundle", True), ("legacy", True)]
    assert (bom["found"], bom["verified"], bom["format"], bom["packages"]) == (True, True, "spdx-json", 2)
    assert len(bom["sha256"]) == 64


def test_without_a_key_nothing_counts_as_verified() -> None:
    verifier, found = inspected(MANIFESTS)
    assert {item["reason"] for item in signatures(verifier, found, None)} == {"not_checked"}
    stated, bom = attestations(verifier, found, None)
    assert {(item["verified"], item["reason"]) for item in stated} == {(False, "not_checked")}
    assert (bom["found"], bom["verified"], bom["packages"]) == (True, False, 0)


def test_an_image_with_nothing_beside_it() -> None:
    verifier, found = inspected({})
    assert (found, signatures(verifier, found, "cosign.pub")) == ([], [])
    stated, bom = attestations(verifier, found, "cosign.pub")
    assert stated == []
    assert bom == {"found": False, "format": "", "verified": False, "packages": 0, "sha256": ""}
