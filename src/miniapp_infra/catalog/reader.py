# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the YAML files of an inventory strictly, and says where Ansible would have been lenient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.catalog.problems import Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from miniapp_infra.catalog.problems import Location

_JINJA = ("{{", "{%", "{#")


class _Refused(yaml.MarkedYAMLError):
    """The file is YAML, but of a kind that hides mistakes."""


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses duplicate keys, keys that are not strings, merge keys and private tags."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        lines: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = key_node.value, key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise _Refused(problem=f"line {line}: '<<' is not used here; service_defaults is the place for it")
            if key_node.tag != "tag:yaml.org,2002:str":
                raise _Refused(problem=f"line {line}: the key {key!r} must be a string; put it in quotes")
            if key in lines:
                raise _Refused(problem=f"duplicate key '{key}', lines {lines[key]} and {line}; keep one")
            lines[key] = line
        return super().construct_mapping(node, deep=deep)


def _unknown_tag(_loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    raise _Refused(
        problem=f"line {node.start_mark.line + 1}: the tag {node.tag} is not used here; secrets are references, "
        "and every other value is plain"
    )


_StrictLoader.add_constructor(None, _unknown_tag)


def read(path: Path, shown_as: str) -> tuple[dict[str, Any], list[Problem]]:
    """Return the top-level mapping of a file and what is wrong with the file.

    Args:
        path: the file.
        shown_as: its name in messages.
    """
    try:
        content = yaml.load(path.read_bytes(), Loader=_StrictLoader)  # noqa: S506 - a subclass of SafeLoader
    except _Refused as error:
        return {}, [Problem(shown_as, "", str(error.problem))]
    except yaml.YAMLError as error:
        return {}, [Problem(shown_as, "", _not_yaml(error))]
    except OSError as error:
        return {}, [Problem(shown_as, "", f"cannot be read: {error.strerror}")]
    if not isinstance(content, dict):
        return {}, [Problem(shown_as, "", "must be a mapping of variables")]
    return content, [Problem(shown_as, dotted(at), message) for at, message in _jinja(content, ())]


def _not_yaml(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: not valid YAML: {error.problem}"
    return f"not valid YAML: {error}".splitlines()[0]


def _jinja(value: Any, path: Location) -> Iterator[tuple[Location, str]]:
    """Find templates: the model is read without Ansible too, so nothing would expand them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _jinja(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _jinja(item, (*path, index))
    elif isinstance(value, str) and any(mark in value for mark in _JINJA):
        yield path, "Jinja is not expanded here; write the value itself"
