# SPDX-License-Identifier: GPL-3.0-or-later
"""``.local/env``: what a shell needs to talk to the environment."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from miniapp_infra.local.layout import (
    ENVIRONMENT_BLOCK,
    METERING_URL,
    MONGODB_URL,
    MOTO_URL,
    POSTGRESQL_URL,
    VAULT_URL,
)
from miniapp_infra.local.node import profiles
from miniapp_infra.local.node.files import PUBLIC, write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def write_exports(layout: Layout) -> None:
    """Write the exports; a proxy of the machine is told that our addresses are not for it."""
    ours = ENVIRONMENT_BLOCK
    lines = [
        f"# . {layout.shell_exports}",
        f"export KUBECONFIG={shlex.quote(str(layout.kubeconfig))}",
        f"export SSL_CERT_FILE={shlex.quote(str(layout.ca_bundle))}",
        f'export PATH={shlex.quote(str(layout.bin))}:"$PATH"',
        f'export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}{ours}" no_proxy="${{no_proxy:+$no_proxy,}}{ours}"',
        *(_standins(layout) if profiles.running(layout) == "full" else []),
    ]
    write(layout.shell_exports, "".join(f"{line}\n" for line in lines), PUBLIC)


def _standins(layout: Layout) -> list[str]:
    """Return the exports of the full profile; a secret is read when they are used, and stays out of this file."""
    values = {
        # moto takes any key, but clients do not start without one.
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": MOTO_URL,
        "MINIAPP_INFRA_MOTO_URL": MOTO_URL,
        "MINIAPP_INFRA_METERING_URL": METERING_URL,
        "MINIAPP_INFRA_MONGODB_URL": MONGODB_URL,
        "MINIAPP_INFRA_POSTGRESQL_URL": POSTGRESQL_URL,
        "MINIAPP_INFRA_POSTGRESQL_ARCHIVE": str(layout.postgresql / "archive"),
        "PGPASSFILE": str(layout.postgresql_passwords),
        "VAULT_ADDR": VAULT_URL,
    }
    plain = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return [*plain, f'export VAULT_TOKEN="$(cat {shlex.quote(str(layout.vault_token))})"']
