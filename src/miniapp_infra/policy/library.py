# SPDX-License-Identifier: GPL-3.0-or-later
"""The Gatekeeper policies of the repository, as they lie in ``policies/gatekeeper/<name>/``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE_FILE = "template.yaml"
CONSTRAINT_FILE = "constraint.yaml"


@dataclass(frozen=True)
class GuardrailPolicy:
    """One guardrail: the rule, and where and how strictly it holds.

    Args:
        name: the folder of the policy and the name of its constraint.
        template: the ConstraintTemplate, the same in every environment.
        constraint: the constraint with the parameters of the local environment.
    """

    name: str
    template: dict[str, Any]
    constraint: dict[str, Any]

    @property
    def kind(self) -> str:
        """Kind that the template defines and the constraint is of."""
        kind: str = self.template["spec"]["crd"]["spec"]["names"]["kind"]
        return kind


def load(directory: Path) -> tuple[GuardrailPolicy, ...]:
    """Read every policy below ``directory``, in alphabetical order.

    Args:
        directory: ``policies/gatekeeper`` of a checkout.

    Raises:
        MiniappInfraError: there is no policy, or one of them is incomplete or does not fit together.
    """
    folders = sorted(path.parent for path in directory.glob(f"*/{TEMPLATE_FILE}"))
    if not folders:
        raise MiniappInfraError(
            f"Failed to read policies from {directory}: no {TEMPLATE_FILE} in any folder of it",
            code=ErrorCode.NOT_FOUND,
            hint="Name the folder policies/gatekeeper of the checkout.",
        )
    return tuple(_read(folder) for folder in folders)


def _read(folder: Path) -> GuardrailPolicy:
    policy = GuardrailPolicy(
        name=folder.name,
        template=_document(folder / TEMPLATE_FILE, "ConstraintTemplate"),
        constraint=_document(folder / CONSTRAINT_FILE),
    )
    if policy.constraint["kind"] != policy.kind:
        raise _invalid(folder / CONSTRAINT_FILE, f"kind must be {policy.kind} as the template says", "kind")
    if policy.constraint["metadata"]["name"] != policy.name:
        raise _invalid(folder / CONSTRAINT_FILE, f"must be {policy.name} like its folder", "metadata.name")
    return policy


def _document(path: Path, kind: str | None = None) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _invalid(path, str(error.strerror), "file") from error
    except yaml.YAMLError as error:
        raise _invalid(path, str(error), "file") from error
    if not isinstance(document, dict) or not {"kind", "metadata", "spec"} <= document.keys():
        raise _invalid(path, "must be one object with kind, metadata and spec", "file")
    if kind is not None and document["kind"] != kind:
        raise _invalid(path, f"must be {kind}, got {document['kind']}", "kind")
    return document


def _invalid(path: Path, problem: str, field: str) -> MiniappInfraError:
    return MiniappInfraError(
        f"Failed to read policy {path.parent.name}: {path.name}: {field}: {problem}",
        code=ErrorCode.INVALID_INPUT,
        hint="Each policy is a folder of policies/gatekeeper with template.yaml and constraint.yaml; see a neighbour.",
    )
