# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checkout the machine's one environment belongs to, and whether this checkout's ``.local`` is its own.

Two records: ``/run/miniapp-infra/owner.json`` says whose environment is up on the machine, ``.local/state.json`` says
which checkout a state directory was made for. A state that was copied or moved, or written by another format, is
refused instead of guessed at.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node import processes
from miniapp_infra.local.node.files import write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

FORMAT = 1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Record:
    """Content of either file.

    Args:
        checkout: absolute path of the checkout.
        format: version of what lies below ``.local``.
        boot: id of the boot in which it was written.
        sysctls: kernel parameters as they were before the node's first start in that boot.
    """

    checkout: str
    format: int
    boot: str
    sysctls: dict[str, str] = field(default_factory=dict)


def boot_id() -> str:
    return _BOOT_ID.read_text().strip()


def read(path: Path) -> Record | None:
    """Return the record in ``path``; None when there is no such file.

    Raises:
        MiniappInfraError: the file is not such a record (``conflict``).
    """
    try:
        loaded = json.loads(path.read_text())
        return Record(
            checkout=str(loaded["checkout"]),
            format=int(loaded["format"]),
            boot=str(loaded["boot"]),
            sysctls={str(name): str(value) for name, value in loaded.get("sysctls", {}).items()},
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MiniappInfraError(
            f"Failed to read the state of the local environment: {path} is not a state file of this program",
            code=ErrorCode.CONFLICT,
            hint="run `make down`, then `make up`",
        ) from error


def save(path: Path, record: Record) -> None:
    write(path, json.dumps(asdict(record), indent=2) + "\n")


def owner(layout: Layout) -> Record | None:
    """Return whose environment is recorded as up on this machine."""
    return read(layout.owner_file)


def is_alive(record: Record) -> bool:
    """Return whether any process of that checkout's environment runs."""
    return bool(processes.marked(Path(record.checkout) / ".local"))


def refuse_stale(layout: Layout) -> None:
    """Check that ``.local`` is this checkout's own and the machine's environment is not another living checkout's.

    Raises:
        MiniappInfraError: says which of the two it is (``conflict``).
    """
    down = "run `make down` in this checkout (it removes .local/ and leaves other checkouts alone), then `make up`"
    state = read(layout.state_file)
    if state and state.format != FORMAT:
        raise MiniappInfraError(
            f"Failed to start the local environment: {layout.state_file} has format {state.format}, "
            f"this version uses {FORMAT}",
            code=ErrorCode.CONFLICT,
            hint=down,
        )
    if state and state.checkout != str(layout.root):
        raise MiniappInfraError(
            f"Failed to start the local environment: {layout.state} is stale, it was made for the checkout "
            f"{state.checkout}, not for {layout.root} (copied or moved?)",
            code=ErrorCode.CONFLICT,
            hint=down,
        )
    up = owner(layout)
    if up and up.checkout != str(layout.root) and is_alive(up):
        raise MiniappInfraError(
            f"Failed to start the local environment: the one of checkout {up.checkout} is up on this machine",
            code=ErrorCode.CONFLICT,
            hint=f"run `make down` in {up.checkout if exists(up) else 'this checkout'}, then `make up`",
        )


def exists(record: Record) -> bool:
    """Return whether the checkout is still where the record says; one that was moved is not."""
    return (Path(record.checkout) / ".local").is_dir()
