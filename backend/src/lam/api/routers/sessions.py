"""`/api/chatbot/sessions`."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.listed import author_answer, listed_session, place_of, session_answer
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.messages import MessageAnswer, ReactionAnswer, RunningStream
from lam.api.schemas.sessions import ListedSession, SessionAnswer, SessionChanges, SessionSettings
from lam.chat.messages import ListedMessage
from lam.generation.remote import RemoteRun
from lam.generation.run import Life
from lam.protocol.events import Metadata

router = APIRouter(prefix="/api/chatbot/sessions", tags=["sessions"])

SessionId = Annotated[int, Path(ge=1, le=MAX_ID)]
InFolder = Annotated[
    Literal["none"] | Annotated[int, Field(ge=1, le=MAX_ID)] | None,
    Query(description="Only sessions in this folder; `none`: only those outside of folders."),
]


def message_answer(listed: ListedMessage) -> MessageAnswer:
    stored = listed.message
    known = stored.facts.to_row() | {"metadata": stored.metadata, "parts": msgspec.to_builtins(stored.parts)}
    fields = msgspec.structs.asdict(stored) | known
    return MessageAnswer(
        **fields,
        siblings=listed.siblings,
        in_context=listed.in_context,
        author=author_answer(listed.author),
        reactions=[ReactionAnswer.model_validate(one) for one in listed.reactions],
    )


@router.get("", responses=answers(401, 404, 422, 503), summary="List my sessions, most recently used first")
async def list_sessions(
    caller: Caller,
    parts: Parts,
    limit: Annotated[
        int | None,
        Query(
            ge=1,
            le=500,
            description="The size of a page. The first page begins with all pinned sessions, which do not count; then each page "
            "has up to this many others. Without a limit: all sessions, whether they are pinned or not.",
        ),
    ] = None,
    before: Annotated[
        str | None, Query(max_length=64, description="The `cursor` of a session: only those that stand behind it in the list.")
    ] = None,
    folder: InFolder = None,
    pinned: Annotated[bool | None, Query(description="Only pinned sessions, or only the others.")] = None,
) -> list[ListedSession]:
    place = None if before is None else place_of(before)
    newest = await parts.sessions.newest(caller.user.id, limit=limit, before=place, folder=folder, pinned=pinned)
    return [listed_session(session, preview, parts.sessions) for session, preview in newest]


@router.post("", status_code=201, responses=answers(401, 403, 404, 409, 422, 503), summary="Create a session")
async def create_session(caller: Caller, parts: Parts, body: SessionSettings | None = None) -> SessionAnswer:
    fields = body.model_dump(exclude_unset=True) if body else {}
    return session_answer(await parts.sessions.create(caller.user.id, **fields), parts.sessions)


@router.get("/{session_id}", responses=answers(401, 404, 422, 503), summary="Get a session")
async def get_session(session_id: SessionId, caller: Caller, parts: Parts) -> SessionAnswer:
    return session_answer(await parts.sessions.get(caller.user.id, session_id), parts.sessions)


@router.patch("/{session_id}", responses=answers(401, 403, 404, 409, 422, 503), summary="Change a session")
async def change_session(session_id: SessionId, body: SessionChanges, caller: Caller, parts: Parts) -> SessionAnswer:
    """Absent fields stay as they are; null clears a field. Changes apply from the next message on."""
    changes = body.model_dump(exclude_unset=True)
    return session_answer(await parts.sessions.change(caller.user.id, session_id, changes), parts.sessions)


@router.delete("/{session_id}", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Delete a session")
async def delete_session(session_id: SessionId, caller: Caller, parts: Parts) -> None:
    """A running reply is stopped first. Its streams answer 404 afterwards."""
    await parts.sessions.delete(caller.user.id, session_id)


@router.post("/{session_id}/reset", responses=answers(401, 403, 404, 409, 422, 503), summary="Empty a session")
async def reset_session(session_id: SessionId, caller: Caller, parts: Parts) -> SessionAnswer:
    """Deletes the messages and gives the session a new key. A running reply is stopped first."""
    return session_answer(await parts.sessions.reset(caller.user.id, session_id), parts.sessions)


@router.get("/{session_id}/messages", responses=answers(401, 404, 422, 503), summary="List the newest messages, oldest first")
async def list_messages(
    session_id: SessionId,
    caller: Caller,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only messages before this one.")] = None,
) -> list[MessageAnswer]:
    page = await parts.messages.page(caller.user.id, session_id, limit, before)
    return [message_answer(listed) for listed in page]


@router.get(
    "/{session_id}/stream",
    responses=answers(401, 404, 422, 503) | {204: {"description": "No reply is running."}},
    summary="Get the running stream",
)
async def running_stream(session_id: SessionId, caller: Caller, parts: Parts, response: Response) -> RunningStream | None:
    session = await parts.sessions.get(caller.user.id, session_id)
    run = parts.sessions.running(session.id)
    if isinstance(run, RemoteRun):
        following = await parts.streams.find(run.id, caller.user.id)
        opening = next((record.event for record in following.log.since(0)), None)
        metadata, last = opening if isinstance(opening, Metadata) else None, following.log.last
    elif run is not None:
        metadata, last = run.snapshot.metadata, run.log.last
    else:
        metadata, last = None, 0
    if run is None or metadata is None or run.life >= Life.ENDED:
        response.status_code = 204
        return None
    return RunningStream(
        stream_id=run.id,
        assistant_message_id=metadata.assistant_message_id,
        status="streaming",
        last_event_id=last,
    )
