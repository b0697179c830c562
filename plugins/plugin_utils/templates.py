# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option ``template``: objects as Jinja templates, rendered on the control host with the variables of the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.template import generate_ansible_template_vars, trust_as_template

if TYPE_CHECKING:
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar

OPTION = "template"
INSTEAD = "definition"
OTHERS = ("definition", "helm_template", "inline", "kustomize", "resource_definition", "src")
"""Options that say in another way what the objects are."""

_STRINGS = {
    "block_start_string": "{%",
    "block_end_string": "%}",
    "variable_start_string": "{{",
    "variable_end_string": "}}",
}
_BOOLEANS = {"trim_blocks": True, "lstrip_blocks": False}
_NEWLINES = {"\n": "\n", "\r": "\r", "\r\n": "\r\n", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n"}


@dataclass(frozen=True)
class Renderer:
    """What a task has for rendering.

    Args:
        loader: knows the vault passwords and the directory of the playbook.
        templar: knows filters and lookups.
        find: returns where a file is, from the directory it is usually in and its name.
        variables: of the task.
    """

    loader: DataLoader
    templar: Templar
    find: Callable[[str, str], str]
    variables: Mapping[str, Any]


def rendered(renderer: Renderer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a module with rendered templates as ``definition``.

    Each text begins with a comment that names its source, as those of ``helm template`` do.

    Raises:
        AnsibleActionFail: the option is not as documented, or a template does not exist or is no UTF-8 text.
        AnsibleError: Jinja refuses a template, or a variable does not exist.
    """
    given = {name: value for name, value in args.items() if name != OPTION}
    wanted = args.get(OPTION)
    if wanted is None:
        return given
    others = [name for name in OTHERS if given.get(name) is not None]
    if others:
        raise AnsibleActionFail(f"parameters are mutually exclusive: {'|'.join([OPTION, *others])}")
    entries = wanted if isinstance(wanted, list) else [wanted]
    return {**given, INSTEAD: [_text(renderer, _checked(entry)) for entry in entries]}


def _checked(entry: Any) -> dict[str, Any]:
    if isinstance(entry, str):
        entry = {"path": entry}
    if not isinstance(entry, Mapping):
        raise AnsibleActionFail(f"{OPTION}: must be a path, a dictionary or a list of those, got {entry!r}")
    unknown = sorted(set(entry) - {"path", "newline_sequence", *_STRINGS, *_BOOLEANS})
    if unknown:
        raise AnsibleActionFail(f"{OPTION}: has no option {', '.join(unknown)}")
    if not isinstance(entry.get("path"), str) or not entry["path"]:
        raise AnsibleActionFail(f"{OPTION}: path: must be given")
    found: dict[str, Any] = {"path": entry["path"]}
    for name, default in _STRINGS.items():
        value = entry.get(name, default)
        if not isinstance(value, str) or not value:
            raise AnsibleActionFail(f"{OPTION}: {name}: must be a string, got {value!r}")
        found[name] = value
    for name, switch in _BOOLEANS.items():
        try:
            found[name] = boolean(entry.get(name, switch))
        except TypeError as error:
            raise AnsibleActionFail(f"{OPTION}: {name}: must be true or false, got {entry[name]!r}") from error
    newline = entry.get("newline_sequence", "\n")
    if not isinstance(newline, str) or newline not in _NEWLINES:
        raise AnsibleActionFail(rf"{OPTION}: newline_sequence: must be \n, \r or \r\n, got {newline!r}")
    return {**found, "newline_sequence": _NEWLINES[newline]}


def _text(renderer: Renderer, settings: dict[str, Any]) -> str:
    loader, variables = renderer.loader, renderer.variables
    path = settings.pop("path")
    try:
        source = renderer.find("templates", path)
        content = loader.get_text_file_contents(source)
        content.encode()  # bytes that are no UTF-8 get through as surrogates
    except UnicodeError as error:
        raise AnsibleActionFail(f"{OPTION}: {path}: is not UTF-8 text") from error
    except AnsibleError as error:
        raise AnsibleActionFail(f"{OPTION}: {error}") from error
    places = [*variables.get("ansible_search_path", []), loader.get_basedir(), str(Path(source).parent)]
    told = generate_ansible_template_vars(path=path, fullpath=source)
    if "ansible_managed" in variables:
        told.pop("ansible_managed", None)
    templar = renderer.templar.copy_with_new_env(
        searchpath=[path for place in places for path in (str(Path(place) / "templates"), place)],
        available_variables={**variables, **told},
    )
    result = templar.template(trust_as_template(content), escape_backslashes=False, overrides=settings)
    return f"# Source: {source}\n{'' if result is None else result}"
