# SPDX-License-Identifier: GPL-3.0-or-later
"""How AWS is reached, and what its refusals become."""

from __future__ import annotations

import importlib

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from miniapp_infra.cloud.aws import session
from miniapp_infra.cloud.aws.session import AwsError, aws_errors, client, code_of
from miniapp_infra.errors import ErrorCode, MiniappInfraError

KEYS = {"access_key": "AKIAEXAMPLE", "secret_key": "secret", "region": "eu-central-1"}


@pytest.mark.parametrize(
    ("name", "status", "code", "retryable"),
    [
        ("DBClusterNotFoundFault", 404, ErrorCode.NOT_FOUND, False),
        ("ReplicationGroupNotFoundFault", 404, ErrorCode.NOT_FOUND, False),
        ("SnapshotNotFoundFault", 404, ErrorCode.NOT_FOUND, False),
        ("DBClusterAlreadyExistsFault", 400, ErrorCode.CONFLICT, False),
        ("InvalidReplicationGroupState", 400, ErrorCode.CONFLICT, True),
        ("InvalidDBClusterStateFault", 400, ErrorCode.CONFLICT, True),
        ("InvalidParameterCombination", 400, ErrorCode.INVALID_INPUT, False),
        ("AccessDenied", 403, ErrorCode.FORBIDDEN, False),
        ("AccessDeniedException", 403, ErrorCode.FORBIDDEN, False),
        ("InvalidClientTokenId", 403, ErrorCode.FORBIDDEN, False),
        ("ExpiredToken", 403, ErrorCode.FORBIDDEN, False),
        ("Throttling", 400, ErrorCode.UNAVAILABLE, True),
        ("RequestLimitExceeded", 503, ErrorCode.UNAVAILABLE, True),
        ("InternalFailure", 500, ErrorCode.UNAVAILABLE, True),
        ("KMSKeyNotAccessibleFault", 400, ErrorCode.UPSTREAM, False),
    ],
)
def test_a_refusal_has_its_code(name, status, code, retryable):
    assert code_of(name, status) == (code, retryable)


def test_a_refusal_is_told_in_one_sentence():
    docdb = client(KEYS, "docdb")
    with Stubber(docdb) as stub:
        stub.add_client_error("describe_db_clusters", "AccessDenied", "You may not.", 403)
        with pytest.raises(AwsError) as caught, aws_errors("read the cluster"):
            docdb.describe_db_clusters(DBClusterIdentifier="prod")
    assert caught.value.message == "Failed to read the cluster: AWS answered AccessDenied: You may not."
    assert caught.value.as_dict() == {"code": "forbidden", "retryable": False, "hint": ""}
    assert caught.value.name == "AccessDenied"


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (NoCredentialsError(), ErrorCode.FORBIDDEN, False),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), ErrorCode.UNAVAILABLE, True),
    ],
)
def test_what_could_not_be_sent(error, code, retryable):
    with pytest.raises(MiniappInfraError, match=r"^Failed to try: ") as caught, aws_errors("try"):
        raise error
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


def test_a_missing_region_is_bad_input(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MiniappInfraError, match="You must specify a region") as caught:
        client({**KEYS, "region": None}, "docdb")
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_a_profile_that_does_not_exist(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(MiniappInfraError, match="none-such") as caught:
        client({"profile": "none-such", "region": "eu-central-1"}, "docdb")
    assert caught.value.code is ErrorCode.INVALID_INPUT
    # Keys of one's own make it unimportant.
    assert client({**KEYS, "profile": "none-such"}, "docdb").meta.region_name == "eu-central-1"


def test_the_options_reach_boto3(monkeypatch):
    given = {}

    class Session:
        def __init__(self, **options):
            given.update(options)

        def client(self, service, **options):
            given.update(options, service=service)

    monkeypatch.setattr(boto3, "Session", Session)
    client({**KEYS, "session_token": "t", "endpoint_url": "http://127.0.0.1:1", "validate_certs": False}, "elasticache")
    assert given.pop("config").retries == {"mode": "standard", "total_max_attempts": session.ATTEMPTS}
    assert given == {
        "aws_access_key_id": "AKIAEXAMPLE",
        "aws_secret_access_key": "secret",
        "aws_session_token": "t",
        "profile_name": None,
        "region_name": "eu-central-1",
        "service": "elasticache",
        "endpoint_url": "http://127.0.0.1:1",
        "verify": False,
    }


def test_without_boto3_it_is_said_how_to_get_it(monkeypatch):
    original = importlib.import_module

    def missing(name, *rest):
        if name == "boto3":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(session.importlib, "import_module", missing)
    with pytest.raises(MiniappInfraError, match="boto3 is not installed") as caught:
        client(KEYS, "docdb")
    assert caught.value.as_dict() == {
        "code": "missing_tool",
        "retryable": False,
        "hint": "pip install 'miniapp-infra[aws]'",
    }
