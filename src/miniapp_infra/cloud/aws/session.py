# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects to AWS with boto3, and says what went wrong in our own words."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ATTEMPTS = 5
"""Tries of one request in all; botocore waits between them and repeats only what may be repeated."""
_CREDENTIALS = (
    "AccessDenied",
    "AuthFailure",
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClient",
)
_LIMITED = ("Throttling", "RequestLimitExceeded", "TooManyRequests", "ServiceUnavailable", "InternalFailure")


class AwsError(MiniappInfraError):
    """AWS refused a request.

    Attributes:
        name: AWS's own code, such as ``DBClusterNotFoundFault``.
    """

    def __init__(self, message: str, *, name: str, code: ErrorCode, retryable: bool) -> None:
        super().__init__(message, code=code, retryable=retryable)
        self.name = name


def client(params: Mapping[str, Any], service: str) -> Any:
    """Return the boto3 client of a service.

    Args:
        params: the options of the documentation fragment ``aws``.
        service: as boto3 calls it, such as ``docdb``.

    Raises:
        MiniappInfraError: boto3 is missing (missing_tool); there is no region or no such profile (invalid_input).
    """
    try:
        boto3 = importlib.import_module("boto3")
        config = importlib.import_module("botocore.config").Config
    except ImportError as error:
        raise MiniappInfraError(
            "Failed to connect to AWS: the Python package boto3 is not installed",
            code=ErrorCode.MISSING_TOOL,
            hint="pip install 'miniapp-infra[aws]'",
        ) from error
    own_keys = bool(params.get("access_key"))
    verify = params.get("aws_ca_bundle") or True
    with aws_errors(f"connect to AWS {service}"):
        session = boto3.Session(
            aws_access_key_id=params.get("access_key") or None,
            aws_secret_access_key=params.get("secret_key") or None,
            aws_session_token=params.get("session_token") or None,
            # boto3 would prefer the keys as well, but only after it found the profile.
            profile_name=None if own_keys else params.get("profile") or None,
            region_name=params.get("region") or None,
        )
        return session.client(
            service,
            endpoint_url=params.get("endpoint_url") or None,
            verify=verify if params.get("validate_certs", True) else False,
            config=config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}),
        )


@contextmanager
def aws_errors(action: str) -> Iterator[None]:
    """Turn the exceptions of botocore into ours.

    Args:
        action: completes "Failed to ...".

    Raises:
        AwsError: AWS refused the request.
        MiniappInfraError: it could not be sent.
    """
    known = importlib.import_module("botocore.exceptions")
    try:
        yield
    except known.ClientError as error:
        raise _refusal(action, error.response) from error
    except (known.NoRegionError, known.ProfileNotFound, known.ParamValidationError) as error:
        raise MiniappInfraError(
            f"Failed to {action}: {error}",
            code=ErrorCode.INVALID_INPUT,
            hint="Set region, or the profile that has one.",
        ) from error
    except (known.NoCredentialsError, known.PartialCredentialsError, known.TokenRetrievalError) as error:
        raise MiniappInfraError(
            f"Failed to {action}: {error}",
            code=ErrorCode.FORBIDDEN,
            hint="Set access_key and secret_key, or profile, or run where a role is given.",
        ) from error
    except known.BotoCoreError as error:
        raise MiniappInfraError(f"Failed to {action}: {error}", code=ErrorCode.UNAVAILABLE, retryable=True) from error


def code_of(name: str, status: int) -> tuple[ErrorCode, bool]:
    """Return the kind of failure behind one of AWS's codes, and whether the same call may succeed later.

    Args:
        name: AWS's code, with or without the ending ``Fault``.
        status: HTTP status of the answer.
    """
    plain = name.removesuffix("Fault").removesuffix("Exception")
    if plain.startswith(_LIMITED) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ErrorCode.UNAVAILABLE, True
    if plain.startswith("Invalid") and plain.endswith("State"):
        return ErrorCode.CONFLICT, True
    for holds, code in (
        (plain.startswith(_CREDENTIALS), ErrorCode.FORBIDDEN),
        (plain.endswith("NotFound"), ErrorCode.NOT_FOUND),
        (plain.endswith("AlreadyExists"), ErrorCode.CONFLICT),
        (plain.startswith(("Invalid", "Validation", "MalformedQuery", "Missing")), ErrorCode.INVALID_INPUT),
    ):
        if holds:
            return code, False
    return ErrorCode.UPSTREAM, False


def _refusal(action: str, response: Mapping[str, Any]) -> AwsError:
    error = response.get("Error", {})
    name = str(error.get("Code", "Unknown"))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.BAD_REQUEST))
    code, retryable = code_of(name, status)
    return AwsError(
        f"Failed to {action}: AWS answered {name}: {error.get('Message') or 'no reason given'}",
        name=name,
        code=code,
        retryable=retryable,
    )
