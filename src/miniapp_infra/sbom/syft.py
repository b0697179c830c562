# SPDX-License-Identifier: GPL-3.0-or-later
"""The syft program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.registry.command import Runner, run_command
from miniapp_infra.registry.errors import last_line
from miniapp_infra.sbom.document import SbomFormat, Subject, retarget

if TYPE_CHECKING:
    from pathlib import Path

# Nothing but the layout on disk is read: no update check, and no look-ups in package registries.
_OFFLINE = {
    "SYFT_CHECK_FOR_APP_UPDATE": "false",
    "SYFT_GOLANG_SEARCH_REMOTE_LICENSES": "false",
    "SYFT_JAVA_USE_NETWORK": "false",
    "SYFT_JAVASCRIPT_SEARCH_REMOTE_LICENSES": "false",
    "SYFT_PYTHON_SEARCH_REMOTE_LICENSES": "false",
}


@dataclass(frozen=True)
class Syft:
    """Drives one syft program.

    Args:
        program: path or name of ``syft``.
        run: what runs the program.
        timeout: limit of one scan, seconds.
    """

    program: str = "syft"
    run: Runner = run_command
    timeout: float = 300.0

    def scan_layout(self, layout: Path, subject: Subject, sbom_format: SbomFormat) -> dict[str, Any]:
        """Return the bill of materials of the image in an OCI image layout.

        Args:
            layout: directory of the layout.
            subject: what the document says it is about.
            sbom_format: format of the document.

        Raises:
            MiniappInfraError: if syft cannot read the image.
        """
        done = self.run(
            [
                self.program,
                "scan",
                f"oci-dir:{layout}",
                "--quiet",
                "--output",
                sbom_format.value,
                "--source-name",
                subject.name,
                "--source-version",
                subject.version,
            ],
            environment=_OFFLINE,
            timeout=self.timeout,
        )
        action = f"list the packages of image {subject.name}:{subject.version}"
        if done.returncode != 0:
            raise MiniappInfraError(f"Failed to {action}: {last_line(done.stderr)}")
        try:
            document = json.loads(done.stdout)
        except ValueError as error:
            raise MiniappInfraError(f"Failed to {action}: syft printed no JSON: {error}") from error
        return retarget(document, subject)
