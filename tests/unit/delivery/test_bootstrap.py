# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from miniapp_infra.catalog.models.freeze import FreezeWindow
from miniapp_infra.catalog.models.gitops import Credentials
from miniapp_infra.delivery import bootstrap, cluster_objects, git_objects

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TEMPLATES = Path(__file__).parents[3] / "charts" / "miniapp-service" / "templates"


@pytest.fixture
def objects(environment):
    return {(item["kind"], item["metadata"]["name"]): item for item in cluster_objects(environment, NOW)}


@pytest.fixture
def services(environment):
    (found,) = git_objects(environment).values()
    return found


def test_what_the_role_applies(objects):
    assert list(objects) == [
        ("Secret", "local-miniapp-charts"),
        ("Secret", "local-miniapp-desired-state"),
        ("AppProject", "local-miniapp"),
        ("AppProject", "local-miniapp-root"),
        ("Application", "local-miniapp-root"),
    ]
    assert {item["metadata"]["namespace"] for item in objects.values()} == {"argocd"}


def test_services_may_only_go_where_services_are(objects, environment):
    spec = objects["AppProject", "local-miniapp"]["spec"]
    assert spec["sourceRepos"] == [environment.gitops.chart.ref, environment.gitops.repository]
    assert [item["namespace"] for item in spec["destinations"]] == list(environment.service_names)
    assert len(spec["destinations"]) == 12
    assert {item["server"] for item in spec["destinations"]} == {"https://kubernetes.default.svc"}
    assert spec["clusterResourceWhitelist"] == []
    assert spec["orphanedResources"]["warn"] is True


def test_services_may_only_make_the_kinds_of_the_chart(objects):
    rendered = {
        (match["group"].rpartition("/")[0], match["kind"])
        for template in TEMPLATES.glob("*.yaml")
        for match in re.finditer(
            r"^apiVersion: (?P<group>\S+)\nkind: (?P<kind>\S+)$", template.read_text(), re.MULTILINE
        )
    }
    spec = objects["AppProject", "local-miniapp"]["spec"]
    assert {(item["group"], item["kind"]) for item in spec["namespaceResourceWhitelist"]} == rendered


def test_root_may_only_make_application_sets(objects):
    spec = objects["AppProject", "local-miniapp-root"]["spec"]
    assert spec["namespaceResourceWhitelist"] == [{"group": "argoproj.io", "kind": "ApplicationSet"}]
    assert [item["namespace"] for item in spec["destinations"]] == ["argocd"]
    root = objects["Application", "local-miniapp-root"]["spec"]
    assert root["project"] == "local-miniapp-root"
    assert root["source"]["path"] == "bootstrap/local"
    assert "Prune=confirm" in root["syncPolicy"]["syncOptions"]


def test_repository_with_a_password_is_left_to_the_secret_manager(environment):
    credentials = Credentials(secret_name="git-token")  # noqa: S106 - the name of a Secret
    gitops = environment.gitops.model_copy(update={"credentials": credentials})
    objects = cluster_objects(environment.model_copy(update={"gitops": gitops}), NOW)
    secrets = [item for item in objects if item["kind"] == "Secret"]
    assert [item["stringData"]["type"] for item in secrets] == ["oci"]
    assert not [key for item in secrets for key in item["stringData"] if key in {"password", "username"}]


def test_freeze_windows_become_sync_windows(environment):
    window = FreezeWindow(
        name="weekend",
        start="2026-01-02T18:00:00",
        rrule="FREQ=WEEKLY;BYDAY=FR",
        duration="P2DT14H",
        timezone="Asia/Bangkok",
        reason="nobody is there",
        owner="sre",
    )
    objects = cluster_objects(environment.model_copy(update={"freeze_windows": (window,)}), NOW)
    (project,) = [item for item in objects if item["metadata"]["name"] == "local-miniapp"]
    assert project["spec"]["syncWindows"] == [
        {
            "kind": "deny",
            "schedule": "0 18 * * 5",
            "duration": "62h0m",
            "applications": ["*"],
            "manualSync": False,
            "timeZone": "Asia/Bangkok",
            "description": "weekend: nobody is there (owner sre)",
        }
    ]


def test_losing_a_file_or_the_set_takes_no_service_along(services):
    assert services["spec"]["syncPolicy"] == {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True}
    assert "finalizers" not in services["spec"]["template"]["metadata"]


def test_a_misspelt_template_variable_is_an_error(services):
    assert services["spec"]["goTemplate"] is True
    assert services["spec"]["goTemplateOptions"] == ["missingkey=error"]


def test_a_release_speaks_for_its_own_folder_only(services):
    """Name, project, namespace and values come from the path; only version, chart and image from the content."""
    template = services["spec"]["template"]
    assert services["spec"]["generators"][0]["git"]["files"] == [{"path": "services/local/*/release.yaml"}]
    assert template["metadata"]["name"] == "local-miniapp-{{ .path.basename }}"
    assert template["spec"]["destination"]["namespace"] == "{{ .path.basename }}"
    assert template["spec"]["project"] == "local-miniapp"
    used = set(re.findall(r"{{ \.([a-z.]+) }}", str(template)))
    assert used == {"path.basename", "version", "chart.version", "image.repository", "image.digest"}


def test_chart_and_values_are_two_sources(services, environment):
    chart, values = services["spec"]["template"]["spec"]["sources"]
    assert (chart["repoURL"], chart["path"]) == (environment.gitops.chart.ref, ".")
    assert chart["helm"]["valueFiles"] == ["$values/services/local/{{ .path.basename }}/values.yaml"]
    assert values == {"repoURL": environment.gitops.repository, "targetRevision": "main", "ref": "values"}


def test_sync_policy(services):
    policy = services["spec"]["template"]["spec"]["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True}
    assert {"ServerSideApply=true", "CreateNamespace=false"} <= set(policy["syncOptions"])
    assert policy["retry"]["limit"] == 5
    assert policy["retry"]["refresh"] is True


def test_names(environment):
    name = environment.name
    assert bootstrap.project_name(name) == "local-miniapp"
    assert bootstrap.application_set_name(name) == "local-miniapp-services"
