"""The attempts at one reply: the next route while the reader saw nothing, any that may go on where the reply was broken off.

It owns the order of attempts and the ticket's way through the queue. Which reply may go on is decided in `healing.py`. It must not
know how routes are found, nor messages or runs.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import AsyncExitStack
from typing import Final, NoReturn, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Struct

from lam.engines.base import AnswersNow, RouteLost
from lam.engines.healing import MOST_HEALS, Loss, PartialReply, continuation, forces_form, is_death, joined, too_often
from lam.engines.queue import Offer, Queue, Ticket
from lam.engines.retries import Pauses, Retries
from lam.errors import (
    BrokerUnreachable,
    CannotSee,
    ContextExceeded,
    GenerationError,
    Interrupted,
    LamError,
    LlmError,
    LlmLoading,
    LlmOverloaded,
    LlmUnreachable,
    NotSupported,
    NoWorker,
    TooLarge,
    WorkerLost,
)
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Chunk, ContentEvent, EngineEvent, Finished, ImagePiece, Mode, Progress

MOST_ATTEMPTS: Final = 10  # accepted by a server each time; a request that kills servers must not kill them all
RECOVERING: Final = Progress("recovering")
RECOVERING_SECONDS: Final = 60  # how long a reply that was broken off waits for a worker to go on
UNDECIDED_SECONDS: Final = 0.25  # how long a run waits silently for the decision of another gateway
LOOK_SECONDS: Final = 1  # how often a waiting run checks what has no callback

T = TypeVar("T")
Elsewhere = LlmError | ContextExceeded | TooLarge | Interrupted | NoWorker | BrokerUnreachable | NotSupported
"""Failures of one server that say nothing about another."""


class Servers(Protocol):
    """The servers of a gateway, as a reply sees them. `names_servers`: there are several, so that it matters which one answers.

    `heals`: a reply goes on after the death of its server. `timeout`: seconds to wait for a server that is missing, loading or
    overloaded. `pauses`: between attempts.
    """

    queue: Queue
    heals: bool
    timeout: float
    pauses: Pauses

    @property
    def names_servers(self) -> bool:
        """Whether there are several servers."""
        ...

    def blindness(self, model: str | None) -> GenerationError | None:
        """Returns why pictures cannot be sent to the model; None when they can, or when nobody serves it."""
        ...

    def hindrance(self, ticket: Ticket) -> GenerationError | None:
        """Returns why a waiting ticket waits in vain, None while it may not."""
        ...

    async def missing(self, model: str | None) -> GenerationError:
        """Returns the reason why no server answers for the model."""
        ...

    def avoids(self, offer: Offer) -> bool:
        """Returns whether requests go elsewhere, because the server failed."""
        ...

    def well(self, offer: Offer) -> None:
        """Notes that the server answered."""
        ...

    def ill(self, offer: Offer, error: GenerationError) -> None:
        """Notes a failure, which may be the server's."""
        ...


