# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on catalogue agrees with the environments, with the toolchain and with what lies in gitops/addons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from miniapp_infra.catalog.models.addons import Addons
from miniapp_infra.local.layout import DNS_SERVICE_ADDRESS, MOTO_URL
from miniapp_infra.local.standins import moto

from .conftest import ROOT

CATALOGUE = yaml.safe_load((ROOT / "gitops" / "addons" / "catalogue.yml").read_text(encoding="utf-8"))["addons"]
KEYS = {"health", "local", "name", "namespace", "namespace_labels", "order", "upstream", "version"}
SOURCE_KEYS = {"helm": {"kind", "chart", "values"}, "kustomize": {"kind", "path"}}
LOCAL_KEYS = {"profile", "tools"}
MODULES = {
    "argo_rollouts": "github.com/argoproj/argo-rollouts",
    "argocd": "github.com/argoproj/argo-cd/v3",
    "coredns": "github.com/coredns/coredns",
    "gatekeeper": "github.com/open-policy-agent/gatekeeper/v3",
    "policy_controller": "github.com/sigstore/policy-controller",
    "velero": "github.com/vmware-tanzu/velero",
}
# Seconds that an admission webhook that fails closed may take, and the one exception (docs/adr/0005).
LIMIT = 3
SIGNATURES = "policy.sigstore.dev", "ValidatingWebhookConfiguration"


def documents(path):
    return list(yaml.safe_load_all((ROOT / path).read_text(encoding="utf-8")))


@pytest.fixture(params=CATALOGUE, ids=lambda addon: addon["name"])
def addon(request):
    return request.param


def test_the_catalogue_has_the_add_ons_of_the_environment_model():
    names = [addon["name"] for addon in CATALOGUE]
    assert names == sorted(Addons.model_fields)


def test_entries_have_the_same_keys(addon):
    assert addon.keys() == KEYS
    for source in (addon["upstream"], addon["local"]):
        known = SOURCE_KEYS[source["kind"]]
        assert known <= source.keys() - LOCAL_KEYS <= known | {"repository", "version"}
    assert not addon["upstream"].keys() & LOCAL_KEYS
    assert addon["health"]


def test_no_two_add_ons_are_installed_at_once():
    orders = [addon["order"] for addon in CATALOGUE]
    assert len(orders) == len(set(orders))


def test_guardrails_come_before_signatures():
    order = {addon["name"]: addon["order"] for addon in CATALOGUE}
    assert order["gatekeeper"] < order["policy_controller"]


@pytest.mark.parametrize("environment", ["local", "dev", "staging", "prod"])
def test_environments_ask_for_the_version_of_the_catalogue(addon, environment):
    (asked,) = documents(f"inventories/{environment}/group_vars/all/addons.yml")
    assert asked["addons"][addon["name"]]["version"] == addon["version"]


def test_the_toolchain_builds_the_version_of_the_catalogue(addon):
    folder = addon["name"].replace("_", "-")
    text = (ROOT / "local" / "toolchain" / folder / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^(?:require\s+|\t){re.escape(MODULES[addon['name']])} v(\S+)", text, re.MULTILINE)
    assert found
    assert found[1] == addon["version"]


def test_files_of_the_repository_exist(addon):
    for source in (addon["upstream"], addon["local"]):
        own = [*source.get("values", []), *([source["path"]] if "path" in source else [])]
        missing = [path for path in own if not path.startswith("https://") and not (ROOT / path).exists()]
        assert not missing


def test_add_ons_of_the_full_profile_name_their_tools(addon):
    tools = {tool["name"]: tool for tool in documents("local/toolchain/tools.yml")[0]["tools"]}
    if "profile" not in addon["local"]:
        assert "tools" not in addon["local"]
        return
    assert addon["local"]["profile"] == "full"
    assert addon["local"]["tools"]
    assert {tools[name]["profile"] for name in addon["local"]["tools"]} == {"full"}


def test_velero_keeps_its_backups_in_the_bucket_of_the_stand_in():
    (location,) = documents("gitops/addons/velero/local/location.yaml")
    assert location["spec"]["objectStorage"]["bucket"] == moto.BUCKET
    assert location["spec"]["config"]["s3Url"] == MOTO_URL
    assert location["spec"]["config"]["region"] == moto.REGION


def test_every_definition_of_velero_is_applied():
    (kustomization,) = documents("gitops/addons/velero/local/kustomization.yaml")
    assets = ROOT / ".local" / "assets" / "velero" / "config" / "crd"
    if not assets.exists():
        pytest.skip("the full profile is not built here (make up PROFILE=full)")
    named = {Path(path).name for path in kustomization["resources"] if "/crd/" in path}
    assert named == {path.name for path in assets.glob("*/bases/*.yaml")}


@pytest.mark.parametrize("folder", ["argo_rollouts", "velero"])
def test_charts_run_the_image_of_the_catalogue(folder):
    (version,) = [addon["version"] for addon in CATALOGUE if addon["name"] == folder]
    (values,) = documents(f"gitops/addons/{folder}/values.yaml")
    assert values.get("controller", values)["image"]["tag"] == f"v{version}"


def test_rollouts_run_the_image_of_the_catalogue_locally():
    (version,) = [addon["version"] for addon in CATALOGUE if addon["name"] == "argo_rollouts"]
    (kustomization,) = documents("gitops/addons/argo_rollouts/local/kustomization.yaml")
    assert [image["newTag"] for image in kustomization["images"]] == [f"v{version}"]


@pytest.mark.parametrize("folder", ["coredns/local", "policy_controller/local", "velero/local"])
def test_local_images_have_the_version_of_the_catalogue(folder):
    name = folder.split("/", maxsplit=1)[0]
    (version,) = [addon["version"] for addon in CATALOGUE if addon["name"] == name]
    (deployment,) = documents(f"gitops/addons/{folder}/deployment.yaml")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f":v{version}")


