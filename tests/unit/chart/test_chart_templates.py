# SPDX-License-Identifier: GPL-3.0-or-later
"""What the chart renders."""

from __future__ import annotations

import pytest

NAME = "local-miniapp-workers"
DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
KINDS_WITHOUT_OPTIONS = {"ConfigMap", "Deployment", "Service", "ServiceAccount"}
OPTIONAL = (
    "autoscaling",
    "verticalAutoscaling",
    "podDisruptionBudget",
    "networkPolicies",
    "cronJobs",
    "env",
    "secretEnv",
    "featureFlags",
    "jwksUrl",
    "labels",
    "args",
)


def pod_templates(objects):
    yield objects["Deployment", NAME]["spec"]["template"]
    yield objects["CronJob", f"{NAME}-nightly"]["spec"]["jobTemplate"]["spec"]["template"]


def selects(selector, labels):
    return selector.items() <= labels.items()


def test_lint(run_helm, values):
    done = run_helm("lint", values)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_required_values(render, values):
    objects = render({key: value for key, value in values.items() if key not in OPTIONAL})
    assert {kind for kind, _ in objects} == KINDS_WITHOUT_OPTIONS
    assert objects["Deployment", NAME]["spec"]["replicas"] == 2


def test_every_option(render, values):
    objects = render(values)
    assert {kind for kind, _ in objects} == KINDS_WITHOUT_OPTIONS | {
        "CronJob",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "VerticalPodAutoscaler",
    }
    assert all(name.startswith(NAME) for _, name in objects)
    assert {item["metadata"]["namespace"] for item in objects.values()} == {"workers"}


def test_managed_labels_on_every_object_and_pod(render, values):
    values["labels"] = {"app.kubernetes.io/version": "9.9.9", "miniapp.fuze/tier": "backend"}
    expected = {
        "app.kubernetes.io/name": "workers",
        "app.kubernetes.io/instance": NAME,
        "app.kubernetes.io/version": "1.2.0",
        "app.kubernetes.io/part-of": "miniapp",
        "app.kubernetes.io/managed-by": "Helm",
        "miniapp.fuze/environment": "local",
        "miniapp.fuze/owner": "team-platform",
        "miniapp.fuze/tier": "backend",
    }
    objects = render(values)
    for item in [*objects.values(), *pod_templates(objects)]:
        assert selects(expected, item["metadata"]["labels"])


def test_pods_are_restricted(render, values):
    for template in pod_templates(render(values)):
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 65532
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["image"] == f"registry.example.com/miniapp/workers@{DIGEST}"
        assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - inside the container
        assert set(container["resources"]) == {"requests", "limits"}


def test_traffic_goes_to_server_pods_only(render, values):
    objects = render(values)
    server, job = (template["metadata"]["labels"] for template in pod_templates(objects))
    service = objects["Service", NAME]["spec"]
    assert service["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]
    for selector in (service["selector"], objects["PodDisruptionBudget", NAME]["spec"]["selector"]["matchLabels"]):
        assert selects(selector, server)
        assert not selects(selector, job)


def test_network_policy_covers_server_and_jobs(render, values):
    objects = render(values)
    policy = objects["NetworkPolicy", f"{NAME}-from-ingress"]["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    assert all(selects(policy["podSelector"]["matchLabels"], t["metadata"]["labels"]) for t in pod_templates(objects))


def test_replicas_are_left_to_the_autoscaler(render, values):
    assert "replicas" not in render(values)["Deployment", NAME]["spec"]


def test_settings(render, values):
    objects = render(values)
    assert objects["ConfigMap", NAME]["data"] == {
        "FEATURE_NEW_SCHEDULER": "true",
        "JWKS_URL": values["jwksUrl"],
        "MINIAPP_ENVIRONMENT": "local",
        "MINIAPP_SERVICE": "workers",
        "PAYHUB_URL": values["env"]["PAYHUB_URL"],
    }
    for template in pod_templates(objects):
        (container,) = template["spec"]["containers"]
        assert container["envFrom"] == [{"configMapRef": {"name": NAME}}]
        reference = {"secretKeyRef": {"name": "workers-database", "key": "url"}}
        assert container["env"] == [{"name": "DATABASE_URL", "valueFrom": reference}]


@pytest.mark.parametrize(
    "change", [{"env": {"PAYHUB_URL": "http://x"}}, {"featureFlags": {"new-scheduler": False}}, {"jwksUrl": ""}]
)
def test_changed_settings_roll_the_pods(render, values, change):
    def checksum(given):
        return render(given)["Deployment", NAME]["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

    assert checksum(values) != checksum({**values, **change})
    assert checksum(values) == checksum({**values, "replicas": 5})


def test_metrics_annotations(render, values):
    def annotations(given):
        return render(given)["Deployment", NAME]["spec"]["template"]["metadata"]["annotations"]

    scraped = {"prometheus.io/scrape": "true", "prometheus.io/path": "/metrics"}
    assert selects({**scraped, "prometheus.io/port": "9898"}, annotations(values))
    assert selects({**scraped, "prometheus.io/port": "9797"}, annotations({**values, "metricsPort": 9797}))
    assert not [key for key in annotations({**values, "metrics": {"enabled": False}}) if key.startswith("prometheus")]


def test_rolling_update_keeps_all_pods_ready(render, values):
    strategy = render(values)["Deployment", NAME]["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"enabled": True}, {"maxUnavailable": 1}),
        ({"enabled": True, "maxUnavailable": "25%"}, {"maxUnavailable": "25%"}),
        ({"enabled": True, "minAvailable": 0}, {"minAvailable": 0}),
    ],
)
def test_disruption_budget(render, values, budget, expected):
    spec = render({**values, "podDisruptionBudget": budget})["PodDisruptionBudget", NAME]["spec"]
    assert {key: spec[key] for key in ("minAvailable", "maxUnavailable") if key in spec} == expected


def test_cloud_identity(render, values):
    values["serviceAccount"] = {"annotations": {"iam.example.com/role": "workers"}}
    account = render(values)["ServiceAccount", NAME]
    assert account["metadata"]["annotations"] == {"iam.example.com/role": "workers"}
    assert account["automountServiceAccountToken"] is False
