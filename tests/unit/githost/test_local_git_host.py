# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Git host against a real repository, with two writers."""

from __future__ import annotations

import threading

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.githost import PullRequestState, Remote
from miniapp_infra.githost.repository import copy_of


@pytest.fixture
def alice(open_host):
    host = open_host("alice")
    host.commit("main", {"a.txt": b"one\n", "b.txt": b"b\n"}, "seed")
    return host


@pytest.fixture
def bob(alice, open_host):
    del alice
    return open_host("bob")


def propose(host, content=b"two\n", branch="promote/x"):
    host.branch_off(branch, {"a.txt": content}, "change a\n\nMiniapp-Promotion: x\n")
    return host.open_pull_request(branch, "change a")


def test_first_commit_of_an_empty_repository(alice):
    assert alice.read("a.txt") == b"one\n"
    assert alice.paths("") == ("a.txt", "b.txt")


def test_same_content_makes_no_commit(alice):
    before = alice.head("main")
    assert alice.commit("main", {"a.txt": b"one\n"}, "again") == before
    assert alice.head("main") == before


def test_none_removes_a_file(alice):
    alice.commit("main", {"a.txt": None}, "remove")
    assert alice.paths("") == ("b.txt",)
    assert alice.read("a.txt") is None


def test_commit_on_a_stale_copy_keeps_the_other_writers_work(alice, bob):
    alice.commit("main", {"alice.txt": b"1"}, "alice")
    bob.commit("main", {"bob.txt": b"2"}, "bob")
    assert set(bob.paths("")) == {"a.txt", "alice.txt", "b.txt", "bob.txt"}


def test_many_writers_lose_nothing(alice, open_host):
    hosts = [open_host(f"user{number}") for number in range(4)]
    threads = [
        threading.Thread(target=host.commit, args=("main", {f"{host.user}.txt": b"x"}, host.user)) for host in hosts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alice.refresh()
    assert {f"{host.user}.txt" for host in hosts} <= set(alice.paths(""))


def test_merge_after_approval_by_another(alice, bob):
    request = propose(alice)
    bob.refresh()
    bob.approve(request.number)
    alice.refresh()
    merged = alice.merge(request.number)
    assert merged.state is PullRequestState.MERGED
    assert alice.head("main") == merged.merge_commit
    assert alice.read("a.txt") == b"two\n"
    assert alice.head("promote/x") == ""
    newest = alice.history("a.txt")[0]
    assert len(newest.parents) == 2
    assert newest.trailer("Miniapp-Promotion") == "x"
    assert newest.trailer("Approved-by") == "bob"


def test_merging_twice_is_one_merge(alice, bob):
    request = propose(alice)
    bob.refresh()
    bob.approve(request.number)
    bob.merge(request.number)
    head = bob.head("main")
    assert alice.merge(request.number).merge_commit == head
    assert alice.head("main") == head


def test_unapproved_is_not_merged(alice):
    request = propose(alice)
    with pytest.raises(MiniappInfraError, match="not approved") as caught:
        alice.merge(request.number)
    assert caught.value.code is ErrorCode.REFUSED_BY_POLICY
    assert alice.read("a.txt") == b"one\n"


def test_author_may_not_approve(alice):
    request = propose(alice)
    with pytest.raises(MiniappInfraError, match="alice is its author") as caught:
        alice.approve(request.number)
    assert caught.value.code is ErrorCode.REFUSED_BY_POLICY


def test_author_may_approve_where_one_person_plays_all_parts(alice, open_host):
    del alice
    host = open_host("solo", self_approval=True)
    request = propose(host)
    host.approve(request.number)
    assert host.merge(request.number).state is PullRequestState.MERGED


def test_own_approval_does_not_count_where_it_is_not_allowed(alice, open_host):
    host = open_host("alice", self_approval=True)
    request = propose(host)
    host.approve(request.number)
    alice.refresh()
    with pytest.raises(MiniappInfraError, match="by anybody but its author"):
        alice.merge(request.number)


def test_approval_is_for_one_head(alice, bob):
    request = propose(alice)
    bob.refresh()
    bob.approve(request.number)
    alice.refresh()
    alice.branch_off("promote/x", {"a.txt": b"three\n"}, "other")
    with pytest.raises(MiniappInfraError, match="its branch promote/x is at"):
        alice.merge(request.number)
    again = alice.open_pull_request("promote/x", "change a")
    assert again.number == request.number
    assert again.approvers() == ()
    with pytest.raises(MiniappInfraError, match="not approved"):
        alice.merge(request.number)


def test_opening_again_takes_up_the_open_one(alice, bob):
    first = propose(alice)
    bob.refresh()
    assert propose(bob) == first
    assert len(bob.pull_requests()) == 1


def test_branch_off_is_repeatable_when_main_moved(alice):
    head = alice.branch_off("promote/x", {"a.txt": b"two\n"}, "change")
    alice.commit("main", {"b.txt": b"other\n"}, "unrelated")
    assert alice.branch_off("promote/x", {"a.txt": b"two\n"}, "change") == head


def test_branch_off_refuses_the_deployed_branch(alice):
    with pytest.raises(MiniappInfraError, match="deployed branch"):
        alice.branch_off("main", {}, "x")


def test_conflict_is_named_and_main_stays(alice, bob):
    request = propose(alice)
    alice.commit("main", {"a.txt": b"else\n"}, "else")
    bob.refresh()
    bob.approve(request.number)
    head = bob.head("main")
    with pytest.raises(MiniappInfraError, match=r"both changed a\.txt") as caught:
        bob.merge(request.number)
    assert caught.value.code is ErrorCode.CONFLICT
    assert bob.head("main") == head
    assert bob.pull_request(request.number).state is PullRequestState.OPEN


def test_two_pull_requests_opened_at_once_get_two_numbers(alice, bob):
    first = propose(alice, branch="promote/x")
    second = propose(bob, content=b"three\n", branch="promote/y")
    assert {first.number, second.number} == {1, 2}
    assert [request.number for request in bob.pull_requests(state=PullRequestState.OPEN)] == [1, 2]


def test_closed_is_not_merged(alice, bob):
    request = propose(alice)
    assert alice.close(request.number).state is PullRequestState.CLOSED
    assert alice.head("promote/x") == ""
    bob.refresh()
    with pytest.raises(MiniappInfraError, match="it is closed"):
        bob.merge(request.number)


def test_closing_keeps_commits_that_the_pull_request_does_not_know(alice):
    request = propose(alice)
    newer = alice.branch_off("promote/x", {"a.txt": b"three\n"}, "newer")
    alice.close(request.number)
    assert alice.head("promote/x") == newer


def test_unknown_number(alice):
    with pytest.raises(MiniappInfraError, match="pull request 7") as caught:
        alice.pull_request(7)
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_contains(alice):
    old = alice.head("main")
    new = alice.commit("main", {"c.txt": b"c"}, "c")
    assert alice.contains(new, old)
    assert not alice.contains(old, new)
    assert not alice.contains(new, "0" * 40)


@pytest.mark.parametrize("url", ["http://host/platform.git", "ssh://host/x", "--upload-pack=evil"])
def test_other_addresses_are_refused(url):
    with pytest.raises(MiniappInfraError, match="must start with https") as caught, copy_of(Remote(url)):
        pass
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_missing_repository_is_named(tmp_path):
    with (
        pytest.raises(MiniappInfraError, match="Failed to fetch repository") as caught,
        copy_of(Remote(f"file://{tmp_path}/none.git")),
    ):
        pass
    assert caught.value.code is ErrorCode.NOT_FOUND
