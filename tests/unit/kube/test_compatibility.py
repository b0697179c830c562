# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of kubernetes.core: what each does, which are refused, and that the migration page says the same."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.models import Action, Outcome
from miniapp_infra.kube.objects import ref_of
from miniapp_infra.kube.tasks import compatibility, hidden_fields, inputs, kinds, naming, results, selectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunModule

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "migrating-from-kubernetes-core.md"
UPSTREAM: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parent / "fixtures" / "kubernetes_core_options.yml").read_text()
)
UNREACHABLE = {"host": "http://127.0.0.1:9", "api_key": "canary-token", "retry_timeout": 0.1}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}

# What the argument specification of the module makes of a task without options.
DEFAULTS: dict[str, Any] = {
    "api_version": "v1",
    "field_manager": "miniapp-infra",
    "force_conflicts": False,
    "propagation_policy": "Background",
    "state": "present",
}
GIVEN = {**DEFAULTS, "definition": CONFIG_MAP}
BARE = {**DEFAULTS, "kind": "Pod"}


def config_map(name: str = "c", namespace: str = "", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {**CONFIG_MAP, "metadata": metadata, **more}


def labelled(**labels: str) -> dict[str, Any]:
    return {**CONFIG_MAP, "metadata": {"name": "c", "labels": labels}}


# Refusals and warnings

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "force": ({**GIVEN, "force": True}, "force_conflicts"),
    "proxy_headers": ({**GIVEN, "proxy_headers": {"user_agent": "x"}}, "option proxy"),
    "template": ({**DEFAULTS, "template": "x.j2"}, "lookup"),
    "server_side_apply.field_manager": (
        {**GIVEN, "field_manager": "a", "server_side_apply": {"field_manager": "b"}},
        "Leave one",
    ),
    "delete_options.propagationPolicy": (
        {**GIVEN, "propagation_policy": "Orphan", "delete_options": {"propagationPolicy": "Foreground"}},
        "Leave one",
    ),
    "delete_all": ({**BARE, "state": "absent", "delete_all": True, "name": "p"}, "Leave delete_all out"),
    "label_selectors": ({**GIVEN, "label_selectors": ["a=b=c"]}, ""),
    "hidden_fields": ({**GIVEN, "hidden_fields": ["metadata..name"]}, ""),
    "kind": (DEFAULTS, "kind and name"),
    "name": (BARE, "generate_name"),
}

REFUSED_AS_WELL = [
    ("delete_all", {**GIVEN, "state": "absent", "delete_all": True}),
    ("delete_all", {**DEFAULTS, "state": "absent", "delete_all": True}),
    ("name", {**BARE, "state": "absent"}),
    ("name", {**BARE, "state": "absent", "generate_name": "p-"}),
    ("name", {**BARE, "state": "patched", "generate_name": "p-"}),
    ("name", {**BARE, "label_selectors": ["a=b"]}),
    ("name", {**BARE, "delete_all": True}),
]


@pytest.mark.parametrize("option", REFUSED)
def test_a_refusal_names_the_field_and_the_fix(option: str) -> None:
    params, fix = REFUSED[option]
    with pytest.raises(KubeError, match=f"^{re.escape(option)}: ") as caught:
        compatibility.check(params)
    assert caught.value.code == "invalid_input"
    assert fix in caught.value.hint


@pytest.mark.parametrize(("option", "params"), REFUSED_AS_WELL)
def test_other_forms_of_a_refusal(option: str, params: dict[str, Any]) -> None:
    with pytest.raises(KubeError, match=f"^{option}: "):
        compatibility.check(params)


def test_proxy_headers_from_the_environment_are_refused_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_PROXY_HEADERS_USER_AGENT", "x")
    with pytest.raises(KubeError, match=r"^K8S_AUTH_PROXY_HEADERS_USER_AGENT: "):
        compatibility.check_question({"kind": "Pod"})


def test_metadata_tells_nothing_about_readiness() -> None:
    with pytest.raises(KubeError, match=r"^metadata_only: "):
        compatibility.check_question({"kind": "Pod", "metadata_only": True, "wait": True})


