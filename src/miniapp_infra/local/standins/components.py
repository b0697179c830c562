# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-ins as components of the node: supervised, probed and stopped with it."""

from __future__ import annotations

import secrets
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.local.layout import (
    METERING_PORT,
    METERING_URL,
    MONGODB_PORT,
    MONGODB_URL,
    MOTO_PORT,
    MOTO_URL,
    NODE_ADDRESS,
    POSTGRESQL_PORT,
    POSTGRESQL_URL,
    VAULT_PORT,
    VAULT_URL,
)
from miniapp_infra.local.node.component import Component, HttpProbe, flags, program
from miniapp_infra.local.node.files import SECRET, write
from miniapp_infra.local.standins import moto, postgresql
from miniapp_infra.local.toolchain import Toolset

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

_FERRETDB_HEALTH_PORT = 27018
_METERING = "miniapp_infra.local.standins.metering"
ADDRESSES = {
    "moto": MOTO_URL,
    "postgresql": POSTGRESQL_URL,
    "ferretdb": MONGODB_URL,
    "metering": METERING_URL,
    "vault": VAULT_URL,
}
"""Where each answers, from the host and from pods."""
_TOKEN_BYTES = 24


def prepare(layout: Layout) -> None:
    """Make what the stand-ins need before they start."""
    postgresql.prepare(layout)
    if not layout.vault_token.is_file():
        write(layout.vault_token, secrets.token_urlsafe(_TOKEN_BYTES), SECRET)


def of_environment(layout: Layout) -> list[Component]:
    """Return the stand-ins whose programs are there, in an order in which each comes after what it needs."""
    missing = left_out(layout)
    built = [
        make(layout)
        for name, make in (("ferretdb", _ferretdb), ("vault", _vault))
        # The toolchain may also have been built for the core profile since then.
        if name not in missing and (layout.bin / name).exists()
    ]
    return [_moto(), postgresql.component(layout), _metering(), *built]


def left_out(layout: Layout) -> dict[str, str]:
    """Return the stand-ins that are tools of the full profile and were left out of the toolchain, with the reason."""
    return {name: reason for name, reason in Toolset.load(layout).left_out.items() if name in ADDRESSES}


def _python() -> str:
    """Return the interpreter by the one name of it that does not depend on how this process was started."""
    plain = Path(sys.prefix) / "bin" / "python"
    return str(plain) if plain.exists() else sys.executable


def _module(name: str, port: int) -> tuple[str, ...]:
    return (_python(), "-m", name, "--host", NODE_ADDRESS, "--port", str(port))


def _moto() -> Component:
    return Component(
        name="moto",
        argv=_module(moto.__name__, MOTO_PORT),
        needs=(),
        # Lists the bucket, so what somebody reset is not healthy, and is started again by the next `up`.
        probe=HttpProbe("http", NODE_ADDRESS, MOTO_PORT, f"/{moto.BUCKET}"),
        ports=(MOTO_PORT,),
        files=(Path(moto.__file__),),
    )


def _metering() -> Component:
    return Component(
        name="metering",
        argv=_module(_METERING, METERING_PORT),
        needs=(),
        probe=HttpProbe("http", NODE_ADDRESS, METERING_PORT, "/healthz"),
        ports=(METERING_PORT,),
        files=_sources(_METERING),
    )


def _sources(package: str) -> tuple[Path, ...]:
    spec = find_spec(package)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return tuple(path for folder in folders for path in sorted(Path(folder).rglob("*.py")))


def _ferretdb(layout: Layout) -> Component:
    health = f"127.0.0.1:{_FERRETDB_HEALTH_PORT}"
    return Component(
        name="ferretdb",
        argv=(
            program(layout, "ferretdb"),
            *flags(
                listen=f"{NODE_ADDRESS}:{MONGODB_PORT}",
                health=health,
                postgresql_url=f"postgres://{postgresql.FERRETDB}@127.0.0.1:{POSTGRESQL_PORT}/{postgresql.FERRETDB}",
            ),
        ),
        needs=(postgresql.NAME,),
        probe=HttpProbe("http", "127.0.0.1", _FERRETDB_HEALTH_PORT, "/healthz"),
        ports=(MONGODB_PORT, _FERRETDB_HEALTH_PORT),
        files=(),
    )


def _vault(layout: Layout) -> Component:
    return Component(
        name="vault",
        argv=(
            program(layout, "vault"),
            *flags(listen=f"{NODE_ADDRESS}:{VAULT_PORT}", root_token_file=layout.vault_token),
        ),
        needs=(),
        probe=HttpProbe("http", NODE_ADDRESS, VAULT_PORT, "/v1/sys/health"),
        ports=(VAULT_PORT,),
        files=(layout.vault_token,),
    )
