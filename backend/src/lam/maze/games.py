"""Games in the maze: starting, playing, asking for hints, replaying, and the leaderboard.

The server replays the log: no figure comes from a client. It must not know HTTP, and leaves a hint's result to its sink.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from lam.accounts.programs import Spender
from lam.accounts.spending import Spending
from lam.engines.catalog import Catalog
from lam.engines.queue import Ticket
from lam.errors import (
    Conflict,
    GameOver,
    IllegalAction,
    Invalid,
    NotAllowed,
    NotFound,
    OutOfStep,
    ReplayDiffers,
    ShuttingDown,
    TooManyGames,
)
from lam.generation.recovery import end_leftover
from lam.generation.remote import AnyRun
from lam.generation.supervisor import Claim, Supervisor
from lam.maze import answers, prompts, rules
from lam.maze.actions import Action, log_from_json, to_json
from lam.maze.hints import HINT, HintOrder, Hints, HintSink, game_key
from lam.maze.log import Replays, figures, replayed
from lam.maze.rules import BadLog, Replay
from lam.maze.sets import SETS, MazeSet
from lam.maze.state import RULES, Settings, State
from lam.protocol.chat import LONGEST_TEXT, ChatRequest, Turn
from lam.protocol.runs import OnDisconnect, OpenRun
from lam.protocol.sampling import Choices, in_force
from lam.protocol.variables import filled, filled_length
from lam.protocol.window import estimate
from lam.settings import Settings as GatewaySettings
from lam.storage.access import Action as Deed
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import BoardEntry, Forcing, Game, GameMode, Hint
from lam.storage.run_store import RunStore

log = logging.getLogger(__name__)

GAMES_OF_USER: Final = 10_000
MOST_OF_GUEST: Final = 500
MOST_ON_BOARD: Final = 100
USUAL: Final = Choices(temperature=0, max_tokens=400)
"""The sampling of a hint where nobody chose: the same state gets the same hint."""


class NewGame(Choices, frozen=True, kw_only=True):
    """A game to start: a maze of a set, or a seed with settings. `prompt`: the instruction for the model; None takes the template's
    text with `variables` filled in."""

    mode: GameMode
    maze_set: str | None = None
    maze: int | None = None
    seed: int | None = None
    maze_settings: Settings | None = None
    template_id: int | None = None
    template_version: int | None = None
    prompt: str | None = None
    variables: Mapping[str, str] | None = None
    model: str | None = None
    forcing: Forcing = "legal"


class Claims(Struct, frozen=True, kw_only=True):
    """What a client says about its game. None: nothing."""

    seed: int | None = None
    rules: int | None = None
    actions: Sequence[Any] | None = None
    score: int | None = None


class PlayerTerms(Struct, frozen=True, kw_only=True):
    """The terms on which somebody plays. `group`: their member of the fair ring. `models`: those that may be asked; empty: all.
    `maze_set`: the only set that may be played; None: any set, and mazes of one's own. `most`: how many games."""

    group: Hashable
    spender: Spender
    models: Sequence[str] = ()
    maze_set: str | None = None
    most: int | None = None

    def model(self, choice: str | None) -> str | None:
        """Returns the model to ask: the one that was chosen, or the room's first. Raises NotAllowed."""
        if self.models and choice is not None and choice not in self.models:
            raise NotAllowed(f"In this room these models may be used: {', '.join(sorted(self.models))}.")
        return choice if choice is not None or not self.models else self.models[0]


TermsOf = Callable[[UnitOfWork, int, datetime], Awaitable[PlayerTerms]]


class Play(Struct, frozen=True, kw_only=True):
    """A game with its replay. `template_title`: None where the reader may not see the template. `stream_id`: the running hint.
    `first_token_ms`: the median of the hints, None when there are none."""

    game: Game
    replay: Replay
    template_title: str | None
    stream_id: str | None
    mine: bool
    first_token_ms: int | None = None


