# SPDX-License-Identifier: GPL-3.0-or-later
"""When cosign is called and with what: a stand-in program keeps signatures and attestations in memory."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.cosign import (
    Cosign,
    PredicateType,
    Reason,
    SignatureFormat,
    SigningKey,
    ensure_attested,
    ensure_signed,
    verify_image,
)
from miniapp_infra.cosign.transformations import BUNDLE_KIND
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import Completed, ImageReference, RegistryClient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIGEST = "sha256:" + "1" * 64
IMAGE = ImageReference.parse(f"r.example.com/x@{DIGEST}")
KEY = SigningKey("awskms:///alias/x", "pass-canary")
LEGACY, BUNDLE = SignatureFormat.LEGACY, SignatureFormat.BUNDLE


class Programs:
    """cosign and crane with the behaviour seen in version 3.1.3, including the silent fall-back to legacy."""

    def __init__(self, *, exists: bool = True, reachable: bool = True, signs: bool = True) -> None:
        self.exists, self.reachable, self.signs = exists, reachable, signs
        self.signatures: list[tuple[str, tuple[str, ...]]] = []
        self.attestations: dict[str, dict[str, object]] = {}
        self.calls: list[tuple[list[str], dict[str, str]]] = []

    def __call__(self, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG002 - the protocol's name
        self.calls.append((list(argv), dict(environment)))
        if argv[1] == "version":
            return Completed(0, '{"gitVersion": "v3.1.3"}', "")
        if not self.reachable:
            return Completed(1, "", "Error: Get https://r: dial tcp: connection refused")
        if argv[1] == "digest":
            return Completed(0, DIGEST, "") if self.exists else Completed(1, "", "Error: GET r: MANIFEST_UNKNOWN: x")
        return {"verify": self._verify, "sign": self._sign, "verify-attestation": self._read, "attest": self._attest}[
            argv[1]
        ](list(argv))

    def count(self, command: str) -> int:
        return sum(1 for argv, _ in self.calls if argv[1] == command)

    def _kind(self, argv: list[str]) -> str:
        return BUNDLE_KIND if "--new-bundle-format=true" in argv else "cosign container image signature"

    def _claims(self, argv: list[str]) -> tuple[str, ...]:
        return tuple(argv[index + 1] for index, word in enumerate(argv) if word == "-a")

    def _sign(self, argv: list[str]) -> Completed:
        if self.signs:
            self.signatures.append((self._kind(argv), self._claims(argv)))
        return Completed(0, "", "Signing artifact...")

    def _verify(self, argv: list[str]) -> Completed:
        wanted = set(self._claims(argv))
        kinds = {self._kind(argv)}
        if kinds == {BUNDLE_KIND} and not any(kind == BUNDLE_KIND for kind, _ in self.signatures):
            kinds = {"cosign container image signature"}
        good = [(kind, claims) for kind, claims in self.signatures if kind in kinds and wanted <= set(claims)]
        if not good:
            return Completed(10, "", "Error: no signatures found")
        document = [
            {
                "critical": {
                    "identity": {"docker-reference": "r.example.com/x"},
                    "image": {"docker-manifest-digest": DIGEST},
                    "type": kind,
                },
                "optional": dict(claim.split("=") for claim in claims),
            }
            for kind, claims in good
        ]
        return Completed(0, "\n" + json.dumps(document), "")

    def _attest(self, argv: list[str]) -> Completed:
        predicate = json.loads(Path(argv[argv.index("--predicate") + 1]).read_text())
        self.attestations[argv[argv.index("--type") + 1]] = predicate
        return Completed(0, "", "")

    def _read(self, argv: list[str]) -> Completed:
        predicate = self.attestations.get(argv[argv.index("--type") + 1])
        if predicate is None:
            return Completed(1, "", "Error: no matching attestations: ")
        statement = {"subject": [{"digest": {"sha256": DIGEST.removeprefix("sha256:")}}], "predicate": predicate}
        payload = base64.b64encode(json.dumps(statement).encode()).decode()
        return Completed(0, json.dumps({"payload": payload}), "")


def sign(programs: Programs, *formats: SignatureFormat, check_mode: bool = False, **annotations: str):
    return ensure_signed(
        Cosign(run=programs),
        RegistryClient(run=programs),
        IMAGE,
        KEY,
        "cosign.pub",
        formats=formats or (LEGACY,),
        annotations=annotations,
        check_mode=check_mode,
    )


def attest(programs: Programs, predicate: dict[str, object], *, check_mode: bool = False):
    return ensure_attested(
        Cosign(run=programs),
        RegistryClient(run=programs),
        IMAGE,
        KEY,
        "cosign.pub",
        predicate_type=PredicateType.SPDX_JSON,
        predicate=predicate,
        check_mode=check_mode,
    )


def test_check_run_run_check() -> None:
    programs = Programs()
    assert sign(programs, check_mode=True).changed
    assert programs.count("sign") == 0
    assert sign(programs).changed
    assert not sign(programs).changed
    assert not sign(programs, check_mode=True).changed
    assert programs.count("sign") == 1


def test_other_annotations_need_another_signature() -> None:
    programs = Programs()
    assert sign(programs, env="dev").changed
    assert sign(programs, env="prod").changed
    assert not sign(programs, env="dev").changed


def test_only_the_missing_format_is_added_although_cosign_falls_back_to_legacy() -> None:
    programs = Programs()
    sign(programs, LEGACY)
    both = sign(programs, LEGACY, BUNDLE)
    assert (both.formats, both.added) == ((LEGACY,), (BUNDLE,))
    assert not sign(programs, LEGACY, BUNDLE).changed


def test_nothing_is_signed_on_top_of_an_unknown_state() -> None:
    programs = Programs(reachable=False)
    with pytest.raises(MiniappInfraError) as caught:
        sign(programs)
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.UNAVAILABLE, True)
    assert programs.count("sign") == 0


def test_an_image_that_does_not_exist_is_not_called_unsigned() -> None:
    for check_mode in (True, False):
        with pytest.raises(MiniappInfraError, match="there is no image") as caught:
            sign(Programs(exists=False), check_mode=check_mode)
        assert caught.value.code is ErrorCode.NOT_FOUND


def test_a_signature_that_does_not_verify_afterwards_is_an_error() -> None:
    with pytest.raises(MiniappInfraError, match="does not verify") as caught:
        sign(Programs(signs=False))
    assert caught.value.code is ErrorCode.CONFLICT


def test_the_password_is_in_the_environment_of_signing_calls_only() -> None:
    programs = Programs()
    sign(programs)
    attest(programs, {"a": 1})
    assert not any("pass-canary" in word for argv, _ in programs.calls for word in argv)
    with_password = {argv[1] for argv, environment in programs.calls if "pass-canary" in environment.values()}
    assert with_password == {"sign", "attest"}
    assert "pass-canary" not in repr(KEY)


def test_legacy_signing_touches_no_public_service() -> None:
    programs = Programs()
    sign(programs)
    argv = next(argv for argv, _ in programs.calls if argv[1] == "sign")
    assert {"--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false", "--yes"} <= set(argv)
    argv = next(argv for argv, _ in programs.calls if argv[1] == "verify")
    assert {"--new-bundle-format=false", "--insecure-ignore-tlog=true"} <= set(argv)


def test_attestations_are_compared_before_they_are_replaced() -> None:
    programs = Programs()
    assert attest(programs, {"a": 1}, check_mode=True).before is None
    assert attest(programs, {"a": 1}).changed
    assert not attest(programs, {"a": 1}).changed
    changed = attest(programs, {"a": 2}, check_mode=True)
    assert changed.changed
    assert changed.before != changed.after
    assert programs.attestations == {"spdxjson": {"a": 1}}
    assert attest(programs, {"a": 2}).changed
    assert programs.attestations == {"spdxjson": {"a": 2}}


def test_attesting_an_image_that_does_not_exist_is_refused_in_check_mode_too() -> None:
    with pytest.raises(MiniappInfraError, match="there is no image"):
        attest(Programs(exists=False), {"a": 1}, check_mode=True)


def verify(programs: Programs, image: ImageReference = IMAGE, **options):
    return verify_image(Cosign(run=programs), RegistryClient(run=programs), image, "cosign.pub", **options)


def test_verify_any_takes_either_format_and_a_named_one_only_itself() -> None:
    programs = Programs()
    sign(programs, BUNDLE)
    assert verify(programs)[1].verified
    assert verify(programs, signature_format="bundle")[1].verified
    assert verify(programs, signature_format="legacy")[1].reason is Reason.NO_SIGNATURE


def test_verify_resolves_a_tag_only_when_asked() -> None:
    programs = Programs()
    sign(programs)
    tag = ImageReference.parse("r.example.com/x:1")
    image, check = verify(programs, tag, resolve_tag=True)
    assert (str(image), check.verified) == (str(IMAGE), True)
    with pytest.raises(MiniappInfraError, match="a digest is needed"):
        verify(programs, tag)


@pytest.mark.parametrize(
    ("programs", "reason"),
    [(Programs(exists=False), Reason.IMAGE_NOT_FOUND), (Programs(reachable=False), Reason.REGISTRY_ERROR)],
)
def test_verify_answers_when_there_is_nothing_to_verify(programs: Programs, reason: Reason) -> None:
    for image in (IMAGE, ImageReference.parse("r.example.com/x:1")):
        assert verify(programs, image, resolve_tag=True)[1].reason is reason
