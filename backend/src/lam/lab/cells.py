"""Cells as a kind of run: what they ask models, where their results go, and how their streams are rebuilt.

A cell is one run. It borrows a place for each request to a model and gives it back in between, so that people get in after one
request at most. A cell that loses its place, its gateway or its server waits again; only its own end stores a result.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from lam.engines.catalog import Catalog
from lam.engines.queue import Loan, Ticket
from lam.errors import (
    BrokerUnreachable,
    BudgetExceeded,
    LlmLoading,
    LlmOverloaded,
    LlmUnreachable,
    NotFound,
    NoWorker,
    QueueFull,
    RulesChanged,
    TooLarge,
)
from lam.generation.contracts import Batches
from lam.generation.run import Run, Stop
from lam.lab import judges, transcripts
from lam.lab.allowance import Allowance
from lam.lab.borrowing import Borrowing
from lam.lab.judging import Judging
from lam.lab.specs import Case, Opinion, Spec
from lam.lab.transcripts import Exchange, Game, Purpose, Transcript
from lam.maze.actions import Unreadable
from lam.maze.answers import read, response_format
from lam.maze.state import RULES
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import (
    Chunk,
    ContentEvent,
    Done,
    EngineEvent,
    Error,
    Event,
    Finished,
    FinishReason,
    Metadata,
    Progress,
    Thinking,
    Usage,
)
from lam.protocol.facts import Failure
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Lease, OpenRun
from lam.protocol.sampling import JsonSchema, ResponseFormat, Sampling
from lam.protocol.snapshot import Snapshot
from lam.storage.costs import cost_of
from lam.storage.database import Database
from lam.storage.models import CellStatus, LabCell

CELL: Final = "cell"
MOST_FAILURES: Final = 3
JUDGE_TOKENS: Final = 1024
CUT_OFF: Final = "The answers are longer than this gateway takes."
NEAR_PART: Final = 0.7  # of the usual length of an answer; from here on it counts as near its end,
LONG_PART: Final = 1.5  # up to here


AWAY: Final = frozenset(kind.code for kind in (LlmUnreachable, LlmLoading, LlmOverloaded, NoWorker, BrokerUnreachable))
"""Failures of a server that is away or has no room: cells wait until it is back."""


class CellOrder(Struct, frozen=True, kw_only=True):
    """What a cell's run is about."""

    cell_id: int
    lab_run_id: int
    number: int
    user_id: int


class Lengths:
    """The usual length of answers, in characters: the mean of what came before, by any key."""

    def __init__(self) -> None:
        self._sums: dict[Any, tuple[int, int]] = {}

    def add(self, key: Any, length: int) -> None:
        count, total = self._sums.get(key, (0, 0))
        self._sums[key] = (count + 1, total + length)

    def is_near_end(self, key: Any, length: int) -> bool:
        count, total = self._sums.get(key, (0, 0))
        return count > 0 and NEAR_PART * total <= length * count <= LONG_PART * total

    def forget(self, run_id: int) -> None:
        self._sums = {key: sums for key, sums in self._sums.items() if key[0] != run_id}


class Attempt:
    """One attempt at a cell, shared by its producer and its sink. `ticket`: the place for its first request."""

    def __init__(self, order: CellOrder, spec: Spec, cell: LabCell, transcript: Transcript, ticket: Ticket | None) -> None:
        self.order = order
        self.spec = spec
        self.cell = cell
        self.before = transcript  # what earlier attempts left
        self.transcript = transcript
        self.ticket = ticket
        self.attended = spec.attended and ticket is not None and not ticket.lent
        self.run: Run | None = None
        self.wanted = False
        self.result: dict[str, Any] | None = None
        self.passed: bool | None = None
        self.refusal: Failure | None = None  # why the cell cannot be done at all
        self.near_end: Callable[[], bool] = lambda: False
        self.rest: float | None = None  # seconds until its owner's budget renews

    def make_way(self) -> None:
        """Ends the attempt: somebody needs its place."""
        self.wanted = True
        if self.run is not None:
            self.run.stop(Stop())

    @property
    def model(self) -> str | None:
        return self.spec.models[self.cell.model]

    @property
    def sampling(self) -> Sampling:
        return self.spec.sampling(self.cell.model, self.cell.setting)

    @property
    def new(self) -> Transcript:
        return self.transcript[len(self.before) :]

    @property
    def makes_way(self) -> bool:
        """Whether the attempt ended because of its place or its gateway, and not by itself or by a person."""
        stop = self.run.stop_request if self.run is not None else None
        return self.wanted or (stop is not None and stop.reason == "drain")


