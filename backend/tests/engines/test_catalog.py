"""Routes of several engines: which one answers, and what happens where it does not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lam.configuration import Configuration, PublicModel, Target
from lam.engines.base import Batches, Can, Health, Needs, Route, RouteLost
from lam.engines.breaker import Tolerance
from lam.engines.catalog import Catalog
from lam.engines.queue import Loan, Ticket
from lam.engines.retries import Pauses
from lam.errors import (
    BrokerUnreachable,
    CannotSee,
    ContentFiltered,
    ContextExceeded,
    GenerationError,
    Interrupted,
    LlmError,
    LlmLoading,
    LlmOverloaded,
    LlmUnreachable,
    NotSupported,
    NoWorker,
    TooLarge,
    UnknownModel,
    WorkerLost,
)
from lam.protocol.chat import ChatRequest, Picture, Turn
from lam.protocol.events import Chunk, EngineEvent, Finished, Progress
from lam.protocol.sampling import Sampling
from lam.testing.engine import REPLY, ScriptedEngine

DONE: list[EngineEvent] = [Chunk("!"), Finished("stop")]


SAMPLING = Sampling(temperature=0, top_p=1, max_tokens=16)


PICTURE = Picture(sha256="00", id="p", type="image/png", width=28, height=28, size=3)


def request(model: str | None = "m", *pictures: Picture) -> ChatRequest:
    return ChatRequest(turns=(Turn("user", "?", pictures),), keep=0, sampling=SAMPLING, model=model)


PICTURED = request("m", PICTURE)


@asynccontextmanager
async def catalog(
    timeout: float = 5, most_waiting: int = 100, *, heals: bool = False, **engines: ScriptedEngine
) -> AsyncIterator[Catalog]:
    async with Catalog(engines, most_waiting=most_waiting, timeout=timeout, heals=heals) as made:
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
        assert [model.name for model in await made.models()] == ["m", "only-first", "n"]


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


@pytest.mark.parametrize("failure", [LlmError("no"), ContextExceeded(), TooLarge(), Interrupted()])
async def test_a_failure_of_one_server_is_followed_by_the_next_server_but_not_by_the_same_one(failure: GenerationError) -> None:
    first, second = ScriptedEngine([failure], places=2), ScriptedEngine([DONE])
    async with catalog(first=first, second=second) as made:
        assert text_of(await events_of(made, request())) == "!"
        assert made.queue.in_use == 0
    assert (len(first.requests), len(second.requests)) == (1, 1)
    async with catalog(only=first) as made:
        with pytest.raises(type(failure)):
            await events_of(made, request())
        assert made.queue.in_use == 0
    assert len(first.requests) == 2


async def test_what_a_filter_refused_is_not_tried_elsewhere() -> None:
    first, second = ScriptedEngine([ContentFiltered()]), ScriptedEngine([DONE])
    async with catalog(first=first, second=second) as made:
        with pytest.raises(ContentFiltered):
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


async def test_a_broken_reply_that_no_route_can_continue_ends_at_once() -> None:
    engine = ScriptedEngine([[Chunk("Once")], Interrupted()], can=Can(continues=False))
    async with catalog(timeout=3600, heals=True, only=engine) as made:
        with pytest.raises(Interrupted):
            await asyncio.wait_for(events_of(made, request()), 20)
        assert made.queue.in_use == 0
    assert len(engine.requests) == 1


async def test_a_broken_reply_goes_on_where_another_route_can_continue_it() -> None:
    first = ScriptedEngine([[Chunk("Once")], Interrupted()], can=Can(continues=False))
    second = ScriptedEngine([DONE], can=Can(continues=True))
    async with catalog(timeout=3600, heals=True, first=first, second=second) as made:
        assert text_of(await asyncio.wait_for(events_of(made, request()), 20)) == "Once!"
    assert [asked.turns[-1] for asked in second.requests] == [Turn("assistant", "Once")]


async def test_a_place_whose_reader_left_is_seen_free_before_it_is_given_out() -> None:
    engine = ScriptedEngine([[Chunk("Once")], [Chunk("never")]])
    async with catalog(only=engine) as made:
        ticket = made.queue.enter("m", 1)
        async with made.generate(request(), ticket) as batches:
            await anext(batches)
            await anext(batches)
        assert (engine.closed, made.queue.in_use) == (1, 1)  # it settles
        async with asyncio.timeout(60):
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
        assert [offer.server for offer in made.resolve("m", Needs(continues=True))] == ["able"]
    async with catalog(unable=unable) as made:
        with pytest.raises(NotSupported):
            await made.require_continuing(asked)


async def test_pictures_go_only_where_they_may_be_seen_and_first_where_that_is_certain() -> None:
    blind, unknown, seeing = (ScriptedEngine(can=Can(images=images)) for images in (False, None, True))
    async with catalog(blind=blind, unknown=unknown, seeing=seeing) as made:
        assert [offer.server for offer in made.resolve("m", Needs(images=True))] == ["unknown", "seeing"]
        await made.require_sight("m")
        ticket = made.queue.enter("m", "somebody", Needs(images=True))
        assert text_of(await events_of(made, PICTURED, ticket)) == "Once upon"
        assert (len(blind.requests), len(seeing.requests)) == (0, 1)


async def test_a_model_without_eyes_is_refused_with_the_names_of_those_that_see() -> None:
    blind = ScriptedEngine(models=["m", "other"], can=Can(images=False))
    seeing = ScriptedEngine(models=["eyes", "glasses", "lens"], can=Can(images=True))
    async with catalog(blind=blind, seeing=seeing) as made:
        for model in ("m", None):
            with pytest.raises(CannotSee, match=r"^m cannot see pictures; choose eyes, glasses or lens\.$"):
                await made.require_sight(model)
        await made.require_sight("eyes")
        assert [model.images for model in await made.models()] == [False, False, True, True, True]
    async with catalog(blind=blind) as made:
        with pytest.raises(CannotSee, match=r"^m cannot see pictures; no model here can\.$"):
            await made.require_sight("m")


async def test_a_run_whose_model_comes_back_without_eyes_ends_instead_of_waiting() -> None:
    engine = ScriptedEngine(models=[], can=Can(images=False))
    async with catalog(only=engine) as made:
        await made.require_sight("m")  # nobody can be asked
        waiting = asyncio.create_task(events_of(made, PICTURED, made.queue.enter("m", "somebody", Needs(images=True))))
        while made.queue.waiting == 0:
            await asyncio.sleep(0)
        engine.change(models=["m"])
        with pytest.raises(CannotSee):
            await waiting


async def test_a_server_that_turns_out_to_be_blind_is_followed_by_the_next_one() -> None:
    surprise, seeing = ScriptedEngine([CannotSee()], can=Can(images=None)), ScriptedEngine(can=Can(images=None))
    async with catalog(surprise=surprise, seeing=seeing) as made:
        assert text_of(await events_of(made, PICTURED, made.queue.enter("m", "somebody", Needs(images=True)))) == "Once upon"
        assert made.queue.in_use == 0
    async with catalog(surprise=surprise) as made:
        with pytest.raises(CannotSee):
            await events_of(made, PICTURED, made.queue.enter("m", "somebody", Needs(images=True)))
        assert made.queue.in_use == 0


async def test_a_gateway_is_ready_where_one_of_its_servers_is() -> None:
    away, here = ScriptedEngine(), ScriptedEngine()
    away.health_now = Health(state="unreachable", detail="It is off.", failure=LlmUnreachable())
    here.health_now = Health(state="ready", slots=2)
    async with catalog(away=away, here=here) as made:
        assert (await made.health()).state == "ready"
        here.health_now = Health(state="loading", detail="It loads.", failure=LlmLoading())
        assert ((await made.health()).state, (await made.health()).detail) == ("loading", "It loads.")


def named(**routes: Sequence[str]) -> Configuration:
    """A configuration with public models; `server` or `server/model` is a route."""
    targets = {name: tuple(Target(*route.split("/")) for route in each) for name, each in routes.items()}
    return Configuration(servers=(), models=tuple(PublicModel(name=name, routes=each) for name, each in targets.items()))


@asynccontextmanager
async def offering(configuration: Configuration, **engines: ScriptedEngine) -> AsyncIterator[Catalog]:
    tolerance = Tolerance(first=0.02, longest=0.05)
    async with Catalog(engines, most_waiting=100, timeout=5, configuration=configuration, tolerance=tolerance) as made:
        yield made


async def test_a_public_name_hides_the_names_of_servers_and_takes_their_routes_in_its_order() -> None:
    first, second = ScriptedEngine(models=["one", "other"]), ScriptedEngine([DONE], models=["two"])
    async with offering(named(quick=["second/two", "first/other"], plain=["first"]), first=first, second=second) as made:
        assert [(offer.server, offer.model, offer.name) for offer in made.resolve("quick")] == [
            ("second", "two", "quick"),
            ("first", "other", "quick"),
        ]
        assert [(offer.server, offer.model, offer.name) for offer in made.resolve("plain")] == [("first", None, "plain")]
        assert made.resolve("two") == ()
        with pytest.raises(UnknownModel):
            await made.chosen("two", None)
        events = await events_of(made, request("quick"))
    assert second.requests[0].model == "two"
    assert [event.model for event in events if isinstance(event, Finished)] == ["quick"]
    assert [(event.server, event.mode) for event in events if isinstance(event, Progress)] == [("second", "sse")]


async def test_a_full_first_route_gives_way_to_the_next_without_waiting() -> None:
    first, second = ScriptedEngine(models=["m"]), ScriptedEngine([DONE], models=["m"])
    async with offering(named(m=["first", "second"]), first=first, second=second) as made:
        holder = made.queue.enter("m", 1)
        assert holder.server == "first"
        assert text_of(await events_of(made, request())) == "!"
        holder.leave(model_is_free=True)
    assert first.requests == []


async def test_who_is_sent_on_keeps_the_turn_that_it_had() -> None:
    first, second = ScriptedEngine([LlmError("no")], places=2), ScriptedEngine([DONE])
    async with catalog(first=first, second=second) as made:
        holder = made.queue.enter("m", 0, Needs())
        moved = made.queue.enter("m", 1)
        assert (holder.server, moved.server) == ("first", "first")
        blocking = [made.queue.enter("m", 2)]  # the place of the second server
        assert blocking[0].server == "second"
        running = asyncio.create_task(events_of(made, request(), moved))
        while made.queue.waiting == 0:
            await asyncio.sleep(0)
        later = made.queue.enter("m", 1)
        blocking[0].leave(model_is_free=True)
        assert moved.server == "second"
        assert text_of(await running) == "!"
        later.leave(model_is_free=True)
        holder.leave(model_is_free=True)


async def test_a_server_that_failed_is_left_alone_until_it_says_that_it_is_well() -> None:
    first, second = ScriptedEngine([LlmUnreachable()], REPLY), ScriptedEngine([DONE])
    first.health_now = Health(state="unreachable")
    async with offering(named(m=["first", "second"]), first=first, second=second) as made:
        for _ in range(3):
            assert text_of(await events_of(made, request())) == "!"
        assert len(first.requests) == 1
        assert [state.is_avoided for state in await made.states()] == [True, False]
        first.health_now = Health(state="ready")
        async with asyncio.timeout(60):
            while (await made.states())[0].is_avoided:
                await asyncio.sleep(0.01)
        assert text_of(await events_of(made, request())) == "Once upon"


async def test_a_try_that_is_left_makes_room_for_who_waits() -> None:
    first, second = ScriptedEngine([LlmUnreachable()], REPLY), ScriptedEngine([DONE])
    async with offering(named(m=["first", "second"]), first=first, second=second) as made:
        assert text_of(await events_of(made, request())) == "!"
        async with asyncio.timeout(60):
            while (await made.states())[0].is_avoided:
                await asyncio.sleep(0.01)
            holder, trial = made.queue.enter("m", 1), made.queue.enter("m", 2)
            assert {holder.server, trial.server} == {"first", "second"}
            waiting = asyncio.create_task(events_of(made, request()))
            while made.queue.waiting == 0:
                await asyncio.sleep(0)
            [left] = [one for one in (holder, trial) if one.server == "first"]
            left.leave(model_is_free=True)  # its place is free, and nobody says more about the server
            assert text_of(await waiting) == "Once upon"
        holder.leave(model_is_free=True)
        trial.leave(model_is_free=True)


async def test_a_server_that_is_the_only_one_after_a_reload_is_well_once_it_answers() -> None:
    first, second = ScriptedEngine([LlmUnreachable()], REPLY), ScriptedEngine([DONE])
    first.health_now = Health(state="unreachable")
    async with offering(named(m=["first", "second"]), first=first, second=second) as made:
        await events_of(made, request())
        assert (await made.states())[0].is_avoided
        made.replace({"first": first}, named(m=["first"]))
        assert text_of(await events_of(made, request())) == "Once upon"
        assert [state.is_avoided for state in await made.states()] == [False]


async def test_when_all_servers_fail_requests_go_on_as_with_one() -> None:
    first, second = ScriptedEngine([LlmUnreachable()], REPLY), ScriptedEngine([LlmUnreachable()])
    for engine in (first, second):
        engine.health_now = Health(state="unreachable")
    async with offering(named(m=["first", "second"]), first=first, second=second) as made:
        assert text_of(await events_of(made, request())) == "Once upon"


async def test_a_worker_that_stores_the_conversation_never_shares_a_model_with_others() -> None:
    keeps, plain = ScriptedEngine(can=Can(history=True)), ScriptedEngine()
    async with catalog(keeps=keeps, plain=plain) as made:
        assert [offer.server for offer in made.resolve("m")] == ["keeps"]
        assert made.can("m").history
        assert made.resolve("m", Needs(history=False)) == ()
    async with catalog(plain=plain, keeps=keeps) as made:
        assert [offer.server for offer in made.resolve("m")] == ["plain"]


async def test_a_run_that_waits_for_a_model_that_is_no_longer_offered_ends_with_a_sentence() -> None:
    engine = ScriptedEngine(places=0)
    async with offering(named(m=["only"]), only=engine) as made:
        running = asyncio.create_task(events_of(made, request()))
        while made.queue.waiting == 0:
            await asyncio.sleep(0)
        made.replace({"only": engine}, named(other=["only"]))
        with pytest.raises(LlmError, match="The model m is no longer offered"):
            await running


async def test_a_reply_is_continued_only_by_a_server_that_was_asked_whether_it_can() -> None:
    class Unable(ScriptedEngine):
        async def _require_continuing(self, request: ChatRequest) -> None:
            raise NotSupported("no")

    asked = ChatRequest(turns=(Turn("user", "?"), Turn("assistant", "On")), keep=0, sampling=SAMPLING, model="m")
    able, unable = ScriptedEngine([LlmError("gone")]), Unable([DONE])
    async with catalog(able=able, unable=unable) as made:
        ways = await made.require_continuing(asked)
        with made.place("m", 1, Needs(continues=True), ways) as ticket, pytest.raises(LlmError, match="no"):
            await events_of(made, asked, ticket)
        assert made.queue.in_use == 0
    assert unable.requests == []


@pytest.mark.parametrize("silent_at", ["the request", "the first batch", "the batch after a sign of life"])
async def test_a_server_that_says_nothing_is_given_up_where_another_one_could_answer(silent_at: str) -> None:
    class Silent(ScriptedEngine):
        @asynccontextmanager
        async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
            try:
                if silent_at == "the request":
                    await asyncio.Event().wait()
                yield self._silence()
            finally:
                self.closed += 1

        async def _silence(self) -> AsyncIterator[list[EngineEvent]]:
            if silent_at == "the batch after a sign of life":
                yield []
            await asyncio.Event().wait()

    first, second = Silent(), ScriptedEngine([DONE])
    async with catalog(timeout=0.2, first=first, second=second) as made:
        assert text_of(await events_of(made, request())) == "!"
        assert (first.closed, [state.is_avoided for state in await made.states()]) == (1, [True, False])
    assert (first.closed, len(second.requests)) == (1, 1)
