"""Automatic titles: the first words at once, and a short title from the model after the first reply.

The request adds one turn to the conversation that the model has just read, so that the server's prompt cache serves it. It runs
only while nobody waits for the model and stops as soon as somebody does; the next reply tries again. This module must not change
how a reply runs.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal, Self

import msgspec
from msgspec import Struct

from lam.accounts.programs import Spender
from lam.accounts.spending import Spending, settle_outcome
from lam.background import Background
from lam.chat.sink import Order
from lam.engines.catalog import Catalog
from lam.engines.queue import Loan
from lam.errors import GenerationTimeout, Interrupted, LamError, NotFound, StorageUnavailable
from lam.generation.contracts import Batches, Producer
from lam.generation.run import Run, Stop
from lam.generation.supervisor import Supervisor
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Done, EngineEvent, Error, Event, Finished, Metadata, Relabel
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Lease, OpenRun
from lam.protocol.sampling import Sampling
from lam.protocol.window import estimate
from lam.storage.costs import cost_of
from lam.storage.database import Database

log = logging.getLogger(__name__)

TITLE: Final = "title"
DEFAULT_TITLE: Final = "New Chat"
LONGEST: Final = 60
TOKENS: Final = 16
PATIENCE_SECONDS: Final = 60
QUESTION: Final = (
    "Write a title for this conversation: two to six words, in the language of the conversation, "
    "without quotation marks. Answer with the title alone."
)


class TitleOrder(Struct, frozen=True, kw_only=True):
    """What a title's run is about: the session, and the conversation with the question after it. `model`: the model expected to
    answer."""

    session_id: int
    session_key: str
    user_id: int
    request: ChatRequest
    model: str | None = None


class TitleSink:
    """A `Sink` that stores the session's title and the run's cost. An incomplete run stores nothing."""

    def __init__(self, order: TitleOrder, database: Database) -> None:
        self._order = order
        self._database = database

    def opening(self) -> Sequence[Event]:
        return [Metadata(self._order.session_id, None, self._order.session_key, model=self._order.model)]

    def prompt_tokens(self) -> int:
        return estimate(self._order.request.turns)

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        order, now = self._order, datetime.now(UTC)
        async with self._database.write() as unit:
            if not await unit.runs.close(lease):
                return
            complete = outcome.status == "complete"
            session = await unit.sessions.find(order.session_id, order.user_id, "send", lock=True) if complete else None
            await settle_outcome(unit, lease.run_id, outcome)  # after the session's lock, as in a send: no two wait for each other
            if session is None:
                return
            title = cleaned(outcome.text)
            if title:
                await unit.sessions.give_title(order.session_id, order.session_key, title)
            await unit.costs.add(cost_of(outcome, order.user_id, order.session_id, TITLE, now))

    def ending(self, outcome: Outcome) -> Done | Error:
        facts = outcome.facts
        if facts.failure is not None:
            return Error(facts.failure.message, facts.failure.code, facts.failure.retryable)
        return Done(None, outcome.text, facts.finish_reason or "stop", facts.model, facts.simulated, facts.usage, facts.timings)


class TitleKind:
    """The `Kind` of run that produces titles."""

    name = TITLE

    def __init__(self, database: Database) -> None:
        self._database = database

    async def restore(self, run: OpenRun) -> TitleSink | None:
        try:
            return TitleSink(msgspec.json.decode(run.request, type=TitleOrder), self._database)
        except msgspec.DecodeError:  # from another release: the next reply tries again
            return None

    async def status(self, run_id: str, user_id: int, action: Literal["read", "stop"]) -> str | None:
        """Returns None: nobody reads these streams."""
        return None

    async def rebuild(self, run_id: str, user_id: int) -> Sequence[Event]:
        raise NotFound


class Titles:
    """Starts the runs that produce titles. An async context manager: it owns the tasks that do so."""

    def __init__(
        self, database: Database, catalog: Catalog, supervisor: Supervisor, spending: Spending, *, enabled: bool = True
    ) -> None:
        self._database = database
        self._spending = spending
        self._catalog = catalog
        self._supervisor = supervisor
        self._enabled = enabled
        self._tasks = Background()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    def after(self, order: Order, outcome: Outcome) -> None:
        """Starts a title after a stored reply, if the session has none."""
        if self._enabled and order.wants_title and outcome.status == "complete" and outcome.text.strip():
            self._tasks.run("title", lambda: self._begin(order, outcome.text))

    async def _begin(self, reply: Order, text: str) -> None:
        """Starts the run if there is an idle place."""
        request, run, wanted = _question(reply.request, text), list[Run](), asyncio.Event()

        def make_way() -> None:
            wanted.set()
            for begun in run:
                begun.stop(Stop())

        # Stop only where the server reports its load: elsewhere the place would stay in use for longer than a title takes.
        offers = self._catalog.resolve(request.model)
        if not offers or offers[0].route.can.history:
            return
        tells = await offers[0].route.pool.busy() is not None
        place = self._catalog.queue.lend(request.model, Loan(wanted=make_way if tells else lambda: None))
        if place is None:
            return
        order = TitleOrder(
            session_id=reply.session_id,
            session_key=reply.session_key,
            user_id=reply.user_id,
            request=request,
            model=place.model_name,
        )
        try:
            async with self._supervisor.claim(None, reply.user_id, droppable=True) as claim:
                record = self._supervisor.record(claim, TITLE, msgspec.json.encode(order), "continue")
                now, spender = datetime.now(UTC), Spender(reply.user_id)
                async with self._database.write() as unit:
                    await self._spending.reserve(
                        unit,
                        spender,
                        run_id=claim.id,
                        prompt_tokens=estimate(request.turns),
                        max_tokens=TOKENS,
                        now=now,
                        is_run=False,
                    )
                    await unit.runs.add(record, now)
                producer = _guarded(self._catalog.generate(request, place))
                run.append(self._supervisor.start(claim, record, producer, TitleSink(order, self._database), droppable=True))
                if wanted.is_set():
                    run[0].stop(Stop())
        except (LamError, StorageUnavailable) as error:
            log.info("The session %d got no title: %s", reply.session_id, error.message)
        finally:
            if not run:
                place.leave(model_is_free=True)


def _question(request: ChatRequest, reply: str) -> ChatRequest:
    before = request.turns[:-1] if request.continues else request.turns
    turns = (*before, Turn("assistant", reply), Turn("user", QUESTION))
    sampling = Sampling(temperature=0, top_p=request.sampling.top_p, max_tokens=TOKENS, reasoning="off")
    return msgspec.structs.replace(request, turns=turns, sampling=sampling)


@asynccontextmanager
async def _guarded(producer: Producer) -> AsyncIterator[Batches]:
    """Yields the producer's batches. Fails when they take too long, or when all the text may be reasoning."""
    async with producer as batches:
        yield _guard(batches, asyncio.get_running_loop().time() + PATIENCE_SECONDS)


async def _guard(batches: Batches, deadline: float) -> AsyncGenerator[list[EngineEvent]]:
    thinks = False  # reasoning was expected, and it never ended
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                batch = await anext(batches)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise GenerationTimeout from None
        thinks = thinks or any(isinstance(event, Relabel) and event.to == "answer" for event in batch)
        if thinks and batch and isinstance(batch[-1], Finished) and batch[-1].finish_reason == "length":
            raise Interrupted
        yield batch


def first_words(text: str) -> str:
    """Returns the beginning of a text as a title: whole words if possible, up to 60 characters."""
    words = " ".join(text.split())
    if len(words) <= LONGEST:
        return words or DEFAULT_TITLE
    head = words[: LONGEST - 1]
    whole, space, _ = head.rpartition(" ")
    return (whole if space and len(whole) > LONGEST // 2 else head).rstrip(" ,.;:-") + "…"


def cleaned(text: str) -> str:
    """Returns a model's answer as a title, empty when it is unusable."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"^(?:[#>*\s]+|(?i:title)\s*:\s*)+", "", line)
    line = line.strip(" \t*_`\"'“”„«»「」").rstrip(" .,;:")
    return first_words(line) if any(map(str.isalnum, line)) else ""
