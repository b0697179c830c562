# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server of the benchmark: the benchmark reaches it directly, the contenders through a slow network."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import urllib3

from api_proxy import ApiProxy
from bench import workload
from live_apiserver import TOKEN, ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from live_apiserver import Raw

COLLECTIONS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
}
"""Every kind of which contenders make objects, for themselves or in the name of the benchmark."""

READY_AFTER = 2.0
EMPTY_TIMEOUT = 120.0


@dataclass(frozen=True)
class Traffic:
    """What went through the proxy since the last reset."""

    requests: int
    most_in_flight: int
    by_verb: dict[str, int] = field(default_factory=dict)


class Cluster:
    """An API server with an etcd of its own and the proxy in front of it. A context manager.

    Args:
        state: an empty directory.
        round_trip: seconds that the proxy makes of every request.
    """

    def __init__(self, state: Path, round_trip: float) -> None:
        state.mkdir(parents=True)
        self._server = ApiServer(state)
        self._proxy = ApiProxy(self._server.kubeconfig, delay=round_trip)

    def __enter__(self) -> Self:
        self._server.__enter__()
        try:
            self._proxy.__enter__()
        except BaseException:
            self._server.__exit__(None, None, None)
            raise
        self._raw: Raw = self._server.raw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._proxy.__exit__(kind, error, trace)
        finally:
            self._server.__exit__(kind, error, trace)

    @property
    def kubeconfig(self) -> Path:
        """Leads through the proxy."""
        return self._proxy.kubeconfig

    @property
    def direct_kubeconfig(self) -> Path:
        """Leads past the proxy: for what belongs to the cluster and not to a contender."""
        return self._server.kubeconfig

    def set_round_trip(self, seconds: float) -> None:
        self._proxy.set_delay(seconds)

    def reset_traffic(self) -> None:
        self._proxy.reset()

    def traffic(self) -> Traffic:
        stats = self._proxy.stats()
        return Traffic(stats["requests"], stats["max_in_flight"], dict(sorted(stats["by_verb"].items())))

    def version(self) -> str:
        return str(self._raw.get("/version")["gitVersion"])

    def ensure(self, path: str, obj: dict[str, Any]) -> None:
        """Create an object that may exist already."""
        status, body = self._raw.send("POST", path, obj)
        if status not in {HTTPStatus.CREATED, HTTPStatus.CONFLICT}:
            raise RuntimeError(f"cannot create {obj['kind']} {obj['metadata']['name']}: {body}")

    def ensure_namespace(self, name: str) -> None:
        self.ensure("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def objects(self, namespace: str) -> list[dict[str, Any]]:
        """Read everything that contenders left in a namespace, past the proxy and its counter."""
        return [obj for kind in COLLECTIONS for obj in self.objects_of(kind, namespace)]

    def objects_of(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        """Read the objects of one kind in a namespace."""
        return [
            {**item, "kind": kind, "apiVersion": page["apiVersion"]}
            for page in self._pages(COLLECTIONS[kind].format(namespace))
            for item in page["items"]
        ]

    def empty(self, namespace: str) -> None:
        """Remove everything that contenders left in a namespace; return when it is gone."""
        for path in COLLECTIONS.values():
            options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
            status, body = self._raw.send("DELETE", path.format(namespace), options)
            if status != HTTPStatus.OK:
                raise RuntimeError(f"cannot empty {path.format(namespace)}: {body}")
        deadline = time.monotonic() + EMPTY_TIMEOUT
        while left := self.objects(namespace):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(left)} objects of {namespace} are still there after {EMPTY_TIMEOUT:.0f} s")
            time.sleep(0.1)

    def controller(self) -> FakeController:
        return FakeController(self._server.url, self._server.certificate, self._raw)

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            page = self._raw.get(f"{path}?limit=1000" + (f"&continue={token}" if token else ""))
            yield page
            token = page["metadata"].get("continue", "")
            if not token:
                return


class FakeController:
    """Makes each labelled Deployment ready two seconds after it appeared or changed. A context manager."""

    def __init__(self, url: str, certificate: Path, raw: Raw) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(ca_certs=str(certificate), retries=False)
        self._raw = raw
        self._stopped = threading.Event()
        self._timers: list[threading.Timer] = []
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._thread = threading.Thread(target=self._follow, name="fake controller", daemon=True)
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._answer = self._watch()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._answer is not None:
            self._answer.shutdown()
        self._thread.join(timeout=30)
        for timer in self._timers:
            timer.cancel()
        if self._failure is not None:
            raise self._failure from error

    def _watch(self) -> urllib3.BaseHTTPResponse:
        query = f"watch=1&timeoutSeconds=3600&labelSelector={workload.CONTROLLED}"
        answer = self._pool.request(
            "GET",
            f"{self._url}/apis/apps/v1/deployments?{query}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            preload_content=False,
            timeout=urllib3.Timeout(connect=10, read=3700),
        )
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"cannot watch Deployments: {answer.read()!r}")
        return answer

    def _follow(self) -> None:
        assert self._answer is not None
        rest = b""
        try:
            for chunk in self._answer.stream(65536):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in filter(None, lines):
                    self._take(json.loads(line))
        except (urllib3.exceptions.HTTPError, OSError, ValueError, RuntimeError) as error:
            if not self._stopped.is_set():
                self._failure = error

    def _take(self, event: dict[str, Any]) -> None:
        obj = event["object"]
        behind = obj.get("status", {}).get("observedGeneration") != obj["metadata"].get("generation")
        if event["type"] in {"ADDED", "MODIFIED"} and behind:
            timer = threading.Timer(READY_AFTER, self._make_ready, [obj])
            timer.daemon = True
            self._timers = [*(item for item in self._timers if item.is_alive()), timer]
            timer.start()

    def _make_ready(self, obj: dict[str, Any]) -> None:
        replicas = obj["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
        conditions = [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ]
        status = {**counts, "observedGeneration": obj["metadata"]["generation"], "conditions": conditions}
        path = COLLECTIONS["Deployment"].format(obj["metadata"]["namespace"])
        code, body = self._raw.send(
            "PATCH",
            f"{path}/{obj['metadata']['name']}/status",
            {"status": status},
            content_type="application/merge-patch+json",
        )
        # One that was removed in the meantime needs no status.
        if code not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            self._failure = RuntimeError(f"cannot make {obj['metadata']['name']} ready: {body}")
