# SPDX-License-Identifier: GPL-3.0-or-later
"""How patches are sent, against a server of a few lines."""

from __future__ import annotations

import pytest
from test_rollout_models import aborted, preview, rollout

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.errors import ApiError
from miniapp_infra.kube.models import ApplyOptions
from miniapp_infra.rollouts import Goal, Guard, ensure, refusal
from miniapp_infra.rollouts.models import Rollout


class Server:
    """Has one Rollout, whose status subresource may be missing, and which others may change all the time."""

    options = ApplyOptions()

    def __init__(self, raw, *, subresource=True, busy=False, sets=(), forbidden=False):
        self.raw, self.subresource, self.busy, self.sets, self.forbidden = raw, subresource, busy, sets, forbidden
        self.sent = []

    def get(self, ref):
        assert str(ref) == "Rollout shop/web"
        return self.raw

    def list(self, api_version, kind, namespace, labels):
        assert (api_version, kind, namespace) == ("apps/v1", "ReplicaSet", "shop")
        assert labels.startswith("rollouts-pod-template-hash=")
        if self.forbidden:
            raise ApiError("Failed to list", status=403, code=ErrorCode.FORBIDDEN)
        return list(self.sets)

    def merge_patch(self, ref, patch, *, subresource="", resource_version=""):
        del ref
        if self.busy:
            raise ApiError("Failed to patch: conflict", status=409, code=ErrorCode.CONFLICT)
        if subresource and not self.subresource:
            raise ApiError("Failed to patch: not found", status=404, code=ErrorCode.NOT_FOUND)
        self.sent.append((dict(patch), subresource, resource_version))
        return self.raw


RESUME = {"status": {"pauseConditions": None}}


def promote(server):
    return ensure(server, "shop", "web", Goal.PROMOTED, Guard())


def test_the_status_subresource_and_the_version_that_was_judged():
    server = Server(preview())
    assert promote(server).changed
    assert server.sent == [(RESUME, "status", "7")]


def test_a_definition_without_a_status_subresource():
    server = Server(preview(), subresource=False)
    assert promote(server).changed
    assert server.sent == [(RESUME, "", "7")]


def test_only_the_first_patch_of_a_round_is_about_the_version_that_was_judged():
    server = Server(preview(spec={"paused": True}))
    promote(server)
    assert [version for *_, version in server.sent] == ["7", ""]


def test_a_lost_race_is_decided_anew_but_not_for_ever():
    with pytest.raises(MiniappInfraError, match="changed by others again and again; it is Paused") as caught:
        promote(Server(preview(), busy=True))
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.CONFLICT, True)


def replica_set(owner="u", status="True"):
    condition = {"type": "ReplicaFailure", "status": status, "message": "exceeded quota"}
    return {"metadata": {"name": "web-2", "ownerReferences": [{"uid": owner}]}, "status": {"conditions": [condition]}}


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([], ""),
        ([replica_set()], "ReplicaSet web-2: exceeded quota"),
        ([replica_set(owner="other")], ""),
        ([replica_set(status="False")], ""),
    ],
)
def test_why_there_are_no_pods(sets, expected):
    raw = rollout()
    raw["metadata"]["uid"] = "u"
    assert refusal(Server(raw, sets=sets), Rollout.from_api(raw)) == expected


def test_without_the_right_to_read_replica_sets_nothing_is_known():
    raw = aborted()
    assert refusal(Server(raw, forbidden=True), Rollout.from_api(raw)) == ""
