# SPDX-License-Identifier: GPL-3.0-or-later
"""What gator says by exit code, standard output and standard error together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.policy.gator import Gator, policies_of, read_objects, read_violations
from miniapp_infra.registry import Completed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONSTRAINT = {"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "NeedsOwner", "metadata": {"name": "owners"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "x"}, "data": {"a": "canary"}}


def entry(action: str = "deny", **more: Any) -> dict[str, Any]:
    return {"msg": "no owner", "constraint": CONSTRAINT, "enforcementAction": action, "violatingObject": SECRET, **more}


def test_exit_1_with_json_is_an_answer() -> None:
    (found,) = read_violations(Completed(1, json.dumps([entry()]), ""))
    assert found.as_dict() == {
        "message": "no owner",
        "constraint": {"kind": "NeedsOwner", "name": "owners"},
        "enforcement_action": "deny",
        "denies": True,
        "object": {"api_version": "v1", "kind": "Secret", "namespace": "x", "name": "s"},
    }
    assert "canary" not in str(found)


def test_an_expression_that_does_not_compile_is_no_violation() -> None:
    told = entry(msg="compilation error: compilation failed: ERROR: <input>:1:11: Syntax error\n | nonsense")
    with pytest.raises(MiniappInfraError, match=r"NeedsOwner does not compile: compilation failed: ERROR: .*error$"):
        read_violations(Completed(1, json.dumps([told]), ""))


@pytest.mark.parametrize("text", ["null", "[]", "null\n"])
def test_nothing_is_broken(text: str) -> None:
    assert read_violations(Completed(0, text, "")) == []


def test_warnings_and_dry_runs_are_listed_and_deny_nothing() -> None:
    found = read_violations(Completed(0, json.dumps([entry("warn"), entry("dryrun")]), ""))
    assert [item.denies for item in found] == [False, False]
    scoped = entry("scoped", scopedEnforcementActions=["warn", "deny"])
    assert read_violations(Completed(1, json.dumps([scoped]), ""))[0].denies


@pytest.mark.parametrize(
    ("done", "problem", "code"),
    [
        (Completed(1, "", "auditing objects: no template for kind"), "no template for kind", ErrorCode.INVALID_INPUT),
        (Completed(1, "", ""), "it gave no reason", ErrorCode.INVALID_INPUT),
        (Completed(2, "[]", "unknown flag"), "unknown flag", ErrorCode.UPSTREAM),
        (Completed(0, "", ""), "it gave no reason", ErrorCode.UPSTREAM),
        (Completed(0, "all is well", ""), "Failed to read what gator printed", ErrorCode.UPSTREAM),
        (Completed(1, '{"results": []}', ""), "Failed to read what gator printed", ErrorCode.UPSTREAM),
        (Completed(1, '[{"msg": "x"}]', ""), "Failed to read what gator printed", ErrorCode.UPSTREAM),
        (Completed(1, json.dumps([entry("warn")]), "disk full"), "listed nothing that is denied", ErrorCode.UPSTREAM),
    ],
)
def test_anything_else_is_an_error(done: Completed, problem: str, code: ErrorCode) -> None:
    with pytest.raises(MiniappInfraError, match=problem) as caught:
        read_violations(done)
    assert caught.value.code is code


def test_the_objects_reach_the_program_in_files() -> None:
    seen: list[str] = []

    def run(argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG001 - the protocol's names
        files = [Path(word.partition("=")[2]) for word in argv if word.startswith("--filename=")]
        seen.extend(file.read_text() for file in files)
        assert "canary" not in " ".join(argv)
        return Completed(0, "null", "")

    assert Gator(run=run).test([CONSTRAINT], [SECRET, SECRET]) == []
    assert json.loads(seen[0]) == CONSTRAINT
    assert seen[1].count("\n---\n") == 1


def test_suites_and_samples_are_no_policies() -> None:
    template = {"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate", "metadata": {"name": "x"}}
    suite = {"apiVersion": "test.gatekeeper.sh/v1alpha1", "kind": "Suite", "metadata": {"name": "x"}}
    config = {"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config", "metadata": {"name": "x"}}
    assert policies_of([template, suite, SECRET, CONSTRAINT, config]) == [template, CONSTRAINT, config]
    with pytest.raises(MiniappInfraError, match="policies: there is no constraint among them"):
        policies_of([template, suite])


def test_files_and_folders_are_read_all_the_way_down(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.yml").write_text(json.dumps(SECRET) + "\n---\n")
    (tmp_path / "a" / "y.json").write_text(json.dumps(CONSTRAINT))
    (tmp_path / "a" / "notes.md").write_text("no object")
    assert [item["kind"] for item in read_objects("manifest_files", [str(tmp_path / "a")])] == ["Secret", "NeedsOwner"]
    (tmp_path / "a" / "review.yaml").write_text("kind: AdmissionReview\n---\n- text\n")
    found = read_objects("policy_files", [str(tmp_path / "a")], policies_only=True)
    assert [item["kind"] for item in found] == ["NeedsOwner"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "does not exist"), ("{", "is not valid YAML"), ("kind: X", "apiVersion"), (b"\xff", "UTF-8")],
)
def test_what_cannot_be_read_names_the_option(tmp_path: Path, content: str | bytes | None, problem: str) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(MiniappInfraError, match=problem) as caught:
        read_objects("manifest_files", [str(path)])
    assert caught.value.message.startswith("manifest_files: ")
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_an_empty_folder_is_not_taken_for_no_violations(tmp_path: Path) -> None:
    with pytest.raises(MiniappInfraError, match=r"policy_files: .* has no file"):
        read_objects("policy_files", [str(tmp_path)])