class Attempts:
    """The attempts at one reply. `loss`: how it was broken off before; then it goes on there."""

    def __init__(self, servers: Servers, request: ChatRequest, ticket: Ticket, loss: Loss | None = None) -> None:
        self._servers = servers
        self._asked = request
        self._request = request  # of the present attempt
        self._ticket = ticket
        self._clock = asyncio.get_running_loop().time
        self._last = _Answering(ticket.model_name, ticket.simulated)
        self._partial = PartialReply(request)
        self._broken: GenerationError | None = None  # what broke the reply off, until it goes on
        self._reason = ""
        self._heals = 0
        self._earlier = 0  # pieces of text before the present attempt
        self._start_over()
        if loss is not None:
            self._partial = loss.reply
            self._heals = len(loss.reply.snapshot.healed) + 1
            self._go_on(loss.failure, loss.reason)

    def _start_over(self) -> None:
        self._retries = Retries(self._servers.timeout, self._servers.pauses)
        self._start = self._clock()  # of the attempts at this place
        self._since: float | None = None  # the last time that a server had accepted it
        self._attempts = 0  # that a server had accepted
        self._visible = False  # the present attempt showed something
        self._batch: list[EngineEvent] = []  # its newest one

    async def batches(self) -> AsyncGenerator[list[EngineEvent]]:
        """Yields the reply. Raises the last route's failure, or why no route could be tried, or what broke the reply off."""
        ticket, servers = self._ticket, self._servers
        if self._broken is not None:
            yield [self._recovering()]
        while True:
            if self._broken is not None and not self._request.sampling.max_tokens:  # only the ending was lost
                ticket.leave(model_is_free=True)
                yield [Finished("length", model=ticket.model_name)]
                return
            waited = False
            try:
                async for progress in self._waiting():
                    waited = True
                    yield [progress]
            except GenerationError as error:
                self._fail(error)
            offer = ticket.offer
            assert offer is not None
            for batch in self._begin(offer, waited=waited):
                yield batch
            early = _Early(servers.timeout / 2 if self._has_others(offer) else None, offer.server)
            try:
                if self._request.continues or self._broken is not None:
                    await self._check_continuing(offer)
                async with AsyncExitStack() as stack:
                    attempt = offer.engine.generate(for_server(self._request, offer), offer.route)
                    batches = await early.wait(stack.enter_async_context(attempt))
                    ticket.reply = batches if isinstance(batches, AnswersNow) else None
                    while (following := await early.wait(anext(batches, None))) is not None:
                        self._batch = batch = self._early_batch(following, offer)
                        yield batch
                        if self._visible:
                            break
                    if self._visible:
                        servers.well(offer)
                        self._partial.paced = offer.route.can.simulated
                    if offer.public is None and not self._heals:  # the path of every token
                        keep = self._partial.events.extend
                        async for batch in batches:
                            if batch and type(batch[-1]) is Chunk:
                                keep(batch)
                            else:
                                self._partial.add(batch)
                                self._batch = batch
                            yield batch
                    else:
                        async for batch in batches:
                            self._partial.add(batch)
                            self._batch = batch = self._whole(_named(batch, offer))
                            yield batch
                if not (self._batch and isinstance(self._batch[-1], Finished)):
                    raise Interrupted
                servers.well(offer)
                ticket.leave(model_is_free=True)
                return
            except (RouteLost, GenerationError, NotSupported) as error:
                failure: RouteLost | GenerationError | NotSupported = error
            except BaseException as error:  # includes a reader that left, with the whole reply or before
                ticket.leave(model_is_free=_proves_free(error, self._batch))
                raise
            finally:
                ticket.reply = None
            try:
                async for batch in self._again(failure, offer):
                    yield batch
            except GenerationError as error:
                self._fail(error)

    # Before and during an attempt

    def _begin(self, offer: Offer, *, waited: bool) -> list[list[EngineEvent]]:
        """Returns what tells the reader who answers; an empty batch is a sign that the attempt begins."""
        if waited:  # time in the queue does not count
            self._retries, self._start = Retries(self._servers.timeout, self._servers.pauses), self._clock()
        self._since = self._since or self._clock()
        self._visible, self._batch = False, []
        answering = _Answering(offer.name, offer.route.can.simulated)
        if self._servers.names_servers:
            answering = msgspec.structs.replace(answering, server=offer.server, mode=offer.route.mode)
        last, self._last = self._last, answering
        if self._broken is not None:
            return [[self._recovering(answering.progress(last))], []] if answering != last else [[]]
        return [[answering.progress(last)]] if waited or answering != last else [[]]

    def _early_batch(self, batch: list[EngineEvent], offer: Offer) -> list[EngineEvent]:
        """Takes a batch of an attempt that showed nothing so far."""
        self._visible = any(isinstance(event, ContentEvent | ImagePiece) for event in batch)
        if self._broken is not None:  # the stage stays, and what a prompt takes was said before
            batch = [event for event in batch if not isinstance(event, Progress)]
            self._broken = None if self._visible else self._broken
        self._partial.add(batch)
        return self._whole(_named(batch, offer))

    def _whole(self, batch: list[EngineEvent]) -> list[EngineEvent]:
        """Returns the batch; an ending becomes that of the whole reply."""
        if self._earlier and batch and isinstance(last := batch[-1], Finished):
            return [*batch[:-1], joined(last, self._earlier, self._partial.prompt_tokens)]
        return batch

    def _recovering(self, progress: Progress = RECOVERING) -> Progress:
        return msgspec.structs.replace(progress, stage="recovering", reason=self._reason)

    async def _waiting(self) -> AsyncGenerator[Progress]:
        """Yields a progress event whenever the state of a waiting ticket changes. Raises the cause when nobody answered for too
        long."""
        ticket = self._ticket
        last: Progress | None = None
        missing_since: float | None = None
        if ticket.undecided:  # it mostly gets its place in this time
            await ticket.news(UNDECIDED_SECONDS)
        while ticket.offer is None:
            if ticket.refused:
                raise LlmOverloaded("Somebody else took the place that was to be lent.")
            if ticket.served:
                missing_since = None
                progress = Progress("queued", position=ticket.position or 0)
            else:
                if hindrance := self._servers.hindrance(ticket):
                    raise hindrance
                failure = await self._servers.missing(ticket.model)
                missing_since = missing_since or self._clock()
                if self._clock() - missing_since >= self._patience:
                    raise failure
                progress = Progress("unreachable", reason=failure.code)
            if self._broken is not None:
                progress = self._recovering(progress)
            if progress != last:
                last = progress
                yield progress
            if ticket.offer is None:
                await ticket.news(min(LOOK_SECONDS, self._servers.timeout / 4))

    @property
    def _patience(self) -> float:
        """How many seconds there may be nobody who answers."""
        timeout = self._servers.timeout
        return timeout if self._broken is None else min(timeout, RECOVERING_SECONDS)

    async def _check_continuing(self, offer: Offer) -> None:
        """Raises NotSupported when this route cannot continue the reply.

        A person's wish to continue was checked where it began: there the route is asked only if another one was. A reply that was
        broken off goes on only where the route passed with its very text, and where the model is still the same.
        """
        ticket = self._ticket
        if self._broken is None:
            if offer.way in ticket.able or offer.route.can.continues or not ticket.able:
                return
            await offer.route.require_continuing(for_server(self._request, offer))
            ticket.able.add(offer.way)
        elif self._earlier:
            request, route = for_server(self._request, offer), offer.route
            await route.require_continuing(request)
            if forces_form(request):
                if route.require_form is None:
                    raise NotSupported(f"Nobody can tell whether the server {offer.server} continues an answer in a forced form.")
                await route.require_form(request.model)
            now = self._servers.queue.usable(ticket)
            if not any(other.way == offer.way for other in now):
                raise NotSupported(f"The server {offer.server} serves another model by now.")

    # After an attempt

    def _has_others(self, offer: Offer) -> bool:
        return any(other.way != offer.way for other in self._ticket.offers)

    async def _again(self, error: RouteLost | GenerationError | NotSupported, offer: Offer) -> AsyncGenerator[list[EngineEvent]]:
        """Prepares the next attempt, and yields what the reader should know while it takes time. Raises the failure when there is
        none."""
        if isinstance(error, RouteLost):
            await self._after_loss(error)
        elif self._visible:
            if isinstance(error, Elsewhere | LlmUnreachable | LlmLoading | LlmOverloaded) and isinstance(error, GenerationError):
                self._servers.ill(offer, error)
            if not is_death(error) or not self._may_go_on(offer):
                self._give_up(error)
            self._count_break(error)
            self._ticket.upstream = offer.upstream
            self._go_on(error, error.code)
            await self._elsewhere_or_again()
            yield [self._recovering()]
        elif isinstance(error, LlmUnreachable | LlmLoading | LlmOverloaded):
            async for batch in self._after_refusal(error, offer):
                yield batch
        elif isinstance(error, CannotSee):  # the server had not said so
            if not await self._servers.queue.move(self._ticket):
                self._ticket.leave(model_is_free=True)
                raise self._servers.blindness(self._ticket.model) or error
        elif isinstance(error, Elsewhere):
            if isinstance(error, GenerationError):
                self._servers.ill(offer, error)
            if is_death(error) and self._may_start_anew(offer):  # which says nothing of the next time
                await self._elsewhere_or_again()
            elif not await self._turn_away(error):
                self._give_up(error)
        else:
            self._give_up(error)

    async def _after_loss(self, loss: RouteLost) -> None:
        queue, ticket = self._servers.queue, self._ticket
        assert self._since is not None
        if loss.had_job:
            self._since, self._attempts = self._clock(), self._attempts + 1
        if self._attempts >= MOST_ATTEMPTS:
            raise WorkerLost(f"{self._attempts} workers in turn were lost before they said anything.")
        if self._clock() - self._since >= self._patience:
            raise await self._servers.missing(ticket.model)
        if not await queue.move(ticket):
            if ticket.lent:  # work that can be dropped does not wait for a place
                raise await self._servers.missing(ticket.model)
            ticket.again()
            if ticket.offer is not None:  # no other route is free: try the same one after a pause
                await asyncio.sleep(self._servers.pauses.same_route)

    async def _after_refusal(
        self, error: LlmUnreachable | LlmLoading | LlmOverloaded, offer: Offer
    ) -> AsyncGenerator[list[EngineEvent]]:
        queue, ticket = self._servers.queue, self._ticket
        self._servers.ill(offer, error)
        if self._clock() - self._start >= self._servers.timeout:
            self._give_up(error)
        if await queue.move(ticket):
            return
        if self._servers.avoids(offer) and queue.has_others(ticket, offer.pool) and not ticket.lent:
            ticket.again()
            return
        if offer.route.waits or not error.retryable:
            if not await self._turn_away(error):
                self._give_up(error)
            return
        pause = self._retries.pause(error)
        events = self._retries.progress(error)
        yield [self._recovering(event) for event in events] if self._broken is not None else list(events)
        await asyncio.sleep(pause)
        ticket.avoided.clear()
        await queue.move(ticket)

    def _may_start_anew(self, offer: Offer) -> bool:
        """Returns whether an attempt that died before it showed anything is followed by one like it."""
        has_others = self._has_others(offer)
        if self._ticket.lent or not (has_others or self._servers.heals):
            return False
        if self._broken is not None:
            self._count_break(self._broken)
            return True
        self._attempts += 1
        return self._attempts < (MOST_ATTEMPTS if has_others else MOST_HEALS)

    def _may_go_on(self, offer: Offer) -> bool:
        """Returns whether the reply may go on where this attempt died."""
        if not self._servers.heals or self._ticket.lent or offer.upstream is None:
            return False
        request = continuation(self._asked, self._partial)
        if request is None:
            return False
        if request.raw or not self._partial.pieces or offer.route.can.continues is not False:
            return True
        needs = msgspec.structs.replace(self._ticket.needs, continues=True)
        return any(other.upstream == offer.upstream for other in self._servers.queue.offers(self._ticket.model, needs))

    def _count_break(self, error: GenerationError) -> None:
        """Counts one more break of the reply. Gives it up where that was one too many."""
        self._heals += 1
        if self._heals > MOST_HEALS:
            self._give_up(_because(error, too_often(self._heals)))

    def _fail(self, error: GenerationError) -> NoReturn:
        """Raises what broke the reply off, with the reason why it could not go on; the failure itself where nothing had."""
        if self._broken is None or error is self._broken:
            raise error
        raise _because(self._broken, f"It could not go on: {error.message}") from error

    def _go_on(self, failure: GenerationError, reason: str) -> None:
        """Lets the next attempts begin where the text ends."""
        request = continuation(self._asked, self._partial)
        assert request is not None
        ticket = self._ticket
        self._request, self._earlier = request, self._partial.pieces
        self._broken, self._reason = failure, reason
        self._start_over()
        if self._earlier:
            ticket.needs = msgspec.structs.replace(ticket.needs, continues=not request.raw)
            ticket.able.clear()  # of another text
            ticket.avoided.clear()

    async def _elsewhere_or_again(self) -> None:
        if not await self._servers.queue.move(self._ticket):
            self._ticket.again()

    async def _turn_away(self, error: LamError) -> bool:
        """Sends the ticket to another way, where this one failed for good. Returns False when there is none."""
        queue, ticket = self._servers.queue, self._ticket
        if ticket.lent:
            return queue.exclude(ticket) and await queue.move(ticket)
        return queue.turn_away(ticket, model_is_free=not isinstance(error, GenerationError) or error.model_is_free)

    def _give_up(self, error: GenerationError | NotSupported) -> NoReturn:
        """Gives the place back and raises the failure."""
        if isinstance(error, NotSupported):
            self._ticket.leave(model_is_free=True)
            raise LlmError(error.message, retryable=False) from error
        self._ticket.leave(model_is_free=_proves_free(error, self._batch))
        raise error