class Games:
    """`settings`: the gateway's, for the sampling of hints. `terms_of`: returns a player's present terms; raises NotAllowed,
    RoomPaused, RoomOver. `most`: games per user."""

    def __init__(
        self,
        settings: GatewaySettings,
        database: Database,
        catalog: Catalog,
        supervisor: Supervisor,
        replays: Replays,
        spending: Spending,
        terms_of: TermsOf,
        *,
        most: int = GAMES_OF_USER,
    ) -> None:
        self._settings = settings
        self._database = database
        self._catalog = catalog
        self._supervisor = supervisor
        self._replays = replays
        self._spending = spending
        self._terms_of = terms_of
        self._most = most
        self._asking: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()  # a lock disappears with its last user

    async def start(self, user_id: int, new: NewGame) -> Play:
        """Stores a new game. Raises Invalid, NotFound, UnknownModel, TooManyGames; in a room also NotAllowed, RoomPaused,
        RoomOver."""
        maze_set, seed, settings = _maze(new)
        if new.model is not None:
            await self._catalog.require_model(new.model, user_id)
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            terms = await self._terms_of(unit, user_id, now)
            if terms.maze_set is not None and terms.maze_set != new.maze_set:
                raise NotAllowed(f"This room plays the set {terms.maze_set}.")
            if await unit.games.count(user_id) >= (terms.most or self._most):
                raise TooManyGames
            prompt, version = await _prompt(unit, user_id, new)
            shortest = rules.replay(seed, settings, ()).last.shortest
            chosen = {name: getattr(new, name) for name in Choices.__struct_fields__}
            game = await unit.games.add(
                user_id=user_id,
                mode=new.mode,
                maze_set=maze_set.name if maze_set else None,
                maze=new.maze or 1 if maze_set else None,
                seed=seed,
                rules=RULES,
                settings=msgspec.to_builtins(settings),
                template_id=new.template_id,
                template_version=version,
                prompt=prompt,
                model=terms.model(new.model),
                forcing=new.forcing,
                sampling=msgspec.to_builtins(Choices(**chosen)),
                actions=[],
                status="playing",
                score=None,
                steps=0,
                shortest=shortest,
                illegal=0,
                tokens=0,
                seconds=0.0,
                created_at=now,
                ended_at=None,
            )
            return await self._play(unit, user_id, game)

    async def get(self, user_id: int, game_id: int, *, own: bool = False) -> Play:
        """Returns one's own game, or one on a leaderboard unless `own`. Raises NotFound, RulesChanged."""
        async with self._database.read() as unit:
            return await self._play(unit, user_id, await _require_game(unit, game_id, user_id, "change" if own else "read"))

    async def all(self, user_id: int, limit: int, before: int | None) -> list[Game]:
        async with self._database.read() as unit:
            return await unit.games.of_user(user_id, limit, before)

    async def delete(self, user_id: int, game_id: int) -> None:
        """Stops its hint and deletes the game. Raises NotFound, SessionBusy."""
        async with self._lock(game_id):
            async with self._database.read() as unit:
                await _require_game(unit, game_id, user_id, "delete")
            await self._supervisor.end_key(game_key(game_id))
            async with self._database.write() as unit:
                await unit.games.delete(game_id)

    # Playing

    async def act(self, user_id: int, game_id: int, after: int, actions: Sequence[Action]) -> Play:
        """Applies the player's actions after the first `after` ones. Repeating a request changes nothing.

        Raises NotFound, NotAllowed where the model plays, GameOver, OutOfStep, IllegalAction, RulesChanged; in a room also
        RoomPaused, RoomOver.
        """
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            game = await _require_game(unit, game_id, user_id, "send", lock=True)
            await self._terms_of(unit, user_id, now)
            if game.mode != "manual":
                raise NotAllowed("The model plays this game: only its own hints move the world.")
            added = [to_json(action) for action in actions]
            if game.actions[after : after + len(added)] == added:  # the answer to an earlier request was lost
                return await self._play(unit, user_id, game)
            if game.status != "playing":
                raise GameOver
            _require_step(game, after)
            replay = await self._replays.of(game)
            _require_legal(replay.last, actions, after)
            changes = {"actions": [*game.actions, *added], **figures(game, rules.extend(replay, actions), now)}
            await unit.games.change(game.id, **changes)
            return await self._play(unit, user_id, msgspec.structs.replace(game, **changes))

    async def finish(self, user_id: int, game_id: int, claims: Claims) -> Play:
        """Ends a game before its end, or confirms how it ended. What the client claims must be what the replay says.

        Raises NotFound, RulesChanged, ReplayDiffers; then nothing is changed.
        """
        async with self._lock(game_id):
            async with self._database.read() as unit:
                game = await _require_game(unit, game_id, user_id, "change")
            await self._require_same(game, claims)
            if game.status == "playing":
                await self._supervisor.end_key(game_key(game_id))
            now = datetime.now(UTC)
            async with self._database.write() as unit:
                game = await _require_game(unit, game_id, user_id, "change", lock=True)
                await self._require_same(game, claims)
                if game.status == "playing":
                    changes: dict[str, Any] = {"status": "given_up", "score": 0, "ended_at": now}
                    await unit.games.change(game.id, **changes)
                    game = msgspec.structs.replace(game, **changes)
                return await self._play(unit, user_id, game)

    async def hint(
        self,
        user_id: int,
        game_id: int,
        *,
        after: int | None = None,
        actions: Sequence[Action] = (),
        on_disconnect: OnDisconnect = "cancel",
    ) -> AnyRun:
        """Asks the model what to do now, after the player's `actions`. Returns the run.

        Where the person plays, the newest state wins: an older hint is ended first. Where the model plays, a hint that is running
        already is the answer. Raises NotFound, GameOver, OutOfStep, IllegalAction, NotAllowed and the errors of starting a run.
        """
        async with self._lock(game_id):
            if actions:
                await self.act(user_id, game_id, after or 0, actions)
                after = None if after is None else after + len(actions)
            async with self._database.read() as unit:
                game = await _require_game(unit, game_id, user_id, "send")
                terms = await self._terms_of(unit, user_id, datetime.now(UTC))
            key = game_key(game_id)
            running = self._supervisor.of_key(key)
            if running is not None and game.mode == "lam":
                return running
            await self._supervisor.end_key(key)
            model = await self._catalog.chosen(game.model, user_id)
            async with self._supervisor.claim(key, user_id) as claim:
                with self._catalog.place(model, terms.group) as place:
                    try:
                        order, record = await self._store(claim, place, user_id, game_id, after, on_disconnect)
                    except Conflict as error:
                        if type(error) is not Conflict:
                            raise
                        hints = Hints(self._database, self._replays)
                        await end_leftover(RunStore(self._database), hints, key, self._supervisor)
                        order, record = await self._store(claim, place, user_id, game_id, after, on_disconnect)
                    assert order.request is not None
                    producer = self._catalog.generate(order.request, place)
                    sink = HintSink(order, record.id, self._database, self._replays)
                    return self._supervisor.start(claim, record, producer, sink, answer_now=place.answer_now)

    # Looking back

    async def replay(self, user_id: int, game_id: int, *, own: bool = False) -> tuple[Play, list[Hint]]:
        """Returns a game with all its hints; `own` as above. Raises NotFound, RulesChanged, and ReplayDiffers for a game of the
        model whose actions are not those of its hints."""
        async with self._database.read() as unit:
            game = await _require_game(unit, game_id, user_id, "change" if own else "read")
            hints = await unit.games.hints(game_id)
            _require_hints(game, hints)
            play = await self._play(unit, user_id, game)
        return play, hints

    async def one_hint(self, user_id: int, game_id: int, number: int) -> Hint:
        """Returns a hint of one's own game. Raises NotFound."""
        async with self._database.read() as unit:
            await _require_game(unit, game_id, user_id, "change")
            hint = await unit.games.hint(game_id, number)
        if hint is None:
            raise NotFound("This game has no such hint.")
        return hint

    async def board(self, user_id: int, maze_set: str, mode: GameMode, maze: int | None) -> list[tuple[int, BoardEntry]]:
        """Returns the ranked games of a set, by people or by models. Equal score and steps share a rank. Raises NotFound."""
        chosen = _set(maze_set)
        if maze is not None:
            _require_maze(chosen, maze)
        async with self._database.read() as unit:
            entries = await unit.games.board(maze_set, mode, maze, RULES, user_id, MOST_ON_BOARD)
        ranked: list[tuple[int, BoardEntry]] = []
        for place, entry in enumerate(entries, 1):
            same = ranked and (ranked[-1][1].score, ranked[-1][1].steps) == (entry.score, entry.steps)
            ranked.append((ranked[-1][0] if same else place, entry))
        return ranked

    # Inside

    def _lock(self, game_id: int) -> asyncio.Lock:
        return self._asking.setdefault(game_id, asyncio.Lock())

    async def _play(self, unit: UnitOfWork, user_id: int, game: Game) -> Play:
        running = self._supervisor.of_key(game_key(game.id))
        titles = await unit.games.template_titles({game.template_id}, user_id) if game.template_id else {}
        return Play(
            game=game,
            replay=await self._replays.of(game),
            template_title=titles.get(game.template_id or 0),
            stream_id=running.id if running else None,
            mine=game.user_id == user_id,
            first_token_ms=await unit.games.first_token_ms(game.id),
        )

    async def _store(
        self, claim: Claim, place: Ticket, user_id: int, game_id: int, after: int | None, on_disconnect: OnDisconnect
    ) -> tuple[HintOrder, OpenRun]:
        """Stores the hint's row and its run in one transaction, for the state that the game has then."""
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            if self._supervisor.draining:  # the drain began while this waited: nothing may be stored any more
                raise ShuttingDown
            game = await _require_game(unit, game_id, user_id, "send", lock=True)
            if game.status != "playing":
                raise GameOver
            if after is not None:
                _require_step(game, after)
            terms = await self._terms_of(unit, user_id, now)
            replay, can = await self._replays.of(game), self._catalog.can(place.model)
            forcing: Forcing = "none" if can.json is False else game.forcing
            turns = prompts.turns(game.prompt, replay.last, prompts.pasts(replay.states, log_from_json(game.actions)))
            usual = self._catalog.defaults(place.model)
            if usual.system_prompt and turns[0].role != "system":
                turns = (Turn("system", usual.system_prompt), *turns)
            chosen = msgspec.convert(game.sampling, Choices)
            sampling = in_force(self._settings, chosen, USUAL, usual)
            allotment = await self._spending.reserve(
                unit,
                terms.spender,
                run_id=claim.id,
                prompt_tokens=estimate(turns),
                max_tokens=None,
                usual=sampling.max_tokens,
                now=now,
            )
            form = answers.response_format(replay.last, forcing)
            sampling = msgspec.structs.replace(sampling, response_format=form, max_tokens=allotment.length)
            request = ChatRequest(
                turns=turns, keep=len(turns) - 1, sampling=sampling, model=place.model, session_key=f"hint-{claim.id[:16]}"
            )
            order = HintOrder(
                game_id=game.id,
                user_id=user_id,
                after=len(game.actions),
                request=request,
                mode=place.mode or self._catalog.mode(place.model),
                model=place.model_name,
                simulated=place.simulated,
                forcing=forcing,
            )
            sent = msgspec.to_builtins(turns)
            await unit.games.add_hint(game_id=game.id, after=order.after, stream_id=claim.id, sent=sent, created_at=now)
            record = self._supervisor.record(claim, HINT, msgspec.json.encode(order), on_disconnect)
            await unit.runs.add(record, now)
        return order, record

    async def _require_same(self, game: Game, claims: Claims) -> None:
        """Raises ReplayDiffers, with the reason, when a claim is not what the gateway's own replay says."""
        if claims.rules is not None and claims.rules != game.rules:
            raise ReplayDiffers(f"The game follows version {game.rules} of the rules, not {claims.rules}.")
        if claims.seed is not None and claims.seed != game.seed:
            raise ReplayDiffers(f"The seed of the game is {game.seed}, not {claims.seed}.")
        score = (await self._replays.of(game)).result.score
        if claims.actions is not None:
            await asyncio.to_thread(_require_same_log, game, claims.actions)
        if claims.score is not None and claims.score != score:
            raise ReplayDiffers(f"The replay comes to {score} points, not {claims.score}.")


