# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller of Rollouts whose moves a test decides: it writes statuses through a real API server.

Its rules are those of the blue/green strategy of Argo Rollouts (``rollout/bluegreen.go``, ``rollout/sync.go``), one
transition for each look, so that what is in between can be seen. It makes no pods.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from live_apiserver import Raw

Object = dict[str, Any]
MERGE = "application/merge-patch+json"
LOOK = 0.05
"""Seconds between two looks."""
ABORTED = "RolloutAborted: Rollout aborted update to revision 2"
REFUSAL = (
    'Failed to create new replica set "web-2": '
    'admission webhook "policy.sigstore.dev" denied the request: no signatures'
)


def pod_hash(image: str) -> str:
    """Return a stand-in for the hash of a pod template."""
    return hashlib.sha256(image.encode()).hexdigest()[:10]


class ScriptedRollouts:
    """The Rollouts of one namespace. A context manager: within it the controller works.

    Args:
        raw: the API server.
        namespace: where it looks.

    Attributes:
        stuck: images whose pods never become available.
        refused: images whose ReplicaSet admission refuses.
    """

    def __init__(self, raw: Raw, namespace: str) -> None:
        self.raw = raw
        self.namespace = namespace
        self.stuck: set[str] = set()
        self.refused: set[str] = set()
        self._path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts"
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._end.clear()
        self._thread = threading.Thread(target=self._work, name="rollouts", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        assert self._thread is not None
        self._thread.join(timeout=60)

    def create(self, name: str, image: str, strategy: Object | None = None) -> None:
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {
                "selector": {"matchLabels": {"app": name}},
                "strategy": strategy or {"blueGreen": {"activeService": name, "autoPromotionEnabled": False}},
                "template": self._template(name, image),
            },
        }
        code, answer = self.raw.send("POST", self._path, body)
        assert code == 201, answer

    def set_image(self, name: str, image: str) -> None:
        """Ask for another version, as Git does."""
        self.patch(name, {"spec": {"template": self._template(name, image)}})

    def patch(self, name: str, body: Object, subresource: str = "") -> Object:
        path = f"{self._path}/{name}{'/' + subresource if subresource else ''}"
        code, answer = self.raw.send("PATCH", path, body, content_type=MERGE)
        assert code == 200, answer
        return answer

    def get(self, name: str) -> Object:
        return self.raw.get(f"{self._path}/{name}")

    def step(self) -> None:
        """Look at each Rollout once."""
        for item in self.raw.get(self._path)["items"]:
            status = self._next(item)
            if status is not None:
                version = {"metadata": {"resourceVersion": item["metadata"]["resourceVersion"]}}
                # A lost race is decided anew with the next look.
                self.raw.send(
                    "PATCH",
                    f"{self._path}/{item['metadata']['name']}/status",
                    {**version, "status": status},
                    content_type=MERGE,
                )

    def _work(self) -> None:
        while not self._end.wait(LOOK):
            self.step()

    @staticmethod
    def _template(name: str, image: str) -> Object:
        return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": name, "image": image}]}}

    def _next(self, item: Object) -> Object | None:
        """Return what changes in the status, None when nothing does."""
        spec, status = item["spec"], item.get("status") or {}
        image = spec["template"]["spec"]["containers"][0]["image"]
        wanted, seen = pod_hash(image), {"observedGeneration": str(item["metadata"]["generation"])}
        if image in self.refused and wanted != status.get("currentPodHash"):
            condition = {
                "type": "Progressing",
                "status": "False",
                "reason": "ReplicaSetCreateError",
                "message": REFUSAL,
                "lastUpdateTime": "2026-11-22T10:00:00Z",
                "lastTransitionTime": "2026-11-22T10:00:00Z",
            }
            told = {**seen, "conditions": [condition]}
            return None if {key: status.get(key) for key in told} == told else told
        if wanted != status.get("currentPodHash"):
            return {**seen, **self._begin(status, wanted)}
        changes = self._go_on(spec, status, image)
        if changes is None and status.get("observedGeneration") != seen["observedGeneration"]:
            changes = {}
        return None if changes is None else {**seen, **changes}

    @staticmethod
    def _begin(status: Object, wanted: str) -> Object:
        """A new pod template forgets pauses and aborts; the first version and the one that serves are live at once."""
        begun = {"currentPodHash": wanted, "abort": None, "pauseConditions": None, "controllerPause": None}
        begun["conditions"] = None
        if wanted == status.get("stableRS", wanted):
            selectors = {"activeSelector": wanted, "previewSelector": wanted}
            return {**begun, "stableRS": wanted, "blueGreen": selectors, "phase": "Healthy", "message": None}
        return {
            **begun,
            "blueGreen": {"previewSelector": wanted},
            "phase": "Progressing",
            "message": "more replicas need to be updated",
        }

    def _go_on(self, spec: Object, status: Object, image: str) -> Object | None:  # noqa: PLR0911 - one for each rule
        phase, current = status.get("phase"), status["currentPodHash"]
        resumed = status.get("controllerPause") and not status.get("pauseConditions")
        if status.get("abort"):
            if phase == "Degraded":
                return None
            stopped = {"pauseConditions": None, "controllerPause": None, "phase": "Degraded", "message": ABORTED}
            return {**stopped, "blueGreen": {"activeSelector": status["stableRS"]}}
        if resumed or status.get("promoteFull"):
            return {
                "controllerPause": None,
                "pauseConditions": None,
                "promoteFull": None,
                "stableRS": current,
                "blueGreen": {"activeSelector": current},
                "phase": "Healthy",
                "message": None,
            }
        if spec.get("restartAt") != status.get("restartedAt"):
            return {"restartedAt": spec.get("restartAt")}
        if phase == "Degraded" and status.get("message") == ABORTED:
            return {"phase": "Progressing", "message": "more replicas need to be updated"}
        if phase == "Progressing" and image not in self.stuck:
            pause = {"reason": "BlueGreenPause", "startTime": "2026-11-22T10:00:00Z"}
            return {"phase": "Paused", "message": "BlueGreenPause", "controllerPause": True, "pauseConditions": [pause]}
        return None
