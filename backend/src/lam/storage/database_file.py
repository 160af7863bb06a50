"""SQLite's file: whether it is sound, and whether it is still the file that was opened.

A process keeps writing into a file that was removed or replaced, and loses everything at its end. So the identities of the file and
of SQLite's files beside it are compared with those at the start, around each write. This module knows no tables.
"""

import logging
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

CHECK_SECONDS: Final = 5  # enough for about two gigabytes; a larger file is examined in part
LEAST_FREE_BYTES: Final = 2 << 20
BESIDE: Final = ("-wal", "-shm")
RESTORE: Final = "stop the gateway, keep a copy of the file, and put a backup in its place"
BUSY_SECONDS: Final = 2

log = logging.getLogger(__name__)

_Identity = tuple[int, int]


class DatabaseFile:
    """Watches a file. `open()` remembers its identity; `problem()` returns what has happened to it since. Costs a few
    microseconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = [path, *_beside(path)]
        self._identities: dict[Path, _Identity] = {}
        self._size = 0
        self._anchor: sqlite3.Connection | None = None

    def open(self) -> None:
        """Keeps a connection open, so that SQLite never considers the files unused and removes them itself."""
        self.close()
        self._anchor = _connected(self.path)
        self._anchor.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._identities = {path: identity for path in self._files if (identity := _identity(path)) is not None}
        self._size = self.path.stat().st_size

    def copy(self) -> Path | None:
        """Copies the database beside itself, named after its schema's revision. Returns None, without a copy, when it has no schema
        yet.

        Raises OSError, sqlite3.Error.
        """
        with closing(_connected(self.path)) as connection:
            try:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            except sqlite3.OperationalError:
                return None
            if row is None:
                return None
            copy = self.path.with_name(f"{self.path.stem}-{row[0]}{self.path.suffix}")
            copy.unlink(missing_ok=True)  # from an attempt that failed
            copy.touch(mode=0o600)
            with closing(sqlite3.connect(copy)) as target:
                connection.backup(target)
        return copy

    def close(self) -> None:
        self._identities = {}
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    def problem(self) -> str | None:
        """A sentence, or None while every write reaches the file that the next start opens."""
        for path, identity in self._identities.items():
            current = _identity(path)
            if current != identity:
                happened = "was removed" if current is None else "was replaced"
                return f"{path} {happened} while the gateway ran: put it back, or restart the gateway"
        return None

    def shrunk(self) -> bool:
        """Returns whether the file is shorter than before: another program vacuumed or truncated it."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return False
        before, self._size = self._size, size
        return size < before

    def rescue(self) -> None:
        """Writes the content of a removed log (`-wal`) into the database, if the database file is still in place."""
        database, wal, _ = self._files
        if self._anchor is None or wal.exists() or _identity(database) != self._identities.get(database):
            return
        try:
            self._anchor.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        except sqlite3.Error as error:
            log.error("What %s held could not be saved: %s", wal, error)

    def free_bytes(self) -> int | None:
        """Returns the free bytes on its disk, None when unknown."""
        try:
            space = os.statvfs(self.path.parent)
        except (OSError, AttributeError):  # Windows
            return None
        return space.f_bavail * space.f_frsize


def damage(path: Path, seconds: float = CHECK_SECONDS, *, used: bool = False) -> str | None:
    """Returns the damage in the file, None when the check found none in time. `used`: it had content before."""
    if not path.is_file():
        return None
    wal, _ = _beside(path)
    if path.stat().st_size == 0:  # SQLite would treat it as new and remove the log
        return "it is empty" if used or (wal.exists() and wal.stat().st_size) else None
    with closing(_connected(path)) as connection:
        timer = threading.Timer(seconds, connection.interrupt)
        timer.start()
        try:
            first = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            return None if first == "ok" else " ".join(first.removeprefix("*** in database main ***").split())
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                log.info("%s is large: the part of it that was checked in %g s is sound", path, seconds)
            return None  # locked or not readable, which the next connection reports
        except sqlite3.DatabaseError as error:
            return str(error)
        finally:
            timer.cancel()


def uri_of(path: Path) -> str:
    """Returns a URI with which SQLite opens this file and makes no new one: it would take the log of a file that was moved away for
    its own, and empty it."""
    return f"{path.absolute().as_uri()}?mode=rw"


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(uri_of(path), uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


def _beside(path: Path) -> list[Path]:
    """Returns the path of a file that SQLite keeps beside the database: beside the real file, not beside a link to it."""
    return [Path(f"{path.resolve()}{end}") for end in BESIDE]


def _identity(path: Path) -> _Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
