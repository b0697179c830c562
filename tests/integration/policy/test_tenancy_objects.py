# SPDX-License-Identifier: GPL-3.0-or-later
"""A real apiserver takes the rendered objects as they are: no unknown field, no value that it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from miniapp_infra.catalog import load
from miniapp_infra.catalog.render import tenancy_objects
from miniapp_infra.local.layout import Layout

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.live


def in_default(item: dict[str, Any]) -> dict[str, Any]:
    """Move an object into a namespace that exists, since a dry run creates none; its name stays unique."""
    namespace = item["metadata"].get("namespace")
    if namespace is not None:
        item["metadata"] |= {"namespace": "default", "name": f"{namespace}-{item['metadata']['name']}"}
    return item


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_an_apiserver_accepts_the_objects(empty_cluster: Path, environment: str) -> None:
    objects = [in_default(item) for item in tenancy_objects(load(ROOT / "inventories" / environment))]
    command = [
        *(str(Layout(ROOT).bin / "kubectl"), f"--kubeconfig={empty_cluster}", "apply", "--server-side"),
        *("--dry-run=server", "--validate=strict", "--output=name", "--filename=-"),
    ]

    done = subprocess.run(
        command,
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(objects)
