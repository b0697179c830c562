# SPDX-License-Identifier: GPL-3.0-or-later
"""``argo_rollout`` and ``argo_rollout_info`` against a real API server, with a controller whose moves are scripted."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from scripted_rollouts import REFUSAL, ScriptedRollouts, pod_hash

from live_apiserver import BIN, ApiServer
from miniapp_infra.catalog.render import rbac
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.custom import CustomObjects
from miniapp_infra.rollouts import Goal, Guard, ensure
from miniapp_infra.rollouts.models import Rollout

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import RunModule

    Engine = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.live

ONE, TWO, THREE = (f"registry.example.com/web@sha256:{digit * 64}" for digit in "123")
FIRST, SECOND, THIRD = map(pod_hash, (ONE, TWO, THREE))


def until(rollouts: ScriptedRollouts, engine: Engine, image: str, *, waits: bool) -> None:
    """Ask for a version and wait until the controller has got as far as it goes."""
    rollouts.set_image("web", image)
    (found,) = engine("rollout_info", wait=True)["rollouts"]
    assert (found["images"], found["awaits_promotion"]) == ([image], waits)


@pytest.fixture
def started(rollouts: ScriptedRollouts, engine: Engine) -> ScriptedRollouts:
    """A Rollout in its first version, healthy."""
    rollouts.create("web", ONE)
    for _ in range(3):
        rollouts.step()
    (found,) = engine("rollout_info")["rollouts"]
    assert found["finished"]
    return rollouts


def test_the_cycle_of_the_module(
    module_process: RunModule, started: ScriptedRollouts, defined_server: ApiServer
) -> None:
    """Each state in check mode, for real, again, and again in check mode; kubectl tells what became of it."""
    common = {"kubeconfig": str(defined_server.kubeconfig), "namespace": started.namespace, "name": "web"}

    def run(state: str, *, check: bool = False, **more: Any) -> dict[str, Any]:
        result = module_process("argo_rollout", {**common, "state": state, **more}, check=check, diff=True)
        assert not result.get("failed"), result
        return result

    def info() -> dict[str, Any]:
        result = module_process("argo_rollout_info", {**common, "wait": True})
        assert not result.get("failed"), result
        assert not result["changed"]
        (found,) = result["rollouts"]
        return dict(found)

    def kubectl(path: str) -> str:
        command = [
            str(BIN / "kubectl"),
            "--kubeconfig",
            common["kubeconfig"],
            "get",
            "rollout/web",
            "-n",
            started.namespace,
        ]
        done = subprocess.run([*command, f"-o=jsonpath={{{path}}}"], capture_output=True, text=True, check=True)
        return done.stdout

    def four_times(state: str, **more: Any) -> dict[str, Any]:
        done = [run(state, check=check, **more) for check in (True, False, False, True)]
        assert [result["changed"] for result in done] == [True, True, False, False]
        assert done[0]["diff"]
        assert "diff" not in done[2]
        return done[1]

    with started:
        assert not run("promoted")["changed"]
        started.set_image("web", TWO)
        assert info()["awaits_promotion"]
        run("promoted", check=True)
        assert (kubectl(".status.blueGreen.activeSelector"), kubectl(".status.phase")) == (FIRST, "Paused")
        promoted = four_times("promoted", image=TWO, expected_pod_hash=SECOND)
        assert promoted["rollout"]["finished"]
        assert (kubectl(".status.blueGreen.activeSelector"), kubectl(".status.stableRS")) == (SECOND, SECOND)
        assert promoted["diff"]["before"]["status"]["pauseConditions"] == ["BlueGreenPause"]

        started.set_image("web", THREE)
        assert info()["preview_pod_hash"] == THIRD
        aborted = four_times("aborted")
        assert aborted["rollout"]["aborted"]
        assert "Git still asks for the new version" in json.dumps(aborted["warnings"])
        assert kubectl(".status.blueGreen.activeSelector") == SECOND

        assert four_times("retried")["rollout"]["awaits_promotion"]
        assert four_times("fully_promoted")["rollout"]["finished"]
        assert kubectl(".status.blueGreen.activeSelector") == THIRD
        four_times("restarted", restart_at="2026-11-22T10:00:00Z")
        assert run("restarted", restart_at="2026-11-22T11:00:00Z")["changed"]
        assert kubectl(".status.restartedAt") == "2026-11-22T11:00:00Z"


def test_both_ways_to_run_the_module(
    run_module: RunModule, started: ScriptedRollouts, engine: Engine, defined_server: ApiServer
) -> None:
    options = {"kubeconfig": str(defined_server.kubeconfig), "namespace": started.namespace, "name": "web"}
    with started:
        until(started, engine, TWO, waits=True)
        refused = run_module("argo_rollout", {**options, "image": THREE})
        assert (refused["failed"], refused["error"]["code"]) == (True, "conflict")
        done = run_module("argo_rollout", {**options, "state": "aborted"}, diff=True)
    assert (done["changed"], done["rollout"]["active_pod_hash"]) == (True, FIRST)
    assert "Git still asks for the new version" in json.dumps(done["warnings"])


def test_several_rollouts_are_read_by_name(engine: Engine, rollouts: ScriptedRollouts) -> None:
    for name in ("b", "a"):
        rollouts.create(name, ONE)
    assert [item["name"] for item in engine("rollout_info", name=None, wait=False)["rollouts"]] == ["a", "b"]
    labelled = engine("rollout_info", name=None, wait=False, label_selectors=["app=b"])
    assert [item["name"] for item in labelled["rollouts"]] == ["b"]
    assert engine("rollout_info", name="missing", wait=False)["rollouts"] == []


@pytest.mark.parametrize("state", ["promoted", "fully_promoted", "aborted", "retried", "restarted"])
@pytest.mark.parametrize(
    "guard", [{"image": THREE}, {"expected_pod_hash": THIRD}, {"image": TWO, "expected_pod_hash": THIRD}]
)
def test_another_version_than_is_meant_is_left_alone(
    engine: Engine, started: ScriptedRollouts, state: str, guard: dict[str, str]
) -> None:
    with started:
        until(started, engine, TWO, waits=True)
    before = started.get("web")
    with pytest.raises(MiniappInfraError, match="its new version has") as caught:
        engine(state=state, **guard)
    assert caught.value.code is ErrorCode.CONFLICT
    assert started.get("web") == before


@dataclass(frozen=True)
class Meddled(CustomObjects):
    """Somebody changes something just before our first wait, or just before our first patch."""

    before_wait: list[Callable[[], None]] = field(default_factory=list)
    before_patch: list[Callable[[], None]] = field(default_factory=list)

    def wait(self, *arguments: Any, **more: Any) -> Any:
        if self.before_wait:
            self.before_wait.pop()()
        return super().wait(*arguments, **more)

    def merge_patch(self, *arguments: Any, **more: Any) -> Any:
        if self.before_patch:
            self.before_patch.pop()()
        return super().merge_patch(*arguments, **more)


def meddled(server: ApiServer, **more: Any) -> Meddled:
    params: dict[str, Any] = {"kubeconfig": str(server.kubeconfig), "retry_timeout": 60.0, "request_timeout": 60.0}
    plain = CustomObjects.of(params)
    return Meddled(plain.client, plain.discovery, plain.options, **more)


def test_a_version_that_comes_while_we_wait_is_not_promoted(
    defined_server: ApiServer, engine: Engine, started: ScriptedRollouts
) -> None:
    """Although the caller named none: it is about the one that was there."""
    started.stuck.add(TWO)
    started.set_image("web", TWO)
    started.step()
    objects = meddled(defined_server, before_wait=[lambda: started.set_image("web", THREE)])
    with started, pytest.raises(MiniappInfraError, match=f"pod hash {THIRD}, not {SECOND}") as caught:
        ensure(objects, started.namespace, "web", Goal.PROMOTED, Guard(), timeout=60)
    assert caught.value.code is ErrorCode.CONFLICT
    (found,) = engine("rollout_info")["rollouts"]
    assert (found["active_pod_hash"], found["awaits_promotion"]) == (FIRST, True)


def test_a_version_that_comes_between_look_and_patch_is_not_promoted(
    defined_server: ApiServer, engine: Engine, started: ScriptedRollouts
) -> None:
    def meddle() -> None:
        started.set_image("web", THREE)
        started.step()
        started.step()

    with started:
        until(started, engine, TWO, waits=True)
    objects = meddled(defined_server, before_patch=[meddle])
    with pytest.raises(MiniappInfraError, match=f"pod hash {THIRD}, not {SECOND}"):
        ensure(objects, started.namespace, "web", Goal.PROMOTED, Guard(), timeout=60)
    found = Rollout.from_api(started.get("web"))
    assert (found.active_hash, found.pause_reasons) == (FIRST, ("BlueGreenPause",))


def test_a_promotion_waits_for_the_preview(defined_server: ApiServer, started: ScriptedRollouts) -> None:
    started.set_image("web", TWO)
    with started:
        done = ensure(meddled(defined_server), started.namespace, "web", Goal.PROMOTED, Guard(image=TWO), timeout=60)
    assert done.changed
    assert done.after.active_hash == SECOND


def test_without_waiting_a_preview_that_is_not_ready_is_not_promoted(engine: Engine, started: ScriptedRollouts) -> None:
    started.set_image("web", TWO)
    for _ in range(2):  # first the status is of the version before, then the controller has begun
        result = engine(wait=False)
        assert not result["changed"]
        (warning,) = result["warnings"]
        assert "Nothing was asked of Rollout" in warning
        started.step()
    started.step()
    assert engine(wait=False)["changed"]
    with started:
        assert not engine()["changed"]  # takes up what is under way
    assert Rollout.from_api(started.get("web")).active_hash == SECOND


def test_the_health_of_the_version_before_does_not_count(engine: Engine, started: ScriptedRollouts) -> None:
    """The phase still says Healthy, of a generation that is gone."""
    started.set_image("web", TWO)
    assert started.get("web")["status"]["phase"] == "Healthy"
    with pytest.raises(MiniappInfraError, match="the controller has not seen the last change yet") as caught:
        engine(wait_timeout=1.5)
    assert caught.value.code is ErrorCode.TIMEOUT
    assert caught.value.retryable


def test_a_timeout_names_phase_and_message(engine: Engine, started: ScriptedRollouts) -> None:
    started.stuck.add(TWO)
    with started:
        started.set_image("web", TWO)
        with pytest.raises(MiniappInfraError, match="Progressing: more replicas need to be updated") as caught:
            engine(wait_timeout=2.0)
    assert caught.value.code is ErrorCode.TIMEOUT


@pytest.mark.parametrize("state", ["promoted", "fully_promoted"])
def test_a_version_that_admission_refuses_is_neither_promoted_nor_healthy(
    engine: Engine, started: ScriptedRollouts, state: str
) -> None:
    started.refused.add(TWO)
    with started:
        started.set_image("web", TWO)
        (found,) = engine("rollout_info", wait=True)["rollouts"]
        with pytest.raises(MiniappInfraError, match="denied the request: no signatures"):
            engine(state=state)
    assert started.get("web")["status"]["phase"] == "Healthy"
    assert (found["phase"], found["finished"], found["refusal"]) == ("Degraded", False, REFUSAL)


def test_an_aborted_rollout_is_not_promoted(engine: Engine, started: ScriptedRollouts) -> None:
    with started:
        until(started, engine, TWO, waits=True)
        engine(state="aborted")
        for state in ("promoted", "fully_promoted"):
            with pytest.raises(MiniappInfraError, match="it is Degraded: RolloutAborted"):
                engine(state=state)
        assert Rollout.from_api(started.get("web")).active_hash == FIRST
        # Git takes the version back.
        until(started, engine, ONE, waits=False)
        assert not engine()["changed"]
        assert not engine(state="aborted")["changed"]


def test_what_cannot_be_done(engine: Engine, rollouts: ScriptedRollouts) -> None:
    with pytest.raises(MiniappInfraError, match=r"Failed to promote Rollout .*/web: there is none") as caught:
        engine()
    assert caught.value.code is ErrorCode.NOT_FOUND
    rollouts.create("canary", ONE, {"canary": {}})
    with rollouts, pytest.raises(MiniappInfraError, match="its strategy is canary"):
        engine(name="canary")
    for wrong in ({"state": "restarted", "restart_at": "yesterday"}, {"restart_at": "2026-11-22T10:00:00Z"}):
        with pytest.raises(MiniappInfraError, match=r"^restart_at: must") as caught:
            engine(**wrong)
        assert caught.value.code is ErrorCode.INVALID_INPUT
    for wrong in ({"name": "web", "namespace": None}, {"name": None, "wait": True}):
        with pytest.raises(MiniappInfraError, match=": must be given with"):
            engine("rollout_info", **wrong)


@pytest.mark.parametrize(("role", "may"), [("operator", True), ("readonly", False)])
def test_operators_may_promote_and_readers_may_look(
    engine: Engine,
    started: ScriptedRollouts,
    role: str,
    may: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """With exactly the rules that the tenancy gives them."""
    name, group = f"{role}-{started.namespace}", "/apis/rbac.authorization.k8s.io/v1"
    rules = [dict(rule) for rule in rbac.ROLES[role]]
    made = {"metadata": {"name": name}, "rules": rules}
    bound = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
    }
    for plural, body in (("roles", made), ("rolebindings", bound)):
        code, answer = started.raw.send("POST", f"{group}/namespaces/{started.namespace}/{plural}", body)
        assert code == 201, answer
    with started:
        until(started, engine, TWO, waits=True)
        (found,) = engine("rollout_info", wait=False, impersonate_user=name)["rollouts"]
        assert found["awaits_promotion"]
        if may:
            assert engine(impersonate_user=name)["rollout"]["finished"]
            return
        with pytest.raises(MiniappInfraError, match="cannot patch resource") as caught:
            engine(impersonate_user=name)
        assert caught.value.code is ErrorCode.FORBIDDEN
