# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m miniapp_infra.local.standins.moto``: AWS's APIs in memory, with the bucket that backups go to.

moto forgets everything when it ends. So that a restart leaves nothing broken behind, the bucket is made at every start.
"""

from __future__ import annotations

import signal

import click

BUCKET = "miniapp-backups"
"""What the backup storage location in gitops/addons/velero/local names."""
REGION = "us-east-1"


@click.command()
@click.option("--host", required=True, help="Address to listen on.")
@click.option("--port", required=True, type=int, help="Port to listen on.")
def main(host: str, port: int) -> None:
    """Serve AWS's APIs until SIGTERM or SIGINT."""
    # Here, because they take two seconds to load and only this process needs them.
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # also in the server's threads, which inherit it
    server = ThreadedMotoServer(ip_address=host, port=port, verbose=False)
    server.start()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - it takes any key
    )
    client.create_bucket(Bucket=BUCKET)
    signal.sigwait(ends)
    server.stop()


if __name__ == "__main__":
    main()