@pytest.mark.parametrize(
    "params",
    [
        GIVEN,
        {**GIVEN, "state": "absent", "delete_options": {"propagationPolicy": "Orphan"}},
        {**GIVEN, "server_side_apply": {"field_manager": "b"}, "apply": True},
        {**GIVEN, "validate": {"fail_on_error": True, "strict": True}},
        {**GIVEN, "delete_all": True},
        {**GIVEN, "proxy_headers": {"basic_auth": None, "proxy_basic_auth": None, "user_agent": None}},
        {**GIVEN, "state": "patched", "merge_type": ["merge"]},
        {**BARE, "name": "p"},
        {**BARE, "generate_name": "p-"},
        {**BARE, "state": "absent", "delete_all": True},
        {**BARE, "state": "absent", "label_selectors": ["a=b"]},
    ],
)
def test_what_makes_sense_is_accepted_without_a_word(params: dict[str, Any]) -> None:
    assert compatibility.check(params) == []


WITHOUT_EFFECT: dict[str, dict[str, Any]] = {
    "apply": {"apply": False},
    "merge_type": {"merge_type": ["merge"]},
    "persist_config": {"persist_config": True},
    "validate.fail_on_error": {"validate": {"fail_on_error": False}},
    "validate.strict": {"validate": {"strict": False}},
    "validate.version": {"validate": {"version": "1.30"}},
    "wait_sleep": {"wait_sleep": 5},
}


@pytest.mark.parametrize("option", compatibility.NO_EFFECT)
def test_an_option_without_effect_gives_a_warning(option: str) -> None:
    assert compatibility.check({**GIVEN, **WITHOUT_EFFECT[option]}) == [
        f"{option}: has no effect: {compatibility.NO_EFFECT[option]}"
    ]


def test_two_names_of_one_option() -> None:
    served = {**GIVEN, "server_side_apply": {"field_manager": "b", "force_conflicts": True}}
    assert (compatibility.field_manager(served), compatibility.force_conflicts(served)) == ("b", True)
    assert (compatibility.field_manager(GIVEN), compatibility.force_conflicts(GIVEN)) == ("miniapp-infra", False)
    assert compatibility.propagation_policy({**GIVEN, "delete_options": {"propagationPolicy": "Orphan"}}) == "Orphan"
    assert compatibility.propagation_policy({**GIVEN, "propagation_policy": "Foreground"}) == "Foreground"


def test_a_condition_needs_a_type() -> None:
    with pytest.raises(KubeError, match=r"^wait_condition: type: must be given"):
        inputs.predicate_of({"wait_condition": {"type": "", "status": "True"}})


def test_the_module_refuses_before_it_contacts_anything(run_module: RunModule) -> None:
    for args in (
        {"definition": CONFIG_MAP, "force": True},
        {"kind": "Pod"},
        {"definition": CONFIG_MAP, "hidden_fields": [""]},
        {"definition": CONFIG_MAP, "proxy_headers": {"user_agent": "x"}},
        {"src": ["ftp://example.com/x.yaml"]},
    ):
        result = run_module("k8s_apply", {**args, **UNREACHABLE})
        assert result["failed"]
        assert result["error"]["code"] == "invalid_input", result["msg"]
    for args, words in (
        ({}, "one of the following is required"),
        ({"kind": "Pod", "name": "a", "generate_name": "b"}, "mutually exclusive"),
        ({"definition": [], "merge_type": ["merge"], "apply": True}, "mutually exclusive"),
        ({"definition": [], "template": "x"}, "mutually exclusive"),
    ):
        assert words in run_module("k8s_apply", {**args, **UNREACHABLE})["msg"]
    for module, args in (("k8s_info", {"metadata_only": True, "wait": True}), ("k8s_wait", {"hidden_fields": [""]})):
        assert run_module(module, {"kind": "Pod", **args, **UNREACHABLE})["error"]["code"] == "invalid_input"


# What is declared


def test_options_fill_in_what_a_dictionary_leaves_out() -> None:
    options = {**DEFAULTS, "kind": "Deployment", "name": "d", "namespace": "n"}
    bare = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
    assert inputs.declared(options) == [bare]
    assert inputs.declared({**options, "definition": {"spec": {"replicas": 3}}}) == [{**bare, "spec": {"replicas": 3}}]
    assert inputs.declared({**options, "definition": [{"metadata": {"labels": {"a": "b"}}}]}) == [
        {**bare, "metadata": {"name": "d", "labels": {"a": "b"}}}
    ]
    assert inputs.declared({**options, "definition": CONFIG_MAP}) == [CONFIG_MAP]
    assert inputs.declared({**options, "definition": {"kind": "Job"}, "api_version": "batch/v1"}) == [
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "d"}}
    ]


