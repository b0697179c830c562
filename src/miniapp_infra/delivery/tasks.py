# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra import catalog
from miniapp_infra.catalog import naming
from miniapp_infra.delivery import charts, connect, desired_state
from miniapp_infra.delivery.promote import promote
from miniapp_infra.delivery.rollback import rollback
from miniapp_infra.githost import Approval, PullRequest, PullRequestState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.delivery.flow import Outcome
    from miniapp_infra.delivery.ports import Delivery
    from miniapp_infra.githost import GitHost

Result = dict[str, Any]


def promote_service(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Promote a service; see ``promote``."""
    with connect.open_delivery(_environment(params), connect.Options.from_params(params)) as delivery:
        outcome = promote(
            delivery,
            params["service"],
            params["version"],
            chart_version=params["chart_version"] or "",
            approve=params["approve"],
            wait=params["wait"],
            check=check_mode,
        )
    return _outcome(outcome, diff_mode=diff_mode)


def roll_back_service(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Roll a service back; see ``rollback``."""
    with connect.open_delivery(_environment(params), connect.Options.from_params(params)) as delivery:
        outcome = rollback(
            delivery, params["service"], approve=params["approve"], wait=params["wait"], check=check_mode
        )
    return _outcome(outcome, diff_mode=diff_mode)


def sync_repository(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Bring the repository of desired state up to the catalogue; see ``desired_state.sync``."""
    environment = _environment(params)
    with connect.open_delivery(environment, connect.Options.from_params(params)) as delivery:
        releases = (
            desired_state.first_releases(environment, delivery.host, delivery.artefacts, delivery.now())
            if params["first_releases"]
            else []
        )
        done = desired_state.sync(delivery.host, environment, releases=releases, check=check_mode)
    result: Result = {
        "changed": done.changed,
        "commit": done.commit,
        "paths": list(done.paths),
        "unmanaged": list(done.unmanaged),
        "released": list(done.released),
        "warnings": [
            f"services/{environment.name}/{name} is in the repository, but not in the catalogue; it is left as it is"
            for name in done.unmanaged
        ],
    }
    if diff_mode:
        result["diff"] = {"prepared": done.diff}
    return result


def publish_chart(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Publish the chart of all services; see ``charts.publish``."""
    del diff_mode  # a published version never changes, so there is nothing to compare
    environment, options = _environment(params), connect.Options.from_params(params)
    reference = environment.gitops.chart.ref
    published = charts.publish(
        connect.helm(environment, options),
        connect.registry_client(environment, options),
        options.root / params["chart"],
        reference,
        check=check_mode,
    )
    return {
        "changed": published.changed,
        "reference": reference,
        "version": published.version,
        "digest": published.digest or None,
    }


def pull_request(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Approve, merge or close a pull request."""
    number, state = params["number"], params["state"]
    with connect.open_delivery(_environment(params), connect.Options.from_params(params)) as delivery:
        before = delivery.host.pull_request(number)
        after = _planned(delivery, before, state) if check_mode else _decide(delivery.host, number, state)
    result: Result = {"changed": before != after, "pull_request": _request(after)}
    if diff_mode:
        result["diff"] = {"before": _request(before), "after": _request(after)}
    return result


def _decide(host: GitHost, number: int, state: str) -> PullRequest:
    if state == "closed":
        return host.close(number)
    if state == "merged":
        return host.merge(number)
    return host.approve(number)


def _planned(delivery: Delivery, request: PullRequest, state: str) -> PullRequest:
    """Return what a decision would make of a pull request; the commit of a merge is not known before."""
    if request.state is not PullRequestState.OPEN:
        return request
    if state != "approved":
        return replace(request, state=PullRequestState(state))
    user = delivery.host.user
    if user in request.approvers():
        return request
    approval = Approval(user, delivery.now().isoformat(timespec="seconds"), request.head)
    return replace(request, approvals=(*request.approvals, approval))


def _request(request: PullRequest) -> Result:
    return {
        "number": request.number,
        "title": request.title,
        "source": request.source,
        "target": request.target,
        "author": request.author,
        "head": request.head,
        "state": request.state.value,
        "approved_by": list(request.approvers()),
        "merge_commit": request.merge_commit or None,
    }


def _outcome(outcome: Outcome, *, diff_mode: bool) -> Result:
    result = outcome.as_result()
    if outcome.deployment is not None and outcome.deployment.awaits_promotion:
        name = naming.resource_name(outcome.new.env, outcome.new.service)
        warning = (
            f"Version {outcome.new.version} of {outcome.new.service} is in preview; the version before serves until "
            f"somebody promotes it: module argo_rollout, name {name}, namespace {naming.namespace(outcome.new.service)}"
        )
        result["warnings"] = [warning]
    if diff_mode and outcome.changed:
        result["diff"] = outcome.as_diff()
    return result


def _environment(params: Mapping[str, Any]) -> catalog.Environment:
    """Return the environment, given as preflight hands it around or as the path of its inventory."""
    given = params["environment"]
    return catalog.load(Path(given)) if isinstance(given, str) else catalog.from_mapping(given)
