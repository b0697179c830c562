# SPDX-License-Identifier: GPL-3.0-or-later
"""``secret_rotation`` against Vault, Secrets Manager and Secret Manager: the cycle, interruptions, two runs at once."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from live_apiserver import free_port
from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.secrets.rotation import tasks
from miniapp_infra.secrets.rotation.plan import Rules, Step
from miniapp_infra.secrets.rotation.ring import Key, publish
from miniapp_infra.secrets.rotation.rotate import Outcome, Rotation
from miniapp_infra.secrets.rotation.store import Overtaken

from .backends import Backend, Crash, Gate, GcpBackend

if TYPE_CHECKING:
    from conftest import RunModule

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("gcp_token", "kms_key_id", "project", "region", "endpoint_url", "ca_cert")),
    "generator": "ec-p256",
    "password_length": 40,
    "phase": "auto",
    "locations": [],
    "engine_mount_point": "secret",
    "max_age": "90d",
    "publish_ahead": "1d",
    "overlap": "2d",
    "timeout": 30.0,
    "retries": 0,
    "validate_certs": True,
}
"""Of the module, without the environment."""
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
LATER = {"publish": timedelta(0), "promote": timedelta(days=2), "retire": timedelta(days=6)}
STEPS = {"create": Step.CREATE, "publish": Step.PUBLISH, "promote": Step.PROMOTE, "retire": Step.RETIRE}


def rotation(backend: Backend, name: str, phase: str, gate: Gate | None = None) -> Rotation:
    """A rotation at the time at which its step is due."""
    days = 86400
    rules = Rules("ec-p256", 40, 90 * days, 1 * days, 2 * days, "auto" if phase == "create" else phase)
    now = NOW + LATER.get(phase, timedelta(0))
    return Rotation(backend.store(name, gate), rules, clock=lambda: now)


def prepared(backend: Backend, phase: str) -> str:
    """A secret that is right before this step."""
    name = backend.name()
    for earlier in itertools.takewhile(lambda item: item != phase, STEPS):
        rotation(backend, name, earlier).run(check_mode=False)
    return name


def kids(document: dict[str, Any] | None) -> set[str]:
    if document is None:
        return set()
    following = [document["next"]] if document["next"] else []
    return {key["kid"] for key in (document["current"], *following, *document["previous"])}


def secrets_in(document: dict[str, Any] | None) -> set[str]:
    if document is None or "format" not in document:
        return set()
    following = [document["next"]] if document["next"] else []
    return {key["secret"] for key in (document["current"], *following, *document["previous"]) if "secret" in key}


def lines_of(secrets: set[str]) -> set[str]:
    """Each line of a PEM, because a leak is one line as well."""
    return {line for secret in secrets for line in secret.splitlines() if line and not line.startswith("-----")}


class Task:
    """What the module calls, for one secret, with what was shown and what the secret held meanwhile."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self.name = backend, backend.name()
        self.shown: list[dict[str, Any]] = []
        self.secrets: set[str] = set()

    def __call__(self, *, check: bool = False, fails: bool = False, **options: Any) -> dict[str, Any]:
        params = {**DEFAULTS, **self._backend.params(self.name), **options}
        before = self.document()
        try:
            result = tasks.rotate(params, check_mode=check, diff_mode=True)
        except MiniappInfraError as error:
            result = {"failed": True, "msg": error.message, "error": error.as_dict()}
        self.shown.append(result)
        self.secrets |= secrets_in(self.document())
        assert bool(result.get("failed")) is fails, result
        if check or fails:
            assert self.document() == before, "something was written"
        return result

    def cycle(self, steps: list[str], **options: Any) -> dict[str, Any]:
        """In check mode, for real, again, and in check mode again."""
        told, done = self(check=True, **options), self(**options)
        assert (told["changed"], told["steps"]) == (True, steps)
        assert (done["changed"], done["steps"]) == (True, steps)
        assert done["diff"]["before"] == told["diff"]["before"]
        for check in (False, True):
            again = self(check=check, **options)
            assert not again["changed"], again
            assert again["diff"]["before"] == again["diff"]["after"]
        return done

    def document(self) -> dict[str, Any] | None:
        return self._backend.document(self.name)


