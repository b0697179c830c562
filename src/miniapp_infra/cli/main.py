# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point: options, output and exit codes; what is done stands in the engines."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from miniapp_infra import __version__
from miniapp_infra.cli.converge import Engine, converge, external_kubeconfig
from miniapp_infra.cli.summary import print_summary
from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local import environment
from miniapp_infra.local.layout import Layout, cache_directory

if TYPE_CHECKING:
    from miniapp_infra.local.node.profiles import Profile

console = Console()
errors = Console(stderr=True)


class _Group(click.Group):
    """Shows an expected failure as one sentence and its hint; a traceback is left to what nobody expected."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except MiniappInfraError as error:
            errors.print(f"[bold red]error:[/] {error.message}", highlight=False)
            if error.hint:
                errors.print(f"[bold]fix:[/] {error.hint}", highlight=False)
            sys.exit(1)


@click.group(cls=_Group)
@click.version_option(__version__)
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
    default=".",
    help="The checkout that owns the environment.",
)
@click.pass_context
def main(context: click.Context, root: Path) -> None:
    """Bring up, show and remove the local environment of the mini-app platform."""
    context.obj = Layout(root)


@main.command()
@click.option("--profile", type=click.Choice(["core", "full"]), default="core", show_default=True)
@click.option("--engine", type=click.Choice(["node", "external"]), default="node", show_default=True)
@click.option("--inventory", default="inventories/local", show_default=True, help="The environment to converge.")
@click.pass_obj
def up(layout: Layout, profile: Profile, engine: Engine, inventory: str) -> None:
    """Start the environment, converge it and print what runs in it. Safe to repeat."""
    if engine == "external" and profile == "full":
        raise click.UsageError("The full profile needs the local node, beside which its stand-ins run.")
    if engine == "node":
        environment.up(layout, profile, console.print)
    converge(layout, inventory, engine)
    print_summary(layout, inventory, console, external_kubeconfig() if engine == "external" else None)


@main.command()
@click.option("--inventory", default="inventories/local", show_default=True, help="The environment to show.")
@click.pass_obj
def status(layout: Layout, inventory: str) -> None:
    """Show each service: version, digest, signature, sync, health and address."""
    print_summary(layout, inventory, console)


@main.command()
@click.pass_obj
def down(layout: Layout) -> None:
    """Stop the environment and remove every process, mount, interface and namespace of it."""
    environment.down(layout, console.print)


@main.command()
@click.pass_obj
def clean(layout: Layout) -> None:
    """Remove the caches of toolchain and images; the environment has to be down."""
    if environment.is_up(layout):
        raise click.ClickException("The environment is up. Run `make down` first.")
    shutil.rmtree(layout.state, ignore_errors=True)
    shutil.rmtree(cache_directory(), ignore_errors=True)
    console.print(f"Removed {layout.state} and {cache_directory()}.")
