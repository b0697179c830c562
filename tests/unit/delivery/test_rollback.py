# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest

from miniapp_infra.catalog.models.freeze import FreezeWindow
from miniapp_infra.delivery import Release, Status, promote, rollback
from miniapp_infra.errors import ErrorCode, MiniappInfraError

PATH = "services/local/playhub/release.yaml"


def deployed(delivery):
    return Release.from_yaml(delivery.host.read(PATH), path=PATH)


def test_reverts_the_last_promotion(delivery):
    first = deployed(delivery)
    promotion = promote(delivery, "playhub", "1.2.0", approve=True)
    outcome = rollback(delivery, "playhub", approve=True)
    assert outcome.status is Status.DELIVERED
    assert outcome.changed
    assert (outcome.old, outcome.new) == (promotion.new, first)
    assert deployed(delivery) == first
    newest = delivery.host.history(PATH)[0]
    assert newest.trailer("Miniapp-Reverts") == promotion.commit
    assert len(newest.parents) == 2


def test_twice_goes_back_two_promotions(delivery):
    promote(delivery, "playhub", "1.1.0", approve=True)
    promote(delivery, "playhub", "1.2.0", approve=True)
    assert rollback(delivery, "playhub", approve=True).new.version == "1.1.0"
    assert rollback(delivery, "playhub", approve=True).new.version == "1.0.0"
    with pytest.raises(MiniappInfraError, match="first release") as caught:
        rollback(delivery, "playhub", approve=True)
    assert caught.value.code is ErrorCode.CONFLICT


def test_promotion_after_a_rollback(delivery):
    promote(delivery, "playhub", "1.1.0", approve=True)
    rollback(delivery, "playhub", approve=True)
    promote(delivery, "playhub", "1.2.0", approve=True)
    assert rollback(delivery, "playhub", approve=True).new.version == "1.0.0"


def test_other_services_are_left_alone(delivery):
    promote(delivery, "playhub", "1.2.0", approve=True)
    promote(delivery, "payhub", "1.2.0", approve=True)
    rollback(delivery, "playhub", approve=True)
    assert deployed(delivery).version == "1.0.0"
    payhub = "services/local/payhub/release.yaml"
    assert Release.from_yaml(delivery.host.read(payhub), path=payhub).version == "1.2.0"


def test_interrupted_while_waiting_is_taken_up_and_does_not_go_back_further(delivery):
    promote(delivery, "playhub", "1.1.0", approve=True)
    promote(delivery, "playhub", "1.2.0", approve=True)
    delivery.deployments.failure = MiniappInfraError("Timed out", code=ErrorCode.TIMEOUT)
    with pytest.raises(MiniappInfraError, match="Timed out"):
        rollback(delivery, "playhub", approve=True)
    delivery.deployments.failure = None
    again = rollback(delivery, "playhub", approve=True)
    assert again.status is Status.UNCHANGED
    assert again.new.version == "1.1.0"
    assert deployed(delivery).version == "1.1.0"


@pytest.mark.parametrize("step", ["branch_off", "open_pull_request", "approve", "merge"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_goes_on(delivery, open_host, monkeypatch, step, after):
    promote(delivery, "playhub", "1.1.0", approve=True)
    promote(delivery, "playhub", "1.2.0", approve=True)
    real = getattr(delivery.host, step)

    def crash(*arguments, **options):
        if after:
            real(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(delivery.host, step, crash)
    with pytest.raises(KeyboardInterrupt):
        rollback(delivery, "playhub", approve=True)
    fresh = replace(delivery, host=open_host("operator"))
    rollback(fresh, "playhub", approve=True)
    assert deployed(fresh).version == "1.1.0"
    assert len(fresh.host.pull_requests()) == 3


def test_waits_for_approval(delivery):
    promote(delivery, "playhub", "1.2.0", approve=True)
    assert rollback(delivery, "playhub").status is Status.AWAITING_APPROVAL
    assert deployed(delivery).version == "1.2.0"


def test_check_mode_writes_nothing(delivery):
    promote(delivery, "playhub", "1.2.0", approve=True)
    head = delivery.host.head("main")
    outcome = rollback(delivery, "playhub", approve=True, check=True)
    assert (outcome.status, outcome.new.version) == (Status.PLANNED, "1.0.0")
    assert delivery.host.head("main") == head
    assert len(delivery.host.pull_requests()) == 1


def test_image_that_is_no_longer_trusted(delivery):
    first = deployed(delivery)
    promote(delivery, "playhub", "1.2.0", approve=True)
    delivery.artefacts.unsigned.add(first.image.digest)
    with pytest.raises(MiniappInfraError) as caught:
        rollback(delivery, "playhub", approve=True)
    assert caught.value.code is ErrorCode.UNVERIFIED_IMAGE
    assert deployed(delivery).version == "1.2.0"


def test_frozen(delivery):
    promote(delivery, "playhub", "1.2.0", approve=True)
    window = FreezeWindow(
        name="nightly",
        start="2026-11-01T11:00:00",
        rrule="FREQ=DAILY",
        duration="PT2H",
        timezone="UTC",
        reason="batch run",
        owner="data",
    )
    frozen = replace(delivery, environment=delivery.environment.model_copy(update={"freeze_windows": (window,)}))
    with pytest.raises(MiniappInfraError, match="nightly until 2026-11-22T13:00") as caught:
        rollback(frozen, "playhub", approve=True)
    assert caught.value.code is ErrorCode.FROZEN


def test_never_released(delivery):
    delivery.host.commit("main", {PATH: None}, "remove")
    with pytest.raises(MiniappInfraError, match="never released"):
        rollback(delivery, "playhub")