class CellSink:
    """A `Sink` that stores a cell's result. `attempt`: None for a cell whose gateway died. `changed`: called once it is stored."""

    def __init__(self, order: CellOrder, attempt: Attempt | None, database: Database, changed: Callable[[CellOrder], None]) -> None:
        self._order = order
        self._attempt = attempt
        self._database = database
        self._changed = changed

    @property
    def model(self) -> str | None:
        return self._attempt.model if self._attempt is not None else None

    @property
    def rest(self) -> float | None:
        """How long the cells of its owner wait for their budget, in seconds."""
        return self._attempt.rest if self._attempt is not None else None

    @property
    def user_id(self) -> int:
        return self._order.user_id

    def opening(self) -> Sequence[Event]:
        attempt = self._attempt
        metadata = Metadata(None, None, "", model=attempt.model if attempt else None)
        text = transcripts.streamed(attempt.before) if attempt else ""
        return [metadata, Chunk(text)] if text else [metadata]

    def prompt_tokens(self) -> int:
        return 0

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        order, now = self._order, datetime.now(UTC)
        async with self._database.write() as unit:
            if not await unit.runs.close(lease):
                return
            await unit.spending.forget(lease.run_id)  # what a request left behind
            run = await unit.lab.run(order.lab_run_id, lock=True)
            if run is None:
                return
            cell = await unit.lab.cell_by_id(order.cell_id)
            if cell is None:
                return
            await unit.lab.end_cell(order.cell_id, **self._ending(outcome, cell, stopped=run.status == "stopped"))
            if self._attempt is not None:
                usage = transcripts.usage_of(self._attempt.new)
                facts = outcome.facts if usage is None else msgspec.structs.replace(outcome.facts, usage=usage)
                await unit.costs.add(cost_of(msgspec.structs.replace(outcome, facts=facts), order.user_id, None, CELL, now))
            if run.status == "running" and not await unit.lab.is_open(run.id):
                await unit.lab.change_run(run.id, status="done", ended_at=now)
        self._changed(order)

    def _ending(self, outcome: Outcome, cell: LabCell, *, stopped: bool) -> dict[str, Any]:
        """Returns the columns of the cell. A game that waits again keeps the hints it had."""
        attempt, again = self._attempt, "stopped" if stopped else "waiting"
        if attempt is None:
            return {"status": again}
        values: dict[str, Any] = {"transcript": transcripts.encoded(attempt.transcript) if attempt.transcript else None}
        if attempt.refusal is not None:
            return values | _failed(cell, attempt.refusal)
        if outcome.status == "complete" and attempt.result is None:  # cut off
            return values | _failed(cell, Failure(code=TooLarge.code, message=CUT_OFF, retryable=False))
        if outcome.status == "complete":
            return values | {"status": "complete", "result": attempt.result, "passed": attempt.passed}
        if attempt.makes_way:
            return values | {"status": again, "given_up": cell.given_up + attempt.wanted}
        if outcome.status == "cancelled":
            return values | {"status": "stopped"}
        failure = outcome.facts.failure
        if failure is not None and failure.code in AWAY and not attempt.attended:
            return values | {"status": again}
        if failure is not None and failure.retryable and not attempt.attended and cell.failures + 1 < MOST_FAILURES:
            return values | {"status": again, "failures": cell.failures + 1}
        return values | _failed(cell, failure or Failure(code="internal", message="The cell failed.", retryable=False))

    def ending(self, outcome: Outcome) -> Done | Error:
        facts = outcome.facts
        if facts.failure is not None:
            return Error(facts.failure.message, facts.failure.code, facts.failure.retryable)
        return Done(None, outcome.text, facts.finish_reason or "stop", facts.model, facts.simulated, facts.usage, facts.timings)


def _failed(cell: LabCell, failure: Failure) -> dict[str, Any]:
    result = {"code": failure.code, "message": failure.message}
    return {"status": "failed", "failures": cell.failures + 1, "result": result}


