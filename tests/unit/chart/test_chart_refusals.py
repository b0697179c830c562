# SPDX-License-Identifier: GPL-3.0-or-later
"""What the chart refuses: a misspelt or dangerous value fails, with the field's name, instead of being ignored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SCHEMA = Path(__file__).parents[3] / "charts" / "miniapp-service" / "values.schema.json"


def change(values, path, value):
    *parents, last = path.split(".")
    target = values
    for key in parents:
        target = target[int(key)] if key.isdigit() else target[key]
    target[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replica", 2),
        ("image.tag", "1.2.0"),
        ("image.digest", "1.2.0"),
        ("image.digest", "sha256:e3b0"),
        ("image.repository", "registry.example.com/miniapp/workers:1.2.0"),
        ("image.repository", "registry.example.com/miniapp/workers@sha256:e3b0"),
        ("version", "1.2.0+build"),
        ("port", 80),
        ("resources.limits", {"cpu": "1"}),
        ("resources.limit", {}),
        ("resources", {"requests": {"cpu": "1", "memory": "1Gi"}}),
        ("env.lower", "x"),
        ("env.NUMBER", 5),
        ("secretEnv.0.value", "plain text"),
        ("featureFlags.new-scheduler", "yes"),
        ("jwksUrl", "identity"),
        ("probes.liveness.port", 1),
        ("probes.liveness.path", "healthz"),
        ("autoscaling.max", 3),
        ("autoscaling.minReplicas", 9),
        ("verticalAutoscaling.mode", "On"),
        ("podDisruptionBudget.maxUnavailable", 1),
        ("networkPolicies.0.spec.podSelector", {}),
        ("cronJobs.0.schedule", "tomorrow"),
        ("cronJobs.0.image", "other"),
        ("metrics.port", 9090),
        ("strategy", {"type": "Recreate"}),
        ("labels", {"miniapp.fuze/tier": "not a label"}),
    ],
)
def test_refused(run_helm, values, path, value):
    change(values, path, value)
    done = run_helm("template", values)
    assert done.returncode != 0
    last = [part for part in path.split(".") if not part.isdigit()][-1]
    assert last in done.stderr or path.split(".")[0] in done.stderr


@pytest.mark.parametrize("key", ["environment", "service", "owner", "version", "image", "port", "resources", "probes"])
def test_required(run_helm, values, key):
    del values[key]
    done = run_helm("template", values)
    assert done.returncode != 0
    assert key in done.stderr


def test_two_autoscalers_that_fight(run_helm, values):
    values["verticalAutoscaling"]["mode"] = "Recreate"
    assert run_helm("template", values).returncode != 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"env": {"JWKS_URL": "http://x"}}, "env.JWKS_URL"),
        ({"environment": "staging", "service": "a-service-with-quite-a-long-n"}, "Kubernetes allows 52"),
        ({"featureFlags": {"a-b": True, "a_b": True}}, "FEATURE_A_B"),
        ({"secretEnv": [{"name": "PAYHUB_URL", "secretName": "s", "key": "k"}]}, "secretEnv: PAYHUB_URL"),
    ],
)
def test_what_only_the_templates_can_see(run_helm, values, changes, message):
    done = run_helm("template", {**values, **changes})
    assert done.returncode != 0
    assert message in done.stderr


def test_schema_is_closed_at_every_level():
    """Every object of the schema either forbids unknown keys or says of which type each of them is."""

    def open_objects(node, path):
        if isinstance(node, dict):
            if node.get("type") == "object" and "additionalProperties" not in node:
                yield "/".join(path)
            for key, value in node.items():
                yield from open_objects(value, [*path, key])
        elif isinstance(node, list):
            for position, value in enumerate(node):
                yield from open_objects(value, [*path, str(position)])

    # The rules of a NetworkPolicy belong to Kubernetes, which checks them itself.
    spec = "properties/networkPolicies/items/properties/spec/properties"
    assert list(open_objects(json.loads(SCHEMA.read_text()), [])) == [f"{spec}/ingress/items", f"{spec}/egress/items"]
