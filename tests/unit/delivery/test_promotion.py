# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from miniapp_infra.catalog.models.freeze import FreezeWindow
from miniapp_infra.delivery import Status, promote
from miniapp_infra.delivery.release import Release
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.githost import PullRequestState

PATH = "services/local/playhub/release.yaml"
FREEZE = FreezeWindow(
    name="launch",
    start="2026-11-22T00:00:00",
    end="2026-11-23T00:00:00",
    timezone="UTC",
    reason="product launch",
    owner="release-managers",
)
FREEZE_BEFORE = datetime(2026, 11, 21, 23, 59, tzinfo=UTC)
FREEZE_DURING = datetime(2026, 11, 22, 0, 1, tzinfo=UTC)


def deployed(delivery):
    return Release.from_yaml(delivery.host.read(PATH), path=PATH)


def nothing_written(delivery, head):
    delivery.host.refresh()
    return delivery.host.head("main") == head and delivery.host.pull_requests() == ()


def test_promotes(delivery):
    before = deployed(delivery)
    outcome = promote(delivery, "playhub", "1.2.0", approve=True)
    assert outcome.status is Status.DELIVERED
    assert outcome.changed
    assert outcome.old == before
    assert outcome.new == deployed(delivery)
    assert outcome.new.version == "1.2.0"
    assert outcome.new.image.digest != before.image.digest
    assert delivery.host.pull_request(outcome.pull_request).state is PullRequestState.MERGED
    assert outcome.commit == delivery.host.head("main")
    result = outcome.as_result()
    assert (result["sync"], result["health"], result["pull_request"]) == ("Synced", "Healthy", 1)
    assert before.image.digest in outcome.as_diff()["before"]
    assert outcome.new.image.digest in outcome.as_diff()["after"]


def test_only_the_release_changes(delivery):
    before = delivery.host.head("main")
    promote(delivery, "playhub", "1.2.0", approve=True)
    paths = delivery.host.paths("")
    assert [path for path in paths if delivery.host.read(path) != delivery.host.read(path, revision=before)] == [PATH]


def test_again_is_unchanged(delivery):
    first = promote(delivery, "playhub", "1.2.0", approve=True)
    again = promote(delivery, "playhub", "1.2.0", approve=True)
    assert again.status is Status.UNCHANGED
    assert not again.changed
    assert again.commit == first.commit
    assert again.deployment is not None


def test_unchanged_still_reports_that_it_does_not_run(delivery):
    promote(delivery, "playhub", "1.2.0", approve=True)
    delivery.deployments.failure = MiniappInfraError("Timed out", code=ErrorCode.TIMEOUT)
    with pytest.raises(MiniappInfraError, match="Timed out"):
        promote(delivery, "playhub", "1.2.0", approve=True)


def test_waits_for_approval(delivery):
    outcome = promote(delivery, "playhub", "1.2.0")
    assert outcome.status is Status.AWAITING_APPROVAL
    assert outcome.changed
    assert deployed(delivery).version == "1.0.0"
    again = promote(delivery, "playhub", "1.2.0")
    assert again.status is Status.AWAITING_APPROVAL
    assert not again.changed
    assert again.pull_request == outcome.pull_request
    approved = promote(delivery, "playhub", "1.2.0", approve=True)
    assert approved.status is Status.DELIVERED
    assert approved.pull_request == outcome.pull_request


def test_approval_of_another_person_is_enough(delivery, open_host):
    number = promote(delivery, "playhub", "1.2.0").pull_request
    open_host("reviewer").approve(number)
    delivery.host.refresh()
    assert promote(delivery, "playhub", "1.2.0").status is Status.DELIVERED


def test_own_approval_is_refused_where_two_are_needed(delivery, open_host):
    strict = replace(delivery, host=open_host("operator", self_approval=False))
    with pytest.raises(MiniappInfraError, match="operator is its author") as caught:
        promote(strict, "playhub", "1.2.0", approve=True)
    assert caught.value.code is ErrorCode.REFUSED_BY_POLICY
    assert deployed(delivery).version == "1.0.0"


