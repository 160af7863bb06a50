"""`/api/chatbot/sessions`."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.listed import listed_session, session_answer
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.messages import MessageAnswer, RunningStream
from lam.api.schemas.sessions import ListedSession, SessionAnswer, SessionChanges, SessionSettings
from lam.chat.messages import ListedMessage
from lam.generation.run import Life

router = APIRouter(prefix="/api/chatbot/sessions", tags=["sessions"])

SessionId = Annotated[int, Path(ge=1, le=MAX_ID)]


def message_answer(listed: ListedMessage) -> MessageAnswer:
    stored = listed.message
    known = stored.facts.to_row() | {"metadata": stored.metadata, "parts": msgspec.to_builtins(stored.parts)}
    fields = msgspec.structs.asdict(stored) | known
    return MessageAnswer(**fields, siblings=listed.siblings, in_context=listed.in_context)


@router.get("", responses=answers(401, 503), summary="List my sessions, most recently used first")
async def list_sessions(caller: Caller, parts: Parts) -> list[ListedSession]:
    newest = await parts.sessions.newest(caller.user.id)
    return [listed_session(session, preview, parts.sessions) for session, preview in newest]


@router.post("", status_code=201, responses=answers(401, 403, 404, 409, 422, 503), summary="Create a session")
async def create_session(caller: Caller, parts: Parts, body: SessionSettings | None = None) -> SessionAnswer:
    fields = body.model_dump(exclude_unset=True) if body else {}
    return session_answer(await parts.sessions.create(caller.user.id, **fields), parts.sessions)


@router.get("/{session_id}", responses=answers(401, 404, 422, 503), summary="Get a session")
async def get_session(session_id: SessionId, caller: Caller, parts: Parts) -> SessionAnswer:
    return session_answer(await parts.sessions.get(caller.user.id, session_id), parts.sessions)


@router.patch("/{session_id}", responses=answers(401, 403, 404, 422, 503), summary="Change a session")
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
    metadata = run.snapshot.metadata if run else None
    if run is None or metadata is None or run.life >= Life.ENDED:
        response.status_code = 204
        return None
    return RunningStream(
        stream_id=run.id,
        assistant_message_id=metadata.assistant_message_id,
        status="streaming",
        last_event_id=run.log.last,
    )
