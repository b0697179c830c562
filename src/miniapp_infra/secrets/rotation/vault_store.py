# SPDX-License-Identifier: GPL-3.0-or-later
"""Key rings in Vault's key/value store, version 2. The exchange is a write with check-and-set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from miniapp_infra.secrets.rotation.ring import Ring
from miniapp_infra.secrets.rotation.store import Held, Overtaken
from miniapp_infra.secrets.vault.kv2 import CheckAndSetError, Kv2Path

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class VaultStore:
    """The ring is the data of one secret.

    Args:
        secret: where.
    """

    secret: Kv2Path

    @property
    def place(self) -> str:
        """What messages call it."""
        return str(self.secret)

    def read(self) -> Held:
        """Return what is there; a deleted version counts as nothing."""
        found = self.secret.read()
        if found.data is None:
            return Held(None, "", found.version)
        return Held(Ring.from_document(found.data, self.place), str(found.version), found.version)

    def swap(self, held: Held, ring: Ring, is_stale: Callable[[], bool]) -> Held:
        """Write a new version if the newest is the one that was read."""
        if is_stale():
            raise Overtaken
        try:
            written = self.secret.write(ring.as_document(), expected=held.guard)
        except CheckAndSetError as error:
            raise Overtaken from error
        return Held(ring, str(written.version), written.version)

    def tidy(self, held: Held, *, check_mode: bool) -> tuple[str, ...]:
        """Write the custom metadata, and destroy older versions when no key is in its overlap."""
        if held.ring is None:
            return ()
        metadata = self.secret.metadata() or {}
        if metadata.get("current_version") != held.guard:
            return ()  # another run has changed the ring, and tidies after that
        done: list[str] = []
        summary = held.ring.summary()
        present = metadata.get("custom_metadata") or {}
        if {name: present.get(name) for name in summary} != summary:
            done.append("metadata")
            if not check_mode:
                # A merge patch, because a POST would remove what others have written there.
                action = f"write the metadata of {self.place}"
                self.secret.vault.patch(self.secret.url("metadata"), {"custom_metadata": summary}, action=action)
        versions = (metadata.get("versions") or {}).items()
        old = sorted(int(number) for number, version in versions if not version["destroyed"])
        old = [number for number in old if number < held.guard]
        if old and not held.ring.previous:
            done.append("old_versions")
            if not check_mode:
                action = f"destroy old versions of {self.place}"
                self.secret.vault.write(self.secret.url("destroy"), {"versions": old}, action=action)
        return tuple(done)