def test_options_fill_in_what_a_text_leaves_out(tmp_path: Path) -> None:
    text = "data: {a: b}\n---\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
    (tmp_path / "c.yaml").write_text(text)
    options = {**DEFAULTS, "kind": "ConfigMap", "name": "filled"}
    expected = [config_map("filled", data={"a": "b"}), CONFIG_MAP]
    assert inputs.declared({**options, "definition": text}) == expected
    assert inputs.declared({**options, "src": [str(tmp_path)]}) == expected
    drawn = inputs.declared({**DEFAULTS, "definition": "{apiVersion: v1, kind: Pod, metadata: {generateName: p-}}"})
    assert drawn[0]["metadata"]["name"].startswith("p-")


def test_messages_name_the_template_that_a_text_was() -> None:
    with pytest.raises(KubeError, match=r"^/play/templates/a\.yml\.j2, line 2, column 5: is not valid YAML"):
        inputs.declared({**DEFAULTS, "definition": ["# Source: /play/templates/a.yml.j2\nkind: Pod\na: b: c\n"]})


def test_lists_fill_in_the_type_of_their_items() -> None:
    items = [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]
    found = inputs.declared({**DEFAULTS, "definition": {"apiVersion": "v1", "kind": "ConfigMapList", "items": items}})
    assert found == [config_map("a"), config_map("b")]
    mixed = {"apiVersion": "v1", "kind": "List", "items": [CONFIG_MAP]}
    assert inputs.declared({**DEFAULTS, "definition": mixed}) == [CONFIG_MAP]


def test_a_type_is_not_guessed() -> None:
    with pytest.raises(KubeError, match="kind: must be a non-empty string"):
        inputs.declared({**DEFAULTS, "definition": {"apiVersion": "v1", "metadata": {"name": "a"}}})
    with pytest.raises(KubeError, match="apiVersion: must be a non-empty string"):
        inputs.declared({**DEFAULTS, "definition": {"kind": "Pod", "metadata": {"name": "a"}}})


