# SPDX-License-Identifier: GPL-3.0-or-later
"""Image signatures and attestations, by the ``cosign`` program.

``api`` has one call of the program per function, ``ensure`` brings an image to a wanted state and says what changed.
"""

from __future__ import annotations

from miniapp_infra.cosign.api import Cosign
from miniapp_infra.cosign.check import check_attestation, check_signature, read_predicate, verify_image
from miniapp_infra.cosign.ensure import ensure_attested, ensure_signed
from miniapp_infra.cosign.identity import PublicHalf, public_half
from miniapp_infra.cosign.keys import KeyPair, ensure_key_pair, fingerprint, read_public_key
from miniapp_infra.cosign.models import (
    AttestationCheck,
    PredicateType,
    Reason,
    Signature,
    SignatureCheck,
    SignatureFormat,
    SigningKey,
)

__all__ = [
    "AttestationCheck",
    "Cosign",
    "KeyPair",
    "PredicateType",
    "PublicHalf",
    "Reason",
    "Signature",
    "SignatureCheck",
    "SignatureFormat",
    "SigningKey",
    "check_attestation",
    "check_signature",
    "ensure_attested",
    "ensure_key_pair",
    "ensure_signed",
    "fingerprint",
    "public_half",
    "read_predicate",
    "read_public_key",
    "verify_image",
]
