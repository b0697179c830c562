# SPDX-License-Identifier: GPL-3.0-or-later
"""``.local/env``: what a shell needs to talk to the environment."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from miniapp_infra.local.layout import ENVIRONMENT_BLOCK
from miniapp_infra.local.node.files import PUBLIC, write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def write_exports(layout: Layout) -> None:
    """Write the exports; a proxy of the machine is told that our addresses are not for it."""
    write(
        layout.shell_exports,
        f"""# . {layout.shell_exports}
export KUBECONFIG={shlex.quote(str(layout.kubeconfig))}
export SSL_CERT_FILE={shlex.quote(str(layout.ca_bundle))}
export PATH={shlex.quote(str(layout.bin))}:"$PATH"
export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}{ENVIRONMENT_BLOCK}" no_proxy="${{no_proxy:+$no_proxy,}}{ENVIRONMENT_BLOCK}"
""",
        PUBLIC,
    )
