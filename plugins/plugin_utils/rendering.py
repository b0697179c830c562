# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the filters share: the environment from what a playbook has of it, and errors as Ansible shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError

try:
    from miniapp_infra import catalog
    from miniapp_infra.errors import MiniappInfraError
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None


T = TypeVar("T")


def loaded(value: Mapping[str, Any] | str) -> catalog.Environment:
    """Return the environment of a mapping, as ``environment_info`` returns it, or of an inventory's path."""
    return catalog.from_mapping(value) if isinstance(value, Mapping) else catalog.load(Path(value))


def rendered(work: Callable[[], T]) -> T:
    """Do the work.

    Raises:
        AnsibleFilterError: the package is missing, or the work failed with an error of the engines.
    """
    if IMPORT_ERROR is not None:
        raise AnsibleFilterError(
            "The Python package miniapp-infra is missing on the control host: pip install the repository."
        ) from IMPORT_ERROR
    try:
        return work()
    except MiniappInfraError as error:
        raise AnsibleFilterError(f"{error.message} {error.hint}".strip()) from error
