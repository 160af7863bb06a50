"""Routes of several engines: which one answers, and what happens where it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lam.engines.base import Can, Health, RouteLost
from lam.engines.catalog import Catalog, Model
from lam.engines.queue import Loan, Ticket
from lam.engines.retries import Pauses
from lam.errors import (
    BrokerUnreachable,
    ContextExceeded,
    GenerationError,
    Interrupted,
    LlmError,
    LlmLoading,
    LlmOverloaded,
    LlmUnreachable,
    NotSupported,
    NoWorker,
    WorkerLost,
)
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Chunk, EngineEvent, Finished, Progress
from lam.protocol.sampling import Sampling
from lam.testing.engine import ScriptedEngine

DONE: list[EngineEvent] = [Chunk("!"), Finished("stop")]


SAMPLING = Sampling(temperature=0, top_p=1, max_tokens=16)


def request(model: str | None = "m") -> ChatRequest:
    return ChatRequest(turns=(Turn("user", "?"),), keep=0, sampling=SAMPLING, model=model)


@asynccontextmanager
async def catalog(timeout: float = 5, most_waiting: int = 100, **engines: ScriptedEngine) -> AsyncIterator[Catalog]:
    async with Catalog(engines, most_waiting=most_waiting, timeout=timeout) as made:
        yield made


async def events_of(made: Catalog, asked: ChatRequest, ticket: Ticket | None = None) -> list[EngineEvent]:
    ticket = ticket or made.queue.enter(asked.model, "somebody")
    async with made.generate(asked, ticket) as batches:
        return [event async for batch in batches for event in batch]


def text_of(events: list[EngineEvent]) -> str:
    return "".join(event.content for event in events if isinstance(event, Chunk))


async def test_a_name_is_resolved_to_all_routes_that_serve_it_in_the_order_of_their_servers() -> None:
    first, second = ScriptedEngine(models=["m", "only-first"]), ScriptedEngine(models=["n", "m"])
    async with catalog(first=first, second=second) as made:
        assert [offer.server for offer in made.resolve("m")] == ["first", "second"]
        assert [offer.server for offer in made.resolve("n")] == ["second"]
        assert made.resolve("unknown") == ()
        assert await made.models() == [Model("m"), Model("only-first"), Model("n")]


async def test_who_names_no_model_gets_the_first_servers_default_from_whoever_serves_it() -> None:
    first, second = ScriptedEngine(models=["m"], places=0), ScriptedEngine(models=["n", "m"])
    async with catalog(first=first, second=second) as made:
        assert text_of(await events_of(made, request(None))) == "Once upon"
    assert [asked.model for asked in second.requests] == ["m"]  # not its own default


@pytest.mark.parametrize("failure", [LlmUnreachable(), LlmLoading(), LlmOverloaded(), RouteLost(), RouteLost(had_job=True)])
async def test_a_route_that_fails_before_anything_was_shown_is_followed_by_the_next(failure: Exception) -> None:
    first, second = ScriptedEngine([failure]), ScriptedEngine([DONE])
    async with catalog(first=first, second=second) as made:
        assert text_of(await events_of(made, request())) == "!"
        assert made.queue.in_use == 0
    assert (len(first.requests), len(second.requests)) == (1, 1)


@pytest.mark.parametrize("failure", [LlmError("no"), ContextExceeded(), Interrupted()])
async def test_a_failure_that_every_route_would_share_ends_the_run(failure: GenerationError) -> None:
    first, second = ScriptedEngine([failure]), ScriptedEngine([DONE])
    async with catalog(first=first, second=second) as made:
        with pytest.raises(type(failure)):
            await events_of(made, request())
        assert made.queue.in_use == 0
    assert second.requests == []


@pytest.mark.parametrize("failure", [LlmUnreachable(), LlmLoading(), LlmOverloaded()])
async def test_once_something_was_shown_no_other_route_is_tried(failure: GenerationError) -> None:
    first, second = ScriptedEngine([[Chunk("Once")], failure]), ScriptedEngine([DONE])
    async with catalog(first=first, second=second) as made:
        with pytest.raises(type(failure)):
            await events_of(made, request())
    assert second.requests == []


async def test_the_only_route_is_tried_again_and_the_reader_told_what_is_awaited() -> None:
    engine = ScriptedEngine([LlmLoading()], [RouteLost()], [DONE])
    async with catalog(only=engine) as made:
        events = await events_of(made, request())
    assert [event.stage for event in events if isinstance(event, Progress)][:1] == ["loading"]
    assert text_of(events) == "!"
    assert len(engine.requests) == 3


async def test_time_in_the_queue_does_not_count_against_the_server() -> None:
    """Whoever waited long is tried again like everybody else when the server restarts."""
    engine = ScriptedEngine([LlmUnreachable()], [LlmLoading()], [DONE])
    pauses = Pauses(refused=0.2, first=0.01)
    async with Catalog({"only": engine}, most_waiting=9, timeout=0.4, pauses=pauses) as made:
        holder, ticket = made.queue.enter("m", 1), made.queue.enter("m", 2)
        waiting = asyncio.create_task(events_of(made, request(), ticket))
        await asyncio.sleep(0.5)  # Time itself: longer than the server's own patience
        holder.leave(model_is_free=True)
        assert text_of(await waiting) == "!"


async def test_lent_work_that_loses_its_server_ends_and_waits_before_nobody() -> None:
    engine = ScriptedEngine([RouteLost()])
    async with catalog(only=engine) as made:
        ticket = made.queue.lend("m", Loan(wanted=lambda: None))
        assert ticket is not None
        with pytest.raises(NoWorker):
            await events_of(made, request(), ticket)
        assert (made.queue.waiting, made.queue.in_use) == (0, 0)


async def test_a_loading_server_is_not_waited_for_longer_than_the_timeout() -> None:
    async with catalog(timeout=0.3, only=ScriptedEngine([LlmLoading()])) as made:
        with pytest.raises(LlmLoading):
            await events_of(made, request())
        assert made.queue.in_use == 0


async def test_what_kills_its_servers_is_not_passed_on_for_ever() -> None:
    engine = ScriptedEngine([RouteLost(had_job=True)], places=1)
    async with catalog(**{f"s{number}": ScriptedEngine([RouteLost(had_job=True)]) for number in range(12)}) as made:
        with pytest.raises(WorkerLost):
            await events_of(made, request())
    assert engine.requests == []


async def test_an_iterator_that_ends_without_finishing_is_an_interrupted_reply() -> None:
    async with catalog(only=ScriptedEngine([[Chunk("Once")]])) as made:
        with pytest.raises(Interrupted):
            await events_of(made, request())


async def test_a_place_whose_reader_left_is_seen_free_before_it_is_given_out() -> None:
    engine = ScriptedEngine([[Chunk("Once")], [Chunk("never")]])
    async with catalog(only=engine) as made:
        ticket = made.queue.enter("m", 1)
        async with made.generate(request(), ticket) as batches:
            await anext(batches)
            await anext(batches)
        assert (engine.closed, made.queue.in_use) == (1, 1)  # it settles
        async with asyncio.timeout(5):
            while made.queue.in_use:
                await asyncio.sleep(0.01)


async def test_a_place_is_given_back_though_its_producer_was_never_begun() -> None:
    async with catalog(only=ScriptedEngine()) as made:
        ticket = made.queue.enter("m", 1)
        async with made.generate(request(), ticket):
            assert made.queue.in_use == 1
        assert made.queue.in_use == 0


async def test_an_error_before_the_producer_is_made_gives_the_place_back() -> None:
    async with catalog(only=ScriptedEngine()) as made:
        with pytest.raises(KeyError):
            with made.place("m", 1):
                raise KeyError
        assert made.queue.in_use == 0


async def test_who_waits_is_told_the_position_then_the_model() -> None:
    engine = ScriptedEngine()
    async with catalog(only=engine) as made:
        holder, ticket = made.queue.enter("m", 1), made.queue.enter("m", 2)
        async with made.generate(request(), ticket) as batches:
            assert await anext(batches) == [Progress("queued", position=0)]
            holder.leave(model_is_free=True)
            assert await anext(batches) == [Progress("prompt", model="m")]


@pytest.mark.parametrize(
    ("health", "failure"),
    [
        (Health(state="unreachable", failure=BrokerUnreachable()), BrokerUnreachable),
        (Health(state="unreachable", failure=NoWorker()), NoWorker),
        (Health(state="ready"), NoWorker),
    ],
)
async def test_a_run_that_nobody_serves_fails_after_the_timeout_and_says_why(health: Health, failure: type[Exception]) -> None:
    engine = ScriptedEngine(models=[])
    engine.health_now = health
    async with catalog(timeout=0.1, only=engine) as made:
        seen: list[Any] = []
        ticket = made.queue.enter("m", 1)
        async with made.generate(request(), ticket) as batches:
            seen += await anext(batches)
            with pytest.raises(failure):
                await anext(batches)
    assert [(event.stage, event.reason) for event in seen] == [("unreachable", getattr(failure, "code", None))]


async def test_a_model_that_appears_starts_who_waited_for_it() -> None:
    engine = ScriptedEngine([DONE], models=[])
    async with catalog(only=engine) as made:
        waiting = asyncio.create_task(events_of(made, request("late")))
        while made.queue.waiting == 0:
            await asyncio.sleep(0)
        engine.change(models=["late"])
        assert text_of(await waiting) == "!"


async def test_continuing_goes_only_where_it_may_be_possible() -> None:
    unable, able = ScriptedEngine(can=Can(continues=False)), ScriptedEngine()
    asked = ChatRequest(turns=(Turn("user", "?"), Turn("assistant", "On")), keep=0, sampling=SAMPLING, model="m")
    async with catalog(unable=unable, able=able) as made:
        await made.require_continuing(asked)
        assert [offer.server for offer in made.resolve("m", True)] == ["able"]
    async with catalog(unable=unable) as made:
        with pytest.raises(NotSupported):
            await made.require_continuing(asked)


async def test_a_gateway_is_ready_where_one_of_its_servers_is() -> None:
    away, here = ScriptedEngine(), ScriptedEngine()
    away.health_now = Health(state="unreachable", detail="It is off.", failure=LlmUnreachable())
    here.health_now = Health(state="ready", slots=2)
    async with catalog(away=away, here=here) as made:
        assert (await made.health()).state == "ready"
        here.health_now = Health(state="loading", detail="It loads.", failure=LlmLoading())
        assert ((await made.health()).state, (await made.health()).detail) == ("loading", "It loads.")
