"""`/api/events`: one connection for everything a page shows."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.event_stream import SourceStream
from lam.api.schemas.events import Followed, RoomIds, RunIds, SessionIds, wishes

router = APIRouter(prefix="/api/events", tags=["events"])

FRAMES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-Sent Events, each `{stream, n, event}`. `stream` is a run's id, `sessions` (the list), `session` "
        "(the visible ones), `room` (the visible ones), `lab` or `connection`. See docs/protocols/events.md.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 0f1e2d3c-41\ndata: {"stream": "Zm9vYmFy", "n": 7, "event": {"type": "chunk", "content": "a"}}\n\n',
            }
        },
    }
}


@router.get(
    "",
    response_class=Response,
    responses=FRAMES | answers(401, 404, 422, 429, 503),
    summary="Follow the session list, sessions and runs on one connection",
)
async def connect(
    caller: Caller,
    parts: Parts,
    session: Annotated[SessionIds, Query(default_factory=list, description="A visible session; may be repeated.")],
    run: Annotated[
        RunIds, Query(default_factory=list, description="`ID@N`: a run's stream, starting after event N; may be repeated.")
    ],
    room: Annotated[RoomIds, Query(default_factory=list, description="A visible room; may be repeated.")],
    last_event_id: Annotated[str | None, Header(description="The id of the last frame you received.")] = None,
) -> SourceStream:
    """The first frame is `open`, or `reset` if you may have missed changes since `Last-Event-ID`: then load everything again."""
    user_id = caller.user.id
    connection = parts.events.prepare(user_id, caller.user.scope)
    connection.follow(await parts.events.find(user_id, wishes(run)))
    for session_id in connection.watch(session):
        await parts.wishes.describe(connection, user_id, session_id)
    for room_id in connection.watch_rooms(room):
        await parts.rooms.get(user_id, room_id)
        connection.describe_room(room_id)
    reading = parts.events.open(connection, last_event_id)
    return SourceStream(connection, 0, reading, parts.open_streams, caller.token_id)


@router.post(
    "/{connection_id}",
    status_code=204,
    responses=answers(401, 403, 404, 422, 503),
    summary="Choose what an event connection follows",
)
async def follow(
    connection_id: Annotated[str, Path(max_length=64, pattern="^[A-Za-z0-9_-]+$")], body: Followed, caller: Caller, parts: Parts
) -> None:
    """For a session or run that is not yours you get a `closed` frame; the others are followed."""
    await parts.wishes.take(caller.user.id, connection_id, body)
