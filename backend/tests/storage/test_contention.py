"""Units of work that are in each other's way, and what is done again."""

from collections.abc import Awaitable, Callable

import pytest

from lam.errors import StorageContended, StorageUnavailable
from lam.storage.contention import MOST, repeat_contended


def failing(times: int, error: type[StorageUnavailable]) -> tuple[list[int], Callable[[], Awaitable[str]]]:
    """A piece of work that fails so many times, and the attempts at it."""
    attempts = list[int]()

    async def work() -> str:
        attempts.append(len(attempts))
        if len(attempts) <= times:
            raise error
        return "done"

    return attempts, work


@pytest.mark.parametrize(("times", "is_done"), [(0, True), (MOST - 1, True), (MOST, False)])
async def test_what_was_contended_is_done_again_a_few_times(times: int, is_done: bool) -> None:
    attempts, work = failing(times, StorageContended)
    if is_done:
        assert await repeat_contended(work) == "done"
        assert len(attempts) == times + 1
    else:
        with pytest.raises(StorageContended):
            await repeat_contended(work)
        assert len(attempts) == MOST


async def test_what_failed_otherwise_is_not_done_again() -> None:
    attempts, work = failing(1, StorageUnavailable)
    with pytest.raises(StorageUnavailable):
        await repeat_contended(work)
    assert len(attempts) == 1
