# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object needs not be sent: one table of a declaration, a live object and the answer."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from miniapp_infra.kube.ownership import is_in_force

DESIRED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "n", "labels": {"app": "d"}, "finalizers": ["example.com/a"]},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "d"}},
        "template": {
            "spec": {
                "containers": [
                    {"name": "b", "image": "x", "args": ["--one", "--two"], "ports": [{"containerPort": 80}]},
                    {"name": "a", "image": "y"},
                ]
            }
        },
    },
}
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {'v:"example.com/a"': {}}},
    "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"a"}': {".": {}, "f:name": {}, "f:image": {}},
                    'k:{"name":"b"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:args": {},
                        "f:ports": {
                            'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
                        },
                    },
                }
            }
        },
    },
}


def live_of(desired: dict[str, Any]) -> dict[str, Any]:
    """The object as the server returns it: with defaults, and with the record of our last apply."""
    live = copy.deepcopy(desired)
    live["spec"]["strategy"] = {"type": "RollingUpdate"}
    live["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = "TCP"
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    live["metadata"]["managedFields"] = [
        {
            "manager": "other",
            "operation": "Update",
            "apiVersion": "apps/v1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        },
        {"manager": "us", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": copy.deepcopy(FIELDS)},
    ]
    live["status"] = {"replicas": 2}
    return live


def containers(obj: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = obj["spec"]["template"]["spec"]["containers"]
    return found


def test_an_object_as_declared_is_in_force() -> None:
    assert is_in_force(DESIRED, live_of(DESIRED), "us")


def test_defaults_and_fields_of_others_do_not_matter() -> None:
    live = live_of(DESIRED)
    live["metadata"]["labels"]["theirs"] = "1"
    live["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "7"}
    live["metadata"]["finalizers"].insert(0, "example.com/theirs")
    containers(live).insert(1, {"name": "injected", "image": "z"})
    assert is_in_force(DESIRED, live, "us")


def change_value(desired: dict[str, Any]) -> None:
    desired["spec"]["replicas"] = 3


def change_type(desired: dict[str, Any]) -> None:
    desired["spec"]["replicas"] = "2"


def change_boolean_for_number(desired: dict[str, Any]) -> None:
    desired["spec"]["replicas"] = True


def add_field(desired: dict[str, Any]) -> None:
    desired["spec"]["paused"] = False


def remove_field(desired: dict[str, Any]) -> None:
    del desired["spec"]["replicas"]


def remove_label(desired: dict[str, Any]) -> None:
    desired["metadata"]["labels"] = {}


def add_label(desired: dict[str, Any]) -> None:
    desired["metadata"]["labels"]["new"] = "1"


def change_list_item(desired: dict[str, Any]) -> None:
    containers(desired)[1]["image"] = "other"


def remove_list_item(desired: dict[str, Any]) -> None:
    del containers(desired)[1]


def add_list_item(desired: dict[str, Any]) -> None:
    containers(desired).append({"name": "c", "image": "z"})


def swap_list_items(desired: dict[str, Any]) -> None:
    containers(desired).reverse()


def change_atomic_list(desired: dict[str, Any]) -> None:
    containers(desired)[0]["args"] = ["--two", "--one"]


def change_key_with_default(desired: dict[str, Any]) -> None:
    containers(desired)[0]["ports"][0]["protocol"] = "UDP"


def change_set(desired: dict[str, Any]) -> None:
    desired["metadata"]["finalizers"] = ["example.com/b"]


def null_value(desired: dict[str, Any]) -> None:
    desired["spec"]["replicas"] = None


def empty_value(desired: dict[str, Any]) -> None:
    desired["metadata"]["annotations"] = {}


@pytest.mark.parametrize(
    "edit",
    [
        add_field,
        add_label,
        add_list_item,
        change_atomic_list,
        change_boolean_for_number,
        change_key_with_default,
        change_list_item,
        change_set,
        change_type,
        change_value,
        empty_value,
        null_value,
        remove_field,
        remove_label,
        remove_list_item,
        swap_list_items,
    ],
)
def test_any_other_declaration_goes_to_the_server(edit: Any) -> None:
    desired = copy.deepcopy(DESIRED)
    edit(desired)
    assert not is_in_force(desired, live_of(DESIRED), "us")


def drift_value(live: dict[str, Any]) -> None:
    live["spec"]["replicas"] = 5


def drift_in_list(live: dict[str, Any]) -> None:
    containers(live)[0]["image"] = "theirs"


def drift_order(live: dict[str, Any]) -> None:
    containers(live).reverse()


def lose_field(live: dict[str, Any]) -> None:
    del live["metadata"]["labels"]


def lose_ownership(live: dict[str, Any]) -> None:
    live["metadata"]["managedFields"].pop()


def lose_part_of_ownership(live: dict[str, Any]) -> None:
    del live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:replicas"]


def own_in_other_version(live: dict[str, Any]) -> None:
    live["metadata"]["managedFields"][1]["apiVersion"] = "apps/v1beta1"


def own_by_update(live: dict[str, Any]) -> None:
    live["metadata"]["managedFields"][1]["operation"] = "Update"


def own_a_subresource(live: dict[str, Any]) -> None:
    live["metadata"]["managedFields"][1]["subresource"] = "scale"


@pytest.mark.parametrize(
    "edit",
    [
        drift_in_list,
        drift_order,
        drift_value,
        lose_field,
        lose_ownership,
        lose_part_of_ownership,
        own_a_subresource,
        own_by_update,
        own_in_other_version,
    ],
)
def test_any_drift_goes_to_the_server(edit: Any) -> None:
    live = live_of(DESIRED)
    edit(live)
    assert not is_in_force(DESIRED, live, "us")


def whole(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A custom resource with one field that is owned as a whole, declared and live."""
    desired = {"apiVersion": "g/v1", "kind": "A", "metadata": {"name": "a"}, "spec": {"x": value}}
    live = copy.deepcopy(desired)
    fields = {"f:spec": {"f:x": {}}}
    live["metadata"]["managedFields"] = [
        {"manager": "us", "operation": "Apply", "apiVersion": "g/v1", "fieldsV1": fields}
    ]
    return desired, live


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ([1], [True]),
        ([0], [False]),
        ([1], [1.0]),
        ({"a": 1}, {"a": True}),
        ({"a": [{"b": 0}]}, {"a": [{"b": False}]}),
        (1, 1.0),
    ],
)
def test_what_python_takes_for_equal_goes_to_the_server(declared: Any, found: Any) -> None:
    desired, live = whole(declared)
    assert is_in_force(desired, live, "us")
    live["spec"]["x"] = found
    assert desired["spec"] == live["spec"]
    assert not is_in_force(desired, live, "us")


@pytest.mark.parametrize(
    ("fields", "declared", "found", "expected"),
    [
        ({"v:1": {}, "v:2": {}}, [1, 2], [1, 2], True),
        ({"v:1": {}, "v:2": {}}, [1, 2], [3, 1, 4, 2], True),
        ({"v:1": {}, "v:2": {}}, [1, 2], [2, 1], False),
        ({"v:1": {}, "v:2": {}}, [1, 2], [1], False),
        ({"v:1": {}, "v:2": {}}, [1, 2], [1, 2, 2], False),
        ({"v:1": {}, "v:2": {}}, [1], [1, 2], False),
        ({"v:1": {}}, [True], [True], False),
        ({"v:1": {}}, [1], [True], False),
        ({"v:true": {}}, [True], [True], True),
        ({'k:{"n":1}': {"f:n": {}}}, [{"n": 1}], [{"n": 1}], True),
        ({'k:{"n":1}': {"f:n": {}}}, [{"n": True}], [{"n": 1}], False),
        ({'k:{"n":1}': {"f:n": {}}}, [{"n": 1}], [{"n": 1.0}], False),
        ({'k:{"n":1}': {"f:n": {}}}, [{"n": 1}], [{"n": 1}, {"n": 1}], False),
        ({'k:{"n":1}': {"f:n": {}}}, [{"n": 1}, {"n": 1}], [{"n": 1}], False),
        ({'k:{"n":1}': {"f:n": {}}, 'k:{"n":2}': {"f:n": {}}}, [{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 2}], True),
        ({'k:{"n":1}': {"f:n": {}}, 'k:{"n":2}': {"f:n": {}}}, [{"n": 2}, {"n": 1}], [{"n": 1}, {"n": 2}], False),
        (
            {'k:{"n":1,"p":"T"}': {"f:n": {}}, 'k:{"n":1,"p":"U"}': {"f:n": {}}},
            [{"n": 1}, {"n": 2}],
            [{"n": 1, "p": "T"}, {"n": 1, "p": "U"}],
            False,
        ),
        ({"i:0": {}}, [1], [1], False),
    ],
)
def test_lists(fields: dict[str, Any], declared: list[Any], found: list[Any], expected: bool) -> None:  # noqa: FBT001 - a column of the table
    desired, live = whole(declared)
    live["spec"]["x"] = found
    live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:x"] = fields
    assert is_in_force(desired, live, "us") is expected
