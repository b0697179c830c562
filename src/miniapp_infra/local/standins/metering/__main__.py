# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m miniapp_infra.local.standins.metering``: OpenMeter, Lago and Stripe in memory."""

from __future__ import annotations

import signal

import click

from miniapp_infra.local.standins.metering.openmeter import Meter
from miniapp_infra.local.standins.metering.server import MeteringServer

TYPES = ("infra.operations", "infra.cost", "infra.overage")
"""What the platform meters; OpenMeter's slugs and Lago's codes have underscores."""


@click.command()
@click.option("--host", required=True, help="Address to listen on.")
@click.option("--port", required=True, type=int, help="Port to listen on.")
@click.option("--token", default="", help="Token that requests must bear; none by default.")
@click.option("--dedupe", is_flag=True, help="Let OpenMeter drop duplicates, which it does not by default.")
@click.option("--type", "types", multiple=True, default=TYPES, show_default=True, help="Type of events to be counted.")
def main(host: str, port: int, token: str, types: tuple[str, ...], *, dedupe: bool) -> None:
    """Serve /openmeter, /lago and /stripe until SIGTERM or SIGINT."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # also in the server's threads, which inherit it
    server = MeteringServer(host, port, token=token)
    server.openmeter.dedupe = dedupe
    for name in types:
        slug = name.replace(".", "_")
        server.openmeter.meters[slug] = Meter(name)
        server.lago.codes |= {name, slug}
        server.stripe.meters[f"mtr_{slug}"] = slug
    with server:
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
