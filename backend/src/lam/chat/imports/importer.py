"""Imports other programs' exports: what would be taken over, and then the sessions, each in a transaction of its own.

A child process reads the file; this side never parses it. It must not know HTTP.
"""

import asyncio
import hashlib
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Final

import msgspec
from msgspec import Struct

from lam.chat.imports.bounds import LINE_BYTES, SECONDS
from lam.chat.imports.read import Line, Source
from lam.chat.transfer import Transfer
from lam.errors import Conflict, Invalid, LamError, MediaQuota, TooManySessions
from lam.storage.database import Database

AT_ONCE: Final = 2
_MOST_TITLES: Final = 5
_MOST_PROBLEMS: Final = 20


class Problem(Struct, frozen=True):
    """A conversation that is not imported. `title`: empty when it has none."""

    title: str
    reason: str


class Preview(Struct, kw_only=True):
    """What an import would take over. `room`: how many sessions the user may still have.

    `earlier`: sessions that an earlier import brought; they are skipped. `left`: what is left out, counted by kind. `titles`: of
    the first sessions. `refused`: how many conversations cannot be taken; `problems` are the first of them.
    """

    source: Source | None = None
    sessions: int = 0
    messages: int = 0
    branches: int = 0
    documents: int = 0
    earlier: int = 0
    room: int = 0
    titles: list[str] = []
    left: dict[str, int] = {}
    refused: int = 0
    problems: list[Problem] = []


class Progress(Struct, kw_only=True):
    """How far an import is. `error`: why it stopped early; what was imported until then stays. `first`: id of a session to show.
    `problems`: the first conversations that were refused, in the last one."""

    done: int = 0
    skipped: int = 0
    refused: int = 0
    first: int | None = None
    problems: list[Problem] = []
    complete: bool = False
    error: str | None = None
    code: str | None = None


class Imports:
    """Reads two files at a time; others wait."""

    def __init__(self, database: Database, transfer: Transfer, *, most_sessions: int, seconds: float = SECONDS) -> None:
        """`most_sessions`: of a user. `seconds`: time limit for one line of the child."""
        self._database = database
        self._transfer = transfer
        self._most_sessions = most_sessions
        self._seconds = seconds
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def preview(self, user_id: int, file: IO[bytes]) -> Preview:
        """Returns what is in a file that is at its beginning. Raises Invalid. Nothing is stored."""
        preview = Preview()
        left: Counter[str] = Counter()
        keys: list[str] = []
        async with self._database.read() as unit:
            preview.room = max(0, self._most_sessions - await unit.sessions.count(user_id))
        async with self._lines(file) as lines:
            async for line in lines:
                preview.source = preview.source or line.source
                if line.problem:
                    preview.refused += 1
                    if len(preview.problems) < _MOST_PROBLEMS:
                        preview.problems.append(Problem(line.title, line.problem))
                    continue
                if (key := key_of(user_id, line)) is not None:
                    keys.append(key)
                preview.sessions += 1
                preview.messages += line.messages
                preview.branches += line.branches
                preview.documents += line.documents
                left.update(line.left)
                if len(preview.titles) < _MOST_TITLES:
                    preview.titles.append(line.title)
        async with self._database.read() as unit:
            preview.earlier = len(await unit.sessions.with_keys(user_id, keys))
        preview.left = {kind: count for kind, count in sorted(left.items()) if count}
        return preview

    async def run(self, user_id: int, file: IO[bytes]) -> AsyncIterator[Progress]:
        """Yields the progress after each session. An error ends it, in the last one."""
        progress = Progress()
        problems: list[Problem] = []
        try:
            async with self._lines(file, "files") as lines:
                async for line in lines:
                    if (reason := await self._take(user_id, line, progress)) is not None:
                        progress.refused += 1
                        problems += [Problem(line.title, reason)][: _MOST_PROBLEMS - len(problems)]
                    yield progress
            progress.complete = True
        except LamError as error:
            progress.error, progress.code = error.message, error.code
        progress.problems = problems
        yield progress

    async def _take(self, user_id: int, line: Line, progress: Progress) -> str | None:
        """Stores a conversation. Returns why it cannot be, None otherwise."""
        if line.problem:
            return line.problem
        key = key_of(user_id, line)
        if key is not None:
            async with self._database.read() as unit:
                if await unit.sessions.with_keys(user_id, [key]):
                    progress.skipped += 1
                    return None
        try:
            session = await self._transfer.store(user_id, bytes(line.file), key=key, used_at=line.used_at)
        except (TooManySessions, MediaQuota):
            raise
        except Conflict:  # another import of the same file was quicker
            progress.skipped += 1
        except Invalid as error:
            return error.message
        else:
            progress.done += 1
            progress.first = progress.first or session.id
        return None

    @asynccontextmanager
    async def _lines(self, file: IO[bytes], *arguments: str) -> AsyncIterator[AsyncIterator[Line]]:
        """Yields the lines of a child process that reads the file. Raises Invalid when it cannot be read to its end."""
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", "lam.chat.imports.read", *arguments),
                stdin=file,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LINE_BYTES,
                env=None if sys.platform == "win32" else {},
            )
            try:
                yield self._each(process)
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    async def _each(self, process: asyncio.subprocess.Process) -> AsyncIterator[Line]:
        assert process.stdout is not None
        decoder = msgspec.json.Decoder(Line)
        while True:
            try:
                async with asyncio.timeout(self._seconds):
                    data = await process.stdout.readuntil(b"\n")
            except TimeoutError as error:
                raise Invalid("Reading the file takes too long; send it in parts.") from error
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                raise Invalid("The file cannot be read to its end; send it in parts.") from error
            line = await asyncio.to_thread(decoder.decode, data) if len(data) > 1 << 16 else decoder.decode(data)
            if line.error:
                raise Invalid(line.error)
            if line.end:
                return
            yield line


def key_of(user_id: int, line: Line) -> str | None:
    """Returns the key of the session for a conversation, the same for each import of it; None when its program gave it no name."""
    if not line.source_id:
        return None
    name = hashlib.sha256(f"{line.source}\0{line.source_id}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"user{user_id}-{name[:10]}"
