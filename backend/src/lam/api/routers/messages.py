"""`/api/chatbot/messages` and `/api/chatbot/streams`: sending, following, stopping."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.types import Receive

from lam.accounts.accounts import Identity
from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.event_stream import EventStream, disconnected, reader_of
from lam.api.listed import session_answer
from lam.api.routers.sessions import message_answer
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.messages import MessageAnswer, MessageChanges, SendMessage, SentAnswer, StoppedStream, StopStream, StreamState
from lam.api.services import Services
from lam.chat.messages import Send
from lam.chat.streams import Following
from lam.errors import Interrupted, Invalid, Unauthorized, Unreachable, from_code
from lam.protocol.documents import Document
from lam.protocol.events import Error
from lam.storage.models import Message
from lam.streams.log import has_ended, wait_until_closed

router = APIRouter(prefix="/api/chatbot", tags=["messages"])

MessageId = Annotated[int, Path(ge=1, le=MAX_ID)]
StreamId = Annotated[str, Path(min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$")]
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-Sent Events: metadata, progress, thinking, chunk, image, tool_call, tool_result, relabel, and one "
        "done or error as the last. "
        "docs/protocols/http-stream.md describes them.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 7\ndata: {"type": "chunk", "content": "Once"}\n\n',
            }
        },
    }
}


@router.post(
    "/messages/stream",
    response_class=Response,
    responses=EVENTS | answers(401, 403, 404, 409, 422, 429, 502, 503),
    summary="Send a message and stream the reply",
)
async def send_and_stream(body: SendMessage, caller: Caller, parts: Parts) -> EventStream:
    following = await parts.messages.send(caller.user.id, _send(body))
    return EventStream(following, parts.open_streams, caller)


@router.post(
    "/messages",
    responses=answers(401, 403, 404, 409, 422, 429, 502, 503, 504),
    summary="Send a message and wait for the whole reply",
)
async def send(body: SendMessage, caller: Caller, parts: Parts, request: Request) -> SentAnswer:
    """Starts the same run as `/messages/stream`. Disconnecting counts as a reader leaving."""
    following = await parts.messages.send(caller.user.id, _send(body))
    terminal = await _end_of(following, caller, parts, request.receive)
    if isinstance(terminal, Error):
        raise from_code(terminal.code, terminal.message, retryable=terminal.retryable)
    session, asked, reply = await parts.messages.pair(caller.user.id, following)
    return SentAnswer(
        session=session_answer(session, parts.sessions),
        user_message=message_answer(asked),
        assistant_message=message_answer(reply),
        raw_response=_raw_response(reply.message),
    )


@router.patch("/messages/{message_id}", responses=answers(401, 403, 404, 422, 503), summary="Rate a reply")
async def change_message(message_id: MessageId, body: MessageChanges, caller: Caller, parts: Parts) -> MessageAnswer:
    return message_answer(await parts.messages.rate(caller.user.id, message_id, body.rating))


@router.get(
    "/streams/{stream_id}",
    response_class=Response,
    responses=EVENTS | {204: {"description": "There is nothing more to read."}} | answers(401, 404, 422, 503),
    summary="Replay and follow a stream",
)
async def follow(
    stream_id: StreamId,
    caller: Caller,
    parts: Parts,
    after: Annotated[str | None, Query(description="The number of the last event you received.")] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same as `after`, in the form browsers send; takes precedence.")
    ] = None,
) -> Response:
    """Sends the events after that number, then new ones until the end.

    A stream that is no longer in memory is rebuilt from the stored message, with `rebuilt: true`.
    """
    following = await parts.streams.find(stream_id, caller.user.id, _number(last_event_id if last_event_id is not None else after))
    if following.at_end:
        return Response(status_code=204)
    return EventStream(following, parts.open_streams, caller)


@router.post(
    "/streams/{stream_id}/stop",
    status_code=202,
    responses=answers(401, 403, 404, 422, 503),
    summary="Stop a reply",
)
async def stop(stream_id: StreamId, caller: Caller, parts: Parts, body: StopStream | None = None) -> StoppedStream:
    """Works in every stage and keeps the text so far. After the end it changes nothing."""
    status: Any = await parts.streams.stop(stream_id, caller.user.id, body.shown_chars if body else None)
    return StoppedStream(stream_id=stream_id, status=status)


@router.post(
    "/streams/{stream_id}/answer_now",
    status_code=202,
    responses=answers(401, 403, 404, 409, 502, 503),
    summary="End the thinking of a reply",
)
async def answer_now(stream_id: StreamId, caller: Caller, parts: Parts) -> StreamState:
    """The model ends its thinking and answers; the stream goes on. 409 `cannot_answer_now` unless the reply thinks at the moment
    and a progress event of its stream said `can_answer_now`."""
    await parts.streams.answer_now(stream_id, caller.user.id)
    return StreamState(stream_id=stream_id, status="streaming")


def _send(body: SendMessage) -> Send:
    fields = body.model_dump(exclude={"continue_", "on_disconnect", "documents", "images"})
    if body.documents is not None:
        fields["documents"] = tuple(Document(document.name, document.text) for document in body.documents)
    fields |= {"images": tuple(body.images or ()), "regenerate": body.regenerate or None, "continues": body.continue_ or None}
    return Send(**fields, on_disconnect=body.on_disconnect or "cancel")


def _raw_response(reply: Message) -> Any:
    facts = reply.facts
    if facts.dialect != "prompt_portal":
        return None
    return reply.content if facts.payload is None else facts.payload


def _number(text: str | None) -> int:
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Invalid("The number of the last event must be a whole number.")
    return int(text)


async def _end_of(following: Following, caller: Identity, parts: Services, receive: Receive) -> Any:
    """Returns the terminal event. A caller that disconnects is a reader that left; a token revoked meanwhile gets no answer."""
    log = following.log
    if not log.closed:
        connection = parts.open_streams.enter(caller.token_id, reader=reader_of(following, caller))
        try:
            with following.reading():
                ended = asyncio.create_task(wait_until_closed(log), name="ended")
                gone = asyncio.create_task(disconnected(receive), name="disconnected")
                closing = asyncio.create_task(connection.closing.wait(), name="closing")
                await asyncio.wait({ended, gone, closing}, return_when=asyncio.FIRST_COMPLETED)
                for task in (ended, gone, closing):
                    task.cancel()
                await asyncio.gather(ended, gone, closing, return_exceptions=True)
        finally:
            parts.open_streams.leave(connection)
        if connection.closing.is_set():
            raise Unauthorized
        if not log.closed:
            raise Interrupted("The caller left before the reply was complete.")
    if not has_ended(log):
        raise Unreachable
    return log.since(log.last - 1)[-1].event
