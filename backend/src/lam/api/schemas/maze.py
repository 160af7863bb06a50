"""JSON of games in the maze."""

from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

from lam.api.schemas.base import MAX_ID, FilledText, Id, Schema, Strict, StructOf, Text, Time, Variables
from lam.api.schemas.sampling import SamplingFields
from lam.maze.actions import Action, Logged, log_from_json
from lam.maze.games import Claims, NewGame, Play
from lam.maze.sets import MazeSet
from lam.maze.state import LARGEST_SEED, Powers, Settings, State
from lam.protocol.chat import LONGEST_TEXT
from lam.storage.models import BoardEntry, Game, Hint

MOST_ACTIONS = 500

GivenAction = Annotated[Action, StructOf(Action)]
LoggedAction = Annotated[Logged, StructOf(Logged)]
MazeSettings = Annotated[Settings, StructOf(Settings)]
MazeState = Annotated[State, StructOf(State)]
Mode = Literal["manual", "lam"]
Forcing = Literal["legal", "shape", "none"]
Status = Literal["playing", "won", "germ", "oxygen", "given_up"]
Count = Annotated[int, Field(ge=0, le=MAX_ID)]


class MazeSetAnswer(Schema):
    name: str = Field(examples=["small"])
    title: str
    description: str
    mazes: int = Field(description="How many there are; their numbers begin with 1.")
    settings: MazeSettings


class NewGameFields(SamplingFields, Strict):
    """A maze of a set (`set`, `maze`), or one of your own (`seed` and settings)."""

    mode: Mode = Field(description="`manual`: you move; `lam`: the model does.")
    set: Text | None = Field(None, max_length=64, examples=["small"])
    maze: Id | None = Field(None, description="Its number in the set; else 1.")
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED)
    size: int | None = None
    loops: int | None = None
    germs: int | None = None
    fog: bool | None = None
    oxygen: int | None = None
    powers: Annotated[Powers, StructOf(Powers)] | None = None
    template_id: Id | None = Field(None, description="One of your templates; its text is the model's instruction.")
    template_version: Id | None = None
    prompt: Text | None = Field(None, max_length=LONGEST_TEXT, description="The model's instruction, instead of a template.")
    variables: Variables | None = None
    model: FilledText | None = Field(None, max_length=255)
    forcing: Forcing = Field("legal", description="What holds the answer in form, where the model's server can: see the guide.")

    def game(self) -> NewGame:
        """Raises ValueError for settings that the rules do not have."""
        own = {name: value for name in Settings.__struct_fields__ if (value := getattr(self, name)) is not None}
        taken = {"set": "maze_set", **dict.fromkeys(Settings.__struct_fields__)}
        rest = {taken.get(name, name): value for name, value in dict(self).items()}
        rest.pop(None, None)
        return NewGame(**{str(name): value for name, value in rest.items()}, maze_settings=Settings(**own) if own else None)


class ActionsOfPlayer(Strict):
    after: Count = Field(description="How many actions of the game you know.")
    actions: list[GivenAction] = Field(min_length=1, max_length=MOST_ACTIONS)


class AskForHint(Strict):
    after: Count | None = Field(None, description="How many actions of the game you know; null: whatever the state is.")
    actions: list[GivenAction] = Field([], max_length=MOST_ACTIONS, description="What you did since; applied first.")
    on_disconnect: Literal["cancel", "continue"] | None = None


class GameClaims(Strict):
    """What you think the game was; it must be what the gateway's replay says."""

    seed: int | None = None
    rules: int | None = None
    actions: list[dict[str, Any]] | None = Field(None, max_length=20_000)
    score: int | None = None

    def claims(self) -> Claims:
        return Claims(seed=self.seed, rules=self.rules, actions=self.actions, score=self.score)


class ActionAnswer(Schema):
    action: LoggedAction
    legal: bool


class GameResult(Schema):
    """Computed by the gateway's replay. `score` is null while the game is played."""

    score: int | None
    steps: int = Field(description="Ticks of the world.")
    shortest: int = Field(description="Steps from the start to the exit, through no wall.")
    illegal: int
    powers: int = Field(description="How many were used.")
    tokens: int = Field(description="Of all hints.")
    first_token_ms: int | None = Field(description="The median of the hints.")
    seconds: float = Field(description="Of the model in all hints; of the game where you played.")


class ListedGame(Schema):
    id: int
    mode: Mode
    set: str | None
    maze: int | None
    seed: int
    rules: int
    status: Status
    score: int | None
    steps: int
    shortest: int
    illegal: int
    template_id: int | None
    model: str | None
    created_at: Time
    ended_at: Time | None


