# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules around cosign do: options in, result out. The options are described in the modules themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.cosign.api import Cosign
from miniapp_infra.cosign.check import check_attestation, read_predicate, verify_image
from miniapp_infra.cosign.ensure import ensure_attested, ensure_signed
from miniapp_infra.cosign.errors import UnverifiedError
from miniapp_infra.cosign.identity import public_half
from miniapp_infra.cosign.keys import KeyPair, ensure_key_pair
from miniapp_infra.cosign.models import Identity, PredicateType, SignatureFormat, SigningKey, SigningOptions
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.access import RegistryAccess
from miniapp_infra.registry.client import RegistryClient
from miniapp_infra.registry.reference import ImageReference

if TYPE_CHECKING:
    from collections.abc import Mapping

Params = dict[str, Any]


def make_key_pair(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Have a key pair in ``directory``."""
    pair = KeyPair(Path(params["directory"]))
    existed = pair.private_key.exists()
    cosign = Cosign(params["cosign_binary"], timeout=params["timeout"])
    ensured = ensure_key_pair(cosign, pair, check_mode=check_mode)
    return {
        "changed": ensured.changed,
        "public_key": ensured.public_key or "",
        "fingerprint": ensured.fingerprint or "",
        "paths": {
            "private_key": str(pair.private_key),
            "public_key": str(pair.public_key),
            "password_file": str(pair.password_file),
        },
        **_diff(
            diff_mode,
            before={"private_key": existed, "complete": not ensured.changed},
            after={"private_key": True, "complete": True},
        ),
    }


def sign(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Have ``image`` signed."""
    options = SigningOptions(
        signing_config=_path(params["signing_config"]),
        trusted_root=_path(params["trusted_root"]),
        certificate=_path(params["certificate"]),
        certificate_chain=_path(params["certificate_chain"]),
    )
    key, cosign, registry = signing_key(params), cosign_program(params), registry_client(params)
    image = resolved(params, registry)
    with public_half(cosign, key, _path(params["public_key"])) as public:
        signed = ensure_signed(
            cosign,
            registry,
            image,
            key,
            public.reference,
            formats=[SignatureFormat(name) for name in params["signature_formats"]],
            annotations=_texts(params["annotations"]),
            options=options,
            force=params["force"],
            check_mode=check_mode,
        )
    before, added = sorted(map(str, signed.formats)), [str(name) for name in signed.added]
    return {
        "changed": signed.changed,
        "image": str(image),
        "digest": image.digest,
        "added": added,
        "signatures": [signature.as_dict() for signature in signed.signatures],
        "signed_by": public.fingerprint,
        "cosign_version": cosign.version.text,
        "warnings": warnings(cosign),
        **_diff(
            diff_mode,
            before={"signed": before, "again": []},
            after={"signed": sorted({*before, *added}), "again": sorted({*before} & {*added})},
        ),
    }


def verify(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Tell whether ``image`` is signed by a key or an identity.

    Raises:
        UnverifiedError: it is not, and ``fail_on_unverified`` is set.
    """
    del check_mode, diff_mode  # nothing is changed either way
    cosign = cosign_program(params)
    image, check = verify_image(
        cosign,
        registry_client(params),
        ImageReference.parse(params["image"]),
        trusted_by(params),
        resolve_tag=params["resolve_tag"],
        signature_format=params["signature_format"],
        annotations=_texts(params["annotations"]),
    )
    answer = {
        "verified": check.verified,
        "reason": str(check.reason or ""),
        "image": str(image),
        "digest": image.digest or "",
        "signatures": [signature.as_dict() for signature in check.signatures],
    }
    if not check.verified and params["fail_on_unverified"]:
        raise UnverifiedError(f"Failed to verify image {image}: {check.message}", answer)
    return {"changed": False, "warnings": warnings(cosign), **answer}


def attest(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Have a statement attached to ``image``."""
    image, key, cosign = digest_of(params), signing_key(params), cosign_program(params)
    file = _path(params["predicate"])
    predicate = params["predicate_content"] if file is None else read_predicate(file)
    kind = PredicateType(params["predicate_type"])
    with public_half(cosign, key, _path(params["public_key"])) as public:
        attested = ensure_attested(
            cosign,
            registry_client(params),
            image,
            key,
            public.reference,
            predicate_type=kind,
            predicate=predicate,
            check_mode=check_mode,
        )
    return {
        "changed": attested.changed,
        "image": str(image),
        "digest": image.digest,
        "predicate_sha256": attested.after,
        "signed_by": public.fingerprint,
        "warnings": warnings(cosign),
        **_diff(diff_mode, before={kind.value: attested.before}, after={kind.value: attested.after}),
    }


def verify_attestation(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Return the statements about ``image``.

    Raises:
        UnverifiedError: there is none, and ``fail_on_unverified`` is set.
        MiniappInfraError: ``invalid_input`` if the options are wrong.
    """
    del check_mode, diff_mode  # nothing is changed either way
    image, cosign = digest_of(params), cosign_program(params)
    kind = PredicateType(params["predicate_type"])
    policies = [Path(file) for file in params["policy_files"] or ()]
    for file in policies:
        if not file.is_file():
            raise MiniappInfraError(f"policy_files: {file} is not a file", code=ErrorCode.INVALID_INPUT)
    check = check_attestation(
        cosign, registry_client(params), image, params["public_key"], predicate_type=kind, policies=policies
    )
    answer = {
        "verified": check.verified,
        "reason": str(check.reason or ""),
        "digest": image.digest,
        "statements": list(check.statements),
    }
    if not check.verified and params["fail_on_unverified"]:
        raise UnverifiedError(f"Failed to verify attestations of image {image}: {check.message}", answer)
    return {"changed": False, "warnings": warnings(cosign), **answer}


def cosign_program(params: Params) -> Cosign:
    """Return cosign as the options of a module ask for it."""
    return Cosign(params["cosign_binary"], _access(params), timeout=params["timeout"])


def registry_client(params: Params) -> RegistryClient:
    """Return the registry as the options of a module ask for it."""
    return RegistryClient(params["crane_binary"], _access(params), timeout=params["timeout"])


def signing_key(params: Params) -> SigningKey:
    """Return the private key that the options of a module name.

    Raises:
        MiniappInfraError: ``invalid_input`` if it or its password is not there.
    """
    password_file = _path(params["key_password_file"])
    return SigningKey.load(params["key"], password=params["key_password"], password_file=password_file)


def trusted_by(params: Params) -> str | Identity:
    """Return whose signatures count: a key, or who signed.

    Raises:
        MiniappInfraError: ``invalid_input`` if the options name neither or both, or half of an identity.
    """
    if params["public_key"]:
        return str(params["public_key"])
    return Identity(
        subject=params["certificate_identity"] or "",
        subject_regexp=params["certificate_identity_regexp"] or "",
        issuer=params["certificate_oidc_issuer"] or "",
        issuer_regexp=params["certificate_oidc_issuer_regexp"] or "",
        github_workflow={name: value for name, value in (params["github_workflow"] or {}).items() if value},
        trusted_root=_path(params["trusted_root"]),
        ignore_log=params["ignore_tlog"],
        ignore_sct=params["ignore_sct"],
        use_signed_timestamps=params["use_signed_timestamps"],
    )


def resolved(params: Params, registry: RegistryClient) -> ImageReference:
    """Return the option ``image`` by digest; a tag is looked up where ``resolve_tag`` allows it.

    Raises:
        MiniappInfraError: ``invalid_input`` for a tag without that, ``not_found`` for a tag that does not exist.
    """
    image = ImageReference.parse(params["image"])
    if image.digest is not None or not params["resolve_tag"]:
        return digest_of(params)
    digest = registry.digest(image)
    if digest is None:
        raise MiniappInfraError(f"Failed to find image {image}: there is none", code=ErrorCode.NOT_FOUND)
    return image.at_digest(digest)


def digest_of(params: Params) -> ImageReference:
    """Return the option ``image``.

    Raises:
        MiniappInfraError: ``invalid_input`` if it names no digest.
    """
    image = ImageReference.parse(params["image"])
    return image.at_digest(image.require_digest())


def warnings(cosign: Cosign) -> list[str]:
    """Return what users of this version of cosign should know."""
    return [cosign.version.warning] if cosign.version.warning else []


def _access(params: Params) -> RegistryAccess:
    return RegistryAccess(
        ca_cert=_path(params["registry_ca_cert"]),
        username=params["registry_username"],
        password=params["registry_password"],
        allow_http=params["allow_http_registry"],
        token=params["registry_token"],
        allow_insecure=params["allow_insecure_registry"],
    )


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _diff(diff_mode: bool, *, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:  # noqa: FBT001 - passed on as it came
    return {"diff": {"before": before, "after": after}} if diff_mode else {}
