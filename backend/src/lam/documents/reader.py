"""The parent process: passes a file to a child process and waits for its text, up to a time limit.

It never parses a file itself.
"""

from contextlib import AbstractAsyncContextManager
from typing import IO, Any, Final

import msgspec

from lam.child_process.parent import ChildFailed, TooMuchWork, TooSlow, output_of
from lam.documents.kinds import ending_of
from lam.documents.limits import ANSWER_BYTES
from lam.errors import DocumentBroken, DocumentTooLarge, TooManyDocuments, from_code
from lam.turns import Turns

FILE_BYTES: Final = 20 << 20
SECONDS: Final = 20
AT_ONCE: Final = 2
WAITING: Final = 50  # per user; their files are not read yet


class Document(msgspec.Struct, frozen=True):
    """`notices`: sentences about content of the file that is missing from the text."""

    text: str
    notices: list[str]


class DocumentReader:
    """Reads two files at a time, of different users; others wait."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        """`seconds`: time limit for one file."""
        self._seconds = seconds
        self._turns = Turns(AT_ONCE, WAITING, TooManyDocuments)

    def turn(self, user_id: int) -> AbstractAsyncContextManager[None]:
        """Waits for the user's turn, one file at a time. Raises TooManyDocuments when too many of the user's files wait."""
        return self._turns.of_user(user_id)

    async def text(self, filename: str, file: IO[bytes]) -> str:
        """Returns the text without notices; see `read`."""
        return (await self.read(filename, file)).text

    async def read(self, filename: str, file: IO[bytes]) -> Document:
        """Returns the content of a file that is at its beginning. Raises one of the DocumentErrors."""
        async with self._turns.place():
            return await self._read(ending_of(filename), file)

    async def _read(self, ending: str, file: IO[bytes]) -> Document:
        try:
            output = await output_of("lam.documents.extract", ending, file=file, seconds=self._seconds, most_bytes=ANSWER_BYTES)
            answer: dict[str, Any] = msgspec.json.decode(output)
        except TooSlow as error:
            raise DocumentTooLarge("Reading the file takes too long; send a shorter one.") from error
        except TooMuchWork as error:
            raise DocumentTooLarge("Reading the file takes too much work; send a shorter one.") from error
        except (ChildFailed, msgspec.DecodeError) as error:
            raise DocumentBroken from error
        if "error" in answer:
            raise from_code(answer["error"], answer["message"])
        return Document(answer["text"], answer["notices"])