class CellKind:
    """The `Kind` of run that fills the cells of the lab."""

    name = CELL

    def __init__(self, database: Database) -> None:
        self._database = database
        self.changed: Callable[[CellOrder], None] = lambda _: None  # where a dead gateway left a cell, which may wait now

    async def restore(self, run: OpenRun) -> CellSink | None:
        try:
            order = msgspec.json.decode(run.request, type=CellOrder)
        except msgspec.DecodeError:
            return None
        return CellSink(order, None, self._database, lambda order: self.changed(order))

    async def status(self, run_id: str, user_id: int, action: Literal["read", "stop"]) -> str | None:
        async with self._database.read() as unit:
            cell = await unit.lab.cell_by_stream(run_id, user_id, action)
        return None if cell is None else _STATUS[cell.status]

    async def rebuild(self, run_id: str, user_id: int) -> Sequence[Event]:
        async with self._database.read() as unit:
            cell = await unit.lab.cell_by_stream(run_id, user_id, "read")
            transcript = transcripts.decoded(await unit.lab.transcript(cell.id)) if cell is not None else ()
        if cell is None:
            raise NotFound
        text, thinking = transcripts.streamed(transcript), transcripts.thoughts(transcript)
        model = transcript[-1].model if transcript else None
        events: list[Event] = [Metadata(None, None, "", run_id, model=model, rebuilt=True)]
        if thinking:
            events.append(Thinking(thinking))
        if text:
            events.append(Chunk(text))
        result = cell.result or {}
        if cell.status == "failed":
            events.append(Error(str(result.get("message", "")), str(result.get("code", "internal"))))
        elif cell.status in ("complete", "stopped"):
            reason: FinishReason = "stop" if cell.status == "complete" else "cancelled"
            events.append(Done(None, text, reason, model, usage=transcripts.usage_of(transcript)))
        else:
            events.append(Error("This attempt was given up; the cell is done again.", "interrupted", True))
        return events


_STATUS: Final[dict[CellStatus, str]] = {
    "waiting": "interrupted",
    "running": "streaming",
    "complete": "complete",
    "failed": "failed",
    "stopped": "cancelled",
}


