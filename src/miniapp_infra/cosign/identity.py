# SPDX-License-Identifier: GPL-3.0-or-later
"""The public half that belongs to a signing key, in a form that cosign can verify with."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.cosign.keys import fingerprint, read_public_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.cosign.api import Cosign
    from miniapp_infra.cosign.models import SigningKey


@dataclass(frozen=True)
class PublicHalf:
    """A public key.

    Args:
        reference: file or key reference that cosign takes.
        fingerprint: ``sha256:`` and the hash of the key.
    """

    reference: str
    fingerprint: str


@contextmanager
def public_half(cosign: Cosign, key: SigningKey, public_key: Path | None) -> Iterator[PublicHalf]:
    """Give the public half of a key: the file the caller has, or one that exists as long as the context.

    Raises:
        MiniappInfraError: if the key does not open, or the file is not a public key.
    """
    if public_key is not None:
        yield PublicHalf(str(public_key), fingerprint(read_public_key(public_key)))
        return
    text = cosign.public_key(key)
    with tempfile.TemporaryDirectory(prefix="miniapp-key-") as directory:
        file = Path(directory) / "cosign.pub"
        file.write_text(text)
        yield PublicHalf(str(file), fingerprint(text))