@pytest.mark.parametrize("step", ["branch_off", "open_pull_request", "approve", "merge"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_goes_on(delivery, open_host, monkeypatch, step, after):
    """A crash right before or right after each write: the next call ends at the same state with one pull request."""
    real = getattr(delivery.host, step)

    def crash(*arguments, **options):
        if after:
            real(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(delivery.host, step, crash)
    with pytest.raises(KeyboardInterrupt):
        promote(delivery, "playhub", "1.2.0", approve=True)
    fresh = replace(delivery, host=open_host("operator"))
    promote(fresh, "playhub", "1.2.0", approve=True)
    assert deployed(fresh).version == "1.2.0"
    assert len(fresh.host.pull_requests()) == 1
    assert fresh.host.head("promote/local/playhub/1.2.0") == ""
    assert len(fresh.host.history(PATH)) == 2


def test_check_mode_writes_nothing(delivery):
    head = delivery.host.head("main")
    outcome = promote(delivery, "playhub", "1.2.0", approve=True, check=True)
    assert outcome.status is Status.PLANNED
    assert outcome.changed
    assert outcome.new.version == "1.2.0"
    assert nothing_written(delivery, head)


def test_check_mode_refuses_what_the_real_one_refuses(delivery):
    with pytest.raises(MiniappInfraError):
        promote(delivery, "playhub", "9.9.9", check=True)


def refused(delivery, code, match, *, service="playhub", version="1.2.0", **options):
    head = delivery.host.head("main")
    with pytest.raises(MiniappInfraError, match=match) as caught:
        promote(delivery, service, version, approve=True, **options)
    assert caught.value.code is code
    assert nothing_written(delivery, head)
    return caught.value


def test_unknown_service(delivery):
    refused(delivery, ErrorCode.NOT_FOUND, "did you mean 'playhub'", service="playhubb")


@pytest.mark.parametrize("version", ["1.2", "v1.2.0", "latest", "", "1.2.0+x", "1.2.0/../x"])
def test_no_version(delivery, version):
    refused(delivery, ErrorCode.INVALID_INPUT, "must be a semantic version", version=version)


def test_version_that_does_not_exist_lists_the_known(delivery):
    refused(delivery, ErrorCode.NOT_FOUND, r"has 1\.2\.0, 1\.1\.0, 1\.0\.0", version="1.3.0")


def test_unsigned(delivery):
    repository = delivery.environment.image_repository("playhub")
    delivery.artefacts.unsigned.add(delivery.artefacts.digest(repository, "1.2.0"))
    refused(delivery, ErrorCode.UNVERIFIED_IMAGE, "no signatures found")


def test_frozen_says_why_who_and_until_when(delivery):
    frozen = replace(delivery, environment=delivery.environment.model_copy(update={"freeze_windows": (FREEZE,)}))
    delivery.artefacts.asked.clear()
    error = refused(frozen, ErrorCode.FROZEN, r"launch until 2026-11-23.*product launch; owner release-managers")
    assert "release-managers" in error.hint
    assert delivery.artefacts.asked == []


def test_window_that_opens_before_the_merge(delivery):
    frozen = delivery.environment.model_copy(update={"freeze_windows": (FREEZE,)})
    moments = iter([FREEZE_BEFORE, FREEZE_DURING])
    late = replace(delivery, environment=frozen, now=lambda: next(moments))
    with pytest.raises(MiniappInfraError, match="frozen by launch"):
        promote(late, "playhub", "1.2.0", approve=True)
    assert deployed(delivery).version == "1.0.0"


def test_older_is_refused(delivery):
    promote(delivery, "playhub", "1.2.0", approve=True)
    with pytest.raises(MiniappInfraError, match=r"older than 1\.2\.0") as caught:
        promote(delivery, "playhub", "1.1.0", approve=True)
    assert "rollback.yml" in caught.value.hint
    assert deployed(delivery).version == "1.2.0"


def test_chart_bump_alone(delivery):
    outcome = promote(delivery, "playhub", "1.0.0", chart_version="0.3.0", approve=True)
    assert outcome.status is Status.DELIVERED
    assert deployed(delivery).chart.version == "0.3.0"
    assert outcome.old.image == outcome.new.image


def test_chart_that_was_not_published(delivery):
    refused(delivery, ErrorCode.NOT_FOUND, r"chart .*charts/miniapp-service", chart_version="7.0.0")


def test_tag_that_was_moved(delivery):
    delivery.artefacts.moved["1.0.0"] = "sha256:" + "f" * 64
    refused(delivery, ErrorCode.CONFLICT, "the registry now has sha256:ffff", version="1.0.0", chart_version="0.3.0")


def test_two_open_promotions_of_one_service(delivery, open_host):
    promote(delivery, "playhub", "1.1.0")
    promote(delivery, "playhub", "1.2.0", approve=True)
    with pytest.raises(MiniappInfraError, match="older"):
        promote(delivery, "playhub", "1.1.0", approve=True)
    open_host("reviewer").approve(1)
    with pytest.raises(MiniappInfraError, match="both changed") as caught:
        delivery.host.merge(1)
    assert caught.value.code is ErrorCode.CONFLICT


def test_stale_branch_is_made_again(delivery):
    first = promote(delivery, "playhub", "1.2.0")
    promote(delivery, "playhub", "1.1.0", approve=True)
    outcome = promote(delivery, "playhub", "1.2.0", approve=True)
    assert outcome.pull_request == first.pull_request
    assert outcome.status is Status.DELIVERED
    assert deployed(delivery).version == "1.2.0"


def test_damaged_release_is_named(delivery):
    delivery.host.commit("main", {PATH: b"service: playhub\nimage: {}\n"}, "damage")
    with pytest.raises(MiniappInfraError, match=PATH):
        promote(delivery, "playhub", "1.2.0")
