# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading objects out of YAML text and files, the way Kubernetes itself reads YAML."""

from __future__ import annotations

import base64
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.objects import KubeObject, flatten

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_SUFFIXES = {".yaml", ".yml", ".json"}
# libyaml is ten times faster; every binary wheel of PyYAML has it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # the base class is chosen when the program runs
    """Plain scalars mean what they mean to kubectl, which was asked for each of the forms below.

    For PyYAML ``12:30:00`` is a number, ``2026-01-01`` a date, ``=`` an error, and ``y`` and ``1e3`` are strings. For
    kubectl the first three are strings, ``y`` is true and ``1e3`` is 1000. Keys that occur twice are refused.
    """

    def construct_document(self, node: Any) -> Any:
        # All at once, so that a value which contains itself is found, instead of made.
        document = self.construct_object(node, deep=True)
        self.constructed_objects.clear()
        self.recursive_objects.clear()
        return document

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - overrides
        mapping: dict[Hashable, Any] = {}
        seen: set[str] = set()
        for key, value in node.value:
            if key.tag == _MERGE:
                # In order of occurrence, as kubectl does it, while of a list the first ones win.
                for part in reversed(value.value if isinstance(value, yaml.SequenceNode) else [value]):
                    mapping |= self._merged(part)
                continue
            name = self._key(key)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    "while reading a mapping", node.start_mark, f"the key {name!r} occurs twice", key.start_mark
                )
            seen.add(name)
            mapping[name] = self.construct_object(value, deep=deep)
        return mapping

    def _merged(self, node: Any) -> dict[Hashable, Any]:
        if isinstance(node, yaml.MappingNode):
            merged: dict[Hashable, Any] = self.construct_object(node, deep=True)
            return merged
        raise yaml.constructor.ConstructorError(
            "while reading a mapping", None, f"<< needs a mapping, got a {node.id}", node.start_mark
        )

    def _key(self, node: Any) -> str:
        """Return a key as JSON has it, where each is a string."""
        if node.tag == _TEXT:
            return str(node.value)
        key = self.construct_object(node, deep=True)
        if isinstance(key, bool):
            return "true" if key else "false"
        if isinstance(key, str | int | float):
            return str(key)
        raise yaml.constructor.ConstructorError(
            "while reading a mapping", None, f"a key cannot be a {node.id} with this value", node.start_mark
        )

    def construct_bool(self, node: Any) -> bool:
        return node.value.lower() in {"y", "yes", "true", "on"}

    def construct_int(self, node: Any) -> int:
        text = node.value.replace("_", "")
        # A leading zero alone makes a number octal.
        return int(text, 8 if re.fullmatch("[-+]?0[0-7]+", text) else 0)

    def construct_float(self, node: Any) -> float | int | str:
        text = node.value.replace("_", "")
        if text.lower().lstrip("+-") in {".inf", ".nan"}:
            raise yaml.constructor.ConstructorError(
                "while reading a number", None, f"JSON has no number {node.value}", node.start_mark
            )
        value = float(text)
        if math.isinf(value):
            return str(node.value)  # too large for a number; kubectl sends text
        # Go writes a whole number without a fraction into the JSON that it sends.
        return int(value) if value.is_integer() and abs(value) < WHOLE else value

    def construct_bytes(self, node: Any) -> str:
        try:
            return base64.b64decode("".join(node.value.split()), validate=True).decode("utf-8")
        except ValueError as error:
            raise yaml.constructor.ConstructorError(
                "while reading !!binary", None, "it is not text in base64", node.start_mark
            ) from error

    def refuse_tag(self, node: Any) -> NoReturn:
        raise yaml.constructor.ConstructorError(
            "while reading a tag", None, f"Kubernetes objects have no {node.tag.rpartition(':')[2]}", node.start_mark
        )


WHOLE = 1e21
"""From here on Go writes whole numbers with an exponent."""

_REPLACED = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "timestamp", "value")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag not in _REPLACED]
    for first, rules in _Base.yaml_implicit_resolvers.items()
}
# Underscores may be anywhere in a number but at its begin; only between digits where it begins with a dot.
_DIGITS, _GROUPS = "[0-9][0-9_]*", "[0-9]+(?:_[0-9]+)*"
for _tag, _pattern, _first in (
    ("bool", "[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE", "yYnNoOtTfF"),
    (
        "int",
        "[-+]?_*(?:0_*|[1-9][0-9_]*|0_*(?:[oO]_*)?[0-7][0-7_]*|0_*[bB]_*[01][01_]*|0_*[xX]_*[0-9a-fA-F][0-9a-fA-F_]*)",
        "-+0123456789",
    ),
    (
        "float",
        (
            rf"(?:(?:[-+]_*)?{_DIGITS}(?:\.[0-9_]*)?|[-+]_*\._*{_DIGITS})(?:[eE]_*[-+]?_*{_DIGITS})?"
            rf"|\.{_GROUPS}(?:[eE][-+]?{_GROUPS})?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Loader.add_constructor("tag:yaml.org,2002:bool", _Loader.construct_bool)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_float)
_Loader.add_constructor("tag:yaml.org,2002:binary", _Loader.construct_bytes)
for _tag in (_MERGE, "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"):
    _Loader.add_constructor(_tag, _Loader.construct_yaml_str)
for _tag in ("omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.refuse_tag)


def parse(text: str, source: str) -> list[KubeObject]:
    """Read the objects of a text with any number of documents.

    Args:
        text: YAML or JSON.
        source: where it comes from, for messages.

    Raises:
        KubeError: not YAML (with line and column), or not Kubernetes objects.
    """
    return flatten(documents(text, source))


def documents(text: str, source: str) -> list[tuple[str, Any]]:
    """Read the documents of a text as they are, each with where it comes from.

    Raises:
        KubeError: not YAML (with line and column).
    """
    try:
        found = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise KubeError(f"{source}{place}: is not valid YAML: {problem}", code=ErrorCode.INVALID_INPUT) from error
    except RecursionError as error:
        raise KubeError(f"{source}: is nested too deeply", code=ErrorCode.INVALID_INPUT) from error
    return [(f"{source}, document {number}", document) for number, document in enumerate(found, 1)]


def read(paths: Sequence[str]) -> list[KubeObject]:
    """Read the objects of files, and of the ``.yaml``, ``.yml`` and ``.json`` files of directories, by name.

    Raises:
        KubeError: a path does not exist, cannot be read, or is a directory without such files.
    """
    return [obj for text, source in texts(paths) for obj in parse(text, source)]


def texts(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Read the texts of the same files, each with its path. Raises KubeError as ``read`` does."""
    return [(_text(file), str(file)) for path in paths for file in _files(path)]


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
