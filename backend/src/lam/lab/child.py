"""A child process for work that a hostile pattern, a hostile schema or a large table can make slow. It is killed at the time limit.

The parent passes a name and JSON, and gets JSON. It never does the work itself, so the event loop goes on. The process starts with
the first question and answers one at a time.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

LINE_BYTES: Final = 64 << 20
START_SECONDS: Final = 60
Work = Callable[[bytes], Any]


class TooSlow(Exception):
    """The work did not end within its time."""


class WorkFailed(Exception):
    """The work raised ValueError; the text says why."""


class _Question(Struct):
    name: str
    argument: msgspec.Raw


class _Answer(Struct):
    value: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    broken: bool = False


class Child:
    """An async context manager: it owns the process. `module`: the module to run, which calls `answer_questions`."""

    def __init__(self, module: str, *, seconds: float) -> None:
        """`seconds`: time limit for one question, from when the process can answer."""
        self._module = module
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._end()

    async def ready(self) -> None:
        """Returns once the process can answer. Raises TooSlow, WorkFailed."""
        async with self._turn:
            await self._running()

    async def ask(self, name: str, argument: Any, kind: Any) -> Any:
        """Returns the answer as a value of type `kind`. Raises TooSlow, WorkFailed."""
        async with self._turn:
            process = await self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            complete = False
            try:
                async with asyncio.timeout(self._seconds):
                    question = _Question(name, msgspec.Raw(msgspec.json.encode(argument)))
                    process.stdin.write(msgspec.json.encode(question) + b"\n")
                    await process.stdin.drain()
                    line = await process.stdout.readuntil(b"\n")
                complete = True
            except TimeoutError as error:
                raise TooSlow from error
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                raise WorkFailed("The work broke off.") from error
            finally:
                if not complete:  # also when the caller was cancelled: the next question must not get this answer
                    await self._end()
        answer = msgspec.json.decode(line, type=_Answer)
        if answer.broken:
            raise RuntimeError(answer.error)
        if answer.error is not None:
            raise WorkFailed(answer.error)
        return msgspec.json.decode(answer.value, type=kind)

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", self._module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LINE_BYTES,
                env=None if sys.platform == "win32" else {},
            )
            assert process.stdout is not None
            is_ready = False
            try:
                async with asyncio.timeout(START_SECONDS):  # a busy machine takes seconds to start it
                    await process.stdout.readuntil(b"\n")
                is_ready = True
            except TimeoutError as error:
                raise TooSlow from error
            except (OSError, asyncio.IncompleteReadError) as error:
                raise WorkFailed("The work broke off.") from error
            finally:
                if not is_ready:
                    await self._end()
            return process
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def answer_questions(works: Mapping[str, Work]) -> None:
    """Answers questions from standard input until it closes, after an empty line. `works`: by name; each gets its argument as JSON.
    A ValueError is an answer."""
    if sys.platform != "win32":
        import os
        import resource

        os.nice(10)
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        try:
            question = msgspec.json.decode(line, type=_Question)
            answer = _Answer(msgspec.Raw(msgspec.json.encode(works[question.name](bytes(question.argument)))))
        except ValueError as error:
            answer = _Answer(error=str(error))
        except (MemoryError, RecursionError):
            answer = _Answer(error="it takes too much memory.")
        except Exception as error:
            answer = _Answer(error=repr(error), broken=True)
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()