def test_labels_leave_objects_of_the_input_out() -> None:
    objects = [labelled(app="a"), CONFIG_MAP, labelled(app="b")]
    assert selectors.with_labels(objects, ["app=a"]) == [objects[0]]
    assert selectors.with_labels(objects, []) == objects


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("app=a", {"app": "a"}, True),
        ("app == a", {"app": "a"}, True),
        ("app=a", {"app": "b"}, False),
        ("app=a", {}, False),
        ("app=", {"app": ""}, True),
        ("app!=a", {"app": "b"}, True),
        ("app!=a", {"app": "a"}, False),
        ("app!=a", {}, True),
        ("app in (a, b)", {"app": "b"}, True),
        ("app in (a,b)", {"app": "c"}, False),
        ("app in (a)", {}, False),
        ("app notin (a, b)", {"app": "c"}, True),
        ("app notin (a, b)", {"app": "a"}, False),
        ("app notin (a)", {}, True),
        ("app", {"app": ""}, True),
        ("app", {}, False),
        ("!app", {}, True),
        ("! app", {"app": "a"}, False),
        ("example.com/app=a", {"example.com/app": "a"}, True),
        ("app in (a, b),tier=web", {"app": "a", "tier": "web"}, True),
        ("app in (a, b),tier=web", {"app": "a"}, False),
    ],
)
def test_label_selectors(selector: str, labels: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert selectors.parse([selector])(labelled(**labels)) is expected


@pytest.mark.parametrize("selector", ["", "=a", "a=b=c", "a in b", "a in (b", "a b", "-a", "a=b,"])
def test_what_is_no_label_selector(selector: str) -> None:
    with pytest.raises(KubeError, match=r"^label_selectors: "):
        selectors.parse([selector])


# From the unit tests of kubectl and of kubernetes.core, which agree on them.
HASHES = [
    ({"kind": "ConfigMap", "data": {}}, "867km9574f"),
    ({"kind": "ConfigMap", "data": {}, "type": "my-type"}, "867km9574f"),
    ({"kind": "ConfigMap", "data": {"key2": "value2", "key1": "value1"}}, "gcb75dd9gb"),
    ({"kind": "Secret", "data": {}}, "949tdgdkgg"),
    ({"kind": "Secret", "data": {}, "type": "my-type"}, "dg474f9t76"),
    ({"kind": "Secret", "data": {"key1": "dmFsdWUx", "key2": "dmFsdWUy"}}, "tf72c228m4"),
    # Here those of kubernetes.core are meant: kubectl writes these as JSON in another way.
    ({"kind": "ConfigMap"}, "6cd64ctg26"),
    ({"kind": "ConfigMap", "data": {"page": "<\u00fc & b>"}}, "bd55g7kg48"),
]


@pytest.mark.parametrize(("content", "expected"), HASHES)
def test_hashes_of_contents(content: dict[str, Any], expected: str) -> None:
    obj = {"apiVersion": "v1", "metadata": {"name": "foo"}, **content}
    assert inputs.declared({**DEFAULTS, "definition": obj, "append_hash": True}) == [
        {**obj, "metadata": {"name": f"foo-{expected}"}}
    ]


def test_hashes_count_everything_that_an_object_holds() -> None:
    contents = [{}, {"data": {"a": "b"}}, {"binaryData": {"a": "Yg=="}}, {"binaryData": {"a": "Yw=="}}]
    names = {naming.with_hash(config_map(**content))["metadata"]["name"] for content in contents}
    assert len(names) == len(contents)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    texts = [{}, {"stringData": {"a": "b"}}, {"stringData": {"a": "c"}}]
    assert len({naming.with_hash({**secret, **text})["metadata"]["name"] for text in texts}) == len(texts)


def test_other_kinds_have_no_hash() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    assert inputs.declared({**DEFAULTS, "definition": pod, "append_hash": True}) == [pod]


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "Pod", "generate_name": "p-"},
        {"definition": {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}}},
        {"definition": {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}}, "generate_name": "q-"},
    ],
)
def test_names_are_drawn(options: dict[str, Any]) -> None:
    found = [inputs.declared({**DEFAULTS, **options})[0]["metadata"] for _ in range(20)]
    assert all(re.fullmatch("p-[bcdfghjklmnpqrstvwxz2456789]{5}", item["name"]) for item in found)
    assert len({item["name"] for item in found}) > 1
    assert {item["generateName"] for item in found} == {"p-"}


def test_drawn_names_are_short_enough_and_may_have_a_hash() -> None:
    assert len(naming.drawn("x" * 100)) == 63
    found = inputs.declared({**DEFAULTS, "kind": "ConfigMap", "generate_name": "c-", "append_hash": True})[0]
    assert re.fullmatch("c--[a-z0-9]{10}[a-z0-9]{5}", found["metadata"]["name"])


def test_names_are_drawn_for_new_objects_only() -> None:
    named = {**DEFAULTS, "definition": CONFIG_MAP, "generate_name": "p-"}
    assert inputs.declared(named) == [CONFIG_MAP]
    with pytest.raises(KubeError, match=r"metadata.name: must be a non-empty string"):
        inputs.declared({**DEFAULTS, "state": "absent", "kind": "Pod", "generate_name": "p-"})


def test_kinds_are_found_without_their_group() -> None:
    assert kinds.api_version_of("v1", "Deployment") == "apps/v1"
    assert kinds.api_version_of("v1", "ConfigMap") == "v1"
    assert kinds.api_version_of("extensions/v1beta1", "Deployment") == "extensions/v1beta1"
    assert kinds.api_version_of("v1", "Widget") == "v1"


# Files on other servers


