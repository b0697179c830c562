# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one image as an OCI image layout. Its digest depends on its content only."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from miniapp_infra.registry.layer import Layer

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# Machine names of the kernel to those of Go, which the OCI image specification uses.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ImageConfig:
    """How a container of the image starts (OCI image specification, "Image Configuration").

    Args:
        entrypoint: program and fixed arguments.
        user: numeric user, or ``user:group``; numeric because ``runAsNonRoot`` cannot judge a name.
        workdir: working directory.
        env: environment variables.
        labels: what the image says about itself.
    """

    entrypoint: tuple[str, ...]
    user: str
    workdir: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def host_architecture() -> str:
    """Return the architecture of this machine, whose programs the images carry.

    Raises:
        MiniappInfraError: ``unsupported_host`` on a machine that the toolchain does not build for.
    """
    machine = platform.machine()
    try:
        return _ARCHITECTURES[machine]
    except KeyError as error:
        raise MiniappInfraError(
            f"Failed to name the architecture of this machine: {machine} is not supported",
            code=ErrorCode.UNSUPPORTED_HOST,
            hint=f"use a machine of one of: {', '.join(sorted(_ARCHITECTURES))}",
        ) from error


def write_layout(directory: Path, layers: Sequence[Layer], config: ImageConfig) -> str:
    """Write an image layout and return the digest of its manifest.

    Layers are hard-linked where the file system allows it, so many images of one layer cost its space once.

    Args:
        directory: a directory to create.
        layers: bottom first.
        config: how it starts.
    """
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for layer in {layer.digest: layer for layer in layers}.values():
        _link(layer.path, blobs / layer.digest.removeprefix("sha256:"))
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _write_blob(blobs, _CONFIG, _config_document(layers, config)),
        "layers": [{"mediaType": _LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
    }
    descriptor = _write_blob(blobs, _MANIFEST, manifest)
    _write_json(directory / "oci-layout", {"imageLayoutVersion": "1.0.0"})
    _write_json(directory / "index.json", {"schemaVersion": 2, "manifests": [descriptor]})
    return str(descriptor["digest"])


def _config_document(layers: Sequence[Layer], config: ImageConfig) -> dict[str, Any]:
    container: dict[str, Any] = {
        "Entrypoint": list(config.entrypoint),
        "User": config.user,
        "WorkingDir": config.workdir,
        "Env": [f"{name}={value}" for name, value in sorted(config.env.items())],
        "Labels": dict(sorted(config.labels.items())),
    }
    return {
        "architecture": host_architecture(),
        "os": "linux",
        # The time of building would give every build another digest.
        "created": "1970-01-01T00:00:00Z",
        "config": container,
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }


def _write_blob(blobs: Path, media_type: str, document: dict[str, Any]) -> dict[str, Any]:
    content = _encode(document)
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_bytes(_encode(document))


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links: the copy differs in nothing but space
        shutil.copyfile(source, target)
