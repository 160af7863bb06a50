"""The door where the exceptions of SQLAlchemy and its drivers become ours."""

import sqlite3
from types import TracebackType
from typing import Final

from sqlalchemy import exc

from lam.errors import Conflict, StorageContended, StorageDamaged, StorageUnavailable

FULL: Final = "The disk that holds the database is full: make room, then try again."
READ_ONLY: Final = "The database takes no changes at the moment: it is read-only."
INCOMPLETE: Final = "The database lacks a part that belongs to it: restore a backup, or ask whoever runs this gateway."

_SQLITE: Final[dict[int, tuple[type[StorageUnavailable], str | None]]] = {
    sqlite3.SQLITE_CORRUPT: (StorageDamaged, None),
    sqlite3.SQLITE_NOTADB: (StorageDamaged, None),
    sqlite3.SQLITE_FULL: (StorageUnavailable, FULL),
    sqlite3.SQLITE_READONLY: (StorageUnavailable, READ_ONLY),
}
_SQLITE_INCOMPLETE: Final = ("no such table", "no such column", "has no column", "vtable constructor failed")
_POSTGRESQL: Final[dict[str, tuple[type[StorageUnavailable], str | None]]] = {
    "40001": (StorageContended, None),
    "40P01": (StorageContended, None),
    "25006": (StorageUnavailable, READ_ONLY),
    "42703": (StorageDamaged, INCOMPLETE),
    "42P01": (StorageDamaged, INCOMPLETE),
    "53100": (StorageUnavailable, FULL),
    "XX001": (StorageDamaged, None),
    "XX002": (StorageDamaged, None),
}


class ForeignErrors:
    """A context that raises Conflict, StorageDamaged or StorageUnavailable in place of the driver's exceptions. Our own mistakes
    pass unchanged."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, exc.IntegrityError):
            raise Conflict from error
        if isinstance(error, exc.DBAPIError | exc.TimeoutError | OSError):
            meaning, message = _meaning(error)
            if meaning is not None:
                raise meaning(message) from error


foreign_errors: Final = ForeignErrors()


def _meaning(error: Exception) -> tuple[type[StorageUnavailable] | None, str | None]:
    cause = error.orig if isinstance(error, exc.DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        if any(words in str(cause) for words in _SQLITE_INCOMPLETE):
            return StorageDamaged, INCOMPLETE
        code = getattr(cause, "sqlite_errorcode", None)  # missing on errors of Python's own module
        known = _SQLITE.get(code & 0xFF) if code is not None else None
        if known is not None:
            return known
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str) and state in _POSTGRESQL:
        return _POSTGRESQL[state]
    if isinstance(error, exc.DataError | exc.ProgrammingError) or (isinstance(state, str) and state.startswith(("22", "42"))):
        return None, None  # the database answered and the statement was wrong: waiting would not help
    return StorageUnavailable, None
