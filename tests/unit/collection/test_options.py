# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module: documentation, argument specification, examples and return values say the same."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from module_specifications import (
    COLLECTION,
    MODULES,
    RULES,
    all_specifications,
    comparable,
    constants,
    documented_options,
    documented_parts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IDS = [path.stem for path in MODULES]
# An option of such a name holds a secret or looks as if it did, so its specification has to say which.
SECRET_NAME = re.compile(r"(?:^|_)(?:pass|passwd|password|passphrase|secrets?|tokens?|keys?|credentials?)$")
TEMPLATE = re.compile(r"{[{%]")
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "complex": (dict, list),
    "dict": (dict,),
    "float": (float, int),
    "int": (int,),
    "list": (list,),
    "path": (str,),
    "str": (str,),
}


@pytest.fixture(scope="session")
def specifications(collections_path: Path) -> dict[str, Any]:
    return all_specifications(collections_path)


@pytest.fixture
def specified(specifications: dict[str, Any], path: Path) -> dict[str, Any]:
    """What the module gives to AnsibleModule."""
    found: dict[str, Any] = specifications["modules"][path.stem]
    assert "error" not in found, found["error"]
    return found


each_module = pytest.mark.parametrize("path", MODULES, ids=IDS)


@each_module
def test_documentation_is_the_argument_specification(path: Path, specified: dict[str, Any]) -> None:
    assert comparable(documented_options(path), "suboptions") == comparable(specified["spec"], "options")


@each_module
def test_check_mode_is_supported(specified: dict[str, Any]) -> None:
    assert specified["supports_check_mode"] is True


@each_module
def test_an_option_that_is_named_like_a_secret_says_whether_it_is_one(path: Path, specified: dict[str, Any]) -> None:
    silent = [
        name
        for name, option in every_option(specified["spec"])
        if SECRET_NAME.search(name.rpartition(".")[2])
        and option.get("type", "str") not in {"bool", "float", "int"}
        and not option.get("options")  # each of them says it for itself
        and option.get("no_log") not in {True, False}
    ]
    assert not silent, path.name


@each_module
def test_environment_variables_are_documented(path: Path, specified: dict[str, Any]) -> None:
    documented = documented_options(path)
    for name, option in specified["spec"].items():
        for variable in (option.get("fallback") or (None, ()))[1]:
            assert f"E({variable})" in str(documented[name]["description"])


@each_module
def test_examples_have_the_options_of_the_modules(path: Path, specifications: dict[str, Any]) -> None:
    own = [task for task in tasks(yaml.safe_load(constants(path)["EXAMPLES"])) if f"{COLLECTION}.{path.stem}" in task]
    assert own, "no example uses the module"
    for task in tasks(yaml.safe_load(constants(path)["EXAMPLES"])):
        for key in task:
            if not key.startswith(f"{COLLECTION}."):
                continue
            module = specifications["modules"][key.removeprefix(f"{COLLECTION}.")]
            assert not problems(task[key] or {}, module), f"{task.get('name')}: {key}"


def test_examples_pass_the_syntax_check(tmp_path: Path, ansible_environment: dict[str, str]) -> None:
    """Of Ansible itself, all of them in one playbook."""
    examples = [yaml.safe_load(constants(path)["EXAMPLES"]) for path in MODULES]
    every_task = [task for example in examples for task in example if "hosts" not in task]
    plays = [play for example in examples for play in example if "hosts" in play]
    book = tmp_path / "examples.yml"
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": every_task}, *plays]))
    done = subprocess.run(
        ["ansible-playbook", "--syntax-check", str(book)],
        capture_output=True,
        text=True,
        check=False,
        env=ansible_environment,
    )
    assert done.returncode == 0, done.stderr


@each_module
def test_return_values_have_samples_of_their_types(path: Path) -> None:
    returned = yaml.safe_load(constants(path)["RETURN"])
    # What no engine does cannot fail in the way of the engines.
    assert "error" in returned or "engine.run(" not in path.read_text()
    assert not list(mistyped(returned))


@pytest.mark.parametrize("slug", sorted(documented_parts()))
def test_fragments_are_their_functions(slug: str, specifications: dict[str, Any]) -> None:
    documented = documented_parts()[slug].get("options", {})
    if slug not in specifications["fragments"]:
        # Without a function its options are compared where a module uses it.
        used = any(f"{COLLECTION}.{slug}\n" in constants(path)["DOCUMENTATION"] for path in MODULES)
        assert used or not documented, "nobody uses this fragment"
        return
    function = specifications["fragments"][slug]
    expected = comparable(function["spec"], "options")
    if function["is_made_to_measure"]:
        # What the caller decides is documented by each module itself.
        expected = {name: option for name, option in expected.items() if name in documented}
    assert comparable(documented, "suboptions") == expected


def test_every_function_mirrors_a_fragment_that_exists(specifications: dict[str, Any]) -> None:
    assert set(specifications["fragments"]) <= set(documented_parts())


