# SPDX-License-Identifier: GPL-3.0-or-later
"""``release.yaml``: which image and which chart of one service run in one environment.

It is the only file that a promotion or a rollback changes, and the ApplicationSet makes one Application of each.
"""

from __future__ import annotations

from typing import Annotated, Any

import yaml
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from miniapp_infra.errors import ErrorCode, MiniappInfraError

_HEADER = "# Written by promotions and rollbacks through pull requests. Do not edit by hand.\n"
_SEMANTIC = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?)?$"

SemanticVersion = Annotated[str, Field(pattern=_SEMANTIC, max_length=63)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Chart(_Part):
    """The chart that renders the service."""

    version: SemanticVersion


class Image(_Part):
    """The program, by content."""

    repository: Annotated[str, Field(min_length=1)]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


class Release(_Part):
    """What runs; ``version`` is the tag that the digest was resolved from."""

    service: str
    env: str
    version: SemanticVersion
    chart: Chart
    image: Image

    @property
    def path(self) -> str:
        return release_path(self.env, self.service)

    def to_yaml(self) -> bytes:
        return (_HEADER + yaml.safe_dump(self.model_dump(), sort_keys=False)).encode()

    @classmethod
    def from_yaml(cls, content: bytes, *, path: str) -> Release:
        """Read a release.

        Raises:
            MiniappInfraError: it is not one; names the key.
        """
        try:
            raw: Any = yaml.safe_load(content)
            return cls.model_validate(raw)
        except (yaml.YAMLError, ValidationError) as error:
            raise MiniappInfraError(
                f"Failed to read {path}: {_first_problem(error)}",
                code=ErrorCode.INVALID_INPUT,
                hint="Restore the file from the history of the repository; promotions write it, nobody else.",
            ) from error


def release_path(env: str, service: str) -> str:
    return f"services/{env}/{service}/release.yaml"


def require_version(text: str) -> Version:
    """Return a version that can be compared.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``.
    """
    try:
        # Checked against the field of the model first: "1.2" and "v1.2.3" are versions to packaging, not to us.
        Chart(version=text)
        return Version(text)
    except (ValidationError, InvalidVersion) as error:
        raise MiniappInfraError(
            f"version: must be a semantic version such as 1.4.2, got {text!r}", code=ErrorCode.INVALID_INPUT
        ) from error


def _first_problem(error: yaml.YAMLError | ValidationError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else first["msg"]
    return str(error).replace("\n", " ")
