# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m miniapp_infra.catalog``: validate an inventory, export the schemas, render what follows from it."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from miniapp_infra.catalog import CatalogError, Environment, load
from miniapp_infra.catalog.render import service_values, tenancy_objects
from miniapp_infra.catalog.schema import export
from miniapp_infra.errors import MiniappInfraError

INVENTORY = click.argument("inventory", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group()
def main() -> None:
    """Work with the environment model."""


@main.command()
@click.argument("inventories", type=click.Path(exists=True, file_okay=False, path_type=Path), nargs=-1, required=True)
def validate(inventories: tuple[Path, ...]) -> None:
    """Check inventories; print every problem on a line of its own."""
    failed = 0
    for inventory in inventories:
        try:
            environment = load(inventory)
        except CatalogError as error:
            failed += len(error.problems)
            click.echo(error.message, err=True)
        else:
            click.echo(f"{inventory}: {environment.name}, {len(environment.services)} services, no problems")
    if failed:
        raise click.ClickException(f"{failed} problem{'s' if failed > 1 else ''}")


@main.command()
@click.option(
    "--directory", type=click.Path(file_okay=False, path_type=Path), default=Path("docs/schema"), show_default=True
)
def schema(directory: Path) -> None:
    """Write the JSON Schemas of the topic files."""
    changed = export(directory)
    for path in changed:
        click.echo(f"wrote {path}")
    if not changed:
        click.echo(f"{directory} is up to date")


@main.command()
@INVENTORY
def tenancy(inventory: Path) -> None:
    """Print the Kubernetes objects of an environment's tenants as YAML."""
    click.echo(yaml.safe_dump_all(tenancy_objects(_load(inventory)), sort_keys=False), nl=False)


@main.command()
@INVENTORY
@click.argument("service")
def values(inventory: Path, service: str) -> None:
    """Print the Helm values of a service as YAML."""
    try:
        rendered = service_values(_load(inventory), service)
    except MiniappInfraError as error:
        raise click.ClickException(error.message) from error
    click.echo(yaml.safe_dump(rendered, sort_keys=False), nl=False)


def _load(inventory: Path) -> Environment:
    try:
        return load(inventory)
    except CatalogError as error:
        raise click.ClickException(error.message) from error


if __name__ == "__main__":
    main(prog_name="python -m miniapp_infra.catalog")
