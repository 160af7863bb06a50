"""The parent process: passes a file to a child process and waits for its text, up to a time limit.

It never parses a file itself.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePath
from typing import IO, Any, Final

import msgspec

from lam.errors import DocumentBroken, DocumentTooLarge, DocumentUnsupported, TooManyDocuments, from_code

FILE_BYTES: Final = 20 << 20
SECONDS: Final = 20
AT_ONCE: Final = 2
WAITING: Final = 50  # per user; their files are not read yet
KINDS: Final = frozenset({"pdf", "docx", "txt", "md"})
_ALSO: Final = {"markdown": "md", "text": "txt", "docm": "docx", "dotx": "docx", "dotm": "docx", "": "any"}
_CPU_EXCEEDED: Final = (-24, -9)  # SIGXCPU, SIGKILL


class Document(msgspec.Struct, frozen=True):
    """`notices`: sentences about content of the file that is missing from the text."""

    text: str
    notices: list[str]


class DocumentReader:
    """Reads two files at a time, of different users; others wait."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        """`seconds`: time limit for one file."""
        self._seconds = seconds
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._users: dict[int, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, user_id: int) -> AsyncIterator[None]:
        """Waits for the user's turn, one file at a time. Raises TooManyDocuments when too many of the user's files wait."""
        lock, waiting = self._users.get(user_id, (asyncio.Lock(), 0))
        if waiting >= WAITING:
            raise TooManyDocuments
        self._users[user_id] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._users.pop(user_id)
            if waiting > 1:
                self._users[user_id] = (lock, waiting - 1)

    async def text(self, filename: str, file: IO[bytes]) -> str:
        """Returns the text without notices; see `read`."""
        return (await self.read(filename, file)).text

    async def read(self, filename: str, file: IO[bytes]) -> Document:
        """Returns the content of a file that is at its beginning. Raises one of the DocumentErrors."""
        named = kind_named(filename)
        async with self._turns:
            return await self._read(named, file)

    async def _read(self, named: str, file: IO[bytes]) -> Document:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "lam.documents.extract", named),
            stdin=file,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=None if sys.platform == "win32" else {},
        )
        try:
            async with asyncio.timeout(self._seconds):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise DocumentTooLarge("Reading the file takes too long; send a shorter one.") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode in _CPU_EXCEEDED:
            raise DocumentTooLarge("Reading the file takes too much work; send a shorter one.")
        if process.returncode != 0:
            raise DocumentBroken
        try:
            answer: dict[str, Any] = msgspec.json.decode(output)
        except msgspec.DecodeError as error:
            raise DocumentBroken from error
        if "error" in answer:
            raise from_code(answer["error"], answer["message"])
        return Document(answer["text"], answer["notices"])


def kind_named(filename: str) -> str:
    """Returns the kind in the name: pdf, docx, txt, md, or `any` without an ending. Raises DocumentUnsupported."""
    ending = PurePath(filename.replace("\\", "/")).suffix.removeprefix(".").lower()
    kind = _ALSO.get(ending, ending)
    if kind not in (*KINDS, "any"):
        raise DocumentUnsupported(f"{DocumentUnsupported.summary} This one is named .{ending}.")
    return kind
