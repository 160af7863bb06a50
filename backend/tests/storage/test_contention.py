"""Units of work that are in each other's way, and what is done again."""

import pytest

from lam.errors import StorageUnavailable
from lam.storage.contention import MOST, again
from lam.storage.failures import CONTENDED, FULL


def failing(times: int, message: str) -> tuple[list[int], object]:
    """A piece of work that fails so many times, and the attempts at it."""
    attempts = list[int]()

    async def work() -> str:
        attempts.append(len(attempts))
        if len(attempts) <= times:
            raise StorageUnavailable(message)
        return "done"

    return attempts, work


@pytest.mark.parametrize(("times", "is_done"), [(0, True), (MOST - 1, True), (MOST, False)])
async def test_what_was_contended_is_done_again_a_few_times(times: int, is_done: bool) -> None:
    attempts, work = failing(times, CONTENDED)
    if is_done:
        assert await again(work) == "done"  # type: ignore[arg-type]
        assert len(attempts) == times + 1
    else:
        with pytest.raises(StorageUnavailable, match=CONTENDED):
            await again(work)  # type: ignore[arg-type]
        assert len(attempts) == MOST


async def test_what_failed_otherwise_is_not_done_again() -> None:
    attempts, work = failing(1, FULL)
    with pytest.raises(StorageUnavailable, match="full"):
        await again(work)  # type: ignore[arg-type]
    assert len(attempts) == 1
