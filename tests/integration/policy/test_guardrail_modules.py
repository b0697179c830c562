# SPDX-License-Identifier: GPL-3.0-or-later
"""``gatekeeper_constraint`` and ``gatekeeper_audit_info`` with Gatekeeper's own definitions in a real API server."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from fake_gatekeeper import BROKEN, CONSTRAINTS, FakeGatekeeper

from miniapp_infra.local.layout import Layout
from promises import without_live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunModule
    from live_apiserver import ApiServer

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[3]
CRDS = ROOT / ".local" / "assets" / "gatekeeper" / "charts" / "gatekeeper" / "crds"


class Run(Protocol):
    """Runs a module against the API server; fails the test when the module failed, unless that was expected."""

    def __call__(self, module: str, /, *, check: bool = False, fails: bool = False, **args: Any) -> dict[str, Any]: ...


class Kubectl(Protocol):
    """Runs kubectl and returns what it printed, parsed when that is JSON."""

    def __call__(self, *args: str, stdin: str = "") -> Any: ...


@pytest.fixture(scope="module")
def kubectl(empty_cluster: Path) -> Kubectl:
    def run(*args: str, stdin: str = "") -> Any:
        command = [str(Layout(ROOT).bin / "kubectl"), f"--kubeconfig={empty_cluster}", *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--output=json" in args else done.stdout

    return run


@pytest.fixture(scope="module")
def gatekeeper_kinds(kubectl: Kubectl) -> None:
    if not CRDS.is_dir():
        without_live(f"{CRDS} does not exist: the toolchain brings it (make up)")
    kubectl("apply", "--server-side", f"--filename={CRDS}")
    kubectl("wait", "--for=condition=Established", "crd/constrainttemplates.templates.gatekeeper.sh", "--timeout=120s")


@pytest.fixture
def gatekeeper(gatekeeper_kinds: None, empty_api_server: ApiServer) -> Iterator[None]:
    del gatekeeper_kinds
    with FakeGatekeeper(empty_api_server.raw()):
        yield


@pytest.fixture
def run(module_process: RunModule, empty_cluster: Path) -> Run:
    def run_(module: str, /, *, check: bool = False, fails: bool = False, **args: Any) -> dict[str, Any]:
        result = module_process(module, {"kubeconfig": str(empty_cluster), **args}, check=check, diff=True)
        assert bool(result.get("failed")) is fails, result.get("msg", result)
        return result

    return run_


@pytest.fixture
def kind(kubectl: Kubectl) -> Iterator[str]:
    """A kind that nobody else has."""
    name = f"TestNeedsOwner{uuid.uuid4().hex[:8]}"
    yield name
    kubectl("delete", "constrainttemplates", name.lower(), "--ignore-not-found")


def template(kind: str, *, message: str = "needs an owner") -> dict[str, Any]:
    code = {
        "engine": "K8sNativeValidation",
        "source": {"validations": [{"expression": "has(object.metadata.labels)", "message": message}]},
    }
    return {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": kind.lower()},
        "spec": {
            "crd": {"spec": {"names": {"kind": kind}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "code": [code]}],
        },
    }


def constraint(kind: str, name: str = "owners", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def actions(result: dict[str, Any]) -> list[str]:
    return [item["action"] for item in result["objects"]]


@pytest.mark.usefixtures("gatekeeper")
def test_the_cycle_of_a_guardrail(run: Run, kubectl: Kubectl, kind: str) -> None:
    pair = {"constraint": constraint(kind), "constraint_template": template(kind), "wait_timeout": 120}
    would = run("gatekeeper_constraint", **pair, check=True)
    assert (would["changed"], actions(would)) == (True, ["created", "created"])
    assert kind.lower() not in kubectl("get", "constrainttemplates", "--output=name")
    assert actions(run("gatekeeper_constraint", **pair)) == ["created", "created"]
    for check in (False, True):
        again = run("gatekeeper_constraint", **pair, check=check)
        assert (again["changed"], actions(again), again["diff"]) == (False, ["unchanged", "unchanged"], [])

    stricter = {**pair, "enforcement_action": "warn"}
    would = run("gatekeeper_constraint", **stricter, check=True)
    assert actions(would) == ["unchanged", "updated"]
    assert "enforcementAction: warn" in would["diff"][0]["after"]
    changed = run("gatekeeper_constraint", **stricter)
    assert changed["constraint"]["spec"]["enforcementAction"] == "warn"
    live = kubectl("get", kind.lower(), "owners", "--output=json")
    assert live["spec"] == {"enforcementAction": "warn"}
    assert live["status"]["byPod"][0]["observedGeneration"] == live["metadata"]["generation"]

    gone = {"constraint": constraint(kind), "state": "absent", "wait_timeout": 120}
    assert actions(run("gatekeeper_constraint", **gone, check=True)) == ["deleted", "deleted"]
    assert kubectl("get", kind.lower(), "--output=name")
    assert run("gatekeeper_constraint", **gone)["changed"]
    assert kind.lower() not in kubectl("get", "constrainttemplates,crds", "--output=name")
    for check in (False, True):
        assert not run("gatekeeper_constraint", **gone, check=check)["changed"]


@pytest.mark.usefixtures("gatekeeper")
def test_a_template_stays_as_long_as_another_constraint_needs_it(run: Run, kubectl: Kubectl, kind: str) -> None:
    for name in ("owners", "others"):
        run("gatekeeper_constraint", constraint=constraint(kind, name), constraint_template=template(kind))
    kept = run("gatekeeper_constraint", constraint=constraint(kind), state="absent")
    assert (actions(kept), kept["template_kept_for"]) == (["deleted"], ["others"])
    assert kubectl("get", kind.lower(), "--output=name").split() == [f"{kind.lower()}.constraints.gatekeeper.sh/others"]
    last = run("gatekeeper_constraint", constraint=constraint(kind, "others"), state="absent")
    assert (actions(last), last["template_kept_for"]) == (["deleted", "deleted"], [])


@pytest.mark.usefixtures("gatekeeper")
def test_a_template_that_does_not_compile_fails_at_once(run: Run, kubectl: Kubectl, kind: str) -> None:
    broken = {"constraint": constraint(kind), "constraint_template": template(kind, message=BROKEN)}
    result = run("gatekeeper_constraint", **broken, wait_timeout=600, fails=True)
    assert "the template does not compile: ingest_error: undeclared reference to 'nonsense'" in result["msg"]
    assert result["error"]["code"] == "upstream"
    assert kind.lower() not in kubectl("get", "crds", "--output=name")
    mended = run("gatekeeper_constraint", constraint=constraint(kind), constraint_template=template(kind))
    assert actions(mended) == ["updated", "created"]


@pytest.mark.usefixtures("gatekeeper_kinds")
def test_without_gatekeeper_the_time_limit_names_the_step(run: Run, kind: str) -> None:
    pair = {"constraint": constraint(kind), "constraint_template": template(kind), "wait_timeout": 1.5}
    result = run("gatekeeper_constraint", **pair, fails=True)
    assert f"ConstraintTemplate {kind.lower()} Gatekeeper has not made its kind yet" in result["msg"]
    assert (result["error"]["code"], result["error"]["retryable"]) == ("timeout", True)


def test_bad_input_is_refused_before_anything_is_asked(run: Run) -> None:
    unreachable = {"host": "http://127.0.0.1:9", "api_key": "canary", "retry_timeout": 0.1, "kubeconfig": None}
    wrong = {"constraint": constraint("Other"), "constraint_template": template("NeedsOwner")}
    assert (
        "constraint: kind: must be NeedsOwner"
        in run("gatekeeper_constraint", **wrong, **unreachable, fails=True)["msg"]
    )
    missing = run("gatekeeper_constraint", constraint=constraint("Other"), **unreachable, fails=True)
    assert "constraint_template" in missing["msg"]
    negative = run("gatekeeper_audit_info", max_violations=-1, **unreachable, fails=True)
    assert negative["msg"] == "max_violations: must not be negative"


def audit(server: ApiServer, kind: str, timestamp: str, total: int, listed: int) -> None:
    """Write what an audit writes."""
    found = {"version": "v1", "kind": "Pod", "namespace": "x", "message": "needs an owner", "enforcementAction": "deny"}
    status = {
        "auditTimestamp": timestamp,
        "totalViolations": total,
        "violations": [{**found, "name": f"pod-{number}"} for number in range(listed)],
    }
    path = f"{CONSTRAINTS}/{kind.lower()}/owners/status"
    code, body = server.raw().send("PATCH", path, {"status": status}, content_type="application/merge-patch+json")
    assert code == 200, body


@pytest.mark.usefixtures("gatekeeper")
def test_the_audit(run: Run, kind: str, empty_api_server: ApiServer) -> None:
    run("gatekeeper_constraint", constraint=constraint(kind), constraint_template=template(kind))
    never = run("gatekeeper_audit_info", kind=kind)
    assert (never["stale"], never["audit_timestamp"], never["total_violations"]) == (True, "", 0)
    unproven = run("gatekeeper_audit_info", kind=kind, max_violations=0, fails=True)
    assert (unproven["error"]["code"], unproven["error"]["retryable"]) == ("unavailable", True)
    waited = run("gatekeeper_audit_info", kind=kind, wait=True, wait_timeout=1, fails=True)
    assert f"{kind} owners was audited never, and changed 20" in waited["msg"]

    audit(empty_api_server, kind, "2001-01-01T00:00:00Z", 0, 0)
    assert run("gatekeeper_audit_info", kind=kind)["stale"]

    audit(empty_api_server, kind, "2099-01-01T00:00:00Z", 23, 2)
    for check in (True, False, True):
        found = run("gatekeeper_audit_info", kind=kind, name="owners", wait=True, check=check)
        assert not found["changed"]
        assert (found["total_violations"], len(found["violations"]), found["truncated"]) == (23, 2, True)
        assert (found["audit_timestamp"], found["stale"]) == ("2099-01-01T00:00:00Z", False)
    everything = run("gatekeeper_audit_info")
    assert [item["name"] for item in everything["constraints"] if item["kind"] == kind] == ["owners"]
    assert not run("gatekeeper_audit_info", kind=kind, max_violations=23)["changed"]
    many = run("gatekeeper_audit_info", kind=kind, max_violations=22, fails=True)
    assert f"23 violations, at most 22 are allowed: 23 of {kind} owners" in many["msg"]
    assert (many["error"]["code"], many["total_violations"]) == ("refused_by_policy", 23)

    changed = {"constraint": constraint(kind), "constraint_template": template(kind), "enforcement_action": "dryrun"}
    audit(empty_api_server, kind, "2026-01-01T00:00:00Z", 0, 0)
    run("gatekeeper_constraint", **changed)
    assert run("gatekeeper_audit_info", kind=kind, max_violations=0, fails=True)["stale"]
    absent = run("gatekeeper_audit_info", kind=kind, name="nobody", fails=True)
    assert absent["error"]["code"] == "not_found"