@pytest.fixture
def task(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Task:
    for name, value in backend.environment().items():
        monkeypatch.setenv(name, value)
    return Task(backend)


def test_the_cycle(task: Task, backend: Backend) -> None:
    created = task.cycle(["created"])
    assert kids(task.document()) == {created["current"]["kid"]}
    assert (created["phase"], created["next_action"]["phase"]) == ("steady", "publish")

    published = task.cycle(["published"], phase="publish")
    document = task.document()
    assert document is not None
    assert {key["kid"] for key in published["jwks"]["keys"]} == kids(document)
    assert document["jwks"] == published["jwks"]
    assert published["current"] == created["current"]

    early = task(phase="promote", publish_ahead="1h", fails=True)
    assert early["error"]["code"] == "refused_by_policy"
    assert "would refuse what it signs" in early["error"]["hint"]

    promoted = task.cycle(["promoted"], phase="promote", publish_ahead="0")
    assert promoted["current"]["kid"] == published["next"]["kid"]
    assert [key["kid"] for key in promoted["previous"]] == [created["current"]["kid"]]

    too_early = task(phase="retire", overlap="1h", fails=True)
    assert too_early["error"]["code"] == "refused_by_policy"
    assert "Tokens that it signed are still valid" in too_early["error"]["hint"]

    task.cycle(["retired"], phase="retire", overlap="0")
    assert kids(task.document()) == {promoted["current"]["kid"]}
    assert backend.summary(task.name)["rotation_phase"] == "steady"
    assert backend.summary(task.name)["rotation_current"] == promoted["current"]["kid"]
    old = [text for text in backend.readable(task.name) if created["current"]["kid"] in text]
    assert old == [], "the retired key can still be read"

    lines = lines_of(task.secrets)
    assert len(lines) >= 4, "this search finds nothing at all"
    text = json.dumps(task.shown)
    assert [line for line in lines if line in text] == []


@pytest.mark.parametrize("phase", STEPS)
def test_an_interrupted_run_is_continued_by_the_next(backend: Backend, phase: str) -> None:
    """The process ends before each of its requests in turn."""
    gate = Gate()
    whole = rotation(backend, prepared(backend, phase), phase, gate).run(check_mode=False)
    assert whole.steps == (STEPS[phase],)
    assert len(gate.calls) >= 3, gate.calls
    for number in range(1, len(gate.calls) + 1):
        name = prepared(backend, phase)
        before = backend.document(name)
        with pytest.raises(Crash):
            rotation(backend, name, phase, Gate(crash_before=number)).run(check_mode=False)
        between = backend.document(name)
        if phase != "retire":
            assert kids(before) <= kids(between), f"a key was lost before {gate.calls[number - 1]}"
        done = rotation(backend, name, phase).run(check_mode=False)
        after = backend.document(name)
        ring = done.held.ring
        assert ring is not None
        assert whole.held.ring is not None
        assert ring.phase == whole.held.ring.phase
        assert len(kids(after)) == len(whole.held.ring.keys)
        if between != before:
            assert done.steps == (), "the step was made twice"
        assert backend.summary(name) == ring.summary()
        again = rotation(backend, name, phase).run(check_mode=False)
        assert (again.steps, again.tidied) == ((), ())
    if isinstance(backend, GcpBackend):
        assert backend.manager.complaints == []


@pytest.mark.parametrize("phase", STEPS)
def test_of_two_runs_one_makes_the_step_and_the_other_sees_it(backend: Backend, phase: str) -> None:
    """The second run happens as a whole before each request of the first one in turn."""
    gate = Gate()
    rotation(backend, prepared(backend, phase), phase, gate).run(check_mode=False)
    overtaken = 0
    for number in range(1, len(gate.calls) + 1):
        name = prepared(backend, phase)
        others: list[Outcome] = []

        def other(name: str = name, others: list[Outcome] = others) -> None:
            others.append(rotation(backend, name, phase).run(check_mode=False))

        first = rotation(backend, name, phase, Gate(meet_before=number, meet=other)).run(check_mode=False)
        (second,) = others
        assert sorted([first.steps, second.steps]) == [(), (STEPS[phase],)], gate.calls[number - 1]
        assert first.held.ring is not None
        assert second.held.ring == first.held.ring
        assert kids(backend.document(name)) == {key.kid for key in first.held.ring.keys}
        overtaken += first.overtaken
        again = rotation(backend, name, phase).run(check_mode=False)
        assert (again.steps, again.tidied) == ((), ())
        assert first.held.ring.summary() == backend.summary(name)
    assert overtaken, "no run was ever overtaken"


def test_a_ring_that_is_too_old_when_it_is_ready_is_not_put_in_force(backend: Backend) -> None:
    """A run was held up, before the first request or between two of them."""
    for moment in (1, 2):
        name = prepared(backend, "publish")
        before, store = backend.document(name), backend.store(name)
        held = store.read()
        assert held.ring is not None
        ring = publish(held.ring, Key.generate("ec-p256", 40, NOW))
        answers = iter([False] * (moment - 1) + [True] * 2)
        if moment == 2 and backend.kind == "vault_kv2":
            continue  # there it is one request
        with pytest.raises(Overtaken):
            store.swap(held, ring, lambda answers=answers: next(answers))  # type: ignore[misc]
        assert backend.document(name) == before


def test_what_is_no_key_ring_is_left_alone(task: Task, backend: Backend) -> None:
    canary = "canary-by-hand-3e9a"
    backend.put(task.name, {"password": canary})
    result = task(phase="publish", fails=True)
    assert result["error"]["code"] == "conflict"
    assert "no key ring" in result["msg"]
    assert canary not in json.dumps(result)
    assert any(canary in text for text in backend.readable(task.name))


def test_another_family_of_keys_is_refused(task: Task) -> None:
    task()
    assert task(generator="hmac-256", fails=True)["msg"].startswith("generator: ")


def test_a_password_keeps_its_value_until_it_is_retired(task: Task) -> None:
    """A receiver of webhooks has to accept the old secret until the overlap is over."""
    common = {"generator": "password", "publish_ahead": "0"}
    task(**common)
    first = task.document()
    task(phase="publish", **common)
    task(phase="promote", **common)
    document = task.document()
    assert first is not None
    assert document is not None
    assert document["previous"][0]["secret"] == first["current"]["secret"]
    assert len(document["current"]["secret"]) == 40
    assert "jwks" not in document
    assert len(task.secrets) == 2
    text = json.dumps(task.shown)
    assert [secret for secret in task.secrets if secret in text] == []


def test_the_module(module_process: RunModule, backend: Backend) -> None:
    name = backend.name()
    args = {**backend.params(name), "generator": "hmac-256"}
    done = module_process("secret_rotation", args, diff=True, env=backend.environment())
    assert (done["changed"], done["steps"], done["backend"]) == (True, ["created"], backend.kind)
    document = backend.document(name)
    assert document is not None
    assert done["current"]["kid"] == document["current"]["kid"]
    refused = module_process("secret_rotation", {**args, "phase": "promote"}, env=backend.environment())
    assert refused["error"]["code"] == "refused_by_policy"
    for result in (done, refused):
        assert document["current"]["secret"] not in json.dumps(result)


def test_a_server_that_does_not_answer(task: Task, backend: Backend) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    option = {"vault_kv2": "url", "aws_secrets_manager": "endpoint_url", "gcp_secret_manager": "gcp_endpoint"}
    result = task(**{option[backend.kind]: nowhere}, fails=True)
    assert (result["error"]["code"], result["error"]["retryable"]) == ("unavailable", True)


def test_credentials_that_are_wrong(task: Task, backend: Backend) -> None:
    """Moto accepts all credentials, so this is about the other two."""
    wrong = {"vault_kv2": {"token": "canary-wrong-1"}, "gcp_secret_manager": {"gcp_token": "canary-wrong-1"}}
    if backend.kind in wrong:
        result = task(**wrong[backend.kind], fails=True)
        assert result["error"]["code"] == "forbidden"
        assert "canary-wrong" not in json.dumps(result)