class Cells:
    """Makes the producers of cells."""

    def __init__(
        self, catalog: Catalog, borrowing: Borrowing, judging: Judging, allowance: Allowance, *, sign_seconds: float
    ) -> None:
        """`sign_seconds`: time between two signs of life of what the stream does not show."""
        self._sign_seconds = sign_seconds
        self._catalog = catalog
        self._borrowing = borrowing
        self._judging = judging
        self._allowance = allowance
        self.lengths = Lengths()

    def loan(self, attempt: Attempt) -> Loan:
        """Returns the terms on which the attempt borrows places."""
        return self._borrowing.loan(attempt.make_way, lambda: attempt.near_end())

    @asynccontextmanager
    async def producer(self, attempt: Attempt) -> AsyncIterator[Batches]:
        """Yields a producer that does the cell and fills the attempt's transcript and result."""
        batches = self._batches(attempt)
        try:
            yield batches
        finally:
            await batches.aclose()
            if attempt.ticket is not None:  # never used
                attempt.ticket.leave(model_is_free=True)

    async def _batches(self, attempt: Attempt) -> AsyncGenerator[list[EngineEvent]]:
        done = self._game(attempt) if attempt.spec.tasks.maze is not None else self._case(attempt)
        async with aclosing(done):
            async for batch in done:
                yield batch
        last = attempt.transcript[-1] if attempt.transcript else None
        yield [Finished("stop", transcripts.usage_of(attempt.new), model=last.model if last else None)]

    # A case: one request, and one more when a model judges

    async def _case(self, attempt: Attempt) -> AsyncGenerator[list[EngineEvent]]:
        case = (attempt.spec.tasks.cases or ())[attempt.cell.task]
        template = attempt.spec.templates[attempt.cell.template]
        attempt.before = attempt.transcript = ()  # a case begins anew
        turns = transcripts.prompted(transcripts.case_turns(template, case), attempt.spec, attempt.cell)
        asked = Request("answer", attempt.model, turns, attempt.sampling)
        async with aclosing(self._ask(attempt, asked)) as batches:
            async for batch in batches:
                yield batch
        answer = asked.exchange()
        attempt.transcript = (answer,)
        verdict = judges.Verdict(None, "")
        if isinstance(case.judge, Opinion):
            asked = self._judge(attempt, case, case.judge, answer.answer)
            async with aclosing(_signs(self._ask(attempt, asked), self._sign_seconds)) as batches:
                async for batch in batches:
                    yield batch
            attempt.transcript = (answer, asked.exchange())
            verdict = judges.opinion(asked.snapshot.text)
        elif case.judge is not None:
            verdict = await self._judging.verdict(case.judge, answer.answer)
        attempt.passed = verdict.passed
        attempt.result = {
            "passed": verdict.passed,
            "reason": verdict.reason or None,
            "opinion": verdict.opinion,
        } | transcripts.times_and_tokens(attempt.transcript)

    def _judge(self, attempt: Attempt, case: Case, opinion: Opinion, answer: str) -> "Request":
        template = attempt.spec.templates[attempt.cell.template]
        form = ResponseFormat(type="json_schema", json_schema=JsonSchema(schema=judges.OPINION_SCHEMA))
        sampling = Sampling(temperature=0, top_p=1, max_tokens=JUDGE_TOKENS, reasoning="off", response_format=form)
        return Request("judge", opinion.model or attempt.model, transcripts.judge_turns(template, case, opinion, answer), sampling)

    # A game: one request per hint

    async def _game(self, attempt: Attempt) -> AsyncGenerator[list[EngineEvent]]:
        spec, cell = attempt.spec, attempt.cell
        assert spec.tasks.maze is not None
        if spec.rules != RULES:
            message = "The rules of the maze have changed since this run was made; make it anew."
            attempt.refusal = Failure(code=RulesChanged.code, message=message, retryable=False)
            return
        prompt, settings = transcripts.prompt_of(spec.templates[cell.template]), transcripts.settings_of(spec.tasks.maze)
        game = Game(prompt, spec.tasks.maze.seeds[cell.task], settings, attempt.transcript)
        while game.state.status == "playing" and len(attempt.transcript) < spec.steps:
            forced = response_format(game.state, spec.forcing) or attempt.sampling.response_format
            sampling = msgspec.structs.replace(attempt.sampling, response_format=forced)
            asked = Request("hint", attempt.model, transcripts.prompted(game.turns(), spec, cell), sampling)
            async with aclosing(_lines(self._ask(attempt, asked))) as batches:
                async for batch in batches:
                    yield batch
            answer = read(asked.snapshot.text)
            action = answer.action or Unreadable()
            legal = game.take(action)
            hint = msgspec.structs.replace(asked.exchange(), action=action, legal=legal, reading=answer.reading, say=answer.say)
            attempt.transcript = (*attempt.transcript, hint)
            yield [Chunk("\n")]
        attempt.result = transcripts.game_result(game.state, attempt.transcript)
        attempt.passed = attempt.result["solved"]

    # One request

    async def _ask(self, attempt: Attempt, asked: "Request") -> AsyncGenerator[list[EngineEvent]]:
        """Yields what the model says, without its end, which goes into `asked` with everything else."""
        waiting = self._place(attempt, asked)
        async with aclosing(waiting):
            async for batch in waiting:
                yield batch
        ticket = asked.ticket
        assert ticket is not None
        clock = asyncio.get_running_loop().time
        key = (attempt.order.lab_run_id, attempt.cell.template, attempt.cell.model, asked.purpose)
        attempt.near_end = lambda: self.lengths.is_near_end(key, asked.length)
        began: float | None = None
        order, run = attempt.order, attempt.run
        assert run is not None
        try:
            async with self._allowance.of(order.user_id, run.id, asked.request) as use:
                try:
                    request = asked.within(use.length)
                    async with self._catalog.generate(request, ticket) as batches:
                        async for batch in batches:
                            if began is None and ticket.offer is not None:
                                began = clock()
                            shown = asked.take(batch, clock() - (began or clock()))
                            yield shown
                finally:
                    use.usage, use.text = asked.usage, asked.snapshot.text + asked.snapshot.thinking
        except BudgetExceeded as error:
            if error.is_final:  # it would not fit tomorrow either
                attempt.refusal = Failure(code=error.code, message=error.message, retryable=False)
            attempt.rest = error.retry_after
            raise LlmOverloaded(error.message) from error
        finally:
            ticket.leave(model_is_free=True)  # where nothing was asked
            attempt.near_end = lambda: False
        self.lengths.add(key, asked.length)

    async def _place(self, attempt: Attempt, asked: "Request") -> AsyncGenerator[list[EngineEvent]]:
        """Puts a ticket into `asked`. Yields progress while a lent place is waited for; the catalog waits for any other."""
        asked.ticket, attempt.ticket = attempt.ticket, None
        if asked.ticket is not None:
            return
        if attempt.attended:
            try:
                asked.ticket = self._catalog.queue.enter(asked.model, attempt.order.user_id)
            except QueueFull as error:
                raise LlmOverloaded(error.message) from error
            return
        async with self._borrowing.wish(asked.model, self.loan(attempt)) as wish:
            last: Progress | None = None
            clock, said = asyncio.get_running_loop().time, 0.0
            look = min(self._borrowing.patience.look, self._sign_seconds)
            while (ticket := await wish.granted(look)) is None:
                progress = Progress("queued") if self._catalog.resolve(asked.model) else Progress("unreachable", reason="no_worker")
                if progress != last or clock() - said >= self._sign_seconds:
                    last, said = progress, clock()
                    yield [progress]
            asked.ticket = ticket


