# SPDX-License-Identifier: GPL-3.0-or-later
"""Gatekeeper's own evaluation without a cluster: the program ``gator``.

Its exit code 1 means that something is denied, or that it could not do its work; which of them, only its standard
output tells (website/docs/gator.md of Gatekeeper 3.23).
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.manifests import documents
from miniapp_infra.kube.objects import KubeObject, flatten, group_of, lookup
from miniapp_infra.registry.command import Completed, Runner, run_command
from miniapp_infra.registry.errors import last_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SUFFIXES = {".yaml", ".yml", ".json"}
_OURS = "gatekeeper.sh"
# Suites for `gator verify`, which are about policies and are none.
_TESTS = "test.gatekeeper.sh"
_CONSTRAINTS = "constraints.gatekeeper.sh"
# An expression in CEL that does not compile is told like a violation, of every object.
_NO_ANSWER = "compilation error:"


class DeniedError(MiniappInfraError):
    """Objects break policies that deny.

    Args:
        message: the sentence.
        answer: what was found, for callers that look at more than the sentence.
    """

    code = ErrorCode.REFUSED_BY_POLICY

    def __init__(self, message: str, answer: Mapping[str, Any]) -> None:
        super().__init__(message, hint="Mend the objects under violations.")
        self.answer = dict(answer)

    def result(self) -> dict[str, Any]:
        """Return the fields that a module reports beside the error."""
        return {"changed": False, **self.answer}


@dataclass(frozen=True)
class Violation:
    """An object that breaks a constraint.

    Args:
        message: what the policy says.
        constraint: kind and name.
        enforcement_action: what would happen at admission: ``deny``, ``warn``, ``dryrun`` or ``scoped``.
        denies: whether it would keep the object out.
        subject: which object: ``api_version``, ``kind``, ``namespace``, ``name``. Its content is left out, because
            it may hold secrets.
    """

    message: str
    constraint: Mapping[str, str]
    enforcement_action: str
    denies: bool
    subject: Mapping[str, str]

    @classmethod
    def from_api(cls, entry: Mapping[str, Any]) -> Violation:
        """Read one element of what ``gator test --output=json`` prints.

        Raises:
            KeyError: it lacks a part.
            TypeError: a part is of another type.
        """
        constraint, subject = entry["constraint"], entry["violatingObject"]
        action = str(entry.get("enforcementAction") or "deny")
        return cls(
            message=str(entry.get("msg", "")),
            constraint={"kind": constraint["kind"], "name": constraint["metadata"]["name"]},
            enforcement_action=action,
            denies="deny" in (action, *(entry.get("scopedEnforcementActions") or ())),
            subject={
                "api_version": subject["apiVersion"],
                "kind": subject["kind"],
                "namespace": lookup(subject, "metadata", "namespace") or "",
                "name": lookup(subject, "metadata", "name") or lookup(subject, "metadata", "generateName") or "",
            },
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "message": self.message,
            "constraint": dict(self.constraint),
            "enforcement_action": self.enforcement_action,
            "denies": self.denies,
            "object": dict(self.subject),
        }


@dataclass(frozen=True)
class Gator:
    """Drives one gator program.

    Args:
        program: path or name of ``gator``.
        run: what runs the program.
        timeout: limit of one evaluation, seconds.
    """

    program: str = "gator"
    run: Runner = run_command
    timeout: float = 120.0

    def test(self, policies: Sequence[KubeObject], manifests: Sequence[KubeObject]) -> list[Violation]:
        """Evaluate policies on objects.

        Args:
            policies: templates, constraints and what else Gatekeeper is configured with.
            manifests: the objects, with the namespaces that selectors of the policies need.

        Returns:
            What is broken, sorted.

        Raises:
            MiniappInfraError: gator could not evaluate them.
        """
        with tempfile.TemporaryDirectory(prefix="miniapp-gator-") as directory:
            files = [
                _written(Path(directory) / f"{name}.yaml", objects)
                for name, objects in (("policies", policies), ("manifests", manifests))
            ]
            done = self.run(
                [self.program, "test", "--output=json", *(f"--filename={file}" for file in files)],
                environment={},
                timeout=self.timeout,
            )
        return read_violations(done)


def read_violations(done: Completed) -> list[Violation]:
    """Judge what ``gator test --output=json`` did: exit code 1 with JSON is an answer, without it an error.

    Raises:
        MiniappInfraError: it could not evaluate the policies, or answered with something else than JSON.
    """
    text = done.stdout.strip()
    if done.returncode not in {0, 1} or not text:
        raise MiniappInfraError(
            f"Failed to test manifests with gator: {last_line(done.stderr or done.stdout)}",
            code=ErrorCode.INVALID_INPUT if done.returncode == 1 else ErrorCode.UPSTREAM,
            hint="The words are gator's: a template that does not compile, a constraint of no template, or no object.",
        )
    try:
        violations = [Violation.from_api(entry) for entry in json.loads(text) or ()]  # it prints null for none
    except (ValueError, KeyError, TypeError) as error:
        raise MiniappInfraError(
            f"Failed to read what gator printed: it ended with {done.returncode} and {error!r}"
        ) from error
    broken = next((item for item in violations if item.message.startswith(_NO_ANSWER)), None)
    if broken is not None:
        raise MiniappInfraError(
            f"Failed to test manifests with gator: {broken.constraint['kind']} does not compile: "
            f"{broken.message.removeprefix(_NO_ANSWER).strip().partition(chr(10))[0]}",
            code=ErrorCode.INVALID_INPUT,
            hint="Mend the expression in the ConstraintTemplate.",
        )
    if done.returncode == 1 and not any(violation.denies for violation in violations):
        raise MiniappInfraError(
            f"Failed to test manifests with gator: it ended with 1 and listed nothing that is denied: "
            f"{last_line(done.stderr)}"
        )
    return sorted(
        violations,
        key=lambda item: (sorted(item.subject.items()), sorted(item.constraint.items()), item.message),
    )


def read_objects(option: str, paths: Sequence[str], *, policies_only: bool = False) -> list[KubeObject]:
    """Read the objects of files, and of the YAML and JSON files below directories, by name.

    Args:
        option: the option that the paths come from, for messages.
        paths: files and directories.
        policies_only: leave out what is not for Gatekeeper, whatever it is.

    Raises:
        MiniappInfraError: ``invalid_input``: one cannot be read, or holds nothing.
    """
    objects: list[KubeObject] = []
    for path in paths:
        for file in _files(option, path):
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
                raise _invalid(f"{option}: {file} cannot be read: {reason}") from error
            found = documents(text, f"{option}: {file}")
            objects += flatten(item for item in found if not policies_only or _is_for_gatekeeper(item[1]))
    return objects


def policies_of(objects: Sequence[KubeObject]) -> list[KubeObject]:
    """Return those of the objects that configure Gatekeeper; suites and samples beside them are none.

    Raises:
        MiniappInfraError: ``invalid_input``: there is no constraint among them, so that everything would pass.
    """
    found = [item for item in objects if _is_policy(group_of(item["apiVersion"]))]
    if not any(group_of(item["apiVersion"]) == _CONSTRAINTS for item in found):
        raise _invalid("policies: there is no constraint among them, so nothing could be violated")
    return found


def _is_for_gatekeeper(document: Any) -> bool:
    """Tell whether a document may be a policy, or a list with policies in it."""
    if not isinstance(document, dict):
        return False
    is_list = str(document.get("kind", "")).endswith("List")
    return is_list or _is_policy(group_of(str(document.get("apiVersion", ""))))


def _is_policy(group: str) -> bool:
    return group.endswith(_OURS) and group != _TESTS


def _files(option: str, path: str) -> list[Path]:
    place = Path(path).expanduser()
    if not place.exists():
        raise _invalid(f"{option}: {path} does not exist")
    if not place.is_dir():
        return [place]
    files = sorted(file for file in place.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
    if not files:
        raise _invalid(f"{option}: {path} has no file that ends in .yaml, .yml or .json")
    return files


def _written(path: Path, objects: Sequence[KubeObject]) -> Path:
    path.write_text("\n---\n".join(json.dumps(item) for item in objects), encoding="utf-8")
    return path


def _invalid(problem: str) -> MiniappInfraError:
    return MiniappInfraError(problem, code=ErrorCode.INVALID_INPUT)
