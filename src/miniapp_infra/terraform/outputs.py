# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs of a Terraform configuration: from the program, a state file, or what the program printed before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.command import Runner, run_command
from miniapp_infra.registry.errors import last_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROGRAMS = ("terraform", "tofu")
"""Either will do; the first that is installed is used."""

ENDPOINTS = ("endpoint", "url", "host", "address")
"""Last words of the names of outputs that say where something is reached."""

_STATE_VERSION = 4
_MOST_NAMED = 12


@dataclass(frozen=True)
class Output:
    """One output.

    Args:
        name: of the output.
        value: any value that JSON has.
        is_sensitive: whether the configuration declares it as such.
    """

    name: str
    value: Any = field(repr=False)
    is_sensitive: bool = False


Outputs = dict[str, Output]


def parse(document: Any, *, source: str) -> Outputs:
    """Read what ``terraform output -json`` prints.

    Args:
        document: the text, or the mapping that it is.
        source: where it comes from, for messages.

    Raises:
        MiniappInfraError: ``invalid_input``: it is something else.
    """
    if isinstance(document, str | bytes):
        try:
            document = json.loads(document)
        except ValueError as error:
            # The text itself may hold sensitive values, so that only the place of the mistake is told.
            raise _invalid(f"{source}: is not JSON: {getattr(error, 'msg', 'not text')}") from None
    if not isinstance(document, Mapping):
        raise _invalid(f"{source}: must be a dictionary of outputs")
    outputs: Outputs = {}
    for name, entry in document.items():
        if not isinstance(entry, Mapping) or "value" not in entry:
            raise _invalid(
                f"{source}: {name}: must be a dictionary with value", "Give what `terraform output -json` prints."
            )
        outputs[str(name)] = Output(str(name), entry["value"], bool(entry.get("sensitive", False)))
    return outputs


def from_state(path: Path) -> Outputs:
    """Read the outputs in a state file of format 4, which Terraform 0.12 and later and OpenTofu write.

    Raises:
        MiniappInfraError: ``invalid_input``: it cannot be read, or is of another format.
    """
    source = f"state_file: {path}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _invalid(f"{source}: cannot be read: {error.strerror}") from error
    except ValueError:
        raise _invalid(f"{source}: is not JSON", "An encrypted state can be read by the program only.") from None
    if not isinstance(document, Mapping) or document.get("version") != _STATE_VERSION:
        raise _invalid(f"{source}: is no Terraform state of format {_STATE_VERSION}")
    return parse(document.get("outputs") or {}, source=source)


def from_program(
    directory: Path,
    *,
    program: str | None = None,
    workspace: str | None = None,
    run: Runner = run_command,
    timeout: float = 120.0,
) -> Outputs:
    """Ask the program, which finds the state wherever the configuration keeps it.

    Args:
        directory: of the configuration, initialised.
        program: name or path; the first of ``PROGRAMS`` that is installed, when left out.
        workspace: of the configuration; the chosen one, when left out.
        run: what runs the program.
        timeout: seconds.

    Raises:
        MiniappInfraError: ``missing_tool``, ``invalid_input`` for a directory that does not exist, or what the program
            says.
    """
    if not directory.is_dir():
        raise _invalid(f"directory: {directory} is not a directory")
    chosen = program or next(filter(shutil.which, PROGRAMS), "")
    if not chosen:
        raise MiniappInfraError(
            f"Failed to read outputs of {directory}: neither {' nor '.join(PROGRAMS)} is installed",
            code=ErrorCode.MISSING_TOOL,
            hint="Install one of them or name its path in terraform_binary, or give state_file or outputs.",
        )
    environment = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "TF_CLI_ARGS": "", "TF_CLI_ARGS_output": ""}
    if workspace:
        environment["TF_WORKSPACE"] = workspace
    command = [chosen, f"-chdir={directory}", "output", "-json", "-no-color"]
    done = run(command, environment=environment, timeout=timeout)
    if done.returncode != 0:
        raise MiniappInfraError(
            f"Failed to read outputs of {directory}: {_reason(done.stderr)}",
            hint=f"Does `{chosen} -chdir={directory} output` work? Run `{chosen} init` there first.",
        )
    return parse(done.stdout, source=f"{chosen} output")


def select(outputs: Outputs, names: Sequence[str], *, sensitive: bool = False) -> dict[str, Any]:
    """Return the values of outputs.

    Args:
        outputs: those that there are.
        names: those that are wanted; all that may be shown, when empty.
        sensitive: whether sensitive values may be returned.

    Raises:
        MiniappInfraError: ``not_found``, or ``forbidden`` for a sensitive output that was not asked for as such.
    """
    if not names:
        return {name: item.value for name, item in sorted(outputs.items()) if sensitive or not item.is_sensitive}
    values: dict[str, Any] = {}
    for name in names:
        found = outputs.get(name)
        if found is None:
            known = sorted(outputs)
            more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
            raise MiniappInfraError(
                f"Failed to find output {name}: there are {', '.join(known[:_MOST_NAMED]) or 'none'}{more}",
                code=ErrorCode.NOT_FOUND,
                hint="Outputs of a change exist after the change was applied.",
            )
        if found.is_sensitive and not sensitive:
            raise MiniappInfraError(
                f"Failed to show output {name}: it is sensitive",
                code=ErrorCode.FORBIDDEN,
                hint="Set sensitive=true, and no_log on the task that uses it.",
            )
        values[name] = found.value
    return values


def endpoints(outputs: Outputs) -> Outputs:
    """Return the outputs that say where something is reached, under the name of that thing.

    ``registry_url`` becomes ``registry``, ``cluster_endpoint`` becomes ``cluster``, and the entries of a map
    ``endpoints`` count under their own names. Sensitive ones stay sensitive.

    Raises:
        MiniappInfraError: ``conflict``: one thing has two different addresses.
    """
    found: Outputs = {}
    for output in outputs.values():
        if output.name == "endpoints" and isinstance(output.value, Mapping):
            entries = [(str(name), value) for name, value in output.value.items()]
        else:
            thing, _, word = output.name.rpartition("_")
            entries = [(thing, output.value)] if thing and word in ENDPOINTS and isinstance(output.value, str) else []
        for name, value in entries:
            if name in found and found[name].value != value:
                raise MiniappInfraError(
                    f"Failed to read the endpoint of {name}: outputs name more than one",
                    code=ErrorCode.CONFLICT,
                    hint=f"Read the outputs by their own names, or rename one; they end in {', '.join(ENDPOINTS)}.",
                )
            hidden = output.is_sensitive or (name in found and found[name].is_sensitive)
            found[name] = Output(name, value, hidden)
    return found


def _reason(stderr: str) -> str:
    """Return the sentence in the frame that Terraform draws around its errors."""
    lines = [line.strip("│╷╵ ") for line in stderr.splitlines()]
    told = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    return told[0] if told else last_line(stderr)


def _invalid(problem: str, hint: str = "") -> MiniappInfraError:
    return MiniappInfraError(problem, code=ErrorCode.INVALID_INPUT, hint=hint)
