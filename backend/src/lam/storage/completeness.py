"""Checks that a database has everything its schema needs, whatever the migrations' own table says. It changes nothing."""

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from lam.storage.schema import metadata


async def require_complete(connection: AsyncConnection) -> None:
    """Raises the driver's exception when a table, a column, or the target of a trigger is missing."""
    for table in metadata.sorted_tables:
        await connection.execute(select(table).limit(0))
        if connection.dialect.name == "sqlite":
            name, same = table.name, ", ".join(f'"{column.name}" = "{column.name}"' for column in table.columns)
            changes = (f"INSERT INTO {name} DEFAULT VALUES", f"UPDATE {name} SET {same}", f"DELETE FROM {name}")  # noqa: S608  # ours
            for change in changes:
                await connection.execute(text(f"EXPLAIN {change}"))  # plans the triggers too, and changes nothing
