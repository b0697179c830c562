# SPDX-License-Identifier: GPL-3.0-or-later
"""A key ring: the key that signs, the one that will, and those whose signatures still count. Pure."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.rotation import generators

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "miniapp-infra/key-ring/1"


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        kid: its ID, as in the header of a token.
        generator: how it was made.
        created: when.
        since: when it got its place in the ring.
        secret: the private key or shared secret; empty when only the public half is kept.
        public: the public key as JWK; None for shared secrets.
    """

    kid: str
    generator: str
    created: datetime
    since: datetime
    secret: str = field(repr=False)
    public: Mapping[str, Any] | None = None

    @classmethod
    def generate(cls, generator: str, password_length: int, now: datetime) -> Key:
        """Return a new key."""
        kid, secret, public = generators.new_secret(generator, password_length)
        return cls(kid, generator, now, now, secret, public)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Key:
        """Return a key as it is stored."""
        return cls(
            kid=document["kid"],
            generator=document["generator"],
            created=datetime.fromisoformat(document["created"]),
            since=datetime.fromisoformat(document["since"]),
            secret=document.get("secret") or "",
            public=document.get("public"),
        )

    def as_document(self) -> dict[str, Any]:
        """Return what is stored, with the secret."""
        return {
            "kid": self.kid,
            "generator": self.generator,
            "created": self.created.isoformat(),
            "since": self.since.isoformat(),
            **({"secret": self.secret} if self.secret else {}),
            **({"public": dict(self.public)} if self.public else {}),
        }

    def as_result(self) -> dict[str, Any]:
        """Return what may be shown."""
        return {
            "kid": self.kid,
            "generator": self.generator,
            "created": self.created.isoformat(),
            "since": self.since.isoformat(),
            "fingerprint": generators.shown(self.secret, self.public),
        }


@dataclass(frozen=True)
class Ring:
    """All keys that count.

    Attributes:
        current: signs.
        next: is published, so that everybody knows it before it signs.
        previous: signed once; what they signed is still accepted. The newest first.
    """

    current: Key
    next: Key | None = None
    previous: tuple[Key, ...] = ()

    @classmethod
    def from_document(cls, document: Any, place: str) -> Ring:
        """Return a ring as it is stored.

        Args:
            document: the decoded content of the secret.
            place: what the secret is called in messages.

        Raises:
            MiniappInfraError: conflict, when it is none of ours. The content is not quoted.
        """
        ours = isinstance(document, dict) and document.get("format") == FORMAT
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            if ours:
                following = document.get("next")
                return cls(
                    current=Key.from_document(document["current"]),
                    next=Key.from_document(following) if following else None,
                    previous=tuple(Key.from_document(key) for key in document.get("previous") or ()),
                )
        raise MiniappInfraError(
            f"Failed to rotate {place}: it holds something that is no key ring of this module",
            code=ErrorCode.CONFLICT,
            hint="Choose another name. What is there stays as it is.",
        )

    def as_document(self) -> dict[str, Any]:
        """Return what is stored, with the secrets."""
        document = {
            "format": FORMAT,
            "current": self.current.as_document(),
            "next": self.next.as_document() if self.next else None,
            "previous": [key.as_document() for key in self.previous],
        }
        return {**document, "jwks": self.jwks()} if self.current.public else document

    def as_result(self) -> dict[str, Any]:
        """Return what may be shown."""
        shown: dict[str, Any] = {
            "current": self.current.as_result(),
            "next": self.next.as_result() if self.next else None,
            "previous": [key.as_result() for key in self.previous],
        }
        return {**shown, "jwks": self.jwks()} if self.current.public else shown

    def jwks(self) -> dict[str, Any]:
        """Return the public keys of all tokens that count now or soon (RFC 7517, section 5)."""
        return {"keys": [dict(key.public) for key in self.keys if key.public]}

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys."""
        return (self.current, *((self.next,) if self.next else ()), *self.previous)

    @property
    def phase(self) -> str:
        """Where the rotation is: ``published``, ``overlap`` or ``steady``."""
        if self.next:
            return "published"
        return "overlap" if self.previous else "steady"

    def summary(self) -> dict[str, str]:
        """Return what is written beside the secret, for those who may not read it."""
        return {
            "rotation_phase": self.phase,
            "rotation_current": self.current.kid,
            "rotation_next": self.next.kid if self.next else "none",
            "rotation_changed": max(key.since for key in self.keys).isoformat(),
        }


def publish(ring: Ring, key: Key) -> Ring:
    """Return the ring with a key that will sign later."""
    return replace(ring, next=key)


def promote(ring: Ring, now: datetime) -> Ring:
    """Return the ring in which the published key signs.

    The private half of the key before is dropped: it signs nothing any more, and checking needs the public half only.

    Raises:
        MiniappInfraError: refused_by_policy, when no key is published. Whoever checks would not know it.
    """
    if ring.next is None:
        raise MiniappInfraError(
            "phase: there is no published key that could be promoted", code=ErrorCode.REFUSED_BY_POLICY
        )
    old = replace(ring.current, since=now, secret="" if ring.current.public else ring.current.secret)
    return Ring(current=replace(ring.next, since=now), previous=(old, *ring.previous))


def retire(ring: Ring, overlap: float, now: datetime) -> Ring:
    """Return the ring without the previous keys whose overlap (seconds) is over."""
    return replace(ring, previous=tuple(key for key in ring.previous if not is_over(key, overlap, now)))


def is_over(key: Key, span: float, now: datetime) -> bool:
    """Tell whether so many seconds have passed since a key got its place."""
    return (now - key.since).total_seconds() >= span
