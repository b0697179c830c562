# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading objects out of YAML text and files, the way Kubernetes itself reads YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.objects import KubeObject, flatten

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

_SUFFIXES = {".yaml", ".yml", ".json"}
# libyaml is ten times faster; every binary wheel of PyYAML has it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # the base class is chosen when the program runs
    """Plain scalars mean what they mean to kubectl, which was asked for each of the forms below.

    For PyYAML ``12:30:00`` is a number, ``2026-01-01`` a date, ``=`` an error, and ``y`` and ``1e3`` are strings. For
    kubectl the first three are strings, ``y`` is true and ``1e3`` is 1000. Keys that occur twice are refused.
    """

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - overrides
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(
                    "while reading a mapping", node.start_mark, f"the key {key.value!r} occurs twice", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_bool(self, node: Any) -> bool:
        return node.value.lower() in {"y", "yes", "true", "on"}

    def construct_float(self, node: Any) -> float | int:
        value = float(node.value.replace("_", ""))
        # Go writes a whole number without a fraction into the JSON that it sends.
        return int(value) if value.is_integer() and abs(value) < WHOLE else value


WHOLE = 1e21
"""From here on Go writes whole numbers with an exponent."""

_REPLACED = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "timestamp", "value")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag not in _REPLACED]
    for first, rules in _Base.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"y|Y|n|N|(?i:yes|no|on|off|true|false)", "yYnNoOtTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*|0o?[0-7]+|0b[01]+|0x[0-9a-fA-F]+)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE])|0[0-9]+)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Loader.add_constructor("tag:yaml.org,2002:bool", _Loader.construct_bool)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_float)


def parse(text: str, source: str) -> list[KubeObject]:
    """Read the objects of a text with any number of documents.

    Args:
        text: YAML or JSON.
        source: where it comes from, for messages.

    Raises:
        KubeError: not YAML (with line and column), or not Kubernetes objects.
    """
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise KubeError(f"{source}{place}: is not valid YAML: {problem}", code=ErrorCode.INVALID_INPUT) from error
    return flatten((f"{source}, document {number}", document) for number, document in enumerate(documents, 1))


def read(paths: Sequence[str]) -> list[KubeObject]:
    """Read the objects of files, and of the ``.yaml``, ``.yml`` and ``.json`` files of directories, by name.

    Raises:
        KubeError: a path does not exist, cannot be read, or is a directory without such files.
    """
    return [obj for path in paths for file in _files(path) for obj in parse(_text(file), str(file))]


def _files(path: str) -> list[Path]:
    place = Path(path).expanduser()
    if not place.is_dir():
        return [place]
    files = sorted(file for file in place.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    if not files:
        raise KubeError(f"src: {path} has no file that ends in .yaml, .yml or .json", code=ErrorCode.INVALID_INPUT)
    return files


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise KubeError(f"src: cannot read {file}: {reason}", code=ErrorCode.INVALID_INPUT) from error
