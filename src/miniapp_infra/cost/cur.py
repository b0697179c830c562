# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS: the Cost and Usage Report 2.0 that AWS Data Exports writes to S3.

Layout and columns from docs.aws.amazon.com/cur/latest/userguide: ``dataexports-export-delivery``,
``table-dictionary-cur2`` and ``split-cost-allocation-data``.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from miniapp_infra.cloud.aws.session import AwsError, aws_errors
from miniapp_infra.cost.models import Bill, Charge, summed
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

_REQUIRED = (
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_unblended_cost",
    "line_item_currency_code",
    "line_item_product_code",
    "line_item_resource_id",
    "resource_tags",
)
NO_LABEL = "no_label"
NODE_REST = "node_rest"
"""What is left of a split resource after its pods got their shares."""


@dataclass(frozen=True)
class Export:
    """Where an export lies.

    Attributes:
        client: boto3's for S3.
        bucket: name of it.
        prefix: without slashes at the ends; may be empty.
        name: of the export.
    """

    client: Any = field(repr=False)
    bucket: str
    prefix: str
    name: str

    @property
    def base(self) -> str:
        """The folder of the export."""
        return f"{self.prefix}/{self.name}" if self.prefix else self.name


def read_bill(export: Export, day: date, label: str) -> Bill:
    """Return the bill of a day.

    Args:
        export: where it lies.
        day: in UTC, which AWS bills by.
        label: key of ``resource_tags`` whose value is the owner.

    Raises:
        MiniappInfraError: not_found, when the month has no export yet; invalid_input, when it is no CSV or lacks a
            column; unavailable, when it is replaced while it is read.
    """
    period = f"BILLING_PERIOD={day:%Y-%m}"
    manifest_key = f"{export.base}/metadata/{period}/{export.name}-Manifest.json"
    manifest, version = _object(export, manifest_key)
    keys = _data_files(json.loads(manifest), export, manifest_key)
    versions: dict[str, str] = {}
    charges = _charges(_rows(export, keys, day, versions), label)
    if _object(export, manifest_key)[1] != version:
        raise MiniappInfraError(
            f"Failed to read export s3://{export.bucket}/{export.base}: AWS replaced it meanwhile",
            code=ErrorCode.UNAVAILABLE,
            retryable=True,
            hint="Run it again.",
        )
    revision = hashlib.sha256("\n".join(f"{key} {versions[key]}" for key in sorted(versions)).encode()).hexdigest()
    return Bill(charges, revision[:16])


def _charges(rows: Iterable[Mapping[str, str]], label: str) -> tuple[Charge, ...]:
    """Split a day's rows.

    A node is billed by rows of its own, and split cost allocation adds rows that tell again, which part of that each
    pod used. Those parts go to the owners and are taken off the node, so that the sum stays that of the bill.
    """
    whole: defaultdict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
    off: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    charges: list[Charge] = []
    for row in rows:
        currency, service = row["line_item_currency_code"], row["line_item_product_code"]
        owner = _owner(row, label)
        reason = "" if owner else NO_LABEL
        if parent := row.get("split_line_item_parent_resource_id") or "":
            part = _amount(row, "split_line_item_split_cost") + _amount(row, "split_line_item_unused_cost")
            off[(parent, currency)] += part
            charges.append(Charge(owner, service, currency, part, reason=reason))
            continue
        cost = _amount(row, "line_item_unblended_cost")
        if row["line_item_line_item_type"] == "Credit":
            charges.append(Charge(owner, service, currency, credits=cost, reason=reason))
        else:
            whole[(row["line_item_resource_id"], owner, service, currency)] += cost
    split = {parent for parent, _ in off}
    for (resource, owner, service, currency), cost in whole.items():
        if resource in split:
            charges.append(Charge("", service, currency, cost, reason=NODE_REST))
        else:
            charges.append(Charge(owner, service, currency, cost, reason="" if owner else NO_LABEL))
    services = {(resource, currency): service for resource, _, service, currency in whole}
    charges += [
        Charge("", services.get((parent, currency), ""), currency, -part, reason=NODE_REST)
        for (parent, currency), part in off.items()
    ]
    return summed(charges)


def _rows(export: Export, keys: Iterable[str], day: date, versions: dict[str, str]) -> Iterator[dict[str, str]]:
    start = day.isoformat()
    for key in keys:
        action = f"read s3://{export.bucket}/{key}"
        try:
            with aws_errors(action):
                found = export.client.get_object(Bucket=export.bucket, Key=key)
                versions[key] = found["ETag"]
                with gzip.GzipFile(fileobj=found["Body"]) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
                    reader = csv.DictReader(text, strict=True)
                    _check_columns(reader.fieldnames or (), key)
                    for row in reader:
                        if row["line_item_usage_start_date"][:10] == start:
                            yield row
        except (EOFError, gzip.BadGzipFile, UnicodeDecodeError, csv.Error) as error:
            raise MiniappInfraError(f"Failed to {action}: it is no whole gzip file with CSV: {error}") from error


def _check_columns(names: Iterable[str], key: str) -> None:
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise MiniappInfraError(
            f"export_name: {key} lacks the column {', '.join(missing)}",
            code=ErrorCode.INVALID_INPUT,
            hint="Select it in the query of the export.",
        )


def _data_files(manifest: Mapping[str, Any], export: Export, manifest_key: str) -> list[str]:
    keys = []
    for entry in manifest.get("dataFiles") or ():
        address = entry if isinstance(entry, str) else entry.get("s3Uri") or entry.get("key") or ""
        key = address.removeprefix(f"s3://{export.bucket}/")
        if key.endswith(".parquet"):
            raise MiniappInfraError(
                f"export_name: {export.name} is delivered as Parquet, which is not supported",
                code=ErrorCode.INVALID_INPUT,
                hint="Let the export have the format gzip/csv.",
            )
        if not key.endswith(".csv.gz") or "://" in key:
            raise MiniappInfraError(f"Failed to read s3://{export.bucket}/{manifest_key}: unknown file {address!r}")
        keys.append(key)
    if not keys:
        raise MiniappInfraError(f"Failed to read s3://{export.bucket}/{manifest_key}: it names no data files")
    return keys


def _object(export: Export, key: str) -> tuple[bytes, str]:
    try:
        with aws_errors(f"read s3://{export.bucket}/{key}"):
            found = export.client.get_object(Bucket=export.bucket, Key=key)
            return found["Body"].read(), found["ETag"]
    except AwsError as error:
        if error.name == "NoSuchKey":
            raise MiniappInfraError(
                f"Failed to read s3://{export.bucket}/{key}: there is no such export, or nothing of that month yet",
                code=ErrorCode.NOT_FOUND,
                hint="AWS delivers a day's first rows within 24 hours.",
            ) from error
        raise


def _owner(row: Mapping[str, str], label: str) -> str:
    text = row["resource_tags"]
    try:
        tags = json.loads(text) if text else {}
        return str(tags.get(label) or "")
    except (ValueError, AttributeError) as error:
        raise MiniappInfraError(f"Failed to read an export: resource_tags is no JSON object: {text[:80]!r}") from error


def _amount(row: Mapping[str, str], column: str) -> Decimal:
    text = row.get(column) or "0"
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise MiniappInfraError(f"Failed to read an export: {column} is no number: {text!r}")
    return number