class Request:
    """A request to a model, and what came of it."""

    def __init__(self, purpose: Purpose, model: str | None, turns: tuple[Turn, ...], sampling: Sampling) -> None:
        self.purpose = purpose
        self.model = model
        self.request = ChatRequest(
            turns=turns,
            keep=int(turns[0].role == "system"),
            sampling=sampling,
            model=model,
            relabels=purpose == "answer",  # a stream of several answers cannot move parts of one
        )
        self.snapshot = Snapshot()
        self.ticket: Ticket | None = None
        self.length = 0  # characters of the answer and the thoughts so far
        self._finished: Finished | None = None
        self._first_token: float | None = None
        self._total = 0.0

    def take(self, batch: list[EngineEvent], seconds: float) -> list[EngineEvent]:
        """Keeps a batch, which came after `seconds`, and returns it without the end."""
        for event in batch:
            if isinstance(event, Finished):
                self._finished, self._total = event, seconds
                continue
            self.snapshot.add(event)
            if isinstance(event, ContentEvent):
                self._first_token = seconds if self._first_token is None else self._first_token
                self.length += len(getattr(event, "content", ""))
        return [event for event in batch if not isinstance(event, Finished)]

    @property
    def usage(self) -> Usage | None:
        return self._finished.usage if self._finished else None

    def within(self, length: int) -> ChatRequest:
        """Returns the request for a reply of up to so many tokens."""
        sampling = self.request.sampling
        if length >= sampling.max_tokens:
            return self.request
        return msgspec.structs.replace(self.request, sampling=msgspec.structs.replace(sampling, max_tokens=length))

    def exchange(self) -> Exchange:
        finished = self._finished
        return Exchange(
            purpose=self.purpose,
            answer=self.snapshot.text,
            thinking=self.snapshot.thinking,
            model=(finished.model if finished else None) or self.model,
            finish_reason=finished.finish_reason if finished else None,
            usage=finished.usage if finished else None,
            first_token_ms=None if self._first_token is None else round(1000 * self._first_token),
            total_ms=round(1000 * self._total),
        )


async def _lines(batches: AsyncGenerator[list[EngineEvent]]) -> AsyncGenerator[list[EngineEvent]]:
    """Yields the batches with each answer in one line."""
    async with aclosing(batches):
        async for batch in batches:
            yield [Chunk(event.content.translate(transcripts.ONE_LINE)) if isinstance(event, Chunk) else event for event in batch]


async def _signs(batches: AsyncGenerator[list[EngineEvent]], seconds: float) -> AsyncGenerator[list[EngineEvent]]:
    """Yields a sign of life now and then instead of the batches."""
    clock = asyncio.get_running_loop().time
    last = 0.0
    async with aclosing(batches):
        async for _ in batches:
            if clock() - last >= seconds:
                last = clock()
                yield [Progress("prompt")]
