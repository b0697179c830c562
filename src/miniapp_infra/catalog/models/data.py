# SPDX-License-Identifier: GPL-3.0-or-later
"""``data.yml``: managed databases, buckets, CDN and DNS (spec section 7)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Count, Domain, Flag, Positive, Text


class Mongodb(Model):
    """A managed cluster; ``pitr_window_days`` is how far back a point in time may lie, 0 without PITR."""

    tier: Text
    disk_gib: Positive
    pitr: Flag
    pitr_window_days: Count
    # UTC, when the daily full backup starts.
    backup_time: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Redis(Model):
    """The only eviction policy is none: queues live here, and an evicted job is a lost one (spec section 7)."""

    tier: Text
    ha: Flag
    eviction: Literal["noeviction"]


class Bucket(Model):
    """Days are counted from an object's creation; 0 means never."""

    versioning: Flag
    archive_after_days: Count
    expire_after_days: Count


class Buckets(Model):
    """``config`` has signed JSON, ``assets`` event images and audit exports."""

    config: Bucket
    assets: Bucket


class Cdn(Model):
    """In front of the buckets."""

    enabled: Flag
    max_age_seconds: Count


class Dns(Model):
    """Zones that external-dns may write to."""

    zones: Annotated[tuple[Domain, ...], Field(min_length=1)]


class Data(Model):
    """The managed services of an environment."""

    mongodb: Mongodb
    redis: Redis
    buckets: Buckets
    cdn: Cdn
    dns: Dns
