"""Opens the database of this machine's gateway for a command.

It knows no command.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from lam.data_folder import DataFolder
from lam.settings import load_settings
from lam.storage.database import Database, database_url


@asynccontextmanager
async def opened_database() -> AsyncIterator[Database]:
    """Yields the database with all migrations applied. A running gateway is not disturbed."""
    settings = load_settings()
    for note in DataFolder(settings.lam_data_dir).prepare():
        click.echo(f"{note}.", err=True)
    database = Database(database_url(settings), pool_size=1)
    try:
        await database.upgrade()
        yield database
    finally:
        await database.close()
