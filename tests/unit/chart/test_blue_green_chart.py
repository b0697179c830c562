# SPDX-License-Identifier: GPL-3.0-or-later
"""What the chart renders for a service whose new versions wait in preview."""

from __future__ import annotations

import copy

import pytest

NAME = "local-miniapp-workers"
PREVIEW = f"{NAME}-preview"


@pytest.fixture
def blue_green(values):
    values["strategy"] = {"type": "BlueGreen"}
    return values


@pytest.fixture
def objects(render, blue_green):
    return render(blue_green)


def test_a_rollout_takes_the_place_of_the_deployment(render, blue_green, objects):
    rolling = render({**blue_green, "strategy": {"type": "RollingUpdate"}})
    assert ("Deployment", NAME) not in objects
    assert set(objects) - set(rolling) == {("Rollout", NAME), ("Service", PREVIEW)}
    assert objects["Rollout", NAME]["apiVersion"] == "argoproj.io/v1alpha1"


def test_the_pods_are_those_of_a_deployment(render, blue_green, objects):
    """Only how versions spread differs."""
    rolling = render({**blue_green, "strategy": {"type": "RollingUpdate"}})["Deployment", NAME]["spec"]
    rollout = copy.deepcopy(objects["Rollout", NAME]["spec"])
    for constraint in rollout["template"]["spec"]["topologySpreadConstraints"]:
        assert constraint.pop("matchLabelKeys") == ["rollouts-pod-template-hash"]
    assert rollout.pop("strategy") != rolling.pop("strategy")
    assert rollout == rolling


def test_the_strategy(objects):
    assert objects["Rollout", NAME]["spec"]["strategy"] == {
        "blueGreen": {
            "activeService": NAME,
            "previewService": PREVIEW,
            "autoPromotionEnabled": False,
            "scaleDownDelaySeconds": 30,
            "activeMetadata": {"labels": {"miniapp.fuze/role": "active"}},
            "previewMetadata": {"labels": {"miniapp.fuze/role": "preview"}},
            "antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 1}},
        }
    }


def test_nothing_goes_live_by_the_age_of_its_replica_set(objects):
    assert "rollbackWindow" not in objects["Rollout", NAME]["spec"]


def test_only_the_controller_writes_the_selectors(objects):
    """Declared by somebody else too, the selector would lose the version with each apply."""
    for name in (NAME, PREVIEW):
        spec = objects["Service", name]["spec"]
        assert "selector" not in spec
        assert spec["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]


def test_what_follows_the_workload(objects):
    target = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": NAME}
    assert objects["HorizontalPodAutoscaler", NAME]["spec"]["scaleTargetRef"] == target
    assert objects["VerticalPodAutoscaler", NAME]["spec"]["targetRef"] == target
    assert "replicas" not in objects["Rollout", NAME]["spec"]


def test_pods_in_preview_do_not_count_for_the_disruption_budget(render, values, objects):
    selector = objects["PodDisruptionBudget", NAME]["spec"]["selector"]["matchLabels"]
    assert selector["miniapp.fuze/role"] == "active"
    rolling = render({**values, "strategy": {"type": "RollingUpdate"}})
    assert "miniapp.fuze/role" not in rolling["PodDisruptionBudget", NAME]["spec"]["selector"]["matchLabels"]


def test_replicas_without_an_autoscaler(render, blue_green):
    blue_green["autoscaling"] = {"enabled": False}
    assert render(blue_green)["Rollout", NAME]["spec"]["replicas"] == 2


def test_promotion_can_be_left_to_the_controller(render, blue_green):
    blue_green["strategy"]["blueGreen"] = {"autoPromotionEnabled": True, "scaleDownDelaySeconds": 120}
    strategy = render(blue_green)["Rollout", NAME]["spec"]["strategy"]["blueGreen"]
    assert (strategy["autoPromotionEnabled"], strategy["scaleDownDelaySeconds"]) == (True, 120)


@pytest.mark.parametrize("strategy", ["RollingUpdate", "BlueGreen"])
def test_the_old_workload_stays_until_the_new_one_is_healthy(render, values, strategy):
    kind = "Rollout" if strategy == "BlueGreen" else "Deployment"
    annotations = render({**values, "strategy": {"type": strategy}})[kind, NAME]["metadata"]["annotations"]
    assert annotations == {"argocd.argoproj.io/sync-options": "PruneLast=true"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"autoPromotionEnabled": "no"},
        {"scaleDownDelaySeconds": 5},
        {"previewReplicas": 1},
        {"autoPromotionSeconds": 10},
    ],
)
def test_wrong_options_are_refused(run_helm, blue_green, wrong):
    blue_green["strategy"]["blueGreen"] = wrong
    done = run_helm("template", blue_green)
    assert done.returncode != 0
    assert next(iter(wrong)) in done.stderr


def test_a_preview_that_could_not_have_a_name(run_helm, blue_green):
    blue_green.update(environment="a-rather-long-environment", service="and-quite-a-long-service", cronJobs=[])
    done = run_helm("template", blue_green)
    assert done.returncode != 0
    assert "Kubernetes allows 63 for a Service" in done.stderr


def test_lint(run_helm, blue_green):
    done = run_helm("lint", blue_green)
    assert done.returncode == 0, done.stdout + done.stderr