def test_what_is_wrong_in_an_example_is_found() -> None:
    """The check itself: an unknown option, a wrong choice, a missing option, two that exclude each other."""
    module = {
        "spec": {
            "name": {"required": True},
            "state": {"choices": ["present", "absent"]},
            "rules": {"type": "list", "elements": "dict", "options": {"verb": {"required": True}}},
            "a": {},
            "b": {},
        },
        "mutually_exclusive": [["a", "b"]],
    }
    assert not problems({"name": "{{ x }}", "state": "{{ y }}", "rules": "{{ z }}"}, module)
    assert problems({"name": "x", "sate": "present"}, module)
    assert problems({"name": "x", "state": "gone"}, module)
    assert problems({"state": "present"}, module)
    assert problems({"name": "x", "a": 1, "b": 2}, module)
    assert problems({"name": "x", "rules": [{}]}, module)
    assert problems({"name": "x", "rules": [{"verb": "get", "nuon": "pods"}]}, module)


def test_what_is_wrong_in_return_values_is_found() -> None:
    assert list(mistyped({"a": {"type": "str", "sample": 1}}))
    assert list(mistyped({"a": {"type": "int", "sample": True}}))
    assert list(mistyped({"a": {"type": "str"}}))
    assert list(mistyped({"a": {"type": "list", "elements": "dict", "sample": ["x"]}}))
    assert list(mistyped({"a": {"type": "dict", "contains": {"b": {"type": "bool", "sample": "no"}}}}))
    assert not list(
        mistyped({"a": {"type": "list", "elements": "dict", "contains": {"b": {"type": "raw", "sample": 1}}}})
    )


def every_option(spec: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the options and suboptions of a specification, with the path of each."""
    for name, option in spec.items():
        yield f"{prefix}{name}", option
        yield from every_option(option.get("options") or {}, f"{prefix}{name}.")


def tasks(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the tasks of plays and blocks."""
    for item in items:
        inner = [part for key in ("tasks", "pre_tasks", "block", "rescue", "always") for part in item.get(key, ())]
        if inner:
            yield from tasks(inner)
        else:
            yield item


def problems(args: dict[str, Any], module: dict[str, Any]) -> list[str]:
    """Return what Ansible has against these options, where every template has a value that fits."""
    spec = {name: relaxed(name, option, args) for name, option in module["spec"].items()}
    rules = {name: module[name] for name in RULES if module.get(name)}
    # What may come from the environment need not be in an example.
    elsewhere = {name for name, option in module["spec"].items() if option.get("fallback")}
    rules["required_one_of"] = [group for group in module.get("required_one_of") or () if not elsewhere & set(group)]
    return list(ArgumentSpecValidator(spec, **rules).validate(concrete(args, spec)).error_messages)


def relaxed(name: str, option: dict[str, Any], args: dict[str, Any]) -> dict[str, Any]:
    """Return an option that takes nothing from the environment of the tests, and nothing for granted in a template."""
    given = next((args[key] for key in (name, *option.get("aliases", ())) if key in args), None)
    left_out = {
        "fallback",
        *(["options"] if is_template(given) else []),
        *(["required"] if option.get("fallback") else []),
    }
    return {key: value for key, value in option.items() if key not in left_out}


def is_template(value: Any) -> bool:
    return isinstance(value, str) and TEMPLATE.search(value) is not None


def concrete(args: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """Replace the templates in an example by values of their types."""
    options = {alias: option for option in spec.values() for alias in option.get("aliases", ())} | spec
    return {name: concrete_value(value, options.get(name, {})) for name, value in args.items()}


def concrete_value(value: Any, option: dict[str, Any]) -> Any:
    kind = option.get("type", "str")
    if is_template(value):
        if option.get("choices") and kind != "list":
            return option["choices"][0]
        return {"bool": True, "dict": {}, "float": 1.0, "int": 1, "list": []}.get(kind, "text")
    if isinstance(value, dict) and option.get("options"):
        return concrete(value, option["options"])
    if isinstance(value, list):
        element = {
            "type": option.get("elements", "raw"),
            "options": option.get("options"),
            "choices": option.get("choices"),
        }
        return [concrete_value(item, element) for item in value]
    return value


def mistyped(returned: dict[str, Any], prefix: str = "", *, is_shown: bool = False) -> Iterator[str]:
    """Yield the return values that have no sample, neither of their own nor around them, or one of another type."""
    for name, value in returned.items():
        shown = is_shown or "sample" in value
        if "contains" in value:
            yield from mistyped(value["contains"], f"{prefix}{name}.", is_shown=shown)
        elif not shown:
            yield f"{prefix}{name} has no sample"
        if "sample" in value and not fits(value["sample"], value["type"], value.get("elements")):
            yield f"{prefix}{name} is no {value['type']}: {value['sample']!r}"


def fits(sample: Any, kind: str, elements: str | None) -> bool:
    if kind == "raw":
        return True
    if kind in {"int", "float"} and isinstance(sample, bool):
        return False
    if not isinstance(sample, PYTHON_TYPES[kind]):
        return False
    return kind != "list" or all(fits(item, elements or "raw", None) for item in sample)
