"""Hints as a kind of run: what they are about, where their results go, and how they are rebuilt.

In a game that the model plays, the hint's own end moves the world: no client can. It must not know engines or HTTP.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from lam.accounts.spending import settle_outcome
from lam.errors import Interrupted, NotFound
from lam.maze import answers, rules
from lam.maze.actions import Logged, Unreadable, to_json
from lam.maze.log import Replays, figures
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Done, Error, Event, Metadata, Mode
from lam.protocol.facts import NOTHING, Facts, Failure
from lam.protocol.outcome import Outcome
from lam.protocol.parts import Text
from lam.protocol.runs import Lease, OpenRun
from lam.protocol.snapshot import Reply, Snapshot, events_of
from lam.protocol.window import estimate
from lam.storage.costs import cost_of
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Forcing, Game, Hint

HINT: Final = "hint"


class HintOrder(Struct, frozen=True, kw_only=True):
    """What a hint's run is about. `after`: how many actions the game had. `mode`, `model`, `simulated`: as expected at the
    beginning. `forcing`: the schema that the model was held to. `request`: None after a restart with another release."""

    game_id: int
    user_id: int
    after: int
    request: ChatRequest | None = None
    mode: Mode = "sse"
    model: str | None = None
    simulated: bool | None = None
    forcing: Forcing = "none"


def game_key(game_id: int) -> str:
    """Returns the key of a game's runs, of which one may be open at a time."""
    return f"game:{game_id}"


class HintSink:
    """A `Sink` that owns the hint's row and its cost and, where the model plays, the game's next action."""

    def __init__(self, order: HintOrder, stream_id: str, database: Database, replays: Replays) -> None:
        self.order = order
        self._replays = replays
        self._stream_id = stream_id
        self._database = database

    def opening(self) -> Sequence[Event]:
        order = self.order
        return [Metadata(None, None, "", self._stream_id, None, order.mode, order.model, order.simulated)]

    def prompt_tokens(self) -> int:
        return estimate(self.order.request.turns) if self.order.request else 0

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        order, now = self.order, datetime.now(UTC)
        answer = answers.read(outcome.text) if outcome.status == "complete" else None
        facts = outcome.facts.with_metadata({"forcing": order.forcing})
        async with self._database.write() as unit:
            if not await unit.runs.close(lease):
                return
            game = await unit.games.find(order.game_id, order.user_id, "send", lock=True)
            await settle_outcome(unit, lease.run_id, outcome)
            if game is None:
                return
            action: Logged = (answer.action if answer else None) or Unreadable()
            replay = await self._replays.of(game) if answer else None
            state = replay.states[order.after] if replay and order.after < len(replay.states) else None
            ended = await unit.games.finish_hint(
                self._stream_id,
                facts,
                status=outcome.status,
                answer=outcome.text,
                thinking=outcome.thinking or None,
                reading=answer.reading if answer else None,
                say=answer.say if answer else None,
                action=to_json(answer.action) if answer and answer.action else None,
                legal=rules.legal(state, action) if state else None,
            )
            if ended:
                await unit.costs.add(cost_of(outcome, order.user_id, None, HINT, now))
                await self._advance(unit, game, action if answer else None, outcome, now)

    async def _advance(self, unit: UnitOfWork, game: Game, action: Logged | None, outcome: Outcome, now: datetime) -> None:
        """Adds the model's figures to the game and, where the model plays, applies its action."""
        usage, timings = outcome.facts.usage, outcome.facts.timings
        changes: dict[str, Any] = {
            "tokens": game.tokens + (usage.total_tokens if usage else 0),
            "seconds": game.seconds + (timings.total_ms or 0 if timings else 0) / 1000,
        }
        is_next = game.mode == "lam" and game.status == "playing" and len(game.actions) == self.order.after
        if is_next and action is not None:
            replay = rules.extend(await self._replays.of(game), (action,))
            changes |= {"actions": [*game.actions, to_json(action)], **figures(game, replay, now)}
        await unit.games.change(game.id, **changes)

    def ending(self, outcome: Outcome) -> Done | Error:
        facts = outcome.facts
        if facts.failure is not None:
            return Error(facts.failure.message, facts.failure.code, facts.failure.retryable)
        reason = facts.finish_reason or "stop"
        return Done(None, outcome.text, reason, facts.model, facts.simulated, facts.usage, facts.timings)


class Hints:
    """The `Kind` of run that produces hints."""

    name = HINT

    def __init__(self, database: Database, replays: Replays) -> None:
        self._database = database
        self._replays = replays

    async def restore(self, run: OpenRun) -> HintSink | None:
        async with self._database.read() as unit:
            hint = await unit.games.hint_by_stream(run.id, run.user_id, "send")
        if hint is None or hint.status != "streaming":
            return None
        try:
            order = msgspec.json.decode(run.request, type=HintOrder)
        except msgspec.DecodeError:  # from another release
            order = HintOrder(game_id=hint.game_id, user_id=run.user_id, after=hint.after)
        return HintSink(order, run.id, self._database, self._replays)

    async def status(self, run_id: str, user_id: int, action: Literal["read", "stop"]) -> str | None:
        async with self._database.read() as unit:
            hint = await unit.games.hint_by_stream(run_id, user_id, action)
        return hint.status if hint else None

    async def rebuild(self, run_id: str, user_id: int) -> Sequence[Event]:
        async with self._database.read() as unit:
            hint = await unit.games.hint_by_stream(run_id, user_id, "read")
            if hint is None:
                raise NotFound
            return await _rebuilt(unit, hint)


async def _rebuilt(unit: UnitOfWork, hint: Hint) -> list[Event]:
    text, thinking, facts = hint.answer, hint.thinking or "", hint.facts
    if hint.status == "streaming":  # the log is gone and the ending is not stored yet
        snapshot = Snapshot()
        for event in await unit.runs.progress(hint.stream_id):
            snapshot.add(event)
        failure = Failure(code=Interrupted.code, message=Interrupted.summary, retryable=True)
        text, thinking, facts = snapshot.text, snapshot.thinking, Facts(failure=failure)
    return events_of(
        Reply(
            session_id=None,
            session_key="",
            stream_id=hint.stream_id,
            user_message_id=None,
            message_id=None,
            thinking=thinking,
            parts=(Text(text),) if text else (),
            facts=facts or NOTHING,
        )
    )
