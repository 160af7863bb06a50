"""Checks that a database has everything its schema needs, whatever the migrations' own table says. It changes nothing."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Connection as SyncConnection

from lam.storage.connection import Connection
from lam.storage.schema import metadata


async def require_complete(connection: Connection) -> None:
    """Raises the driver's exception when a table, a column, or the target of a trigger is missing."""

    def execute(connection: SyncConnection) -> None:
        for statement in _statements(connection.dialect.name):
            connection.exec_driver_sql(statement)

    await connection.run_sync(execute)  # at once: a hundred ways to a thread and back would delay each start


@cache
def _statements(dialect: str) -> Sequence[str]:
    """Returns statements that name every table and column, as text: compiling them would delay each start."""
    statements: list[str] = []
    for table in metadata.sorted_tables:
        columns = [f'"{column.name}"' for column in table.columns]
        named = ", ".join(f"{table.name}.{column}" for column in columns)  # SQLite takes a bare missing one for a string
        statements.append(f"SELECT {named} FROM {table.name} LIMIT 0")  # noqa: S608  # the names are ours
        if dialect == "sqlite":
            same = ", ".join(f"{column} = {column}" for column in columns)
            # an EXPLAIN plans the triggers too, and changes nothing
            changes = (f"INSERT INTO {table.name} DEFAULT VALUES", f"UPDATE {table.name} SET {same}", f"DELETE FROM {table.name}")  # noqa: S608  # ours
            statements += [f"EXPLAIN {change}" for change in changes]
    return statements
