"""Our own programs as processes that start at once: forked from one that has imported what they need.

A Python that starts anew imports for one to two seconds, and the tests start hundreds. multiprocessing's fork server imports once.
What it forks is a process like any other, with its own environment, folder and file descriptors: it can be killed, frozen and
waited for. A KeyboardInterrupt that it does not handle ends it with 1. Tests about how a program starts, or what it imports, start
it themselves.
"""

import asyncio
import atexit
import contextlib
import functools
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Protocol

PRELOADED = ("lam.cli.serve", "lam.cli.worker", "lam.gateway", "lam.testing.server", "tests.preload")


class Process(Protocol):
    """What these tests ask of a process, forked or not."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    @property
    def stderr(self) -> asyncio.StreamReader | None: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...

    def terminate(self) -> None: ...

    async def wait(self) -> int: ...


class Forked:
    """What these tests ask of an `asyncio.subprocess.Process`, of a forked one."""

    def __init__(
        self, process: ForkServerProcess, stdin: Connection, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader
    ) -> None:
        assert process.pid
        self.pid = process.pid
        self._stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self._process = process
        self._ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(process.sentinel, self._end)

    @property
    def returncode(self) -> int | None:
        """As of a subprocess: the negative number of the signal that ended it."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Raises ProcessLookupError where it has ended."""
        if self._ended.done():
            raise ProcessLookupError
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        await asyncio.shield(self._ended)
        code = self.returncode
        assert code is not None
        return code

    async def communicate(self, what: bytes = b"") -> tuple[bytes, bytes]:
        """Writes it and closes the input. Returns what was said on both outputs, once the process has ended."""
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended without reading
                os.write(self._stdin.fileno(), what)  # a few bytes, which a pipe takes at once
            self._stdin.close()
            out, err = await asyncio.gather(self.stdout.read(), self.stderr.read())
            await self.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                self.kill()
            raise
        return out, err

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        self._ended.set_result(None)


async def forked(program: str, *arguments: str, env: Mapping[str, str] | None = None) -> Forked:
    """Python that is run as `python -c program arguments…`, with pipes. `env`: instead of this process's."""
    (stdin, ours), (out, stdout), (err, stderr) = [multiprocessing.Pipe(duplex=False) for _ in range(3)]
    theirs = (stdin, stdout, stderr)
    here = _Inherited(dict(os.environ if env is None else env), os.getcwd(), resource.getrlimit(resource.RLIMIT_NOFILE))
    process = _server().Process(target=_run, args=(program, arguments, here, theirs))
    process.start()
    for end in theirs:
        end.close()
    try:
        return Forked(process, ours, await _reader_of(out), await _reader_of(err))
    except BaseException:
        process.kill()
        raise


def prepare() -> None:
    """Lets the fork server import, beside the first tests."""
    _server()
    forkserver.ensure_running()


@functools.cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    atexit.register(_end_all)  # before multiprocessing, which waits for each that a test has left, for ever
    return context


def _end_all() -> None:
    for process in multiprocessing.active_children():
        process.kill()


async def _reader_of(connection: Connection) -> asyncio.StreamReader:
    stream = asyncio.StreamReader()
    pipe = os.fdopen(os.dup(connection.fileno()), "rb")
    connection.close()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    return stream


@dataclass
class _Inherited:
    """What a process has from the one that starts it, which here is another one than the test."""

    environment: dict[str, str]
    folder: str
    descriptors: tuple[int, int]


def _run(program: str, arguments: Sequence[str], here: _Inherited, streams: Sequence[Connection]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin = os.fdopen(0, encoding="utf-8")
    os.environ.clear()
    os.environ.update(here.environment)
    os.chdir(here.folder)
    resource.setrlimit(resource.RLIMIT_NOFILE, here.descriptors)
    sys.argv = ["-c", *arguments]
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
