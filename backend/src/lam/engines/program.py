"""An engine that asks a program on this machine: the turns as JSON on its standard input, the reply as its standard output.

It must not know messages, sessions or the queue.
"""

import asyncio
import codecs
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from lam.engines.base import Batches, Can, Health, Pool, Route
from lam.errors import CannotSee, LlmError, LlmUnreachable, NotSupported
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Chunk, Finished

_PIECE: Final = 1 << 12


class ProgramEngine:
    """An `Engine` with one route. A reply is a process, which is killed when the reply is left. `slots`: processes at a time."""

    def __init__(self, file: Path, *, name: str, slots: int = 1) -> None:
        self._file = file
        self._running = 0
        self._route = Route(
            name=name,
            pool=Pool(name="processes", places=slots, busy=self._busy),
            mode="sse",
            can=Can(continues=False, tools=False, json=False, extras=False),
            default=True,
            require_continuing=self._require_continuing,
        )

    async def __aenter__(self) -> "ProgramEngine":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def routes(self) -> Sequence[Route]:
        return [self._route]

    def watch(self, callback: Callable[[], None]) -> None:
        """The route never changes."""

    async def health(self) -> Health:
        if await asyncio.to_thread(self._file.is_file):
            return Health(state="ready")
        failure = LlmUnreachable(f"The program {self._file.name} is not there.")
        return Health(state="unreachable", detail=failure.message, failure=failure)

    @asynccontextmanager
    async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
        if request.turns[-1].pictures:
            raise CannotSee
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(self._file, stdin=pipe, stdout=pipe)
        except OSError as error:
            raise LlmUnreachable(f"The program {self._file.name} does not start: {error.strerror}.") from error
        self._running += 1
        try:
            yield self._read(process, request)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            self._running -= 1

    async def _read(self, process: asyncio.subprocess.Process, request: ChatRequest) -> Batches:
        assert process.stdin is not None
        assert process.stdout is not None
        turns = [{"role": turn.role, "content": turn.content} for turn in request.turns]
        with suppress(ConnectionError):
            process.stdin.write(msgspec.json.encode(turns))
            process.stdin.close()
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while data := await process.stdout.read(_PIECE):
            if text := decoder.decode(data):
                yield [Chunk(text)]
        if status := await process.wait():
            raise LlmError(f"The program {self._file.name} ended with the status {status}.")
        left_out = tuple(picture.id for turn in request.turns for picture in turn.pictures)
        if rest := decoder.decode(b"", True):
            yield [Chunk(rest)]
        yield [Finished("stop", pictures_left_out=left_out)]

    async def _busy(self) -> int | None:
        return self._running

    async def _require_continuing(self, request: ChatRequest) -> None:
        raise NotSupported("A program cannot continue a reply.")
