# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS: moto in this process, reached over HTTP as AWS is."""

from __future__ import annotations

import uuid

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.rds import models, utils

REGION = "eu-central-1"
ACCESS = {"access_key": "AKIAEXAMPLE", "secret_key": "a-secret-of-the-tests", "region": REGION}
PORT = 27017


@pytest.fixture(scope="session")
def moto_url():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        _teach_documentdb(patch)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture(scope="session")
def access(moto_url):
    """The options that connect modules."""
    return {**ACCESS, "endpoint_url": moto_url}


@pytest.fixture(scope="session")
def boto(moto_url):
    """The other door: boto3 itself."""

    def client(service):
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=moto_url,
            aws_access_key_id=ACCESS["access_key"],
            aws_secret_access_key=ACCESS["secret_key"],
        )

    return client


@pytest.fixture
def name():
    return f"t{uuid.uuid4().hex[:12]}"


def _teach_documentdb(patch):
    """Add the engine docdb, which moto 5.2.5 does not have, to its lists of engines; the calls are those of RDS."""
    for kind, method in (("ClusterEngine", "list_cluster_engines"), ("DbInstanceEngine", "valid_db_instance_engine")):
        known = getattr(getattr(utils, kind), method)()
        patch.setattr(getattr(utils, kind), method, lambda known=known: [*known, "docdb"])
    for kind, method, value in (
        (models.DBCluster, "default_engine_version", "5.0.0"),
        (models.DBCluster, "default_port", PORT),
        (models.DBCluster, "default_allocated_storage", 1),
        (models.DBInstance, "default_port", PORT),
    ):
        original = getattr(kind, method)

        def taught(engine, *rest, original=original, value=value, **options):
            return value if engine == "docdb" else original(engine, *rest, **options)

        patch.setattr(kind, method, staticmethod(taught))
