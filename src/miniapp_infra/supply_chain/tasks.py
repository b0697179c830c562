# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``service_image`` does: options in, result out. The options are described in the module itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from miniapp_infra.cosign import tasks as cosign_tasks
from miniapp_infra.cosign.identity import public_half
from miniapp_infra.cosign.models import SignatureFormat
from miniapp_infra.sbom.document import SbomFormat
from miniapp_infra.sbom.syft import Syft
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
