# SPDX-License-Identifier: GPL-3.0-or-later
"""Computed names, quantities and chart values."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from miniapp_infra.catalog import Environment, naming, quantities
from miniapp_infra.catalog.render import service_values
from miniapp_infra.errors import ErrorCode, MiniappInfraError

from .conftest import ROOT

CHART_SCHEMA = ROOT / "charts" / "miniapp-service" / "values.schema.json"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", "0.25"),
        ("2", "2"),
        ("1.5", "1.5"),
        ("512Mi", 512 * 1024**2),
        ("1Gi", 1024**3),
        ("3k", 3000),
        ("2G", 2 * 10**9),
    ],
)
def test_quantities(text: str, value: str | int) -> None:
    assert quantities.parse(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "m", "-1", "1e3", "1 Gi", "1gi", "0x10"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="must be a Kubernetes quantity"):
        quantities.parse(text)


def test_names() -> None:
    assert naming.resource_name("prod", "playhub") == "prod-miniapp-playhub"
    assert naming.namespace("playhub") == "playhub"
    assert naming.host("playhub", "app.example.com") == "playhub.app.example.com"
    assert naming.service_dns("prod", "playhub") == "prod-miniapp-playhub.playhub.svc.cluster.local"
    assert naming.url_variable("play-hub") == "PLAY_HUB_URL"
    assert naming.cron_job_name("prod", "workers", "settle") == "prod-miniapp-workers-settle"
    assert naming.image_repository("registry:5000", "miniapp", "price") == "registry:5000/miniapp/price"


@pytest.mark.parametrize(("environment", "service"), [("prod", "Play_Hub"), ("-", "playhub"), ("prod", "p" * 60)])
def test_impossible_names_are_refused(environment: str, service: str) -> None:
    with pytest.raises(MiniappInfraError, match="is not an RFC 1123 label") as caught:
        naming.resource_name(environment, service)
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_labels() -> None:
    assert naming.labels("dev", owner="payments", service="payhub", version="1.0.0") == {
        "app.kubernetes.io/instance": "dev-miniapp-payhub",
        "app.kubernetes.io/managed-by": "miniapp-infra",
        "app.kubernetes.io/name": "payhub",
        "app.kubernetes.io/part-of": "miniapp",
        "app.kubernetes.io/version": "1.0.0",
        "miniapp.fuze/environment": "dev",
        "miniapp.fuze/owner": "payments",
    }


def test_unknown_service(dev: Environment) -> None:
    with pytest.raises(MiniappInfraError) as caught:
        dev.service("payhbu")
    assert caught.value.message == "Failed to find service payhbu in dev: unknown service; did you mean 'payhub'?"
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_callers(dev: Environment) -> None:
    assert dev.callers("watchlist") == ("admin", "webapp", "workers")


def test_connection(dev: Environment) -> None:
    named = dev.model_copy(update={"cluster": dev.cluster.model_copy(update={"kubeconfig": ".local/kubeconfig"})})
    absolute = dev.model_copy(update={"cluster": dev.cluster.model_copy(update={"kubeconfig": "/etc/kubeconfig"})})

    assert dev.connection(Path("/checkout")) == {"context": "dev-miniapp"}
    assert named.connection(Path("/checkout"))["kubeconfig"] == "/checkout/.local/kubeconfig"
    assert absolute.connection(Path("/checkout"))["kubeconfig"] == "/etc/kubeconfig"


def test_values_follow_the_schema_of_the_chart(environment: Environment) -> None:
    schema = json.loads(CHART_SCHEMA.read_text())
    release = {"image": {"repository": "registry:5000/miniapp/x", "digest": f"sha256:{'0' * 64}"}, "version": "1.0.0"}

    for name in environment.service_names:
        values = service_values(environment, name)
        assert not set(values) & set(release)
        jsonschema.validate({**values, **release}, schema)


def test_called_services_are_variables(environment: Environment) -> None:
    for name, service in environment.services.items():
        variables = service_values(environment, name)["env"]
        assert {key: value for key, value in variables.items() if key.endswith("_URL") and key not in service.env} == {
            f"{called.upper()}_URL": f"http://{environment.name}-miniapp-{called}.{called}.svc.cluster.local"
            for called in service.calls
        }
        assert list(variables) == sorted(variables)


def test_values_of_a_service(dev: Environment) -> None:
    values = service_values(dev, "price")

    assert values["service"] == "price"
    assert values["env"]["FEED_STALE_SECONDS"] == "30"
    assert values["featureFlags"] == {"median_of_feeds": True}
    assert {"name": "FEED_API_KEY", "secretName": "price-feeds", "key": "key"} in values["secretEnv"]
    assert values["labels"] == {"miniapp.fuze/tier": "critical"}
    assert "metricsPort" not in values


def test_metrics_port_only_where_it_differs(dev: Environment) -> None:
    price = dev.services["price"]
    metrics = price.metrics.model_copy(update={"port": 9100})
    changed = dev.model_copy(
        update={"services": {**dev.services, "price": price.model_copy(update={"metrics": metrics})}}
    )

    assert service_values(changed, "price")["metricsPort"] == 9100


def test_a_blue_green_service(dev: Environment) -> None:
    price = dev.services["price"].model_copy(update={"strategy": "blue_green"})
    changed = dev.model_copy(update={"services": {**dev.services, "price": price}})

    assert changed.blue_green_services == ("price",)
    assert service_values(changed, "price")["strategy"] == {"type": "BlueGreen"}
    assert service_values(changed, "payhub")["strategy"] == {"type": "RollingUpdate"}
