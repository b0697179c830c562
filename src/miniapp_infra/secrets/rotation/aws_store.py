# SPDX-License-Identifier: GPL-3.0-or-later
"""Key rings in AWS Secrets Manager. The exchange moves the label AWSCURRENT away from the version that was read."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.rotation.ring import Ring
from miniapp_infra.secrets.rotation.store import Held, Overtaken, needed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CANDIDATE = "MINIAPP_CANDIDATE"
"""Label of a version that is not current yet. Not AWSPENDING: RotateSecret takes that for a rotation of its own."""
_TAG = "miniapp-infra:"
_MISSING = "ResourceNotFoundException"
_TAKEN = "ResourceExistsException"
_NOT_THERE = frozenset({"InvalidParameterException", "InvalidRequestException", _MISSING})
"""How Secrets Manager says that the label is not at the version that it was to be moved from."""
_FORBIDDEN = frozenset({"AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"})
_PASSING = frozenset({"InternalServiceError", "ThrottlingException", "LimitExceededException"})


@dataclass(frozen=True)
class AwsStore:
    """The ring is the text of one secret.

    Args:
        client: of boto3, for ``secretsmanager``.
        name: of the secret.
        kms_key_id: what a new secret is encrypted with; the account's default when empty.
    """

    client: Any = field(repr=False)
    name: str
    kms_key_id: str = ""

    @classmethod
    def connect(cls, params: Mapping[str, Any]) -> AwsStore:
        """Return the store for the options of a module. Credentials come from where boto3 finds them.

        Raises:
            MiniappInfraError: boto3 is not installed, or there is no region.
        """
        boto3, config = needed("boto3", "aws"), needed("botocore.config", "aws")
        errors = needed("botocore.exceptions", "aws")
        try:
            client = boto3.client(
                "secretsmanager",
                region_name=params["region"] or None,
                endpoint_url=params["endpoint_url"] or None,
                verify=(params["ca_cert"] or None) if params["validate_certs"] else False,
                config=config.Config(
                    connect_timeout=params["timeout"],
                    read_timeout=params["timeout"],
                    retries={"total_max_attempts": params["retries"] + 1, "mode": "standard"},
                ),
            )
        except errors.NoRegionError as error:
            raise MiniappInfraError(
                "region: must be given, here or as AWS_REGION", code=ErrorCode.INVALID_INPUT
            ) from error
        except (errors.BotoCoreError, ValueError) as error:
            raise MiniappInfraError(f"endpoint_url or region: {error}", code=ErrorCode.INVALID_INPUT) from error
        return cls(client, params["name"], params["kms_key_id"] or "")

    @property
    def place(self) -> str:
        """What messages call it."""
        return f"AWS secret {self.name}"

    def read(self) -> Held:
        """Return the current version."""
        try:
            found = self._call("get_secret_value", "read", VersionStage="AWSCURRENT")
        except _AwsError as error:
            if error.reason != _MISSING:
                raise
            return Held(None, guard=self._describe() is not None)
        text = found.get("SecretString")
        return Held(Ring.from_document(_decoded(text), self.place), found["VersionId"], guard=True)

    def swap(self, held: Held, ring: Ring, is_stale: Callable[[], bool]) -> Held:
        """Write a version that nobody sees yet, and make it the current one if that is still the one that was read."""
        token, text = str(uuid.uuid4()), json.dumps(ring.as_document())
        if is_stale():
            raise Overtaken
        if not held.guard:
            self._create(token, text)
            return Held(ring, token, guard=True)
        # The token makes a repetition of this request, after a lost answer, the same version.
        stages = {"VersionStages": [CANDIDATE]}
        self._call("put_secret_value", "write", ClientRequestToken=token, SecretString=text, **stages)
        if is_stale():
            raise Overtaken
        if held.version:
            self._move(held.version, token)
        # The first version of all becomes current by itself, and somebody else's may have been that.
        elif self._call("get_secret_value", "read", VersionStage="AWSCURRENT")["VersionId"] != token:
            raise Overtaken
        return Held(ring, token, guard=True)

    def tidy(self, held: Held, *, check_mode: bool) -> tuple[str, ...]:
        """Write the tags, and take the labels off old versions, whereupon AWS removes them."""
        if held.ring is None:
            return ()
        found = self._describe() or {}
        stages = found.get("VersionIdsToStages") or {}
        if "AWSCURRENT" not in stages.get(held.version, ()):
            return ()  # another run has changed the ring, and tidies after that
        done: list[str] = []
        wanted = {f"{_TAG}{name}": value for name, value in held.ring.summary().items()}
        present = {tag["Key"]: tag["Value"] for tag in found.get("Tags") or ()}
        if {name: present.get(name) for name in wanted} != wanted:
            done.append("metadata")
            if not check_mode:
                tags = [{"Key": name, "Value": value} for name, value in wanted.items()]
                self._call("tag_resource", "tag", Tags=tags)
        removable = {CANDIDATE} if held.ring.previous else {CANDIDATE, "AWSPREVIOUS"}
        old = [
            (version, stage)
            for version, labels in sorted(stages.items())
            for stage in sorted(set(labels) & removable)
            if version != held.version
        ]
        if old:
            done.append("old_versions")
            for version, stage in () if check_mode else old:
                self._unlabel(version, stage)
        return tuple(done)

    def _unlabel(self, version: str, stage: str) -> None:
        labels = {"VersionStage": stage, "RemoveFromVersionId": version}
        try:
            self._call("update_secret_version_stage", "take a label off", **labels)
        except _AwsError as error:
            # Another run was faster.
            if error.reason not in _NOT_THERE:
                raise

    def _create(self, token: str, text: str) -> None:
        key = {"KmsKeyId": self.kms_key_id} if self.kms_key_id else {}
        try:
            self._send("create_secret", "create", Name=self.name, ClientRequestToken=token, SecretString=text, **key)
        except _AwsError as error:
            if error.reason == _TAKEN:
                raise Overtaken from error
            raise

    def _move(self, old: str, new: str) -> None:
        try:
            self._call(
                "update_secret_version_stage",
                "promote a version of",
                VersionStage="AWSCURRENT",
                MoveToVersionId=new,
                RemoveFromVersionId=old,
            )
        except _AwsError as error:
            if error.reason not in _NOT_THERE:
                raise
            # It is also refused when an answer was lost and boto3 asked again: then it is done already.
            if self._call("get_secret_value", "read", VersionStage="AWSCURRENT")["VersionId"] != new:
                raise Overtaken from error

    def _describe(self) -> dict[str, Any] | None:
        try:
            return self._call("describe_secret", "describe")
        except _AwsError as error:
            if error.reason == _MISSING:
                return None
            raise

    def _call(self, operation: str, verb: str, **arguments: Any) -> dict[str, Any]:
        return self._send(operation, verb, SecretId=self.name, **arguments)

    def _send(self, operation: str, verb: str, **arguments: Any) -> dict[str, Any]:
        errors = needed("botocore.exceptions", "aws")
        try:
            answer: dict[str, Any] = getattr(self.client, operation)(**arguments)
        except errors.ClientError as error:
            raise _AwsError(f"Failed to {verb} {self.place}", error.response["Error"]) from error
        except errors.NoCredentialsError as error:
            raise MiniappInfraError(
                f"Failed to {verb} {self.place}: {error}",
                code=ErrorCode.FORBIDDEN,
                hint="Give credentials in the way of boto3, such as AWS_PROFILE or a role.",
            ) from error
        except errors.ParamValidationError as error:
            raise MiniappInfraError(
                f"name: {self.name!r} is not acceptable to AWS", code=ErrorCode.INVALID_INPUT
            ) from error
        except errors.BotoCoreError as error:
            raise MiniappInfraError(
                f"Failed to {verb} {self.place}: {error}", code=ErrorCode.UNAVAILABLE, retryable=True
            ) from error
        return answer


class _AwsError(MiniappInfraError):
    """Secrets Manager refused a request."""

    def __init__(self, failed: str, error: Mapping[str, str]) -> None:
        self.reason = error.get("Code", "")
        codes = {
            **dict.fromkeys(_FORBIDDEN, ErrorCode.FORBIDDEN),
            **dict.fromkeys(_PASSING, ErrorCode.UNAVAILABLE),
            _MISSING: ErrorCode.NOT_FOUND,
            _TAKEN: ErrorCode.CONFLICT,
            "ValidationException": ErrorCode.INVALID_INPUT,
        }
        super().__init__(
            f"{failed}: {error.get('Message') or self.reason}",
            code=codes.get(self.reason, ErrorCode.UPSTREAM),
            retryable=self.reason in _PASSING,
        )


def _decoded(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        return None
