"""Who gets memory, and who gives it up for that."""

import asyncio

from lam.llama.memory import Memory

from ..waiting import until


class Thing:
    """A holder that leaves when it is asked to."""

    def __init__(self, memory: Memory, size: int, *, idle: bool = True) -> None:
        self.memory = memory
        self.size = size
        self.idle = idle
        self.asked = 0
        self.holds = False

    def leave(self) -> None:
        self.asked += 1
        asyncio.get_running_loop().call_soon(self.end)

    def end(self) -> None:
        self.holds = False
        self.memory.free(self)

    async def take(self) -> None:
        await self.memory.take(self)
        self.holds = True


async def test_without_a_limit_everybody_gets_memory_at_once() -> None:
    memory = Memory()
    things = [Thing(memory, 10**6) for _ in range(3)]
    for thing in things:
        await thing.take()
    assert [thing.asked for thing in things] == [0, 0, 0]


async def test_nobody_leaves_while_there_is_room() -> None:
    memory = Memory(10)
    one, other = Thing(memory, 5), Thing(memory, 5)
    await one.take()
    await other.take()
    assert (one.asked, memory.held, memory.full) == (0, 10, False)


async def test_the_largest_idle_one_leaves_first_and_no_more_than_needed() -> None:
    memory = Memory(10)
    small, large, busy = Thing(memory, 2), Thing(memory, 3), Thing(memory, 5, idle=False)
    for thing in (small, large, busy):
        await thing.take()
    await Thing(memory, 3).take()
    assert (small.holds, large.holds, busy.holds) == (True, False, True)
    await Thing(memory, 2).take()
    assert busy.holds
    assert memory.held <= 10


async def test_a_busy_one_is_waited_for_and_takes_no_new_work() -> None:
    memory = Memory(10)
    busy, small, next_ = Thing(memory, 6, idle=False), Thing(memory, 2), Thing(memory, 6)
    await busy.take()
    await small.take()
    waiting = asyncio.create_task(next_.take())
    await until(lambda: memory.full)
    assert (busy.asked, small.asked, next_.holds) == (0, 0, False)  # to lose the small one would not help
    busy.idle = True
    memory.look()
    await waiting
    assert (busy.asked, small.holds, memory.full) == (1, True, False)


async def test_first_come_is_first_served_even_when_a_later_one_would_fit() -> None:
    memory = Memory(10)
    busy, large, small = Thing(memory, 6, idle=False), Thing(memory, 9), Thing(memory, 1)
    await busy.take()
    waiting = [asyncio.create_task(thing.take()) for thing in (large, small)]
    await until(lambda: memory.ahead(small) == 1)
    assert not small.holds
    busy.end()
    await asyncio.gather(*waiting)
    assert memory.held == 10


async def test_who_no_longer_waits_holds_up_nobody() -> None:
    memory = Memory(10)
    busy, large, small = Thing(memory, 6, idle=False), Thing(memory, 9), Thing(memory, 1)
    await busy.take()
    waiting = [asyncio.create_task(thing.take()) for thing in (large, small)]
    await until(lambda: memory.ahead(small) == 1)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (large.holds, small.holds, memory.full, memory.held) == (False, True, False, 7)


async def test_memory_that_comes_in_the_moment_of_a_cancellation_is_not_lost() -> None:
    memory = Memory(10)
    busy, next_ = Thing(memory, 10, idle=False), Thing(memory, 10)
    await busy.take()
    waiting = asyncio.create_task(next_.take())
    await until(lambda: memory.full)
    busy.end()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert memory.held == 0


async def test_one_that_has_grown_beyond_the_limit_still_runs_alone() -> None:
    memory = Memory(10)
    grown, next_ = Thing(memory, 8), Thing(memory, 8)
    await grown.take()
    grown.size = 15
    await next_.take()
    assert (grown.asked, next_.holds) == (1, True)
    next_.size = 20
    memory.look()
    assert next_.asked == 0


async def test_who_has_just_left_the_line_keeps_nobody_behind_it_waiting() -> None:
    memory = Memory(10)
    first, second, third = (Thing(memory, 10, idle=False) for _ in range(3))
    await first.take()
    waiting, next_one = asyncio.create_task(second.take()), asyncio.create_task(third.take())
    await until(lambda: len(memory._line) == 2)
    waiting.cancel()
    first.end()  # before the cancelled one has run
    await next_one
    assert third.holds