def test_cluster_dns_is_where_pods_look_for_it():
    (service,) = documents("gitops/addons/coredns/local/service.yaml")
    assert service["spec"]["clusterIP"] == DNS_SERVICE_ADDRESS


def test_cluster_dns_asks_nobody_outside():
    assert not re.search(
        r"^\s*forward\b", (ROOT / "gitops/addons/coredns/local/Corefile").read_text("utf-8"), re.MULTILINE
    )


def test_gatekeeper_fails_closed_and_quickly():
    (values,) = documents("gitops/addons/gatekeeper/values.yaml")
    assert values["validatingWebhookFailurePolicy"] == "Fail"
    assert values["validatingWebhookCheckIgnoreFailurePolicy"] == "Fail"
    assert values["validatingWebhookTimeoutSeconds"] <= LIMIT


def test_gatekeeper_never_stands_between_the_cluster_and_its_recovery():
    (values,) = documents("gitops/addons/gatekeeper/values.yaml")
    exempt = set(values["validatingWebhookExemptNamespacesLabels"]["kubernetes.io/metadata.name"])
    assert exempt >= {"kube-system", "kube-node-lease", "argocd", "cosign-system"}
    groups = {group for rule in values["validatingWebhookCustomRules"] for group in rule["apiGroups"]}
    assert not groups & {"*", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"}
    for rule in values["validatingWebhookCustomRules"]:
        if "" in rule["apiGroups"]:
            assert all(resource.startswith("pods") for resource in rule["resources"])


def test_gatekeeper_is_asked_about_everything_that_a_policy_looks_at():
    (values,) = documents("gitops/addons/gatekeeper/values.yaml")
    asked = {
        (group, resource)
        for rule in values["validatingWebhookCustomRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    for path in sorted((ROOT / "policies" / "gatekeeper").glob("*/constraint.yaml")):
        (constraint,) = documents(path)
        for kinds in constraint["spec"]["match"]["kinds"]:
            for group in kinds["apiGroups"]:
                assert {(group, f"{kind.lower()}s") for kind in kinds["kinds"]} <= asked, path
    assert ("", "pods/ephemeralcontainers") in asked


def test_nobody_can_label_a_namespace_out_of_the_policies():
    for name in ("values.yaml", "values-local.yaml"):
        (values,) = documents(f"gitops/addons/gatekeeper/{name}")
        assert not values["controllerManager"].get("exemptNamespaces")
        assert not values["controllerManager"].get("exemptNamespacePrefixes")


def test_webhooks_of_policy_controller_answer_in_time():
    seen = set()
    for configuration in documents("gitops/addons/policy_controller/local/webhooks.yaml"):
        for webhook in configuration["webhooks"]:
            seen.add((webhook["name"], configuration["kind"]))
            limit = 10 if (webhook["name"], configuration["kind"]) == SIGNATURES else LIMIT
            assert webhook["timeoutSeconds"] <= limit, webhook["name"]
    assert len(seen) == 4


def test_an_image_that_no_policy_speaks_of_is_refused():
    (local,) = documents("gitops/addons/policy_controller/local/configuration.yaml")
    (cloud,) = documents("gitops/addons/policy_controller/values.yaml")
    for data in (local["data"], cloud["webhook"]["configData"]):
        assert data == {"no-match-policy": "deny", "fail-on-empty-authorities": "true"}
