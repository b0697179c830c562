# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules against a real Velero with its AWS plugin; seen through kubectl, ``velero`` and the bucket."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.local.layout import MOTO_PORT
from miniapp_infra.local.standins.moto import BUCKET, REGION
from promises import require_full_profile

if TYPE_CHECKING:
    from conftest import RunModule

pytestmark = [pytest.mark.live, pytest.mark.full, pytest.mark.tool("velero", "velero-plugin-for-aws")]

BIN = Path(__file__).parents[3] / ".local" / "bin"
STORE = f"http://198.18.0.2:{MOTO_PORT}"
DIRECT = {"NO_PROXY": "198.18.0.0/15,127.0.0.1", "no_proxy": "198.18.0.0/15,127.0.0.1"}
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def module(module_worker: RunModule, kubeconfig: Path) -> Run:
    """Runs a module against the live Velero; fails the test when the module failed, unless that was expected."""
    require_full_profile()

    def run(name: str, /, *, fails: bool = False, **args: Any) -> dict[str, Any]:
        result = module_worker(name, {"kubeconfig": str(kubeconfig), **args}, env=DIRECT)
        assert bool(result.get("failed")) is fails, result.get("msg", result)
        return result

    return run


@pytest.fixture
def program(kubeconfig: Path) -> Callable[..., str]:
    """Runs kubectl or velero, which know nothing of the modules; returns what they print."""

    def run(name: str, *args: str, fails: bool = False) -> str:
        environment = {**os.environ, **DIRECT, "KUBECONFIG": str(kubeconfig)}
        done = subprocess.run(
            [str(BIN / name), *args], capture_output=True, text=True, check=False, env=environment, timeout=120
        )
        assert (done.returncode != 0) is fails, done.stderr
        return done.stdout

    return run


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Returns the keys below a prefix of the bucket, asked of the object store itself."""
    import boto3  # noqa: PLC0415 - takes a second, and only these tests need it

    for name, value in DIRECT.items():
        monkeypatch.setenv(name, value)
    client = boto3.client(
        "s3",
        endpoint_url=STORE,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - it takes any key
    )

    def keys(prefix: str) -> list[str]:
        return [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())]

    return keys


@pytest.fixture
def service(module: Run, program: Callable[..., str]) -> Iterator[str]:
    """A namespace with three ConfigMaps; it and what is called after it is deleted afterwards."""
    del module  # only for its check of the profile
    name = f"velero-test-{uuid.uuid4().hex[:8]}"
    program("kubectl", "create", "namespace", name)
    for number in range(3):
        program("kubectl", "create", "configmap", f"c{number}", "-n", name, f"--from-literal=number={number}")
    yield name
    program("kubectl", "delete", "namespace", name, f"{name}-drill", "--ignore-not-found", "--wait=false")


def values(program: Callable[..., str], namespace: str) -> dict[str, str]:
    """Return the ConfigMaps of a namespace that are the test's own, with their content."""
    found = json.loads(program("kubectl", "get", "configmaps", "-n", namespace, "-o", "json"))["items"]
    return {item["metadata"]["name"]: item["data"]["number"] for item in found if "number" in item.get("data", {})}


def test_backup_drill_recovery_and_deletion(
    module: Run, program: Callable[..., str], bucket: Callable[[str], list[str]], service: str
) -> None:
    content = {"c0": "0", "c1": "1", "c2": "2"}
    backup = {"name": service, "included_namespaces": [service], "ttl": "1h", "wait_timeout": 300}
    try:
        done = module("velero_backup", **backup)
        assert (done["changed"], done["backup"]["phase"], done["backup"]["errors"]) == (True, "Completed", 0)
        assert done["backup"]["items_done"] >= 3
        assert f"backups/{service}/{service}.tar.gz" in bucket(f"backups/{service}/")
        shown = json.loads(program("velero", "backup", "get", service, "-o", "json"))
        assert shown["status"]["phase"] == "Completed"
        assert not module("velero_backup", **backup)["changed"]

        drill = {
            "name": f"{service}-drill",
            "backup_name": service,
            "namespace_mapping": {service: f"{service}-drill"},
            "confirm_target": [f"{service}-drill"],
            "expect_resources": [{"kind": "ConfigMap", "name": "c0", "namespace": f"{service}-drill"}],
            "wait_timeout": 300,
        }
        restored = module("velero_restore", **drill)
        assert restored["restored_items"]["created"] >= 3
        assert values(program, f"{service}-drill") == content
        assert not module("velero_restore", **drill)["changed"]

        recovery = {"backup_name": service, "confirm_target": [service], "wait_timeout": 300}
        refused = module("velero_restore", name=f"{service}-1", fails=True, **recovery)
        assert refused["error"]["code"] == "refused_by_policy"
        program("kubectl", "delete", "configmap", "c1", "-n", service)
        allowed = {**recovery, "allow_overwrite_source": True}
        module("velero_restore", name=f"{service}-2", **allowed)
        assert values(program, service) == content
        nothing = module("velero_restore", name=f"{service}-3", fails=True, **allowed)
        assert "phase Completed, but nothing was restored" in nothing["msg"]
    finally:
        gone = module("velero_backup", name=service, state="absent", wait_timeout=300)
    assert gone["changed"]
    assert bucket(f"backups/{service}/") == []
    program("velero", "backup", "get", service, fails=True)
    assert not module("velero_backup", name=service, state="absent")["changed"]


def test_a_schedule_a_location_and_the_age_of_a_backup(
    module: Run, program: Callable[..., str], bucket: Callable[[str], list[str]], service: str
) -> None:
    place = {"name": service, "wait_timeout": 300}
    schedule = {"name": service, "schedule": "CRON_TZ=UTC 0 2 1 1 *", "skip_immediately": True}
    template = {"included_namespaces": [service], "storage_location": service, "ttl": "1h"}
    taken = {"from_schedule": service, "idempotency_key": service, "wait_timeout": 300}
    made: dict[str, Any] = {}
    try:
        location = module(
            "velero_backup_storage_location",
            **place,
            provider="aws",
            bucket=BUCKET,
            prefix=service,
            config={"region": REGION, "s3Url": STORE, "s3ForcePathStyle": True, "checksumAlgorithm": ""},
        )
        assert location["storage_location"]["phase"] == "Available"
        assert module("velero_schedule", **schedule, **template)["schedule"]["phase"] == "Enabled"
        assert not module("velero_schedule", **schedule, **template)["changed"]
        shown = json.loads(program("velero", "schedule", "get", service, "-o", "json"))
        assert shown["spec"]["template"]["includedNamespaces"] == [service]

        made = module("velero_backup", **taken)["backup"]
        assert (made["phase"], made["schedule"], made["storage_location"]) == ("Completed", service, service)
        assert not module("velero_backup", **taken)["changed"]
        assert any(key.endswith(".tar.gz") for key in bucket(f"{service}/backups/{made['name']}/"))
        age = module("velero_backup_info", schedule=service, max_age="15m")
        assert (age["rpo_met"], [item["name"] for item in age["backups"]]) == (True, [made["name"]])

        module("velero_backup_storage_location", **place, access_mode="ReadOnly")
        refused = module("velero_backup", name=f"{service}-2", **template, fails=True)
        assert "is read-only" in refused["msg"]
        module("velero_backup_storage_location", **place, access_mode="ReadWrite")
    finally:
        if made:
            module("velero_backup", name=made["name"], state="absent", wait_timeout=300)
        module("velero_schedule", name=service, state="absent")
        module("velero_backup_storage_location", name=service, state="absent")
    program("velero", "schedule", "get", service, fails=True)
    assert bucket(f"{service}/backups/") == []
