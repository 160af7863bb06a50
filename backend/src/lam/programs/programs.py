"""Starts the runs that answer programs: the order of checks, and the opening transaction.

It must not know HTTP or, but for vectors, any program's format.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

import msgspec

from lam.accounts.programs import Program
from lam.accounts.spending import Spending, Standing, settle
from lam.chat.returned_pictures import with_pictures
from lam.chat.streams import Following, wait_for_log
from lam.engines.base import Needs
from lam.engines.catalog import Catalog, Model
from lam.engines.queue import Way
from lam.errors import (
    Conflict,
    IdempotencyKeyExpired,
    MediaQuota,
    NotAllowed,
    NotFound,
    NotSupported,
    PictureError,
    ShuttingDown,
    TooManyPictures,
    TooManyStreams,
    Unauthorized,
)
from lam.generation.remote import RemoteRun
from lam.generation.supervisor import Supervisor
from lam.media.media import Media
from lam.programs.archive import LONGEST, Kept
from lam.programs.idempotency import Idempotency
from lam.programs.pictures import Unstored
from lam.programs.producers import held_to_tools, passing_pictures
from lam.programs.runs import API, ProgramOrder, ProgramRuns
from lam.protocol.chat import ChatRequest, Picture, Turn
from lam.protocol.events import Usage
from lam.protocol.facts import Facts
from lam.protocol.openai import Vectors, embedding_usage
from lam.protocol.outcome import Outcome
from lam.protocol.programs import ProgramRequest
from lam.protocol.runs import OnDisconnect
from lam.protocol.sampling import in_force
from lam.protocol.text import valid
from lam.protocol.tools import Call
from lam.protocol.window import estimate, estimate_tools
from lam.settings import Settings
from lam.storage.costs import cost_of
from lam.storage.database import Database

MOST_PER_USER: Final = 256
MOST_PICTURES: Final = 20  # in one request
KNOWN_SECONDS: Final = 1  # after which a key is looked at again


class Programs:
    """`most`: open runs per user."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        catalog: Catalog,
        supervisor: Supervisor,
        runs: ProgramRuns,
        idempotency: Idempotency,
        media: Media,
        spending: Spending,
        *,
        stores: Callable[[], bool],
        most: int = MOST_PER_USER,
    ) -> None:
        """`stores`: whether what is said is kept."""
        self._stores = stores
        self._settings = settings
        self._database = database
        self._catalog = catalog
        self._supervisor = supervisor
        self._runs = runs
        self.idempotency = idempotency
        self._media = media
        self._spending = spending
        self._most = most

    async def start(
        self,
        program: Program,
        request: ProgramRequest,
        *,
        on_disconnect: OnDisconnect = "cancel",
        idempotency_key: str | None = None,
    ) -> Following:
        """Starts the run and returns its stream; a repeated `idempotency_key` returns the first run's.

        With `cancel` the run ends as soon as its last reader leaves; with a key it waits for a moment, because who has one may ask
        again. Raises Invalid, NotAllowed, UnknownModel, PictureError, TooManyPictures, CannotSee, CannotUseTools, NotSupported,
        IdempotencyKeyReused, IdempotencyKeyExpired, BudgetExceeded, ShuttingDown, TooManyStreams, TooManyUploads, QueueFull,
        StorageUnavailable.
        After an error nothing is stored.
        """
        if idempotency_key is None:
            return await self._start(program, request, on_disconnect, None)
        async with self.idempotency.one_at_a_time(program.user_id, idempotency_key):
            find = partial(self.idempotency.earlier, program.user_id, idempotency_key, request, datetime.now(UTC))
            elsewhere = self._supervisor.elsewhere is not None
            if (earlier := await (wait_for_log(find, IdempotencyKeyExpired) if elsewhere else find())) is not None:
                return earlier
            try:
                return await self._start(program, request, on_disconnect, idempotency_key)
            except Conflict as error:  # another gateway has stored the same request
                if type(error) is not Conflict:
                    raise
            if (same := await wait_for_log(find, IdempotencyKeyExpired)) is None:
                raise IdempotencyKeyExpired
            return same

    async def _start(
        self, program: Program, request: ProgramRequest, on_disconnect: OnDisconnect, idempotency_key: str | None
    ) -> Following:
        began = time.monotonic()
        chat = self._chat_request(request, await self._model(program, request.model))
        needs = _needs(chat)
        able = await self._require_able(chat, needs)
        elsewhere = self._supervisor.elsewhere.running() if self._supervisor.elsewhere is not None else ()
        others = sum(run.kind == API and run.user_id == program.user_id for run in elsewhere)
        if self._runs.count(program.user_id) + others >= self._most:
            raise TooManyStreams
        chat, pictures = await self._with_pictures(program, request, chat)
        if not self._stores():
            return await self._admit(program, request, chat, pictures, needs, able, on_disconnect, idempotency_key, None, began)
        kept, images = await self._kept(program, request, chat, pictures)
        try:
            return await self._admit(program, request, chat, pictures, needs, able, on_disconnect, idempotency_key, kept, began)
        except BaseException:
            await self._media.discard(images)
            raise

    async def _admit(
        self,
        program: Program,
        request: ProgramRequest,
        chat: ChatRequest,
        pictures: Mapping[str, bytes],
        needs: Needs,
        able: frozenset[Way],
        on_disconnect: OnDisconnect,
        idempotency_key: str | None,
        kept: Kept | None,
        began: float,
    ) -> Following:
        async with self._supervisor.claim(None, program.user_id, counts=False) as claim:
            with self._catalog.place(chat.model, program.group, needs, able) as place:
                order = ProgramOrder(
                    user_id=program.user_id,
                    key_id=program.key_id,
                    prompt_tokens=estimate(chat.turns) + estimate_tools(chat.tools),
                    mode=place.mode or self._catalog.mode(chat.model),
                    server=place.server if self._catalog.names_servers else None,
                    model=place.model_name,
                    simulated=place.simulated,
                    kept=kept,
                )
                now = datetime.now(UTC)
                async with self._database.write() as unit:
                    if self._supervisor.draining:
                        raise ShuttingDown
                    is_old = time.monotonic() - began > KNOWN_SECONDS
                    if program.key_id is not None and is_old and not await unit.keys.good([program.key_id], now):
                        raise Unauthorized  # it was revoked since
                    allotment = await self._spending.reserve(
                        unit,
                        program.spender,
                        run_id=claim.id,
                        prompt_tokens=order.prompt_tokens,
                        max_tokens=None if request.choices.max_tokens is None else chat.sampling.max_tokens,
                        usual=chat.sampling.max_tokens,
                        now=now,
                    )
                    order = msgspec.structs.replace(order, limited=allotment.limited)
                    record = self._supervisor.record(claim, API, msgspec.json.encode(order), on_disconnect)
                    await unit.runs.add(record, now)
                    if idempotency_key is not None:
                        await self.idempotency.remember(unit, program.user_id, idempotency_key, request, record.id, now)
                chat = _lasting(chat, allotment.length, f"api-{record.id}")
                producer = held_to_tools(self._catalog.generate(chat, place), chat)
                producer = with_pictures(producer, Unstored(self._media), program.user_id)
                run = self._supervisor.start(
                    claim,
                    record,
                    passing_pictures(producer, self._media.passing(pictures)) if pictures else producer,
                    self._runs.sink(order, record.id),
                    counts=False,
                    leaves_at_once=idempotency_key is None,
                    answer_now=place.answer_now,
                )
        return Following(stream_id=run.id, log=run.log, run=run, limited=allotment.limited)

    async def find(self, program: Program, run_id: str) -> Following:
        """Returns the stream of a run of the program's owner, from its beginning. Raises NotFound when it is no longer kept."""
        await self._require_own(program, run_id, "read")
        following = await self.idempotency.logs.find(run_id)
        if following is None:
            raise NotFound("This reply is no longer kept.")
        return following

    async def stop(self, program: Program, run_id: str) -> str:
        """Stops a run of the program's owner, if it still runs, and returns its status. Raises NotFound."""
        await self._require_own(program, run_id, "stop")
        run, elsewhere = self._supervisor.get(run_id), self._supervisor.elsewhere
        if run is None and elsewhere is not None:
            run = await elsewhere.find(run_id)
        if isinstance(run, RemoteRun) and elsewhere is not None:
            return await elsewhere.stop(run, None, None) or "streaming"
        await self._supervisor.stop(run_id)
        return await self._require_own(program, run_id, "stop")

    async def _require_own(self, program: Program, run_id: str, action: Literal["read", "stop"]) -> str:
        status = await self._runs.status(run_id, program.user_id, action)
        if status is None:
            raise NotFound("There is no such reply, or it is no longer kept.")
        return status

    async def models(self, program: Program) -> list[Model]:
        """Returns the models that the program may use, the default first. Raises a GenerationError when no server answers."""
        return [model for model in await self._catalog.models(program.user_id) if program.may_use(model.name)]

    async def standing(self, program: Program, now: datetime) -> list[Standing]:
        """Returns the budgets that apply to the program, with what is left of them."""
        async with self._database.read() as unit:
            return await self._spending.standing(unit, program.spender, now)

    async def count(self, program: Program, request: ProgramRequest) -> int:
        """Returns the tokens of a prompt: counted by a server of the model, or else an estimate, rather too many than too few.
        Starts no run. Raises UnknownModel, NotAllowed, PictureError, TooManyPictures, TooManyUploads."""
        chat = self._chat_request(request, await self._model(program, request.model))
        chat, _ = await self._with_pictures(program, request, chat)
        counted = await self._catalog.count(chat)
        return estimate(chat.turns) + estimate_tools(chat.tools) if counted is None else counted

    async def embed(self, program: Program, request: Vectors) -> dict[str, Any]:
        """Returns vectors in OpenAI's format. They are no run, but take from budgets and cost like one.

        Raises Invalid, NotAllowed, UnknownModel, NotSupported, BudgetExceeded, StorageUnavailable and a GenerationError.
        """
        model = await self._model(program, request.model)
        name, now = f"vectors-{secrets.token_urlsafe(18)}", datetime.now(UTC)
        async with self._database.write() as unit:
            await self._spending.reserve(
                unit, program.spender, run_id=name, prompt_tokens=request.tokens, max_tokens=0, usual=0, now=now
            )
        usage: Usage | None = None
        try:
            answer = await self._catalog.embed(model, request.fields)
            usage = embedding_usage(answer) or Usage(request.tokens, 0, request.tokens, estimated=True)
        finally:
            async with self._database.write() as unit:
                await settle(unit, name, usage, 0)
                if usage is not None:
                    facts = Facts(model=model or answer.get("model"), usage=usage)
                    outcome = Outcome(status="complete", facts=facts)
                    await unit.costs.add(cost_of(outcome, program.user_id, None, API, now, key_id=program.key_id))
        return answer

    async def _model(self, program: Program, model: str | None) -> str | None:
        """Returns the model that a run asks for. Raises UnknownModel, and NotAllowed for one that the program may not use."""
        if model is not None:
            await self._catalog.require_model(model, program.user_id)
        model = await self._catalog.chosen(model, program.user_id)
        if program.models is None:
            return model
        name = model or next((route.name for route in self._catalog.routes(None) if route.name), None)
        if name is None:
            raise NotAllowed("This key is for certain models, and the default one has no name at the moment; name a model.")
        if not program.may_use(name):
            raise NotAllowed(f"This key may not use the model {name!r}.")
        return name  # another one may be the default when the run begins

    async def _require_able(self, chat: ChatRequest, needs: Needs) -> frozenset[Way]:
        """Returns the ways on which a reply can be continued. Raises CannotSee, CannotUseTools and NotSupported."""
        if needs.images:
            await self._catalog.require_sight(chat.model)
        if needs.tools:
            self._catalog.require_tools(chat.model)
        able = await self._catalog.require_continuing(chat) if needs.continues else frozenset[Way]()
        if self._catalog.resolve(chat.model) and not self._catalog.resolve(chat.model, needs):
            raise NotSupported("No server of this model takes such a request; send one message of the user alone, without tools.")
        return able

    async def _with_pictures(
        self, program: Program, request: ProgramRequest, chat: ChatRequest
    ) -> tuple[ChatRequest, dict[str, bytes]]:
        """Returns the request with its pictures decoded, and their bytes by hash."""
        if not request.files:
            return chat, {}
        if len(request.files) > MOST_PICTURES:
            raise TooManyPictures(f"The request has {len(request.files)} pictures; {MOST_PICTURES} can be sent in one.")
        known: dict[str, Picture] = {}
        pictures: dict[str, bytes] = {}
        async with self._media.turn(program.user_id):
            for name, data in request.files.items():
                known[name], content = await self._media.pass_on(name, data)
                pictures[known[name].sha256] = content
        turns = tuple(
            msgspec.structs.replace(
                turn,
                pictures=tuple(msgspec.structs.replace(known[picture.id], at=picture.at) for picture in turn.pictures),
            )
            for turn in chat.turns
        )
        return msgspec.structs.replace(chat, turns=turns), pictures

    async def _kept(
        self, program: Program, request: ProgramRequest, chat: ChatRequest, pictures: Mapping[str, bytes]
    ) -> tuple[Kept, list[str]]:
        """Returns what is kept of the request, and the ids of its pictures. A picture that its user has no room for is left out."""
        stored: dict[str, str] = {}
        for sha256, data in pictures.items():
            with suppress(PictureError, MediaQuota):
                stored[sha256] = (await self._media.store(program.user_id, data)).id
        turns = tuple(
            msgspec.structs.replace(
                turn,
                content=valid(turn.content)[:LONGEST],
                pictures=tuple(
                    msgspec.structs.replace(picture, id=stored[picture.sha256])
                    for picture in turn.pictures
                    if picture.sha256 in stored
                ),
                calls=tuple(Call(valid(call.id), valid(call.name), valid(call.arguments)[:LONGEST]) for call in turn.calls),
                call_id=None if turn.call_id is None else valid(turn.call_id),
            )
            for turn in chat.turns[len(chat.turns) - len(request.turns) :]
        )
        name = "" if program.key_id is None else program.name
        return Kept(program=name, model=chat.model and chat.model[:255], turns=turns), list(stored.values())

    def _chat_request(self, request: ProgramRequest, model: str | None) -> ChatRequest:
        """Returns the request to the model. No turn is ever dropped: a program decides itself what is too long."""
        usual, turns = self._catalog.defaults(model), request.turns
        if usual.system_prompt and not request.raw and all(turn.role != "system" for turn in turns):
            turns = (Turn("system", usual.system_prompt), *turns)
        return ChatRequest(
            turns=turns,
            keep=len(turns) - 1,
            sampling=in_force(self._settings, request.choices, usual),
            model=model,
            tools=request.tools,
            tool_choice=request.tool_choice,
            parallel_tools=request.parallel_tools,
            extra=dict(request.extra),
            raw=request.raw,
        )


def _needs(chat: ChatRequest) -> Needs:
    """Returns what the request asks of a route. One that keeps the conversation itself would see the last turn alone."""
    turns = sum(turn.role != "system" for turn in chat.turns)
    return msgspec.structs.replace(Needs.of(chat), history=False if turns > 1 else None)


def _lasting(chat: ChatRequest, length: int, session_key: str) -> ChatRequest:
    """Returns the request with the length that the budgets admit."""
    sampling = msgspec.structs.replace(chat.sampling, max_tokens=length)
    return msgspec.structs.replace(chat, sampling=sampling, session_key=session_key)