def _set(name: str) -> MazeSet:
    found = next((one for one in SETS if one.name == name), None)
    if found is None:
        raise NotFound(f"There is no maze set {name!r}; there is {', '.join(one.name for one in SETS)}.")
    return found


def _require_maze(maze_set: MazeSet, maze: int) -> None:
    if not 1 <= maze <= len(maze_set.seeds):
        raise Invalid(f"The set {maze_set.name} has the mazes 1 to {len(maze_set.seeds)}.")


def _maze(new: NewGame) -> tuple[MazeSet | None, int, Settings]:
    """Returns the set, the seed and the settings of the maze. Raises Invalid, NotFound."""
    if new.maze_set is None:
        if new.maze is not None:
            raise Invalid("`maze` is a number in a set: name the `set` too, or give a `seed`.")
        if new.seed is None:
            raise Invalid("Name a `set`, or give a `seed`.")
        return None, new.seed, new.maze_settings or Settings()
    if new.seed is not None or new.maze_settings is not None:
        raise Invalid("A maze of a set has its own seed and settings; leave them out, or leave `set` out.")
    maze_set = _set(new.maze_set)
    _require_maze(maze_set, new.maze or 1)
    return maze_set, maze_set.seeds[(new.maze or 1) - 1], maze_set.settings


async def _prompt(unit: UnitOfWork, user_id: int, new: NewGame) -> tuple[str, int | None]:
    """Returns the instruction for the model, and its version when it comes from a template."""
    if new.template_id is None:
        if new.template_version is not None:
            raise Invalid("`template_version` needs a `template_id`.")
        return new.prompt or "", None
    template = await unit.templates.find(new.template_id, user_id, "read")
    if template is None:
        raise NotFound("There is no such template, or it is not yours.")
    content, version = template.content, template.version
    if new.template_version is not None:
        stored = await unit.templates.version(template.id, new.template_version)
        if stored is None:
            raise NotFound(f"The template has no version {new.template_version}.")
        content, version = stored.content, stored.version
    if new.prompt is not None and new.prompt != content:
        raise Invalid("Give a `prompt` or a `template_id`, not both: the board says which template played.")
    values = new.variables or {}
    if filled_length(content, values) > LONGEST_TEXT:
        raise Invalid(f"The template with these variables is longer than {LONGEST_TEXT} characters.")
    return filled(content, values), version


