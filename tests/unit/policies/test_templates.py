# SPDX-License-Identifier: GPL-3.0-or-later
"""What all templates and constraints have in common (docs/adr/0004-guardrails-in-cel.md)."""

from __future__ import annotations

import pytest

SOURCE_KEYS = {"failurePolicy", "generateVAP", "matchCondition", "validations", "variables"}
SHARED_VARIABLES = ["subject", "podTemplate", "podSpec"]


def source(policy):
    (target,) = policy.template["spec"]["targets"]
    (code,) = target["code"]
    assert code["engine"] == "K8sNativeValidation"
    return code["source"]


def variables(policy):
    return {variable["name"]: variable["expression"] for variable in source(policy)["variables"]}


def test_templates_fail_closed_in_the_apiserver(policies):
    for policy in policies:
        assert source(policy)["failurePolicy"] == "Fail", policy.name
        assert source(policy)["generateVAP"] is True, policy.name


def test_templates_use_only_keys_that_gatekeeper_knows(policies):
    # The CRD preserves unknown keys here, so a misspelt one would silently do nothing.
    assert {key for policy in policies for key in source(policy)} == SOURCE_KEYS


def test_what_templates_repeat_is_the_same_everywhere(policies):
    first = policies[0]
    for policy in policies:
        assert source(policy)["matchCondition"] == source(first)["matchCondition"], policy.name
        for name in SHARED_VARIABLES:
            assert variables(policy)[name] == variables(first)[name], (policy.name, name)


def test_policies_that_look_at_all_containers_find_them_alike(policies):
    found = {
        variables(policy)["containers"]
        for policy in policies
        if policy.name not in {"required-labels", "resource-bounds"}
    }
    (expression,) = found
    assert all(f"?{kind}." in expression for kind in ("containers", "initContainers", "ephemeralContainers"))


def test_template_names_are_what_gatekeeper_expects(policies):
    for policy in policies:
        assert policy.template["metadata"]["name"] == policy.kind.lower()


def test_constraints_deny_in_tenant_namespaces_only(policies):
    for policy in policies:
        spec = policy.constraint["spec"]
        assert spec["enforcementAction"] == "deny", policy.name
        assert spec["match"]["namespaceSelector"] == {"matchLabels": {"miniapp.fuze/tenant": "true"}}, policy.name


def test_constraints_match_the_same_kinds(policies):
    assert len({str(policy.constraint["spec"]["match"]) for policy in policies}) == 1


@pytest.mark.parametrize("part", ["because", "fix"])
def test_messages_have_a_reason_and_a_fix(policies, part):
    # A message reads: what is wrong, a colon, why it matters, a semicolon, how to set it right.
    for policy in policies:
        for validation in source(policy)["validations"]:
            message = validation["messageExpression"]
            assert (": " if part == "because" else ";") in message, policy.name
            assert "\n" not in message, "the apiserver drops a message with a line break"
