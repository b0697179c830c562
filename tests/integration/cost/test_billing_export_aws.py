# SPDX-License-Identifier: GPL-3.0-or-later
"""``billing_export_info`` for AWS, against moto's S3 with an export laid out as AWS Data Exports does."""

from __future__ import annotations

import csv
import gzip
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from miniapp_infra.cost.tasks import export_info
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunModule

DAY = "2026-11-01"
SECRET = "aws-secret-0815"  # noqa: S105 - of this test
COLUMNS = [
    "bill_billing_period_start_date",
    "identity_line_item_id",
    "line_item_currency_code",
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_resource_id",
    "line_item_unblended_cost",
    "line_item_usage_start_date",
    "resource_tags",
    "split_line_item_parent_resource_id",
    "split_line_item_split_cost",
    "split_line_item_unused_cost",
]


def line(cost: str, owner: str = "", day: str = DAY, **fields: str) -> dict[str, str]:
    return {
        "identity_line_item_id": uuid.uuid4().hex,
        "line_item_currency_code": "USD",
        "line_item_line_item_type": "Usage",
        "line_item_product_code": "AmazonEC2",
        "line_item_resource_id": "i-0123",
        "line_item_unblended_cost": cost,
        "line_item_usage_start_date": f"{day}T05:00:00.000Z",
        "resource_tags": json.dumps({"aws_eks_namespace": owner, "user_team": "games"}) if owner else "{}",
        **fields,
    }


def pod(owner: str, split: str, unused: str) -> dict[str, str]:
    return line(
        "0",
        owner,
        line_item_resource_id=f"arn:aws:eks:eu-central-1:1:pod/prod/{owner}/0",
        split_line_item_parent_resource_id="i-0123",
        split_line_item_split_cost=split,
        split_line_item_unused_cost=unused,
    )


