# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates NetworkPolicies against traffic, offline, with cyclonus.

cyclonus implements the semantics of the NetworkPolicy API independently of any network plugin, so it also answers for a
cluster whose plugin cannot enforce policies. One process answers any number of questions.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# The name label that the apiserver gives each namespace; policies select by it, manifests do not carry it.
_NAME_LABEL = "kubernetes.io/metadata.name"
# An address of a pod matters only to ipBlock rules. This one (RFC 5737, TEST-NET-1) is in no one's allow-list.
_SOME_POD = "192.0.2.1"
_ANSWER = "Is traffic allowed?"
_ROW = re.compile(r"^\|\s*(?P<type>Ingress|Egress|)\s*\|\s*(?P<action>Allow|Deny|)\s*\|")
_TOTAL = re.compile(r"IS ALLOWED\?\s*\|\s*(?P<allowed>TRUE|FALSE)", re.IGNORECASE)
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Pod:
    """A pod as policies see it."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ip: str = _SOME_POD


@dataclass(frozen=True)
class External:
    """An address outside the cluster.

    Raises:
        ValueError: ``ip`` is no address.
    """

    ip: str

    def __post_init__(self) -> None:
        ip_address(self.ip)


Peer = Pod | External


@dataclass(frozen=True)
class Flow:
    """A connection that somebody would open. ``port`` is that of the destination's container, not of a Service."""

    source: Peer
    destination: Peer
    port: int
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    port_name: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer for one flow.

    Args:
        egress: whether the policies of the source let it out; true when none selects the source.
        ingress: whether the policies of the destination let it in; true when none selects the destination.
    """

    egress: bool
    ingress: bool

    @property
    def allowed(self) -> bool:
        return self.egress and self.ingress

    def __bool__(self) -> bool:
        return self.allowed

    def __str__(self) -> str:
        closed = [side for side, is_open in (("egress", self.egress), ("ingress", self.ingress)) if not is_open]
        return f"refused by {' and '.join(closed)}" if closed else "allowed"


def allowed(
    policies: Iterable[Mapping[str, Any]],
    namespaces: Mapping[str, Mapping[str, str]],
    source: Peer,
    destination: Peer,
    port: int,
    *,
    program: Path,
) -> Verdict:
    """Return the verdict on one TCP connection; see ``evaluate`` for many at once."""
    return evaluate(policies, namespaces, [Flow(source, destination, port)], program=program)[0]


def evaluate(
    policies: Iterable[Mapping[str, Any]],
    namespaces: Mapping[str, Mapping[str, str]],
    flows: Sequence[Flow],
    *,
    program: Path,
) -> list[Verdict]:
    """Return one verdict per flow, in their order.

    Args:
        policies: objects of any kind; those that are no NetworkPolicy are passed over.
        namespaces: labels by namespace, for every namespace that a flow names.
        flows: the connections in question.
        program: the cyclonus executable.

    Raises:
        MiniappInfraError: a flow names an unknown namespace, cyclonus is missing or fails, or its answer is not
            understood. There is no verdict then: a question without an answer is never "allowed".
    """
    items = [policy for policy in policies if policy.get("kind") == "NetworkPolicy"]
    traffic = [_traffic(flow, namespaces) for flow in flows]
    if not traffic:
        return []
    with tempfile.TemporaryDirectory(prefix="miniapp-network-") as directory:
        policy_file, traffic_file = Path(directory, "policies.json"), Path(directory, "traffic.json")
        listing = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": items}
        policy_file.write_text(json.dumps(listing), encoding="utf-8")
        traffic_file.write_text(json.dumps(traffic), encoding="utf-8")
        output = _run(program, policy_file, traffic_file)
    verdicts = parse(output)
    if len(verdicts) != len(flows):
        raise MiniappInfraError(
            f"Failed to evaluate network policies: {len(flows)} questions, but {len(verdicts)} answers"
        )
    return verdicts


def parse(output: str) -> list[Verdict]:
    """Read the tables that ``cyclonus analyze --mode query-traffic`` prints.

    A direction without rows has no policy and is open; one with rows is open when any of them allows. The total that
    cyclonus prints itself is compared, so a change of its format cannot turn into a wrong verdict.

    Raises:
        MiniappInfraError: the tables are not of the known form.
    """
    return [_verdict(answer) for answer in output.split(_ANSWER)[1:]]


def _verdict(table: str) -> Verdict:
    actions: dict[str, set[str]] = {"Ingress": set(), "Egress": set()}
    direction = action = ""
    for line in table.splitlines():
        row = _ROW.match(line)
        if row is None:
            continue
        # Cells that repeat the one above are left empty.
        direction, action = row["type"] or direction, row["action"] or action
        if direction and action:
            actions[direction].add(action)
    total = _TOTAL.search(table)
    verdict = Verdict(**{name.lower(): not found or "Allow" in found for name, found in actions.items()})
    if total is None or (total["allowed"].upper() == "TRUE") != verdict.allowed:
        raise MiniappInfraError("Failed to evaluate network policies: the answer of cyclonus is not of the known form")
    return verdict


def _traffic(flow: Flow, namespaces: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "Source": _peer(flow.source, namespaces),
        "Destination": _peer(flow.destination, namespaces),
        "ResolvedPort": flow.port,
        "ResolvedPortName": flow.port_name,
        "Protocol": flow.protocol,
    }


def _peer(peer: Peer, namespaces: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    if isinstance(peer, External):
        return {"Internal": None, "IP": peer.ip}
    if peer.namespace not in namespaces:
        raise MiniappInfraError(
            f"Failed to evaluate network policies: namespace {peer.namespace} is not among {', '.join(namespaces)}",
            code=ErrorCode.INVALID_INPUT,
        )
    return {
        "IP": peer.ip,
        "Internal": {
            "Namespace": peer.namespace,
            "NamespaceLabels": {**namespaces[peer.namespace], _NAME_LABEL: peer.namespace},
            "PodLabels": dict(peer.labels),
        },
    }


def _run(program: Path, policy_file: Path, traffic_file: Path) -> str:
    command = [
        str(program),
        "analyze",
        "--mode=query-traffic",
        f"--policy-path={policy_file}",
        f"--traffic-path={traffic_file}",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)
    except FileNotFoundError as error:
        raise MiniappInfraError(
            f"Failed to evaluate network policies: {program} does not exist",
            code=ErrorCode.MISSING_TOOL,
            hint="`make up` builds the toolchain and links it there.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MiniappInfraError(
            f"Timed out after {_TIMEOUT_SECONDS} s waiting to evaluate network policies", code=ErrorCode.TIMEOUT
        ) from error
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise MiniappInfraError(f"Failed to evaluate network policies: {reason[0]}")
    return done.stdout
