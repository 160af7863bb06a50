"""A child process that reads a file: what it may do, and what becomes of one that does more."""

import asyncio
import tempfile
from collections.abc import Iterator
from typing import IO

import psutil
import pytest

from lam.child_process.parent import ChildFailed, TooSlow, output_of
from lam.errors import TooManyUploads
from lam.turns import Turns


def children(module: str) -> list[psutil.Process]:
    """The processes that run this module for the tests."""
    return [child for child in psutil.Process().children() if module in child.cmdline()]


@pytest.fixture
def file() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as opened:
        opened.write(b"b = 2\na=1\n" * 1000)
        opened.seek(0)
        yield opened


async def test_the_parent_gets_what_the_child_writes(file: IO[bytes]) -> None:
    output = await output_of("base64", "-e", file=file, seconds=60, most_bytes=1 << 20)
    assert output.startswith(b"YiA9IDIK")


async def test_a_child_that_writes_too_much_is_stopped(file: IO[bytes]) -> None:
    with pytest.raises(ChildFailed):
        await output_of("base64", "-e", file=file, seconds=60, most_bytes=100)
    assert not children("base64")


async def test_a_child_that_fails_gives_nothing(file: IO[bytes]) -> None:
    with pytest.raises(ChildFailed):
        await output_of("json.tool", file=file, seconds=60, most_bytes=1 << 20)


async def test_a_child_has_so_much_time_and_no_more(file: IO[bytes]) -> None:
    with pytest.raises(TooSlow):
        await output_of("http.server", "0", file=file, seconds=0.5, most_bytes=1 << 20)
    assert not children("http.server")


async def test_a_child_ends_with_whoever_asked(file: IO[bytes]) -> None:
    asking = asyncio.create_task(output_of("http.server", "0", file=file, seconds=60, most_bytes=1 << 20))
    async with asyncio.timeout(20):
        while not children("http.server"):
            await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not children("http.server")


async def test_each_person_waits_for_their_own_files_alone() -> None:
    turns = Turns(2, 2, TooManyUploads)
    async with turns.of_user(1), turns.of_user(2):
        second = asyncio.create_task(turns.of_user(1).__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(TooManyUploads):
            async with turns.of_user(1):
                pass
        assert not second.done()
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        waiting = asyncio.create_task(turns.of_user(1).__aenter__())
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
