# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m miniapp_infra.local.node up|down|status``: the node alone, for development."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local import node
from miniapp_infra.local.layout import Layout


@click.group()
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The checkout; the current directory by default.",
)
@click.pass_context
def main(context: click.Context, root: Path) -> None:
    """Run the local node without the rest of the environment."""
    context.obj = Layout(root.resolve())


@main.command()
@click.pass_obj
def up(layout: Layout) -> None:
    """Start the node, or complete it."""
    node.up(layout, click.echo)


@main.command()
@click.option("--keep-data", is_flag=True, help="Leave .local as it is for the next up.")
@click.pass_obj
def down(layout: Layout, *, keep_data: bool) -> None:
    """Stop the node and remove all it left."""
    node.down(layout, click.echo, keep_data=keep_data)


@main.command()
@click.pass_obj
def status(layout: Layout) -> None:
    """Show what runs; the exit code is 1 unless all is healthy."""
    found = node.status(layout)
    click.echo(f"owner: {found.owner or 'nobody'}\nnode: {found.node}")
    for item in found.components:
        health = "healthy" if item.ready else "not healthy"
        click.echo(f"{item.name}: {item.status}, {health}, pid {item.pid}, {item.restarts} restarts")
    sys.exit(0 if found.healthy else 1)


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except MiniappInfraError as failure:
        click.echo(failure.message + (f"\n{failure.hint}" if failure.hint else ""), err=True)
        sys.exit(1)
    except click.ClickException as failure:
        failure.show()
        sys.exit(failure.exit_code)
