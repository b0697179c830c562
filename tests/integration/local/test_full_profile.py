# SPDX-License-Identifier: GPL-3.0-or-later
"""What the full profile promises: every stand-in answers its own client, and starting again changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import boto3
import hvac
import psycopg
import pymongo
import pytest
import urllib3

from live_node import assert_each_component_runs_once
from miniapp_infra.local import node
from miniapp_infra.local.layout import METERING_URL, MONGODB_URL, MOTO_URL, POSTGRESQL_URL, VAULT_URL, Layout
from miniapp_infra.local.standins.components import ADDRESSES
from miniapp_infra.local.standins.moto import BUCKET, REGION
from promises import left_out, require_full_profile

pytestmark = [pytest.mark.live, pytest.mark.full, pytest.mark.timeout(300)]

LAYOUT = Layout(Path(__file__).parents[3])
SECONDS = 120


@pytest.fixture(autouse=True)
def _full_profile() -> None:
    require_full_profile()


def kubectl(*arguments: str) -> str:
    return subprocess.run(
        [str(LAYOUT.bin / "kubectl"), "--kubeconfig", str(LAYOUT.kubeconfig), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS + 30,
    ).stdout


def s3() -> Any:
    return boto3.client(
        "s3",
        endpoint_url=MOTO_URL,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - it takes any key
    )


def test_stand_ins_are_components_of_the_node() -> None:
    found = node.status(LAYOUT)
    assert found.healthy, found
    expected = {name for name in ADDRESSES if left_out([name]) is None}
    assert expected <= {item.name for item in found.components}
    assert_each_component_runs_once(LAYOUT)


def test_starting_again_changes_nothing() -> None:
    command = [sys.executable, "-m", "miniapp_infra.local.node", "--root", str(LAYOUT.root), "up"]
    before = {item.name: (item.pid, item.restarts) for item in node.status(LAYOUT).components}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "started" not in done.stdout
    assert {item.name: (item.pid, item.restarts) for item in node.status(LAYOUT).components} == before


def test_a_shell_finds_the_stand_ins(tmp_path: Path) -> None:
    asked = "AWS_ENDPOINT_URL MINIAPP_INFRA_MONGODB_URL MINIAPP_INFRA_POSTGRESQL_URL VAULT_ADDR"
    told = subprocess.run(
        ["sh", "-c", f". {LAYOUT.shell_exports} && printenv {asked}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [MOTO_URL, MONGODB_URL, POSTGRESQL_URL, VAULT_URL]


def test_moto_keeps_an_object() -> None:
    client = s3()
    assert BUCKET in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    name = f"trial-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    try:
        client.put_object(Bucket=name, Key="one", Body=b"content")
        assert client.get_object(Bucket=name, Key="one")["Body"].read() == b"content"
    finally:
        client.delete_object(Bucket=name, Key="one")
        client.delete_bucket(Bucket=name)


def test_postgresql_archives_its_log() -> None:
    archive = LAYOUT.postgresql / "archive"
    environment = os.environ | {"PGPASSFILE": str(LAYOUT.postgresql_passwords)}

    def psql(statement: str) -> str:
        command = ["psql", POSTGRESQL_URL, "--no-psqlrc", "--tuples-only", "--no-align", f"--command={statement}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.strip()

    psql("SELECT pg_logical_emit_message(true, 'trial', 'something to archive')")
    segment = psql("SELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + SECONDS
    while not (archive / segment).exists():
        assert time.monotonic() < deadline, f"{segment} is not archived; see {LAYOUT.logs / 'postgresql.log'}"
        time.sleep(0.5)
    assert (archive / segment).stat().st_size == 1 << 20


def test_postgresql_asks_the_superuser_for_a_password() -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(POSTGRESQL_URL, password="wrong", connect_timeout=30)  # noqa: S106
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(POSTGRESQL_URL.replace("postgres@", "ferretdb@"), dbname="ferretdb", connect_timeout=30)


@pytest.mark.tool("ferretdb")
def test_mongodb_keeps_a_document_in_postgresql() -> None:
    name = f"trial_{uuid.uuid4().hex[:12]}"
    with pymongo.MongoClient(MONGODB_URL, serverSelectionTimeoutMS=SECONDS * 1000) as client:
        try:
            client[name]["things"].insert_one({"_id": 1, "colour": "blue"})
            assert client[name]["things"].find_one({"colour": "blue"}) == {"_id": 1, "colour": "blue"}
            dsn = f"{POSTGRESQL_URL.removesuffix('/postgres')}/ferretdb?passfile={LAYOUT.postgresql_passwords}"
            with psycopg.connect(dsn) as kept:
                schemas = {row[0] for row in kept.execute("SELECT schema_name FROM information_schema.schemata")}
            assert name in schemas
        finally:
            client.drop_database(name)


@pytest.mark.tool("vault")
def test_vault_has_the_engines_that_are_used() -> None:
    client = hvac.Client(url=VAULT_URL, token=LAYOUT.vault_token.read_text())
    assert client.is_authenticated()
    path = f"trial-{uuid.uuid4().hex[:12]}"
    client.secrets.kv.v2.create_or_update_secret(path=path, secret={"one": "two"})
    try:
        read = client.secrets.kv.v2.read_secret_version(path=path, raise_on_deleted_version=True)
        assert read["data"]["data"] == {"one": "two"}
        client.sys.enable_secrets_engine("transit", path=path)
        client.secrets.transit.create_key(name="key", mount_point=path)
        assert client.secrets.transit.read_key(name="key", mount_point=path)["data"]["latest_version"] == 1
        for method in ("approle", "kubernetes", "userpass"):
            client.sys.enable_auth_method(method, path=f"{path}-{method}")
            client.sys.disable_auth_method(f"{path}-{method}")
    finally:
        client.sys.disable_secrets_engine(path)
        client.secrets.kv.v2.delete_metadata_and_all_versions(path=path)


def test_the_metering_server_answers() -> None:
    with urllib3.PoolManager(retries=False, timeout=30) as client:
        assert client.request("GET", f"{METERING_URL}/healthz").status == 200


@pytest.mark.tool("argo-rollouts")
def test_argo_rollouts_is_rolled_out() -> None:
    kubectl("rollout", "status", "deployment/argo-rollouts", "--namespace=argo-rollouts", f"--timeout={SECONDS}s")
    assert "rollouts.argoproj.io" in kubectl("get", "customresourcedefinitions", "--output=name")


@pytest.mark.tool("velero", "velero-plugin-for-aws")
def test_velero_reaches_the_bucket() -> None:
    kubectl("rollout", "status", "deployment/velero", "--namespace=velero", f"--timeout={SECONDS}s")
    kubectl(
        "wait",
        "backupstoragelocation/default",
        "--namespace=velero",
        "--for=jsonpath={.status.phase}=Available",
        f"--timeout={SECONDS}s",
    )
    location = json.loads(kubectl("get", "backupstoragelocation/default", "--namespace=velero", "--output=json"))
    assert location["spec"]["objectStorage"]["bucket"] == BUCKET


@pytest.mark.disruptive
def test_the_bucket_is_back_after_the_loss_of_moto() -> None:
    state = next(item for item in node.status(LAYOUT).components if item.name == "moto")
    os.kill(state.pid, 9)
    node.up(LAYOUT)
    assert node.status(LAYOUT).healthy
    client = s3()
    assert BUCKET in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