@pytest.fixture
def web() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = {"/c.yaml": yaml.safe_dump(CONFIG_MAP).encode(), "/binary": b"\xff\xfe"}.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_sources_may_be_urls(web: str, tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(yaml.safe_dump(config_map("d")))
    assert inputs.declared({**DEFAULTS, "src": [f"{web}/c.yaml", str(file)]}) == [CONFIG_MAP, config_map("d")]
    with pytest.raises(KubeError, match=f"^src: {web}/missing.yaml: HTTP status 404"):
        inputs.declared({**DEFAULTS, "src": [f"{web}/missing.yaml"]})
    with pytest.raises(KubeError, match=f"^src: {web}/binary: is not UTF-8 text"):
        inputs.declared({**DEFAULTS, "src": [f"{web}/binary"]})
    with pytest.raises(KubeError, match="only https:// and http:// URLs") as caught:
        inputs.declared({**DEFAULTS, "src": ["ftp://127.0.0.1/c.yaml"]})
    assert "get_url" in caught.value.hint


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_FETCH_TIMEOUT", 0.1)
    with pytest.raises(KubeError, match=r"^src: http://127.0.0.1:9/c.yaml: ") as caught:
        inputs.declared({**DEFAULTS, "src": ["http://127.0.0.1:9/c.yaml"]})
    assert caught.value.code == "unavailable"


# What is reported


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a"], {"b": [{"c": 1, "d": 2}, {"c": 3}], "e": {"x.y/z": 1}}),
        (["b[0].c"], {"a": 1, "b": [{"d": 2}, {"c": 3}], "e": {"x.y/z": 1}}),
        (["b[1].c"], {"a": 1, "b": [{"c": 1, "d": 2}], "e": {"x.y/z": 1}}),
        (["b[0]", "b[1]"], {"a": 1, "e": {"x.y/z": 1}}),
        (["b[7]", "nothing.at.all", "a.b", "b.c"], {"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}], "e": {"x.y/z": 1}}),
        (["e[x.y/z]"], {"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}]}),
        (["[e][x.y/z]", "b", "b[0]"], {"a": 1}),
    ],
)
def test_hidden_fields(paths: list[str], expected: dict[str, Any]) -> None:
    obj = {"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}], "e": {"x.y/z": 1}}
    before = json.dumps(obj)
    assert hidden_fields.without(obj, hidden_fields.parse(paths)) == expected
    assert json.dumps(obj) == before


@pytest.mark.parametrize("path", ["", ".a", "a..b", "a[", "a[]", "a.", "a]b"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(KubeError, match=r"^hidden_fields: "):
        hidden_fields.parse([path])


def outcome(obj: dict[str, Any], action: Action = Action.UPDATED) -> Outcome:
    return Outcome(ref_of(obj), action, obj, None if action is Action.DELETED else obj)


def reported(outcomes: list[Outcome], declared: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"state": "present", "limit": 100, "states": {}, **options}
    return results.in_kubernetes_core_form(outcomes, declared, **given)


def test_one_object_is_the_result() -> None:
    obj = config_map(namespace="n", data={"a": "1"})
    obj["metadata"]["managedFields"] = [{"manager": "m"}]
    newer = {**obj, "status": {"phase": "Active"}}
    shown = config_map(namespace="n", data={"a": "1"})
    assert reported([outcome(obj)], [obj]) == {"result": shown, "method": "apply"}
    assert reported([outcome(obj)], [obj], states={ref_of(obj): newer})["result"]["status"] == {"phase": "Active"}
    assert reported([outcome(obj, Action.DELETED)], [obj], state="absent") == {"result": {}, "method": "delete"}
    hidden = hidden_fields.parse(["data"])
    assert "data" not in reported([outcome(obj)], [obj], hidden=hidden, state="patched")["result"]


def test_several_objects_are_in_the_order_of_declaration() -> None:
    declared = [config_map("z"), config_map("a", "m"), config_map("a"), config_map("b", "ignored")]
    done = [config_map("b"), config_map("a", "m"), config_map("a", "n"), config_map("z", "n")]
    found = reported([outcome(obj) for obj in done], declared)["result"]["results"]
    assert [item["result"]["metadata"] for item in found] == [done[i]["metadata"] for i in (3, 1, 2, 0)]
    assert {(item["changed"], item["method"]) for item in found} == {(True, "apply")}
    assert reported([], []) == {"result": {"results": []}, "method": "apply"}


def test_a_large_set_is_reported_by_name() -> None:
    objects = [config_map(name, "n", data={"a": "1"}) for name in ("a", "b")]
    outcomes = [outcome(obj) for obj in objects]
    whole = reported(outcomes, objects, limit=2)["result"]["results"]
    names = reported(outcomes, objects, limit=1)["result"]["results"]
    assert [item["result"] for item in whole] == objects
    assert [item["result"] for item in names] == [config_map(name, "n") for name in ("a", "b")]


def test_secrets_are_placeholders_in_the_result() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Y2FuYXJ5"}}
    assert "Y2FuYXJ5" not in str(reported([outcome(secret)], [secret]))
