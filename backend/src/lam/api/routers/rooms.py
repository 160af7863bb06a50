"""`/api/rooms`: rooms for a class or an event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import IO, Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import StreamingResponse

from lam.api.cookies import address_of, guests_in, remember_guest
from lam.api.dependencies import Caller, MaybeCaller, Parts
from lam.api.errors import answers
from lam.api.guests import who_enters
from lam.api.rooms import may_open_rooms
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.rooms import (
    Code,
    JoinedRoom,
    JoinRoom,
    NewRoomBody,
    ParticipantAnswer,
    Projection,
    RankedParticipant,
    RoomAnswer,
    RoomChanges,
    RoomLookAnswer,
    RoomText,
    aware,
    participant_answer,
    room_answer,
)
from lam.errors import NotAllowed, NotOffered
from lam.rooms.codes import format_code
from lam.rooms.qr import picture
from lam.settings import prefix_of
from lam.storage.repositories.rooms import room_scope

PIECE: Final = 1 << 16
SVG: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}}
ZIP: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}
# A picture of ours, which runs nothing wherever it is opened.
PICTURE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


async def offered(parts: Parts) -> None:
    """Raises NotOffered where the gateway has no rooms."""
    if not parts.settings.lam_rooms:
        raise NotOffered("This gateway has no rooms; LAM_ROOMS turns them on.")


router = APIRouter(prefix="/api/rooms", tags=["rooms"], dependencies=[Depends(offered)])
RoomId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("", responses=answers(401, 404, 503), summary="The rooms that I opened, newest first")
async def list_rooms(caller: Caller, parts: Parts) -> list[RoomAnswer]:
    return [room_answer(view) for view in await parts.rooms.all(caller.user.id)]


@router.post("", status_code=201, responses=answers(401, 403, 404, 409, 422, 503), summary="Open a room")
async def open_room(body: NewRoomBody, caller: Caller, parts: Parts) -> RoomAnswer:
    """For admins, and for whom `[rooms]` in `lam.toml` names."""
    if not may_open_rooms(parts, caller):
        raise NotAllowed("Admins open rooms, and whom they name; ask one.")
    return room_answer(await parts.rooms.open(caller.user.id, body.room()))


@router.post("/look", responses=answers(403, 404, 422, 429, 503), summary="What a code leads to")
async def look(body: Code, request: Request, caller: MaybeCaller, parts: Parts) -> RoomLookAnswer:
    """Nothing happens yet. Only wrong codes are throttled."""
    found = await parts.rooms.look(body.code, address_of(request))
    known = await who_enters(request, caller, parts, room_scope(found.room_id))
    return RoomLookAnswer(title=found.title, needs_nickname=known is None)


@router.post("/join", responses=answers(403, 404, 409, 422, 429, 503), summary="Enter a room by its code")
async def join(body: JoinRoom, request: Request, response: Response, caller: MaybeCaller, parts: Parts) -> JoinedRoom:
    """Whoever is signed in enters as themselves; a guest by a nickname, with a cookie for this room alone. Entering again leads to
    the same session."""
    found = await parts.rooms.look(body.code, address_of(request))
    user = await who_enters(request, caller, parts, scope := room_scope(found.room_id))
    if user is None and scope in guests_in(request):
        raise NotAllowed("This browser was in the room before and may not come in again; ask the person who opened the room.")
    entry = await parts.rooms.join(found, user=user, nickname=body.nickname)
    if entry.token is not None:
        remember_guest(response, request, parts.settings, scope, entry.token, entry.expires_at)
    return JoinedRoom(room_id=entry.room_id, session_id=entry.session_id)


@router.get("/{room_id}", responses=answers(401, 404, 422, 503), summary="One room")
async def get_room(room_id: RoomId, caller: Caller, parts: Parts) -> RoomAnswer:
    """For its owner and its participants."""
    return room_answer(await parts.rooms.get(caller.user.id, room_id))


@router.patch("/{room_id}", responses=answers(401, 403, 404, 422, 503), summary="Change a room")
async def change_room(room_id: RoomId, body: RoomChanges, caller: Caller, parts: Parts) -> RoomAnswer:
    expires = None if body.expires_at is None else aware(body.expires_at)
    view = await parts.rooms.change(caller.user.id, room_id, title=body.title, shows_others=body.shows_others, expires_at=expires)
    return room_answer(view)


@router.delete("/{room_id}", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="End a room")
async def end_room(room_id: RoomId, caller: Caller, parts: Parts) -> None:
    """Deletes it with its guests and all its sessions; export it first. Running replies are stopped."""
    await parts.rooms.delete(caller.user.id, room_id)


@router.post("/{room_id}/pause", responses=answers(401, 403, 404, 422, 503), summary="Pause a room")
async def pause(room_id: RoomId, caller: Caller, parts: Parts) -> RoomAnswer:
    """New messages are refused with 409 `room_paused`. Replies that run or wait for their place go on."""
    return room_answer(await parts.rooms.set_state(caller.user.id, room_id, "paused"))


@router.post("/{room_id}/resume", responses=answers(401, 403, 404, 422, 503), summary="Let a room go on")
async def resume(room_id: RoomId, caller: Caller, parts: Parts) -> RoomAnswer:
    return room_answer(await parts.rooms.set_state(caller.user.id, room_id, "open"))


@router.post("/{room_id}/lock", responses=answers(401, 403, 404, 422, 503), summary="Let nobody new in")
async def lock(room_id: RoomId, caller: Caller, parts: Parts) -> RoomAnswer:
    """Whoever is in stays, and may come back."""
    return room_answer(await parts.rooms.set_locked(caller.user.id, room_id, locked=True))


@router.post("/{room_id}/unlock", responses=answers(401, 403, 404, 422, 503), summary="Let people in again")
async def unlock(room_id: RoomId, caller: Caller, parts: Parts) -> RoomAnswer:
    return room_answer(await parts.rooms.set_locked(caller.user.id, room_id, locked=False))


@router.post("/{room_id}/message", responses=answers(401, 403, 404, 422, 503), summary="Say something to everybody in a room")
async def say(room_id: RoomId, body: RoomText, caller: Caller, parts: Parts) -> RoomAnswer:
    return room_answer(await parts.rooms.say(caller.user.id, room_id, body.text))


@router.post("/{room_id}/project", responses=answers(401, 403, 404, 422, 503), summary="Show a session to everybody in a room")
async def project(room_id: RoomId, body: Projection, caller: Caller, parts: Parts) -> RoomAnswer:
    """Everybody in the room may read it as long as it is shown."""
    return room_answer(await parts.rooms.project(caller.user.id, room_id, body.session_id))


@router.get("/{room_id}/participants", responses=answers(401, 404, 422, 503), summary="Who is in a room, in the order of joining")
async def list_participants(room_id: RoomId, caller: Caller, parts: Parts) -> list[ParticipantAnswer]:
    """All of them for the owner, and for participants where they see each other; otherwise yourself and whom everybody is shown."""
    return [participant_answer(view) for view in await parts.rooms.participants(caller.user.id, room_id)]


@router.delete(
    "/{room_id}/participants/{user_id}",
    status_code=204,
    responses=answers(401, 403, 404, 409, 422, 503),
    summary="Remove somebody from a room",
)
async def remove_participant(room_id: RoomId, user_id: RoomId, caller: Caller, parts: Parts) -> None:
    """Stops their reply. A guest's cookie stops working, and what they wrote stays in the room until it ends; somebody with an
    account keeps their session as one of their own. Lock the room as well: otherwise whoever has the code comes back under another
    name."""
    await parts.rooms.remove_participant(caller.user.id, room_id, user_id)


@router.get("/{room_id}/leaderboard", responses=answers(401, 404, 422, 503), summary="Who solves a room's task best")
async def leaderboard(room_id: RoomId, caller: Caller, parts: Parts) -> list[RankedParticipant]:
    """Counts what participants did since they joined. 404 where the room has no task."""
    return [
        RankedParticipant(
            rank=row.rank, user_id=row.user_id, name=name, score=row.score, tries=row.tries, is_me=row.user_id == caller.user.id
        )
        for row, name in await parts.rooms.leaderboard(caller.user.id, room_id)
    ]


@router.get(
    "/{room_id}/qr.svg",
    response_class=Response,
    responses=SVG | answers(401, 403, 404, 422, 503),
    summary="A room's address to scan",
)
async def qr(room_id: RoomId, request: Request, caller: Caller, parts: Parts) -> Response:
    """For its owner. The address is LAM_PUBLIC_URL's, or the one that you asked at."""
    view = await parts.rooms.get(caller.user.id, room_id)
    if view.role != "owner":
        raise NotAllowed("The code of a room is shown by whoever opened it.")
    base = parts.settings.lam_public_url or f"{request.url.scheme}://{request.url.netloc}{prefix_of(parts.settings)}"
    drawn = await asyncio.to_thread(picture, f"{base}/join#{format_code(view.room.code)}")
    return Response(drawn, media_type="image/svg+xml", headers=PICTURE_HEADERS)


@router.post(
    "/{room_id}/export", response_class=Response, responses=ZIP | answers(401, 403, 404, 422, 503), summary="Everything in a room"
)
async def export(room_id: RoomId, caller: Caller, parts: Parts) -> Response:
    """A ZIP file: the room, who was in it, and each session as JSON, which can be imported, and as Markdown."""
    file = await parts.rooms.export(caller.user.id, room_id)
    disposition = {"Content-Disposition": f'attachment; filename="room-{room_id}.zip"'}
    return StreamingResponse(_pieces(file), media_type="application/zip", headers=disposition)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with closing(file):
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
