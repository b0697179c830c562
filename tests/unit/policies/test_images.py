# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from miniapp_infra import catalog
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.policy import images

from .conftest import ROOT


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key):
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def private_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def with_cosign(environment, **changes):
    cosign = environment.supply_chain.cosign.model_copy(update=changes)
    return environment.model_copy(
        update={"supply_chain": environment.supply_chain.model_copy(update={"cosign": cosign})}
    )


def test_images_of_our_registry_need_a_signature_of_our_key(environment):
    pem = public_pem(new_key())
    policy = images.render(environment, [pem])

    assert policy["metadata"]["name"] == "local-miniapp-signed-images"
    assert policy["spec"]["mode"] == "enforce"
    assert policy["spec"]["images"] == [{"glob": "198.18.0.2:5000/miniapp/**"}]
    (authority,) = policy["spec"]["authorities"]
    assert authority["key"] == {"data": pem, "hashAlgorithm": "sha256"}
    assert authority["signatureFormat"] == "legacy"
    assert "ctlog" not in authority


def test_any_one_of_two_keys_is_enough_during_a_rotation(environment):
    old, new = public_pem(new_key()), public_pem(new_key())
    authorities = images.render(environment, [old, new])["spec"]["authorities"]

    assert [authority["key"]["data"] for authority in authorities] == [old, new]
    assert len({authority["name"] for authority in authorities}) == 2


def test_an_authority_keeps_its_name_as_long_as_its_key(environment):
    pem = public_pem(new_key())
    (alone,) = images.render(environment, [pem])["spec"]["authorities"]
    *_, last = images.render(environment, [public_pem(new_key()), pem])["spec"]["authorities"]
    assert alone["name"] == last["name"]


def test_a_key_in_a_kms_needs_no_file():
    environment = catalog.load(ROOT / "inventories" / "dev")
    (authority,) = images.render(environment)["spec"]["authorities"]
    assert authority["key"] == {"kms": environment.supply_chain.public_key, "hashAlgorithm": "sha256"}


def test_signatures_are_looked_up_in_the_log_where_they_are_logged(environment):
    policy = images.render(with_cosign(environment, transparency_log=True), [public_pem(new_key())])
    assert policy["spec"]["authorities"][0]["ctlog"]["url"].startswith("https://")


def test_a_format_that_admission_cannot_verify_is_refused(environment):
    with pytest.raises(MiniappInfraError, match=r"supply_chain\.cosign\.signature_format: bundle") as raised:
        images.render(with_cosign(environment, signature_format="bundle"), [public_pem(new_key())])
    assert raised.value.code is ErrorCode.INVALID_INPUT


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (list, "no public key was given"),
        (lambda: ["nonsense"], "not a PEM public key"),
        (lambda: [private_pem(new_key())], "private key, which must never reach the cluster"),
        (lambda: [public_pem(new_key())] * 2, "same public key was given twice"),
    ],
    ids=["none", "nonsense", "private", "twice"],
)
def test_bad_keys_are_refused_by_name_of_the_field(environment, make, problem):
    with pytest.raises(MiniappInfraError, match=r"local: supply_chain\.public_key: ") as raised:
        images.render(environment, make())
    assert problem in str(raised.value)
    assert "BEGIN" not in str(raised.value)


def test_the_key_file_is_read_relative_to_the_checkout(environment, tmp_path):
    old, new = public_pem(new_key()), public_pem(new_key())
    path = tmp_path / environment.supply_chain.public_key
    path.parent.mkdir(parents=True)
    path.write_text(old + "\n" + new, encoding="utf-8")
    assert images.public_keys(environment, tmp_path) == [old, new]


def test_a_file_without_a_key_is_refused(environment, tmp_path):
    path = tmp_path / environment.supply_chain.public_key
    path.parent.mkdir(parents=True)
    path.write_text("", encoding="utf-8")
    with pytest.raises(MiniappInfraError, match="not a PEM public key"):
        images.render(environment, images.public_keys(environment, tmp_path))


def test_a_missing_key_file_is_named(environment, tmp_path):
    with pytest.raises(MiniappInfraError, match=r"supply_chain\.public_key: \.local/signing/cosign\.pub: No such file"):
        images.public_keys(environment, tmp_path)


def test_no_file_is_read_for_a_kms(tmp_path):
    assert images.public_keys(catalog.load(ROOT / "inventories" / "dev"), tmp_path) == []
