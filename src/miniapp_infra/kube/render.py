# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects out of Kustomize directories and Helm charts, rendered by the tools' own programs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.manifests import parse
from miniapp_infra.kube.normalise import SHORTEST_QUOTED, placeholder
from miniapp_infra.kube.objects import lookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.kube.objects import KubeObject

TIMEOUT = 300
"""Seconds; a chart may have to be fetched first."""
HOOK = "helm.sh/hook"
# Helm puts this in front of each document that it prints. Inside of a document the line would be indented.
_DOCUMENT = re.compile(r"^---\n(?=# Source: (?P<source>.*)$)", re.MULTILINE)
_SECRET_KEY = re.compile(r"credential|key|passphrase|password|passwd|secret|token", re.IGNORECASE)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class HelmTemplate:
    """What ``helm template`` needs.

    Args:
        chart: a directory, an archive, or an ``oci://`` reference.
        repository: URL of the chart repository; None for the other forms of ``chart``.
        values_files: later ones win, and ``values`` win over all of them.
        values: are passed on standard input, so that secrets are neither on a command line nor in a file.
        api_versions: what the chart may find in ``.Capabilities.APIVersions``.
        options: flags of helm without a value, such as ``--plain-http``.
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
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Hook:
    """A step of Helm's own installation that a chart asks for.

    Args:
        kind: of the object that would be made.
        name: of that object, or the beginning of its name.
        moments: such as ``pre-install``.
    """

    kind: str
    name: str
    moments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({', '.join(self.moments)})"


@dataclass(frozen=True)
class Chart:
    """What a chart consists of, for certain values.

    Args:
        objects: what it declares.
        hooks: what Helm would run besides, its tests left out.
    """

    objects: list[KubeObject]
    hooks: tuple[Hook, ...]


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
    text = _rendered(template, program, "--no-hooks")
    return parse(text, f"helm template {template.chart}")


def chart(template: HelmTemplate, program: str = "helm") -> Chart:
    """Render a chart, its hooks apart.

    Raises:
        KubeError: helm is missing, or it refused the chart or the values.
    """
    objects: list[KubeObject] = []
    hooks: list[Hook] = []
    for source, text in _documents(_rendered(template, program, "--skip-tests"), template.chart):
        found = _hook(text) if HOOK in text else None
        if found is None:
            objects += parse(text, source)
        else:
            hooks.append(found)
    return Chart(objects, tuple(hooks))


def _documents(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the files that helm prints, each with its source; a file of definitions may have several documents."""
    starts = list(_DOCUMENT.finditer(text))
    if text[: starts[0].start() if starts else None].strip():
        yield f"helm template {name}", text[: starts[0].start() if starts else None]
    for index, start in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else None
        yield f"helm template {start['source']}", text[start.end() : end]


def _hook(text: str) -> Hook | None:
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - it is the safe loader
    except yaml.YAMLError:
        return None  # whoever parses the objects says what is wrong with it
    moments = (lookup(document, "metadata", "annotations") or {}).get(HOOK)
    if not moments:
        return None
    name = lookup(document, "metadata", "name") or lookup(document, "metadata", "generateName")
    return Hook(str(document.get("kind")), str(name), tuple(part.strip() for part in str(moments).split(",")))


def _rendered(template: HelmTemplate, program: str, *more: str) -> str:
    command = [program, "template", template.release_name, template.chart, "--namespace", template.namespace]
    command += [*more, *template.options]
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
    try:
        return _run(command, "helm_path", f"render chart {template.chart}", json.dumps(dict(template.values)))
    except KubeError as error:
        # A schema or a template of the chart may quote the value that it refuses.
        for value in sorted(_secrets(template.values, secret=False), key=len, reverse=True):
            error.message = error.message.replace(value, placeholder(value))
        error.args = (error.message,)
        raise


def _secrets(value: Any, *, secret: bool) -> Iterator[str]:
    """Yield the values that are secret by the names of their keys."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(item, secret=secret or bool(_SECRET_KEY.search(str(key))))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, secret=secret)
    elif secret and len(str(value)) >= SHORTEST_QUOTED:
        yield str(value)


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
