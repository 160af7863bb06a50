"""`/api/maze`: games in the maze, hints, replays and the leaderboard."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from lam.api.dependencies import Caller, Parts, in_room
from lam.api.errors import answers
from lam.api.event_stream import EventStream
from lam.api.routers.messages import EVENTS
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.maze import (
    ActionsOfPlayer,
    AskForHint,
    GameAnswer,
    GameClaims,
    HintDetail,
    ListedGame,
    MazeSetAnswer,
    Mode,
    NewGameFields,
    RankedGame,
    ReplayAnswer,
    game_answer,
    hint_detail,
    listed_game,
    ranked_game,
    replay_answer,
    set_answer,
)
from lam.chat.streams import Following
from lam.errors import Invalid
from lam.generation.run import Run
from lam.maze.sets import SETS

router = APIRouter(prefix="/api/maze", tags=["maze"])

GameId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/sets", summary="The maze sets")
async def list_sets() -> list[MazeSetAnswer]:
    """The same for everybody. Their mazes never change, so that games can be compared."""
    return [set_answer(one) for one in SETS]


@router.get("/leaderboard", responses=answers(401, 404, 422, 503), summary="The best games of a set")
async def leaderboard(
    caller: Caller,
    parts: Parts,
    set_: Annotated[str, Query(alias="set", max_length=64)],
    mode: Mode = "lam",
    maze: Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only this maze of the set.")] = None,
) -> list[RankedGame]:
    """One game for each person, template and maze. The games that people play have a board of their own, which proves the log and
    not the player."""
    return [ranked_game(rank, entry) for rank, entry in await parts.games.board(caller.user.id, set_, mode, maze)]


@router.get("/games", responses=answers(401, 422, 503), dependencies=[Depends(in_room)], summary="My games, the newest first")
async def list_games(
    caller: Caller,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only games older than this one.")] = None,
) -> list[ListedGame]:
    return [listed_game(game) for game in await parts.games.all(caller.user.id, limit, before)]


@router.post(
    "/games",
    status_code=201,
    responses=answers(401, 403, 404, 409, 422, 503),
    dependencies=[Depends(in_room)],
    summary="Start a game",
)
async def start_game(body: NewGameFields, caller: Caller, parts: Parts) -> GameAnswer:
    """A maze of a set, or one of your own by seed and settings. A guest plays the task of their room."""
    try:
        new = body.game()
    except ValueError as error:
        raise Invalid(f"There is no such maze: {error}.") from error
    return game_answer(await parts.games.start(caller.user.id, new))


@router.get("/games/{game_id}", responses=answers(401, 404, 409, 422, 503), summary="One game")
async def get_game(game_id: GameId, caller: Caller, parts: Parts) -> GameAnswer:
    """Your own, or one on a leaderboard; for a guest only their own."""
    return game_answer(await parts.games.get(caller.user.id, game_id, own=caller.user.scope is not None))


@router.delete("/games/{game_id}", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Delete a game")
async def delete_game(game_id: GameId, caller: Caller, parts: Parts) -> Response:
    """Stops its hint first. The game leaves the leaderboard."""
    await parts.games.delete(caller.user.id, game_id)
    return Response(status_code=204)


@router.post("/games/{game_id}/act", responses=answers(401, 403, 404, 409, 422, 503), summary="Do something in a game you play")
async def act(game_id: GameId, body: ActionsOfPlayer, caller: Caller, parts: Parts) -> GameAnswer:
    """All of the actions are applied, or none. Sending them again changes nothing. Where the model plays: 403 `not_allowed`."""
    return game_answer(await parts.games.act(caller.user.id, game_id, body.after, body.actions))


@router.post(
    "/games/{game_id}/hint",
    response_class=Response,
    responses=EVENTS | answers(401, 403, 404, 409, 422, 429, 503),
    summary="Ask the model what to do, and stream its answer",
)
async def ask(game_id: GameId, caller: Caller, parts: Parts, body: AskForHint | None = None) -> EventStream:
    """Where you play, a newer hint ends the older one. Where the model plays, the end of the hint moves the world."""
    body = body or AskForHint()
    run = await parts.games.hint(
        caller.user.id, game_id, after=body.after, actions=body.actions, on_disconnect=body.on_disconnect or "cancel"
    )
    following = (
        Following(stream_id=run.id, log=run.log, run=run)
        if isinstance(run, Run)
        else await parts.streams.find(run.id, caller.user.id)
    )
    return EventStream(following, parts.open_streams, caller)


@router.post("/games/{game_id}/finish", responses=answers(401, 403, 404, 409, 422, 503), summary="End a game")
async def finish(game_id: GameId, caller: Caller, parts: Parts, body: GameClaims | None = None) -> GameAnswer:
    """A game that is not over is given up. What you claim about it is compared with the gateway's own replay: 422
    `replay_differs` says where they part."""
    return game_answer(await parts.games.finish(caller.user.id, game_id, (body or GameClaims()).claims()))


@router.get("/games/{game_id}/replay", responses=answers(401, 404, 409, 422, 503), summary="A game with all its hints")
async def replay(game_id: GameId, caller: Caller, parts: Parts) -> ReplayAnswer:
    """Seed, settings and actions are enough to see every state again."""
    play, hints = await parts.games.replay(caller.user.id, game_id, own=caller.user.scope is not None)
    return replay_answer(play, hints)


@router.get("/games/{game_id}/hints/{number}", responses=answers(401, 404, 422, 503), summary="One hint, and what the model got")
async def get_hint(game_id: GameId, number: Annotated[int, Path(ge=1, le=MAX_ID)], caller: Caller, parts: Parts) -> HintDetail:
    """Only in your own games."""
    return hint_detail(await parts.games.one_hint(caller.user.id, game_id, number))
