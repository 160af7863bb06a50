"""A line for the database: it refuses where it stands still, and never where it moves."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lam.errors import Conflict, StorageUnavailable
from lam.storage.line import Line

from ..skipping import SkippingLoop, skip

PATIENCE = 600.0


def run(test: Callable[[Line], Awaitable[None]], places: int = 1) -> None:
    async def all_of_it() -> None:
        await test(Line(places, PATIENCE))

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(all_of_it())


class Visitor:
    """Somebody who stays in the line's place until `leaves`."""

    def __init__(self, line: Line, error: Exception | None = None) -> None:
        self.is_in = asyncio.Event()
        self._end = asyncio.Event()
        self._error = error
        self.task = asyncio.create_task(self._visit(line))

    async def _visit(self, line: Line) -> None:
        async with line.place():
            self.is_in.set()
            await self._end.wait()
            if self._error is not None:
                raise self._error

    async def leaves(self) -> None:
        self._end.set()
        await asyncio.wait({self.task})
        self.task.exception()


def test_whoever_waits_in_a_line_that_moves_gets_in_however_long_it_takes() -> None:
    async def visit(line: Line) -> None:
        visitors = [Visitor(line) for _ in range(9)]
        for visitor in visitors:
            await visitor.is_in.wait()
            skip(0.9 * PATIENCE)
            await visitor.leaves()

    run(visit)


def test_whoever_waits_in_a_line_that_stands_still_is_refused() -> None:
    async def visit(line: Line) -> None:
        stuck = Visitor(line)
        await stuck.is_in.wait()
        waiting = Visitor(line)
        await asyncio.sleep(0)
        skip(PATIENCE)
        with pytest.raises(StorageUnavailable):
            await waiting.task
        await stuck.leaves()
        await Visitor(line).leaves()

    run(visit)


@pytest.mark.parametrize(("error", "moves"), [(StorageUnavailable(), False), (Conflict(), True), (ValueError(), True)])
def test_an_outage_moves_nothing_and_an_answer_does(error: Exception, moves: bool) -> None:
    async def visit(line: Line) -> None:
        first, second, third = Visitor(line, error), Visitor(line), Visitor(line)
        await first.is_in.wait()
        skip(0.9 * PATIENCE)
        await first.leaves()
        await second.is_in.wait()
        skip(0.9 * PATIENCE)
        await asyncio.wait({third.task}, timeout=0.01)
        assert third.task.done() is not moves
        await second.leaves()
        if moves:
            await third.is_in.wait()
            await third.leaves()
        else:
            assert isinstance(third.task.exception(), StorageUnavailable)

    run(visit)


def test_whoever_gives_up_waiting_takes_no_place_along() -> None:
    async def visit(line: Line) -> None:
        first, second, third = (Visitor(line) for _ in range(3))
        await first.is_in.wait()
        second.task.cancel()
        await first.leaves()
        await third.is_in.wait()
        fourth = Visitor(line)
        await asyncio.sleep(0)
        third._end.set()
        await asyncio.wait({third.task})
        fourth.task.cancel()  # at the moment at which its turn comes
        await asyncio.wait({fourth.task})
        fifth = Visitor(line)
        await fifth.is_in.wait()
        await fifth.leaves()

    run(visit)


def test_a_place_that_is_given_on_early_is_given_on_once() -> None:
    async def visit(line: Line) -> None:
        async with line.place() as place:
            waiting = [Visitor(line), Visitor(line)]
            await asyncio.sleep(0)
            place.give_on()
            place.give_on()
            await waiting[0].is_in.wait()
        assert not waiting[1].is_in.is_set()
        for visitor in waiting:
            await visitor.leaves()

    run(visit)