class _Answering(Struct, frozen=True):
    """Who answers a request, as far as the reader knows."""

    model: str | None
    simulated: bool | None
    server: str | None = None
    mode: Mode | None = None

    def progress(self, before: "_Answering") -> Progress:
        """Returns the event that tells the reader what is different."""
        return Progress(
            "prompt",
            model=self.model or UNSET,
            simulated=UNSET if self.simulated == before.simulated or self.simulated is None else self.simulated,
            server=self.server or UNSET,
            mode=self.mode or UNSET,
        )


class _Early:
    """The time before the first token, where another server could answer. `seconds`: how long one may be silent; None: for ever."""

    def __init__(self, seconds: float | None, server: str) -> None:
        self._seconds = seconds
        self._server = server

    async def wait(self, something: Awaitable[T]) -> T:
        """Raises LlmUnreachable when it takes too long."""
        if self._seconds is None:
            return await something
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await something
        except TimeoutError:
            if not limit.expired():
                raise
            raise LlmUnreachable(f"The server {self._server} gave no sign of life for {self._seconds:g} seconds.") from None


def for_server(request: ChatRequest, offer: Offer) -> ChatRequest:
    """Returns the request with the name of the model that this server knows."""
    return request if offer.model == request.model else msgspec.structs.replace(request, model=offer.model)


def _because(error: GenerationError, why: str) -> GenerationError:
    """Returns the failure with one more sentence."""
    error.message = f"{error.message} {why}"
    return error


def _named(batch: list[EngineEvent], offer: Offer) -> list[EngineEvent]:
    """Returns the batch with the model's public name, if it has one."""
    if offer.public is None or not any(isinstance(event, Finished | Progress) for event in batch):
        return batch
    return [_with_name(event, offer.public) for event in batch]


def _with_name(event: EngineEvent, name: str) -> EngineEvent:
    if isinstance(event, Finished):
        return msgspec.structs.replace(event, model=name)
    if isinstance(event, Progress) and event.model is not UNSET:
        return msgspec.structs.replace(event, model=name)
    return event


def _proves_free(error: BaseException, batch: Sequence[EngineEvent]) -> bool:
    """Returns whether the end of an attempt proves that the model is free. After a connection we closed, only idleness does."""
    if batch and isinstance(batch[-1], Finished):
        return True
    return isinstance(error, GenerationError) and error.model_is_free