class Export:
    """Writes an export as AWS does: the data files first, the manifest last."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket

    def file(self, rows: list[dict[str, str]], columns: list[str] = COLUMNS) -> bytes:
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, extrasaction="ignore", restval="", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
        return gzip.compress(text.getvalue().encode(), mtime=0)

    def deliver(self, *files: bytes, kind: str = "csv.gz", uris: bool = False, period: str = "2026-11") -> None:
        names = []
        for number, data in enumerate(files, start=1):
            name = f"cur/prod/data/BILLING_PERIOD={period}/prod-{number:05}.{kind}"
            self.s3.put_object(Bucket=self.bucket, Key=name, Body=data)
            names.append({"s3Uri": f"s3://{self.bucket}/{name}"} if uris else f"s3://{self.bucket}/{name}")
        self.manifest({"dataFiles": names, "executionId": uuid.uuid4().hex}, period)

    def manifest(self, content: Any, period: str = "2026-11") -> None:
        key = f"cur/prod/metadata/BILLING_PERIOD={period}/prod-Manifest.json"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(content).encode())


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint: str) -> dict[str, str]:
    return {"endpoint_url": endpoint, "region": "us-east-1", "access_key": "test", "secret_key": SECRET}


@pytest.fixture
def export(aws: dict[str, str]) -> Export:
    client = boto3.client(
        "s3",
        endpoint_url=aws["endpoint_url"],
        region_name=aws["region"],
        aws_access_key_id=aws["access_key"],
        aws_secret_access_key=aws["secret_key"],
    )
    bucket = f"billing-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    return Export(client, bucket)


@pytest.fixture
def read(aws: dict[str, str], export: Export) -> Any:
    def run(**changes: Any) -> dict[str, Any]:
        where = {"provider": "aws", "bucket": export.bucket, "prefix": "/cur/", "export_name": "prod"}
        params = {**aws, **where, "day": DAY, "lag": 24, **changes}
        return export_info(params, check_mode=False, diff_mode=False)

    return run


def test_the_module_tells_whose_the_cost_of_a_day_is(
    module_process: RunModule, aws: dict[str, str], export: Export
) -> None:
    storage = {"line_item_product_code": "AmazonS3", "line_item_resource_id": "bucket"}
    export.deliver(
        export.file([line("10.0000000000"), pod("playhub", "3.1", "0.4"), pod("payhub", "2", "0.5")]),
        export.file(
            [
                line("0.42", **storage),
                line("-1", line_item_line_item_type="Credit", line_item_resource_id=""),
                line("99", "playhub", day="2026-11-02"),
            ]
        ),
    )
    where = {"bucket": export.bucket, "prefix": "cur", "export_name": "prod"}
    args = {**aws, **where, "provider": "aws", "day": DAY}
    found = [module_process("billing_export_info", args, check=check) for check in (True, False)]
    assert SECRET not in json.dumps(found)
    assert found[0]["revision"] == found[1]["revision"] != ""
    for result in found:
        assert (result["changed"], result["day"], result["complete"]) == (False, DAY, True)
        assert result["window"] == {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
        assert [(row["owner"], row["service"], row["net"]) for row in result["costs"]] == [
            ("payhub", "AmazonEC2", "2.5"),
            ("playhub", "AmazonEC2", "3.5"),
        ]
        assert [(row["reason"], row["service"], row["cost"], row["credits"]) for row in result["unassigned"]] == [
            ("no_label", "AmazonEC2", "0", "-1"),
            ("no_label", "AmazonS3", "0.42", "0"),
            ("node_rest", "AmazonEC2", "4", "0"),
        ]
        assert result["totals"] == {"USD": "9.42"}


def test_the_revision_changes_when_aws_restates_the_day(export: Export, read: Any) -> None:
    export.deliver(export.file([line("1", "a", line_item_resource_id="i-9")]))
    first = read()
    assert read() == first
    export.deliver(export.file([line("1.5", "a", line_item_resource_id="i-9")]), uris=True)
    second = read()
    assert (first["totals"], second["totals"]) == ({"USD": "1"}, {"USD": "1.5"})
    assert first["revision"] != second["revision"]


def test_files_that_the_manifest_does_not_name_do_not_count(export: Export, read: Any) -> None:
    """With the delivery of new files, those of earlier deliveries lie beside the present ones."""
    export.deliver(export.file([line("1", "a")]), export.file([line("5", "a")]))
    export.deliver(export.file([line("2", "a")]))
    assert read()["totals"] == {"USD": "2"}


def test_a_label_of_ones_own(export: Export, read: Any) -> None:
    export.deliver(export.file([line("1", "playhub")]))
    assert [row["owner"] for row in read(label="user_team")["costs"]] == ["games"]


@pytest.mark.parametrize("days", [0, 1])
def test_a_day_that_is_not_over_is_refused(read: Any, days: int) -> None:
    day = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    with pytest.raises(MiniappInfraError, match=f"^day: {day} is not over in UTC"):
        read(day=day)


def test_yesterday_is_not_complete(export: Export, read: Any) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    export.deliver(export.file([line("1", "a", day=yesterday)]), period=yesterday[:7])
    assert not read(day=yesterday)["complete"]
    assert read(day=yesterday, lag=0)["complete"]


@pytest.mark.parametrize("day", ["", "yesterday", "2026-13-01", "2026-11-01T00:00:00Z"])
def test_what_is_no_day_is_refused(read: Any, day: str) -> None:
    with pytest.raises(MiniappInfraError, match=r"^day: must be a date"):
        read(day=day)


def test_parquet_is_refused(export: Export, read: Any) -> None:
    export.deliver(b"PAR1", kind="snappy.parquet")
    with pytest.raises(MiniappInfraError, match=r"^export_name: prod is delivered as Parquet") as caught:
        read()
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_a_month_without_an_export(read: Any) -> None:
    with pytest.raises(MiniappInfraError, match="there is no such export, or nothing of that month yet") as caught:
        read()
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("column", ["resource_tags", "line_item_unblended_cost"])
def test_a_column_that_was_not_exported_is_named(export: Export, read: Any, column: str) -> None:
    export.deliver(export.file([line("1")], [name for name in COLUMNS if name != column]))
    with pytest.raises(MiniappInfraError, match=f"^export_name: .* lacks the column {column}$"):
        read()


def test_without_split_cost_allocation(export: Export, read: Any) -> None:
    export.deliver(export.file([line("1", "a")], [name for name in COLUMNS if not name.startswith("split_")]))
    assert read()["totals"] == {"USD": "1"}


def test_a_damaged_file_is_no_cheap_day(export: Export, read: Any) -> None:
    whole = export.file([line("1", "a") for _ in range(50)])
    for damaged in (whole[: len(whole) // 2], b"no gzip", gzip.compress(b"\xff\xfe"), whole[:-4]):
        export.deliver(damaged)
        with pytest.raises(MiniappInfraError, match=r"it is no whole gzip file with CSV|lacks the column"):
            read()


@pytest.mark.parametrize(
    "content", [{}, {"dataFiles": []}, {"dataFiles": ["s3://another/x.csv.gz"]}, {"dataFiles": ["x.zip"]}]
)
def test_a_manifest_that_is_none(export: Export, read: Any, content: Any) -> None:
    export.manifest(content)
    with pytest.raises(MiniappInfraError, match=r"it names no data files|unknown file"):
        read()


def test_an_export_that_is_replaced_while_it_is_read(export: Export, read: Any, monkeypatch: Any) -> None:
    export.deliver(export.file([line("1", "a")]))
    opened = gzip.GzipFile

    def replacing(*args: Any, **options: Any) -> Any:
        if "fileobj" in options and options.get("mode", "rb") == "rb":
            monkeypatch.setattr("miniapp_infra.cost.cur.gzip.GzipFile", opened)
            export.deliver(export.file([line("2", "a")]))
        return opened(*args, **options)

    monkeypatch.setattr("miniapp_infra.cost.cur.gzip.GzipFile", replacing)
    with pytest.raises(MiniappInfraError, match="AWS replaced it meanwhile") as caught:
        read()
    assert caught.value.retryable
    assert read()["totals"] == {"USD": "2"}
