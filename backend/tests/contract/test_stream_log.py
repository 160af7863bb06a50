"""What every StreamLog promises."""

import asyncio

import pytest

from lam.protocol.events import Chunk
from lam.streams.log import StreamLog
from lam.streams.memory_log import MemoryLog


@pytest.fixture(params=[MemoryLog])
def log(request: pytest.FixtureRequest) -> StreamLog:
    made: StreamLog = request.param()
    return made


async def numbers(log: StreamLog, after: int = 0) -> list[int]:
    return [record.number async for batch in log.follow(after) for record in batch]


async def test_numbers_are_contiguous_from_one(log: StreamLog) -> None:
    assert log.append([Chunk("a"), Chunk("b")]) == 2
    assert log.append([Chunk("c")]) == 3
    log.close()
    assert await numbers(log) == [1, 2, 3]


async def test_a_log_may_begin_far_up_and_then_answers_every_smaller_number_from_its_start() -> None:
    log = MemoryLog(1_000_000)
    assert log.last == 1_000_000
    assert log.append([Chunk("a"), Chunk("b")]) == 1_000_002
    log.close()
    for after in (0, 7, 1_000_000):
        assert await numbers(log, after) == [1_000_001, 1_000_002]
        assert [record.number for record in log.since(after)] == [1_000_001, 1_000_002]
    assert await numbers(log, 1_000_001) == [1_000_002]
    assert await numbers(log, 1_000_002) == []


async def test_a_follower_may_begin_anywhere(log: StreamLog) -> None:
    log.append([Chunk(str(i)) for i in range(10)])
    log.close()
    assert await numbers(log, 7) == [8, 9, 10]
    assert await numbers(log, 10) == []


async def test_whoever_falls_behind_gets_all_it_missed_in_one_batch(log: StreamLog) -> None:
    batches = log.follow()
    log.append([Chunk("a")])
    assert len(await anext(batches)) == 1
    for i in range(50):
        log.append([Chunk(str(i))])
    assert len(await anext(batches)) == 50


async def test_followers_see_events_as_they_are_appended(log: StreamLog) -> None:
    seen: list[int] = []

    async def follow() -> None:
        async for batch in log.follow():
            seen.extend(record.number for record in batch)

    followers = [asyncio.create_task(follow()) for _ in range(5)]
    for i in range(3):
        log.append([Chunk(str(i))])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert seen.count(i + 1) == 5
    log.close()
    await asyncio.gather(*followers)


async def test_readers_share_one_frame(log: StreamLog) -> None:
    log.append([Chunk("a")])
    log.close()
    frames = [record.frame for _ in range(2) async for batch in log.follow() for record in batch]
    assert frames[0] is frames[1]


async def test_listeners_are_told_in_the_appenders_own_step(log: StreamLog) -> None:
    told: list[int] = []

    def heard() -> None:
        told.append(log.last)

    log.listen(heard)
    log.append([Chunk("a"), Chunk("b")])
    log.append([Chunk("c")])
    assert told == [2, 3]
    log.close()
    assert told == [2, 3, 3]
    assert [record.number for record in log.since(1)] == [2, 3]


async def test_who_no_longer_listens_is_not_told(log: StreamLog) -> None:
    told: list[str] = []
    first, second = (lambda: told.append("first")), (lambda: told.append("second"))
    log.listen(first)
    log.listen(second)
    log.unlisten(first)
    log.append([Chunk("a")])
    assert told == ["second"]


async def test_a_follower_that_gives_up_disturbs_nobody(log: StreamLog) -> None:
    task = asyncio.create_task(numbers(log))
    other = asyncio.create_task(numbers(log))
    await asyncio.sleep(0)
    task.cancel()
    log.append([Chunk("a")])
    log.close()
    assert await other == [1]


async def test_nothing_can_be_appended_after_the_end(log: StreamLog) -> None:
    log.close()
    with pytest.raises(RuntimeError):
        log.append([Chunk("late")])
