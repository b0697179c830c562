# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion on signatures: the legacy format read over plain HTTP and checked with a general crypto library.

It shares no code with the engines and does not call cosign. The layout is that of cosign's SIGNATURE_SPEC: the tag
``sha256-<hex>.sig`` holds a manifest whose layers are the signed payloads, each with its signature as an annotation;
``sha256-<hex>.att`` holds DSSE envelopes (secure-systems-lab/dsse, protocol version 1).
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import urllib3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path

_SIGNATURE = "dev.cosignproject.cosign/signature"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Oracle:
    """Reads one registry.

    Args:
        registry: host and port.
        ca_cert: its authority.
    """

    registry: str
    ca_cert: Path

    def get(self, repository: str, kind: str, name: str) -> bytes | None:
        pool = urllib3.PoolManager(ca_certs=str(self.ca_cert))
        url = f"https://{self.registry}/v2/{repository}/{kind}/{name}"
        answer = pool.request("GET", url, headers={"Accept": _MANIFEST}, retries=False)
        assert answer.status in (200, 404), (url, answer.status)
        return answer.data if answer.status == 200 else None

    def put_manifest(self, repository: str, tag: str, document: dict[str, Any]) -> None:
        pool = urllib3.PoolManager(ca_certs=str(self.ca_cert))
        url = f"https://{self.registry}/v2/{repository}/manifests/{tag}"
        headers = {"Content-Type": _MANIFEST}
        answer = pool.request("PUT", url, body=json.dumps(document), headers=headers, retries=False)
        assert answer.status == 201, answer.data

    def layers(self, repository: str, digest: str, suffix: str) -> list[tuple[dict[str, str], bytes]]:
        """Return annotations and content of each layer below ``sha256-<hex>.<suffix>``."""
        manifest = self.get(repository, "manifests", f"{digest.replace(':', '-')}.{suffix}")
        if manifest is None:
            return []
        found = []
        for layer in json.loads(manifest)["layers"]:
            content = self.get(repository, "blobs", layer["digest"])
            assert content is not None
            assert f"sha256:{hashlib.sha256(content).hexdigest()}" == layer["digest"]
            found.append((layer.get("annotations", {}), content))
        return found

    def good_signatures(self, repository: str, digest: str, public_key: Path) -> int:
        """Count signatures by this key over a payload that names this digest."""
        good = 0
        for notes, payload in self.layers(repository, digest, "sig"):
            named = json.loads(payload)["critical"]["image"]["docker-manifest-digest"]
            good += named == digest and _verifies(public_key, notes[_SIGNATURE], payload)
        return good

    def good_statements(self, repository: str, digest: str, public_key: Path) -> list[dict[str, Any]]:
        """Return in-toto statements by this key about this digest."""
        statements = []
        for _, content in self.layers(repository, digest, "att"):
            envelope = json.loads(content)
            body = base64.b64decode(envelope["payload"])
            kind = envelope["payloadType"].encode()
            signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
            statement = json.loads(body)
            subjects = {subject["digest"]["sha256"] for subject in statement["subject"]}
            signature = envelope["signatures"][0]["sig"]
            if subjects == {digest.removeprefix("sha256:")} and _verifies(public_key, signature, signed):
                statements.append(statement)
        return statements


def _verifies(public_key: Path, signature: str, message: bytes) -> bool:
    key = serialization.load_pem_public_key(public_key.read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(base64.b64decode(signature), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
