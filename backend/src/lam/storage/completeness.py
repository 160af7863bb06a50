"""Whether a database has all that belongs to it, whatever the migrations' own note says."""

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from lam.storage.schema import metadata


async def require_complete(connection: AsyncConnection) -> None:
    """Raises what the driver says where a table, a column, or what a trigger writes to is missing."""
    for table in metadata.sorted_tables:
        await connection.execute(select(table).limit(0))
        if connection.dialect.name == "sqlite":
            name, same = table.name, ", ".join(f'"{column.name}" = "{column.name}"' for column in table.columns)
            changes = (f"INSERT INTO {name} DEFAULT VALUES", f"UPDATE {name} SET {same}", f"DELETE FROM {name}")  # noqa: S608  # ours
            for change in changes:
                await connection.execute(text(f"EXPLAIN {change}"))  # reads the triggers too, and changes nothing
