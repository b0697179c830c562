# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects out of Kustomize directories and Helm charts, rendered by the tools' own programs."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.manifests import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.kube.objects import KubeObject

TIMEOUT = 300
"""Seconds; a chart may have to be fetched first."""


@dataclass(frozen=True)
class HelmTemplate:
    """What ``helm template`` needs.

    Args:
        chart: a directory, an archive, or an ``oci://`` reference.
        repository: URL of the chart repository; None for the other forms of ``chart``.
        values_files: later ones win, and ``values`` win over all of them.
        values: are passed on standard input, so that secrets are neither on a command line nor in a file.
        api_versions: what the chart may find in ``.Capabilities.APIVersions``.
    """

    chart: str
    release_name: str
    namespace: str
    repository: str | None = None
    version: str | None = None
    values_files: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    include_crds: bool = True
    ca_file: str | None = None
    kube_version: str | None = None
    api_versions: Sequence[str] = ()


def kustomize(directory: str, program: str = "kubectl") -> list[KubeObject]:
    """Render a Kustomize directory, which may refer to files outside of itself.

    Raises:
        KubeError: kubectl is missing, or it refused the directory.
    """
    command = [program, "kustomize", directory, "--load-restrictor", "LoadRestrictionsNone"]
    return parse(_run(command, "kubectl_path", f"render {directory}"), f"kustomize {directory}")


def helm_template(template: HelmTemplate, program: str = "helm") -> list[KubeObject]:
    """Render a chart, without its hooks, because they are steps of Helm's own install and not desired state.

    Raises:
        KubeError: helm is missing, or it refused the chart or the values.
    """
    command = [program, "template", template.release_name, template.chart, "--namespace", template.namespace]
    command.append("--no-hooks")
    for file in template.values_files:
        command += ["--values", file]
    if template.values:
        command += ["--values", "-"]
    if template.include_crds:
        command.append("--include-crds")
    for option, value in (
        ("--repo", template.repository),
        ("--version", template.version),
        ("--ca-file", template.ca_file),
        ("--kube-version", template.kube_version),
    ):
        if value:
            command += [option, value]
    for api_version in template.api_versions:
        command += ["--api-versions", api_version]
    text = _run(command, "helm_path", f"render chart {template.chart}", json.dumps(dict(template.values)))
    return parse(text, f"helm template {template.chart}")


def _run(command: list[str], option: str, action: str, standard_input: str = "") -> str:
    try:
        done = subprocess.run(
            command, input=standard_input, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except FileNotFoundError as error:
        raise KubeError(
            f"Failed to {action}: the program {command[0]} was not found",
            code=ErrorCode.MISSING_TOOL,
            hint=f"Install it, or set {option}.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise KubeError(
            f"Failed to {action}: {command[0]} did not end within {TIMEOUT} s", code=ErrorCode.TIMEOUT, retryable=True
        ) from error
    if done.returncode != 0:
        reason = done.stderr.strip()[-2000:] or f"exit status {done.returncode}"
        raise KubeError(f"Failed to {action}: {reason}", code=ErrorCode.INVALID_INPUT)
    return done.stdout