class GameAnswer(Schema):
    id: int
    mode: Mode
    set: str | None
    maze: int | None
    seed: int
    rules: int
    settings: MazeSettings
    template_id: int | None
    template_version: int | None
    template_title: str | None
    prompt: str | None = Field(description="Null in another person's game.")
    model: str | None
    forcing: Forcing
    status: Status
    actions: list[ActionAnswer]
    state: MazeState
    result: GameResult
    stream_id: str | None = Field(description="The running hint's.")
    mine: bool
    created_at: Time
    ended_at: Time | None


class HintAnswer(Schema):
    number: int
    after: int = Field(description="How many actions came before it.")
    stream_id: str
    status: Literal["streaming", "complete", "cancelled", "interrupted", "failed"]
    say: str | None
    reading: Literal["exact", "repaired", "illegal"] | None = Field(
        description="`exact`: JSON as it is. `repaired`: after brackets and quotes were closed. `illegal`: it named no action."
    )
    action: GivenAction | None
    legal: bool | None
    answer: str
    model: str | None
    forcing: Forcing | None
    first_token_ms: int | None
    total_ms: int | None
    tokens: int | None
    error: str | None
    created_at: Time


class SentTurn(Schema):
    role: Literal["system", "user", "assistant"]
    content: str


class HintDetail(HintAnswer):
    sent: list[SentTurn] = Field(description="What the model got.")
    thinking: str | None
    usage: dict[str, Any] | None
    timings: dict[str, Any] | None


class ReplayAnswer(GameAnswer):
    hints: list[HintAnswer]


class RankedGame(Schema):
    rank: int
    game_id: int
    maze: int
    name: str
    template_id: int | None
    template_title: str | None
    score: int
    steps: int
    shortest: int
    illegal: int
    tokens: int
    seconds: float
    created_at: Time


def set_answer(one: MazeSet) -> MazeSetAnswer:
    return MazeSetAnswer(name=one.name, title=one.title, description=one.description, mazes=len(one.seeds), settings=one.settings)


def listed_game(game: Game) -> ListedGame:
    return ListedGame(set=game.maze_set, **{name: getattr(game, name) for name in ListedGame.model_fields if name != "set"})


def game_fields(play: Play) -> dict[str, Any]:
    game, result = play.game, play.replay.result
    same = ("id", "mode", "maze", "seed", "rules", "template_version", "model", "forcing", "status", "created_at", "ended_at")
    return {name: getattr(game, name) for name in same} | {
        "set": game.maze_set,
        "settings": play.replay.last.settings,
        "template_id": game.template_id if play.mine or play.template_title is not None else None,
        "template_title": play.template_title,
        "prompt": game.prompt if play.mine else None,
        "actions": [
            ActionAnswer(action=action, legal=legal)
            for action, legal in zip(log_from_json(game.actions), play.replay.legal, strict=True)
        ],
        "state": play.replay.last,
        "result": GameResult(
            score=game.score,
            steps=result.steps,
            shortest=result.shortest,
            illegal=result.illegal,
            powers=result.powers,
            tokens=game.tokens,
            first_token_ms=play.first_token_ms,
            seconds=game.seconds,
        ),
        "stream_id": play.stream_id,
        "mine": play.mine,
    }


def game_answer(play: Play) -> GameAnswer:
    return GameAnswer(**game_fields(play))


def hint_fields(hint: Hint) -> dict[str, Any]:
    facts = hint.facts
    same = ("number", "after", "stream_id", "status", "say", "reading", "action", "legal", "answer", "created_at")
    return {name: getattr(hint, name) for name in same} | {
        "model": facts.model,
        "forcing": facts.other.get("forcing"),
        "first_token_ms": facts.timings.first_token_ms if facts.timings else None,
        "total_ms": facts.timings.total_ms if facts.timings else None,
        "tokens": facts.usage.total_tokens if facts.usage else None,
        "error": facts.failure.message if facts.failure else None,
    }


def hint_detail(hint: Hint) -> HintDetail:
    row = hint.facts.to_row()
    return HintDetail(**hint_fields(hint), sent=hint.sent, thinking=hint.thinking, usage=row["usage"], timings=row["timings"])


def replay_answer(play: Play, hints: list[Hint]) -> ReplayAnswer:
    return ReplayAnswer(**game_fields(play), hints=[HintAnswer(**hint_fields(hint)) for hint in hints])


def ranked_game(rank: int, entry: BoardEntry) -> RankedGame:
    fields = msgspec.structs.asdict(entry)
    return RankedGame(rank=rank, name=fields.pop("email").partition("@")[0], **fields)
