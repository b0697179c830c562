# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.certificates import api
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.custom import CustomObjects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.certificates.models import Certificate, Link

Result = dict[str, Any]


class UnfitError(MiniappInfraError):
    """Certificates are not as they are asserted to be.

    Args:
        message: the sentence for people.
        certificates: what a module reports beside the error.
        hint: what to do.
    """

    def __init__(self, message: str, certificates: Sequence[Result], hint: str) -> None:
        super().__init__(message, code=ErrorCode.UPSTREAM, hint=hint)
        self.certificates = list(certificates)

    def result(self) -> Result:
        return {"certificates": self.certificates}


def certificate_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return certificates, wait for one, and fail where they are not ready or expire too soon.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``; ``NOT_FOUND`` when something is asserted of nothing; ``TIMEOUT``.
        UnfitError: what is asserted does not hold.
    """
    del diff_mode  # reads only
    _require_options(params)
    objects = CustomObjects.of(params)
    namespace, name = params["namespace"] or "", params["name"]
    if params["wait"] and not check_mode:
        found = [api.wait_until_ready(objects, namespace, name, params["wait_timeout"])]
    elif name:
        one = api.find_certificate(objects, namespace, name)
        found = [] if one is None else [one]
    else:
        found = api.list_certificates(objects, namespace, ",".join(params["label_selectors"]))
    now = datetime.now(UTC)
    shown = [as_result(item, now, _link(objects, item)) for item in found]
    _require_fit(params, found, shown, now)
    return {"changed": False, "certificates": shown}


def as_result(certificate: Certificate, now: datetime, link: Link | None) -> Result:
    """Return a Certificate as modules report it.

    Args:
        certificate: which one.
        now: with a time zone.
        link: what the last or present issuance is at; None when nothing is under way and nothing has failed.
    """
    days = certificate.remaining_days(now)
    return {
        "name": certificate.ref.name,
        "namespace": certificate.ref.namespace,
        "ready": certificate.is_ready,
        "observed": certificate.is_observed,
        "issuing": certificate.is_issuing,
        "message": "" if certificate.is_ready else certificate.describe(),
        "dns_names": list(certificate.dns_names),
        "issuer": dict(certificate.issuer),
        "secret_name": certificate.secret_name,
        "revision": certificate.revision,
        "not_before": _text(certificate.not_before),
        "not_after": _text(certificate.not_after),
        "renewal_time": _text(certificate.renewal_time),
        # Rounded down: 13.99 days must not look like 14.
        "remaining_days": None if days is None else math.floor(days * 100) / 100,
        "failed_issuance_attempts": certificate.failed_attempts,
        "last_failure_time": _text(certificate.last_failure),
        "issuance": None if link is None else link.as_result(),
    }


def _require_options(params: Mapping[str, Any]) -> None:
    if params["name"] and not params["namespace"]:
        raise MiniappInfraError("namespace: must be given with name", code=ErrorCode.INVALID_INPUT)
    if params["wait"] and not params["name"]:
        raise MiniappInfraError("name: must be given with wait", code=ErrorCode.INVALID_INPUT)
    least = params["min_remaining_days"]
    if least is not None and not least > 0:
        raise MiniappInfraError(f"min_remaining_days: must be above 0, got {least:g}", code=ErrorCode.INVALID_INPUT)


def _link(objects: CustomObjects, certificate: Certificate) -> Link | None:
    """Look at the chain where it can tell something; a renewal may fail while the old certificate is still good."""
    if certificate.is_ready and not certificate.failed_attempts:
        return None
    return api.trace(objects, certificate)


def _require_fit(
    params: Mapping[str, Any], found: Sequence[Certificate], shown: Sequence[Result], now: datetime
) -> None:
    least, must_be_ready = params["min_remaining_days"], params["fail_on_not_ready"]
    if least is None and not must_be_ready:
        return
    if not found:
        wanted = f"Certificate {params['namespace']}/{params['name']}" if params["name"] else "any Certificate"
        raise MiniappInfraError(
            f"Failed to find {wanted}: there is none, so that nothing can be said about it", code=ErrorCode.NOT_FOUND
        )
    problems: list[str] = []
    for certificate, item in zip(found, shown, strict=True):
        issuance = item["issuance"]
        cause = f" ({issuance['kind']} {issuance['name']}: {issuance['reason']})" if issuance else ""
        days = certificate.remaining_days(now)
        if must_be_ready and not certificate.is_ready:
            problems.append(f"{certificate.ref}: {certificate.describe()}{cause}")
        elif least is not None and days is None:
            problems.append(f"{certificate.ref}: was never issued{cause}")
        elif least is not None and days is not None and days < least:
            left = f"{item['remaining_days']:g} days are left" if days > 0 else f"expired at {item['not_after']}"
            problems.append(f"{certificate.ref}: {left}, min_remaining_days is {least:g}{cause}")
    if problems:
        raise UnfitError(
            f"Failed to accept {'; '.join(problems)}",
            shown,
            "Look at the object that issuance names; once the cause is mended, cmctl renew asks for a new certificate.",
        )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
