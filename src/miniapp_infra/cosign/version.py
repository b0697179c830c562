# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of cosign we know how to drive.

Its help does not show hidden options that still work, so what a version can do is a table here. Sources: options of
``v2.6.4`` and ``v3.1.2`` (cmd/cosign/cli/options), changelog of v3.0.1, issue 4696 (what version 4 removes).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from miniapp_infra.registry.command import Completed

# From 2.6.4 on every flag that we pass exists; version 4 is announced without the legacy format and its flags.
OLDEST = Version("2.6.4")
TOO_NEW = Version("4")
# v3.0.4 is the first of the 3 series that verifies with a key without fetching Sigstore's trust root (issue 4550).
OFFLINE_KEY_VERIFICATION = Version("3.0.4")
# Advisory GHSA-fx35-mq7g-6g98 is fixed in 3.1.3.
FIRST_WITHOUT_KNOWN_ADVISORY = Version("3.1.3")


@dataclass(frozen=True)
class CosignVersion:
    """The version of a program.

    Args:
        text: as the program prints it, for instance ``v3.1.3``.
        number: the same, comparable.
    """

    text: str
    number: Version

    @property
    def warning(self) -> str | None:
        """What is wrong with using this version, if anything."""
        if self.number < FIRST_WITHOUT_KNOWN_ADVISORY:
            return f"cosign {self.text} has a known advisory (GHSA-fx35-mq7g-6g98); use 3.1.3 or later"
        return None


def parse_version(done: Completed) -> CosignVersion:
    """Read what ``cosign version --json`` printed.

    Raises:
        MiniappInfraError: ``missing_tool`` for a version that we do not know how to drive.
    """
    try:
        text = str(json.loads(done.stdout)["gitVersion"])
        number = Version(text.removeprefix("v"))
    except (ValueError, KeyError, TypeError, InvalidVersion) as error:
        raise MiniappInfraError(
            f"Failed to read the version of cosign: {(done.stderr or done.stdout).strip()!r}",
            code=ErrorCode.MISSING_TOOL,
            hint="use a released build of cosign; a build without a version cannot be judged",
        ) from error
    unusable = number < OLDEST or number >= TOO_NEW or Version("3") <= number < OFFLINE_KEY_VERIFICATION
    if unusable:
        raise MiniappInfraError(
            f"Failed to use cosign {text}: it is not a version that keeps the legacy signature format offline",
            code=ErrorCode.MISSING_TOOL,
            hint=f"use cosign 2.6.4 or later of series 2, or {FIRST_WITHOUT_KNOWN_ADVISORY} or later of series 3",
        )
    return CosignVersion(text, number)
