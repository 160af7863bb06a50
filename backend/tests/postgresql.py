"""A real PostgreSQL server of our own, on a free port, in a folder that goes when the tests end."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import psutil

from .ports import free_port

NO_FSYNC = {"fsync": "off"}  # what a killed server has written stays; only the death of the machine would take it
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}  # and loses what it had when it is killed
COMMON = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
}


SCHEMA = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
  SELECT concat_ws(' ', relname, relkind, reloptions, relacl) FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', attrelid::regclass, attname, atttypid::regtype, attnotnull, attisdropped, attacl)
    FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger
  UNION ALL SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', nspname, nspacl) FROM pg_namespace
  UNION ALL SELECT extname::text FROM pg_extension
  UNION ALL SELECT concat_ws(' ', setconfig) FROM pg_db_role_setting
    JOIN pg_database ON setdatabase = pg_database.oid WHERE datname = current_database()
  UNION ALL SELECT concat_ws(' ', 'revision', version_num) FROM alembic_version
) AS lines (line)"""
EMPTY = """
DO $$ DECLARE name text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM %I', name);
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', name);
  END LOOP;
END $$"""
LARGE = 16 << 20  # bytes; a new database has 9 MB


class PostgreSQL:
    """`database()` gives the URL of a new database. The server can be stopped and started again."""

    def __init__(self, programs: Path, folder: Path, settings: dict[str, str]) -> None:
        self._settings = settings
        self._programs = programs
        self._folder = folder
        self._numbers = count(1)
        self._schemas: dict[str, str] = {}  # by template
        self._psql: subprocess.Popen[str] | None = None
        self._asking = Lock()
        self.port = free_port()
        # It refuses to run as root: Debian's package brings the user that it runs as.
        self._as: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}

    def make(self) -> None:
        self._run("initdb", "-D", str(self._folder), "-U", "lam", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")

    def start(self) -> None:
        options = " ".join(f"-c {name}='{value}'" for name, value in (self._settings | {"port": str(self.port)}).items())
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder), "-l", log, "-w", "-t", "60", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._folder), "-m", mode, "-w", "stop")

    def database(self, like: str = "template1") -> str:
        """`like`: the database to copy."""
        name = f"lam{next(self._numbers)}"
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {like}")
        return self._url(name)

    def emptied(self, url: str, like: str) -> str | None:
        """Empties a database that nobody needs any more and gives it a new name, so that nobody who still knows the old one finds
        it: a third of the time that a new one takes. Returns None when it is not as `like` was made, or large."""
        old, name = url.rpartition("/")[2], f"lam{next(self._numbers)}"
        self.sql(
            "postgres",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{old}'",
            f"ALTER DATABASE {old} RENAME TO {name}",
        )
        if like not in self._schemas:
            self._schemas[like] = self.sql(like, SCHEMA)
        renamed = self._url(name)
        try:
            found, size = self.sql(name, SCHEMA, "SELECT pg_database_size(current_database())", EMPTY).splitlines()
        except AssertionError:  # a table is missing, or nothing may be written
            found, size = "", "0"
        if found == self._schemas[like] and int(size) <= LARGE:
            return renamed
        self.drop([renamed])
        return None

    def _url(self, name: str) -> str:
        return f"postgresql+asyncpg://lam@127.0.0.1:{self.port}/{name}"

    def drop(self, urls: Sequence[str]) -> None:
        self.sql("postgres", *(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)" for url in urls))

    def sql(self, database: str, *statements: str) -> str:
        """Each statement is a transaction of its own. Returns the rows, a line each. One psql does it for all tests: to start one
        takes longer than what it does."""
        with self._asking:
            if self._psql is None or self._psql.poll() is not None:
                self._psql = self._open_psql("postgres")
            try:
                return _ask(self._psql, f"\\connect {database}", *statements)
            except BaseException:  # whatever it is, half an answer may be left
                self._end_psql()
                raise

    @contextmanager
    def transaction(self, url: str, statement: str) -> Iterator[Callable[[str], object]]:
        """Another program's transaction that has executed the statement and does not end; it takes further ones."""
        process = self._open_psql(url.rpartition("/")[2])
        _ask(process, "BEGIN", statement)
        try:
            yield lambda statement: _ask(process, statement)
        finally:
            process.communicate("ROLLBACK;\n", timeout=20)

    def end(self) -> None:
        """Ends what has the server as its server, and stops it."""
        self._end_psql()
        pid = int((self._folder / "postmaster.pid").read_text().split()[0])
        self.stop()
        deadline = time.monotonic() + 20
        while psutil.pid_exists(pid) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _open_psql(self, database: str) -> "subprocess.Popen[str]":
        command = [str(self._programs / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "lam", "-d", database, "-qAtX"]
        env = os.environ | {"PGOPTIONS": "-c client_min_messages=error"}  # nothing but rows and errors
        pipe, out = subprocess.PIPE, subprocess.STDOUT
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=out, text=True, cwd="/", env=env, **self._as)

    def _end_psql(self) -> None:
        if self._psql is not None:
            self._psql.kill()
            self._psql.communicate()
            self._psql = None

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(self._programs / name), *arguments]
        quiet = subprocess.DEVNULL  # a server that stays would hold a pipe open
        done = subprocess.run(command, stdout=quiet, stderr=quiet, cwd="/", **self._as)
        assert done.returncode == 0, f"{name} failed"


def _ask(psql: "subprocess.Popen[str]", *statements: str) -> str:
    """Returns what a psql says to these statements. Raises AssertionError with that where one of them fails."""
    assert psql.stdin
    assert psql.stdout
    for statement in statements:
        if statement.startswith("\\"):
            psql.stdin.write(f"{statement}\n")
        else:  # psql itself says whether it was executed, and nothing where there is no connection
            psql.stdin.write(f"\\set ERROR true\n{statement};\n\\if :ERROR\n\\echo FAILED\n\\endif\n")
    psql.stdin.write("\\echo EXECUTED\n")
    psql.stdin.flush()
    lines = list[str]()
    while (line := psql.stdout.readline()) != "EXECUTED\n":
        assert line, f"psql has ended: {''.join(lines)}"
        lines.append(line)
    assert "FAILED\n" not in lines, "".join(lines)
    return "".join(lines).strip()


@contextmanager
def running_postgresql(programs: Path, *, durable: bool = False) -> Iterator[PostgreSQL]:
    """`durable`: it may be killed and keeps what was committed."""
    folder = Path(tempfile.mkdtemp(prefix="lam-postgresql-"))
    server = PostgreSQL(programs, folder / "data", COMMON | NO_FSYNC if durable else COMMON | FAST)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        server.make()
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.end()
        shutil.rmtree(folder, ignore_errors=True)
