# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m miniapp_infra.local.toolchain``: build or list the toolchain, or pin another version of a tool."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.console import Console
from rich.table import Table

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import Layout
from miniapp_infra.local.toolchain.ensure import ensure
from miniapp_infra.local.toolchain.pin import pin
from miniapp_infra.local.toolchain.progress import clock
from miniapp_infra.local.toolchain.recipes import load, of_profile, toolchain_directory

if TYPE_CHECKING:
    from miniapp_infra.local.toolchain.recipes import Profile

_PROFILE = click.option("--profile", type=click.Choice(["core", "full"]), default="core", show_default=True)


@click.group()
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="The checkout.  [default: the working directory]",
)
@click.pass_context
def main(context: click.Context, root: Path) -> None:
    """The pinned programs of the local environment."""
    context.obj = Layout(root.resolve())
    if not (toolchain_directory(context.obj) / "tools.yml").exists():
        raise MiniappInfraError(
            f"{root.resolve()} is not a checkout: it has no local/toolchain/tools.yml",
            code=ErrorCode.INVALID_INPUT,
            hint="Change into the checkout, or give it with --root.",
        )


@main.command("build")
@_PROFILE
@click.option(
    "--deadline", type=click.FloatRange(min=0), help="Seconds; tools of the full profile beyond are left out."
)
@click.pass_obj
def build_command(layout: Layout, profile: str, deadline: float | None) -> None:
    """Have every program of a profile and link them in .local/bin."""
    toolset = ensure(layout, cast("Profile", profile), deadline=deadline)
    table = Table("tool", "version", "from", "built in", "programs")
    for name, tool in toolset.tools.items():
        took = clock(tool.seconds) if tool.source == "built" else ""
        table.add_row(name, tool.version, tool.source, took, " ".join(tool.programs))
    for name, reason in toolset.left_out.items():
        table.add_row(name, "", "left out", "", reason)
    Console().print(table)


@main.command("list")
@_PROFILE
@click.pass_obj
def list_command(layout: Layout, profile: str) -> None:
    """Print the tools of a profile, in building order."""
    table = Table("tool", "version", "profile", "about", "programs")
    for tool in of_profile(load(toolchain_directory(layout)), cast("Profile", profile)):
        recipe = tool.recipe
        table.add_row(tool.name, tool.version, recipe.profile, clock(recipe.seconds), " ".join(recipe.programs))
    Console().print(table)


@main.command("pin")
@click.argument("tool")
@click.argument("version")
@click.option(
    "--replace",
    "replaces",
    multiple=True,
    metavar="OLD=>NEW VERSION",
    help="In place of a replace of the module that points into its own tree.",
)
@click.pass_obj
def pin_command(layout: Layout, tool: str, version: str, replaces: tuple[str, ...]) -> None:
    """Write go.mod and go.sum of TOOL for VERSION of its module (for maintainers; needs the network)."""
    pin(toolchain_directory(layout), tool, version, replaces)


if __name__ == "__main__":
    try:
        main()
    except MiniappInfraError as error:
        click.echo(f"error: {error.message}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        sys.exit(1)
