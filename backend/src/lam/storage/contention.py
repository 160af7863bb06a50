"""Units of work that wait for each other: PostgreSQL ends one of them, and nothing of it is stored.

Whoever changes one thing locks what it belongs to first, so that this is rare. A deletion that takes much with it meets runs that
end in the middle, which know nothing of it: it is done again.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from lam.errors import StorageContended

MOST: Final = 5  # attempts; PostgreSQL looks for units that wait for each other after a second

T = TypeVar("T")


async def repeat_contended(work: Callable[[], Awaitable[T]]) -> T:
    """Does a piece of work, which is one unit of work, and does it again where another one was in its way. Raises
    StorageContended when that happens `MOST` times."""
    for _ in range(MOST - 1):
        with contextlib.suppress(StorageContended):
            return await work()
    return await work()
