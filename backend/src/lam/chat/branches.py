"""The position of a request in the tree of messages: after the newest reply, beside an earlier message, or inside a reply.

It reads paths and stores nothing.
"""

from typing import Literal

from msgspec import Struct

from lam.errors import Invalid
from lam.storage.database import UnitOfWork
from lam.storage.models import Message, Session

Newest = Literal[True]
_OPEN_ENDED = ("streaming", "cancelled", "interrupted", "failed")  # for a reply that still runs, the claim on the session decides


class Aim(Struct, frozen=True):
    """A request's position. `path`: the messages before the new ones. `parent_id`: the parent of the first new row.

    `goes_on`: the reply that the new one continues. `new_turn`: whether the request adds a turn of the user.
    """

    path: list[Message]
    parent_id: int | None
    new_turn: bool = True
    goes_on: Message | None = None


async def at_end(unit: UnitOfWork, session: Session) -> Aim:
    """Returns the aim of a new turn after the newest reply of the active path."""
    return Aim(await unit.messages.path(session.leaf_id), session.leaf_id)


async def beside(unit: UnitOfWork, session: Session, parent_id: int) -> Aim:
    """Returns the aim of a new turn after an earlier reply; 0 means at the beginning. Raises Invalid."""
    if parent_id == 0:
        return Aim([], None)
    parent = await _message(unit, session, parent_id, "parent_id")
    if parent.role != "assistant":
        raise Invalid(f"parent_id: message {parent_id} is not a reply; a new turn comes after a reply, or after 0, the beginning.")
    return Aim(await unit.messages.path(parent_id), parent_id)


async def anew(unit: UnitOfWork, session: Session, reply_id: int | Newest) -> Aim:
    """Returns the aim of another reply to the same turn. Raises Invalid."""
    reply = await _reply(unit, session, reply_id, "regenerate")
    return Aim(await unit.messages.path(reply.parent_id), reply.parent_id, new_turn=False)


async def going_on(unit: UnitOfWork, session: Session, reply_id: int | Newest) -> Aim:
    """Returns the aim of a continuation of a reply that was cut off, stopped or interrupted. Raises Invalid."""
    reply = await _reply(unit, session, reply_id, "continue")
    cut = reply.facts.finish_reason == "length"
    if reply.status not in _OPEN_ENDED and not cut:
        raise Invalid(f"continue: the reply {reply.id} is complete; there is nothing to continue.")
    if not reply.content.strip() and reply.status != "streaming":
        raise Invalid(f"continue: the reply {reply.id} holds no text yet; regenerate it instead.")
    return Aim(await unit.messages.path(reply.parent_id), reply.parent_id, new_turn=False, goes_on=reply)


async def _reply(unit: UnitOfWork, session: Session, reply_id: int | Newest, field: str) -> Message:
    if reply_id is True:
        if session.leaf_id is None:
            raise Invalid(f"{field}: the session has no reply yet.")
        reply_id = session.leaf_id
    reply = await _message(unit, session, reply_id, field)
    if reply.role != "assistant" or reply.parent_id is None:
        raise Invalid(f"{field}: message {reply_id} is not a reply.")
    return reply


async def _message(unit: UnitOfWork, session: Session, message_id: int, field: str) -> Message:
    message = await unit.messages.in_session(message_id, session.id)
    if message is None:
        raise Invalid(f"{field}: message {message_id} is not in this session.")
    return message
