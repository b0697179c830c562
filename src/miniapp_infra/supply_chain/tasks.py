# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ``service_image`` and ``image_info`` do: options in, result out, as described in the modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from miniapp_infra.cosign import tasks as cosign_tasks
from miniapp_infra.cosign.errors import UnverifiedError
from miniapp_infra.cosign.identity import public_half
from miniapp_infra.cosign.models import SignatureFormat
from miniapp_infra.policy import verdict
from miniapp_infra.registry.reference import ImageReference
from miniapp_infra.sbom.document import SbomFormat
from miniapp_infra.sbom.syft import Syft
from miniapp_infra.supply_chain import inspection
from miniapp_infra.supply_chain.models import ServiceRequest
from miniapp_infra.supply_chain.pipeline import Pipeline


def ensure_images(params: dict[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Have the images of ``services``."""
    requests = ServiceRequest.from_options(params["services"])
    key, cosign = cosign_tasks.signing_key(params), cosign_tasks.cosign_program(params)
    public_key = params["public_key"]
    with public_half(cosign, key, None if public_key is None else Path(public_key)) as public:
        pipeline = Pipeline(
            registry=cosign_tasks.registry_client(params),
            cosign=cosign,
            syft=Syft(params["syft_binary"]),
            key=key,
            public_key=public.reference,
            signed_by=public.fingerprint,
            formats=tuple(SignatureFormat(name) for name in params["signature_formats"]),
            sbom_format=SbomFormat(params["sbom_format"]),
        )
        outcome = pipeline.ensure(
            requests,
            program=Path(params["program"]),
            registry=params["registry"],
            prefix=params["prefix"],
            check_mode=check_mode,
        )
    result: dict[str, Any] = {
        "changed": outcome.changed,
        "images": [image.as_dict() for image in outcome.images],
        "warnings": cosign_tasks.warnings(cosign),
    }
    if diff_mode:
        result["diff"] = {"before": outcome.before, "after": outcome.after}
    return result


def image_info(params: dict[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Tell what a registry holds about ``image``, and whether it would be admitted.

    Raises:
        UnverifiedError: it would not, and ``fail_unless_admitted`` is set.
        MiniappInfraError: the registry cannot be asked, or the options are wrong.
    """
    del check_mode, diff_mode  # nothing is changed either way
    cosign, registry = cosign_tasks.cosign_program(params), cosign_tasks.registry_client(params)
    given = ImageReference.parse(params["image"])
    public_key, policies = params["public_key"], params["policies"] or []
    digest = registry.digest(given)
    if digest is None:
        told = verdict.Verdict(verdict.Decision.REFUSED, f"there is no image {given}")
        answer: dict[str, Any] = {
            "exists": False,
            "image": str(given),
            "digest": "",
            "signatures": [],
            "attestations": [],
        }
        answer["sbom"] = inspection.no_bill_of_materials()
        verdicts = [told]
    else:
        image = given.at_digest(digest)
        verifier = inspection.ImageVerifier(cosign, registry, image)
        found = inspection.artefacts(cosign, registry, image)
        listed, bom = inspection.attestations(verifier, found, public_key)
        answer = {
            "exists": True,
            "image": str(image),
            "digest": digest,
            "signatures": inspection.signatures(verifier, found, public_key),
            "attestations": listed,
            "sbom": bom,
        }
        verdicts = (
            [verdict.by_key(verifier, public_key, SignatureFormat(params["require_format"]))] if public_key else []
        )
        if policies:
            verdicts += verdict.by_policies(verifier, str(image), policies, no_match=params["no_match"])
        told = verdict.combined(verdicts)
    answer["verdict"] = {
        "decision": str(told.decision),
        "reason": told.reason,
        "policies": [item.as_dict() for item in verdicts],
    }
    if params["fail_unless_admitted"] and told.decision is not verdict.Decision.ADMITTED:
        raise UnverifiedError(f"Failed to admit image {answer['image']}: {told.decision}: {told.reason}", answer)
    return {"changed": False, "warnings": cosign_tasks.warnings(cosign), **answer}
