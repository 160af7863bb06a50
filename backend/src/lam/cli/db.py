"""`lam db`: the database of this machine's gateway.

The migrations belong to `storage`.
"""

import asyncio

import click

from lam.cli.opened import opened_database


@click.group()
def db() -> None:
    """The gateway's database."""


@db.command()
def upgrade() -> None:
    """Apply missing migrations. A gateway also does this when it starts."""
    asyncio.run(_upgrade())


async def _upgrade() -> None:
    async with opened_database():
        click.echo("The database is up to date.", err=True)