async def _require_game(unit: UnitOfWork, game_id: int, user_id: int, deed: Deed, *, lock: bool = False) -> Game:
    game = await unit.games.find(game_id, user_id, deed, lock=lock)
    if game is None:
        raise NotFound("There is no such game, or it is not yours.")
    return game


def _require_step(game: Game, after: int) -> None:
    if after != len(game.actions):
        raise OutOfStep(f"The game has {len(game.actions)} actions, not {after}; read it again.")


def _require_legal(state: State, actions: Sequence[Action], after: int) -> None:
    for number, action in enumerate(actions, after + 1):
        if state.status != "playing":
            raise IllegalAction(f"Action {number} comes after the end of the game.")
        objection = rules.objection(state, action)
        if objection is not None:
            raise IllegalAction(f"Action {number} is not legal: {_OBJECTIONS[objection]}.")
        state = rules.apply(state, action)


_OBJECTIONS: Final[dict[rules.Objection, str]] = {
    "unreadable": "it is no action",
    "wall": "a step runs into a wall",
    "fog": "a step leads where the player has not looked yet",
    "spent": "this power is used up",
    "border": "the border of the maze does not break",
    "open": "there is no wall to break",
}


def _require_same_log(game: Game, claimed: Sequence[Any]) -> None:
    try:
        other = replayed(game, claimed)
    except BadLog as error:
        raise ReplayDiffers(error.reason) from error
    if game.mode == "manual" and not all(other.legal):
        raise ReplayDiffers(f"Action {other.legal.index(False) + 1} is not legal.")
    if list(claimed) != game.actions:
        same = next((n for n, (one, two) in enumerate(zip(claimed, game.actions, strict=False)) if one != two), None)
        number = min(len(claimed), len(game.actions)) if same is None else same
        raise ReplayDiffers(f"The log is not that of the game: they differ from action {number + 1} on.")


def _require_hints(game: Game, hints: Sequence[Hint]) -> None:
    """Raises ReplayDiffers unless each action of a model's game comes from a hint that ended well."""
    if game.mode != "lam":
        return
    unread = {"action": "unreadable"}
    made = {hint.after: hint.action or unread for hint in hints if hint.status == "complete"}
    for number, action in enumerate(game.actions):
        if made.get(number) != action:
            raise ReplayDiffers(f"Action {number + 1} of this game is not the action of a hint.")
