"""Tasks that must go on."""

import asyncio
import logging

import pytest

from lam.background import Background, failures


async def test_a_task_that_raises_is_logged_counted_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []
    enough = asyncio.Event()

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) > 3:
            enough.set()
            await asyncio.Event().wait()
        raise RuntimeError("nobody foresaw this")

    before = failures["test-task"]
    background = Background(first_pause=0.001)
    with caplog.at_level(logging.ERROR):
        background.keep("test-task", work)
        await asyncio.wait_for(enough.wait(), 10)
    await background.close()
    assert failures["test-task"] == before + 3
    assert "nobody foresaw this" in caplog.text


async def test_a_task_that_returns_is_started_again_and_the_end_cancels_all() -> None:
    runs = asyncio.Semaphore(0)
    ended = asyncio.Event()

    async def short() -> None:
        runs.release()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    background = Background(first_pause=0.001)
    background.keep("short", short)
    background.keep("endless", endless)
    for _ in range(3):
        await asyncio.wait_for(runs.acquire(), 10)
    await background.close()
    assert ended.is_set()


async def test_what_runs_once_and_raises_is_counted_too() -> None:
    async def work() -> None:
        raise ValueError("once")

    before = failures["test-once"]
    background = Background()
    background.run("test-once", work)
    while failures["test-once"] == before:
        await asyncio.sleep(0.001)
    await background.close()
