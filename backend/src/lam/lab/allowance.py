"""The tokens of a cell: each of its requests to a model reserves its own, and gives back what it did not use.

It must not know what a cell asks.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

from lam.accounts.programs import Spender
from lam.accounts.spending import Spending, settle
from lam.errors import StorageUnavailable
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Usage
from lam.protocol.tokens import estimate_text
from lam.protocol.window import estimate
from lam.storage.database import Database
from lam.storage.repositories.spending import PART

log = logging.getLogger(__name__)


class Use:
    """What one request used. `usage`: the server's; None while unknown. `text`: all that came."""

    def __init__(self, length: int) -> None:
        self.length = length  # the most tokens of the reply
        self.usage: Usage | None = None
        self.text = ""


class Allowance:
    def __init__(self, database: Database, spending: Spending) -> None:
        self._database = database
        self._spending = spending
        self._numbers = count(1)

    @asynccontextmanager
    async def of(self, user_id: int, run_id: str, request: ChatRequest) -> AsyncIterator[Use]:
        """Reserves the tokens of a request; on leaving, settles by the use. Raises BudgetExceeded.

        Where the database does not answer at the end, the reservation stays until the cell's result is stored.
        """
        spender = Spender(user_id)
        async with self._database.read() as unit:
            is_limited = await self._spending.limits(unit, spender)
        if not is_limited:
            yield Use(request.sampling.max_tokens)
            return
        name = f"{run_id}{PART}{next(self._numbers)}"
        async with self._database.write() as unit:
            allotment = await self._spending.reserve(
                unit,
                spender,
                run_id=name,
                prompt_tokens=estimate(request.turns),
                max_tokens=None,
                usual=request.sampling.max_tokens,
                now=datetime.now(UTC),
            )
        use = Use(allotment.length)
        try:
            yield use
        finally:
            try:
                async with self._database.write() as unit:
                    await settle(unit, name, use.usage, estimate_text(use.text))
            except StorageUnavailable as error:
                log.info("The tokens of %s are not settled: %s", name, error.message)
