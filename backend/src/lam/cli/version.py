"""`lam version`: prints the version."""

import click

import lam


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(lam.__version__)
