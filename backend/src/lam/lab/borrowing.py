"""Places for the lab: lent ones, for one request to a model each, and a line of requests that wait for one.

All places of a pool but one are lent, its only one too; each is asked back when somebody has waited for a while.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from msgspec import Struct

from lam.engines.queue import Loan, Queue, Ticket

SPARED: Final = 1


class Patience(Struct, frozen=True, kw_only=True):
    """Times in seconds. `grace`: how long a person waits before a lent place is asked back. `look`: between two looks of a
    request that waits for a place. `rest`: how long no cell of a model starts whose server was away."""

    grace: float = 2
    look: float = 1
    rest: float = 5


class Wish:
    """A request that waits for a place."""

    def __init__(self, model: str | None, loan: Loan) -> None:
        self.model = model
        self.loan = loan
        self.ticket: Ticket | None = None
        self.news = asyncio.Event()

    async def granted(self, seconds: float) -> Ticket | None:
        """Returns the place, None when there is none within `seconds`."""
        if self.ticket is None:
            try:
                async with asyncio.timeout(seconds):
                    await self.news.wait()
            except TimeoutError:
                pass
        return self.ticket


class Borrowing:
    """Borrows places of a queue. Requests that wait get them first come, first served."""

    def __init__(self, queue: Queue, patience: Patience) -> None:
        self.patience = patience
        self._queue = queue
        self._line: list[Wish] = []
        queue.after_change.append(self._hand_out)

    def loan(self, wanted: Callable[[], object], near_end: Callable[[], bool]) -> Loan:
        return Loan(wanted=wanted, grace=self.patience.grace, spared=SPARED, near_end=near_end)

    def idle(self, model: str | None, loan: Loan) -> Ticket | None:
        """Returns a place that nobody in the line could use, None if there is none."""
        return self._queue.lend(model, loan)

    @asynccontextmanager
    async def wish(self, model: str | None, loan: Loan) -> AsyncIterator[Wish]:
        """Yields a wish for a place. The place belongs to whoever takes it from the wish, and stays with the wish otherwise."""
        wish = Wish(model, loan)
        self._line.append(wish)
        self._hand_out()
        try:
            yield wish
        except BaseException:
            if wish.ticket is not None:
                wish.ticket.leave(model_is_free=True)
            raise
        finally:
            if wish in self._line:
                self._line.remove(wish)

    def _hand_out(self) -> None:
        for wish in list(self._line):
            ticket = self._queue.lend(wish.model, wish.loan)
            if ticket is not None:
                self._line.remove(wish)
                wish.ticket = ticket
                wish.news.set()
