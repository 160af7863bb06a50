"""`/api/chatbot/sessions/{session_id}/waiting`: messages that wait for the reply before them."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.listed import author_answer
from lam.api.routers.sessions import SessionId
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.messages import SentDocument
from lam.api.schemas.waiting import AddedAnswer, StartedStream, WaitingAnswer, WaitingChanges, WaitingTurn
from lam.chat.waiting import Written
from lam.protocol.documents import Document

router = APIRouter(prefix="/api/chatbot/sessions/{session_id}/waiting", tags=["messages"])

WaitingId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("", responses=answers(401, 404, 422, 503), summary="List the messages that wait, first one first")
async def list_waiting(session_id: SessionId, caller: Caller, parts: Parts) -> list[WaitingAnswer]:
    return [_answer(written) for written in await parts.waiting.of_session(caller.user.id, session_id)]


@router.post("", status_code=201, responses=answers(401, 403, 404, 409, 422, 503), summary="Send a message after the running reply")
async def add_waiting(session_id: SessionId, body: WaitingTurn, caller: Caller, parts: Parts) -> AddedAnswer:
    """The gateway sends it once the session's reply is complete, at the end of the branch that is then active. Where no reply runs,
    at once.

    After a stop, an error or an interruption it is held. `/api/events` reports all of this as `messages` of the session.
    """
    documents = _documents(body.documents)
    added = await parts.waiting.add(caller.user.id, session_id, body.content, documents, body.client_request_id, images=body.images)
    written = None if added.waiting is None else await parts.waiting.written(caller.user.id, added.waiting)
    return AddedAnswer(waiting=None if written is None else _answer(written), stream_id=added.stream_id)


@router.patch("/{waiting_id}", responses=answers(401, 403, 404, 422, 503), summary="Change a message that waits")
async def change_waiting(
    session_id: SessionId, waiting_id: WaitingId, body: WaitingChanges, caller: Caller, parts: Parts
) -> WaitingAnswer:
    changes = body.model_dump(exclude_none=True)
    if body.documents is not None:
        changes["documents"] = _documents(body.documents)
    changed = await parts.waiting.change(caller.user.id, session_id, waiting_id, **changes)
    return _answer(await parts.waiting.written(caller.user.id, changed))


@router.delete("/{waiting_id}", responses=answers(401, 403, 404, 422, 503), summary="Take back a message that waits")
async def take_back(session_id: SessionId, waiting_id: WaitingId, caller: Caller, parts: Parts) -> WaitingAnswer:
    """Answers with the message, so that it can be written again. 404: it was sent already."""
    taken = await parts.waiting.take_back(caller.user.id, session_id, waiting_id)
    return _answer(await parts.waiting.written(caller.user.id, taken))


@router.post(
    "/{waiting_id}/send",
    status_code=202,
    responses=answers(401, 403, 404, 409, 422, 429, 503),
    summary="Send a message that waits now",
)
async def send_now(session_id: SessionId, waiting_id: WaitingId, caller: Caller, parts: Parts) -> StartedStream:
    """Also one that is held. While a reply runs: 409 `session_busy`."""
    following = await parts.waiting.send_now(caller.user.id, session_id, waiting_id)
    return StartedStream(stream_id=following.stream_id)


def _answer(written: Written) -> WaitingAnswer:
    message = written.message
    more = {"content": message.content, "parts": msgspec.to_builtins(message.parts), "author": author_answer(written.author)}
    return WaitingAnswer(**msgspec.structs.asdict(message) | more)


def _documents(sent: list[SentDocument]) -> tuple[Document, ...]:
    return tuple(Document(document.name, document.text) for document in sent)
