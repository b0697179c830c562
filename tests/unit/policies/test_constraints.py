# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import re

import pytest

from miniapp_infra import catalog
from miniapp_infra.policy import constraints

from .conftest import ROOT


def parameters(rendered, name):
    (spec,) = [constraint["spec"] for constraint in rendered if constraint["metadata"]["name"] == name]
    return spec["parameters"]


def test_the_repository_has_the_parameters_of_the_local_environment(environment, policies):
    """So the suites evaluate exactly what the local cluster is given."""
    for policy, rendered in zip(policies, constraints.render(environment, policies), strict=True):
        assert rendered["spec"] == policy.constraint["spec"], policy.name


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_parameters_follow_the_environment(policies, name):
    environment = catalog.load(ROOT / "inventories" / name)
    rendered = constraints.render(environment, policies)

    labels = {label["key"]: label["allowedRegex"] for label in parameters(rendered, "required-labels")["labels"]}
    assert labels["miniapp.fuze/environment"] == f"^{name}$"
    assert re.search(labels["app.kubernetes.io/instance"], f"{name}-miniapp-playhub")
    assert not re.search(labels["app.kubernetes.io/instance"], "other-miniapp-playhub")
    assert parameters(rendered, "trusted-registries")["repositories"] == [
        f"{environment.registry.host}/{environment.registry.prefix}/"
    ]


def test_the_labels_that_we_give_are_the_labels_that_we_require(environment):
    given = environment.labels("playhub") | {"app.kubernetes.io/version": "1.0.0"}
    required = {label["key"]: label["allowedRegex"] for label in constraints.required_labels(environment)}
    assert required.keys() == given.keys()
    assert all(re.search(required[key], given[key]) for key in given)


def test_every_image_that_we_deploy_is_from_a_trusted_repository(environment):
    for service in environment.service_names:
        assert environment.image_repository(service).startswith(constraints.trusted_repositories(environment)[0])


def test_policies_are_not_changed(environment, policies):
    before = copy.deepcopy(policies)
    constraints.render(environment, policies)
    constraints.templates(environment, policies)
    assert policies == before


def test_everything_carries_the_labels_of_the_environment(environment, policies):
    for manifest in constraints.render(environment, policies) + constraints.templates(environment, policies):
        assert manifest["metadata"]["labels"]["miniapp.fuze/environment"] == "local"
        assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "miniapp-infra"
