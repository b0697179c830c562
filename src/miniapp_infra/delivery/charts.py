# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes a Helm chart as an OCI artefact, once per version."""

from __future__ import annotations

import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import ImageReference, RegistryAccess, RegistryClient, Runner, run_command


@dataclass(frozen=True)
class Helm:
    """The helm program.

    Args:
        program: path or name.
        access: trust and credentials of the registry.
        run: what runs the program.
        timeout: limit of one call, seconds.
    """

    program: str = "helm"
    access: RegistryAccess = field(default_factory=RegistryAccess)
    run: Runner = run_command
    timeout: float = 120.0

    def package(self, chart: Path, destination: Path) -> Path:
        """Return the archive of a chart.

        Raises:
            MiniappInfraError: helm refuses the chart.
        """
        self._call("package the chart", "", "package", str(chart), "--destination", str(destination))
        return next(destination.glob("*.tgz"))

    def pull(self, reference: ImageReference, destination: Path) -> Path:
        """Return the archive of a published chart.

        Raises:
            MiniappInfraError: the registry does not give it.
        """
        arguments = [
            "pull",
            f"oci://{reference.name}",
            "--version",
            str(reference.tag),
            "--destination",
            str(destination),
        ]
        self._call(f"pull chart {reference}", reference.registry, *arguments, *self._transport())
        return next(destination.glob("*.tgz"))

    def push(self, archive: Path, reference: ImageReference) -> None:
        """Publish an archive.

        Raises:
            MiniappInfraError: the registry does not take it.
        """
        parent = reference.name.rpartition("/")[0]
        self._call(
            f"push chart {reference}", reference.registry, "push", str(archive), f"oci://{parent}", *self._transport()
        )

    def _transport(self) -> list[str]:
        authority = ["--ca-file", str(self.access.ca_cert)] if self.access.ca_cert is not None else []
        return [*authority, *(["--plain-http"] if self.access.allow_http else [])]

    def _call(self, action: str, registry: str, *arguments: str) -> None:
        with self.access.environment(registry) as environment:
            if "DOCKER_CONFIG" in environment:
                # helm has a file of its own for the same content; a password does not belong on its command line.
                environment["HELM_REGISTRY_CONFIG"] = f"{environment['DOCKER_CONFIG']}/config.json"
            done = self.run([self.program, *arguments], environment=environment, timeout=self.timeout)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["helm gave no reason"])[-1].removeprefix("Error: ")
            raise MiniappInfraError(f"Failed to {action}: {reason}")


@dataclass(frozen=True)
class Published:
    """A chart in the registry.

    Args:
        changed: whether it was pushed, or would be in check mode.
        version: of the chart.
        digest: of its manifest; empty in check mode before the first push.
    """

    changed: bool
    version: str
    digest: str


def publish(helm: Helm, registry: RegistryClient, chart: Path, reference: str, *, check: bool = False) -> Published:
    """Publish a chart under the version that its ``Chart.yaml`` names.

    Args:
        helm: packages, pulls and pushes.
        registry: tells what exists.
        chart: the chart's folder.
        reference: ``oci://registry/path/name`` without a version.
        check: only tell what would happen.

    Raises:
        MiniappInfraError: ``INVALID_INPUT`` for a folder that is no such chart; ``CONFLICT`` when other content was
            published under this version before.
    """
    name, version = _identity(chart)
    target = ImageReference.parse(f"{reference.removeprefix('oci://')}:{version}", field="reference")
    if target.repository.rpartition("/")[2] != name:
        raise MiniappInfraError(
            f"reference: must end with the name of the chart, {name}, got {reference}", code=ErrorCode.INVALID_INPUT
        )
    with tempfile.TemporaryDirectory(prefix="miniapp-chart-") as directory:
        archive = helm.package(chart, _subfolder(directory, "ours"))
        present = registry.digest(target)
        if present is None:
            if check:
                return Published(changed=True, version=version, digest="")
            helm.push(archive, target)
            return Published(changed=True, version=version, digest=registry.digest(target) or "")
        differing = _differing(_content(archive), _content(helm.pull(target, _subfolder(directory, "theirs"))))
    if differing:
        raise MiniappInfraError(
            f"Failed to publish chart {target}: this version exists with other content ({', '.join(differing)})",
            code=ErrorCode.CONFLICT,
            hint=f"Raise version in {chart}/Chart.yaml and gitops.chart.version: a published version does not change.",
        )
    return Published(changed=False, version=version, digest=present)


def _identity(chart: Path) -> tuple[str, str]:
    try:
        metadata: dict[str, Any] = yaml.safe_load((chart / "Chart.yaml").read_text())
        return str(metadata["name"]), str(metadata["version"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise MiniappInfraError(
            f"chart: {chart} is not a Helm chart: {error}",
            code=ErrorCode.INVALID_INPUT,
            hint="Name the folder that has Chart.yaml with name and version.",
        ) from error


def _subfolder(directory: str, name: str) -> Path:
    folder = Path(directory) / name
    folder.mkdir()
    return folder


def _content(archive: Path) -> dict[str, bytes]:
    """Return the files of an archive; two archives of one chart differ in their time stamps."""
    with tarfile.open(archive) as opened:
        members = {member.name: opened.extractfile(member) for member in opened if member.isfile()}
        return {name: reader.read() for name, reader in members.items() if reader is not None}


def _differing(ours: dict[str, bytes], theirs: dict[str, bytes]) -> list[str]:
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
