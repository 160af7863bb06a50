"""Conversations of programs, kept as sessions of their users where `lam.toml` says so.

A program sends the whole conversation each time. A session is therefore found again by a hash of what was said in it, and only the
new turns are added. It must not know HTTP, engines or any program's format.
"""

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from lam.chat.folders import folder_for
from lam.chat.returned_pictures import Store
from lam.chat.sessions import require_room
from lam.chat.titles import first_words
from lam.errors import Invalid, LamError, TooManyFolders, TooManySessions
from lam.programs.pictures import bytes_of
from lam.protocol.chat import Turn, joined
from lam.protocol.facts import NOTHING
from lam.protocol.outcome import Outcome
from lam.protocol.parts import Image, Part, Parts, Text, ToolCall, ToolResult, illustrated, subject
from lam.protocol.text import valid
from lam.storage.database import UnitOfWork
from lam.storage.models import Ending, Message, Session

BY_LOGIN: Final = "API"  # the folder of programs that use a login in place of a key
BETWEEN: Final = "\n\n"
LONGEST: Final = 1_000_000  # characters of a turn that are kept

log = logging.getLogger(__name__)


class Kept(Struct, frozen=True, kw_only=True):
    """What is kept of a program's request. `program`: the name of its key. `turns`: their pictures have ids of the user."""

    program: str
    model: str | None
    turns: tuple[Turn, ...]


class Said(Struct, frozen=True, kw_only=True):
    """A message of a conversation that is not stored yet. What tools answered belongs to the reply that called them."""

    role: str
    parts: Parts


class Archive:
    """Stores what programs ask and get. `most_sessions`, `most_folders`: per user. `pictures`: where those of replies are kept;
    None: they are left out."""

    def __init__(self, *, most_sessions: int, most_folders: int) -> None:
        self._most_sessions = most_sessions
        self._most_folders = most_folders
        self.pictures: Store | None = None

    async def with_pictures(self, user_id: int, outcome: Outcome) -> Outcome:
        """Returns the outcome with the pictures of the reply stored; those that cannot be are left out and counted."""
        if not any(isinstance(part, Image) for part in outcome.parts):
            return outcome
        parts: list[Part] = []
        lost = 0
        for part in outcome.parts:
            if not isinstance(part, Image):
                parts.append(part)
            elif self.pictures is None:
                lost += 1
            else:
                try:
                    kept = await self.pictures.store(user_id, bytes_of(part.id))
                    parts.append(Image(kept.id, kept.width, kept.height))
                except (LamError, ValueError) as error:
                    log.info("A picture of a program's reply is not kept: %s", error)
                    lost += 1
        facts = msgspec.structs.replace(outcome.facts, pictures_lost=lost or outcome.facts.pictures_lost)
        return msgspec.structs.replace(outcome, parts=tuple(parts), facts=facts)

    async def keep(self, unit: UnitOfWork, user_id: int, run_id: str, kept: Kept, outcome: Outcome, now: datetime) -> int | None:
        """Stores a run of a program in the transaction of its result. Returns the session; None where the user has no room for
        another."""
        facts = msgspec.structs.replace(outcome.facts, program=kept.program or BY_LOGIN)
        outcome = msgspec.structs.replace(outcome, facts=facts)
        found = await self._find(unit, user_id, kept)
        try:
            session, parent, turns = found or (await self._new(unit, user_id, run_id, kept, now), None, kept.turns)
        except TooManySessions:
            log.warning("Account %d has no room for another session: a program's run is not kept", user_id)
            return None
        said = conversation(turns, outcome.parts, after=None if parent is None else parent.parts)
        if parent is not None:
            first, *said = said
            if first.parts != parent.parts:
                await self._extend(unit, parent, first, outcome if not said else None)
        leaf_id = None if parent is None else parent.id
        if said:
            rows = [_row(session, one.role, one.parts, now) for one in said]
            rows[-1] |= {
                "facts": outcome.facts,
                "thinking": outcome.thinking or None,
                "status": outcome.status,
                "stream_id": run_id,
            }
            above = [None, *range(len(rows) - 1)]
            leaf_id = (await unit.messages.add_tree(rows, above, [None] * len(rows), under=leaf_id))[-1]
        assert leaf_id is not None
        changes: dict[str, Any] = {"updated_at": now}
        if outcome.status == "complete":
            reply = Turn("assistant", outcome.text, calls=tuple(_calls(outcome.parts)))
            key = session_key(user_id, (*kept.turns, reply))
            if not await unit.sessions.with_keys(user_id, [key]):  # the same was said before, in another session
                changes["session_key"] = key
        await unit.sessions.sent(session.id, leaf_id, now, added=len(said), **changes)
        return session.id

    async def _find(self, unit: UnitOfWork, user_id: int, kept: Kept) -> tuple[Session, Message, Sequence[Turn]] | None:
        """Returns the session in which this conversation was kept so far, its last reply, and the turns after that reply."""
        turns = kept.turns
        at = next((place for place in reversed(range(len(turns))) if turns[place].role == "assistant"), None)
        if at is None or at == len(turns) - 1:
            return None
        session = await unit.sessions.keyed(user_id, session_key(user_id, turns[: at + 1]))
        if session is None:
            return None
        number = len(conversation(turns[: at + 1], ()))  # a person may have gone on behind it, or have changed the path
        path = (await unit.messages.path(session.leaf_id))[:number]
        if len(path) < number or path[-1].role != "assistant" or not _is(path[-1], turns[at]):
            return None
        return session, path[-1], turns[at + 1 :]

    async def _new(self, unit: UnitOfWork, user_id: int, run_id: str, kept: Kept, now: datetime) -> Session:
        await require_room(unit, user_id, self._most_sessions)
        folder = None
        with suppress(TooManyFolders, Invalid):
            folder = await folder_for(unit, user_id, kept.program or BY_LOGIN, self._most_folders)
        first = next((one.parts for one in conversation(kept.turns, ()) if one.role == "user"), ())
        return await unit.sessions.add(
            user_id=user_id,
            folder_id=None if folder is None else folder.id,
            session_key=f"api{user_id}-{run_id}"[:64],
            title=valid(first_words(subject(first))),
            title_pending=False,
            template_id=None,
            template_version=None,
            system_prompt=_system_prompt(kept.turns),
            model=kept.model,
            message_count=0,
            leaf_id=None,
            unread=False,
            created_at=now,
            updated_at=now,
            last_used_at=now,
        )

    @staticmethod
    async def _extend(unit: UnitOfWork, before: Message, said: Said, outcome: Outcome | None) -> None:
        """Adds to a reply what its tools answered, and with an outcome what the model made of it."""
        thinking = BETWEEN.join(text for text in (before.thinking, outcome.thinking if outcome else None) if text)
        ending = Ending(
            status=outcome.status if outcome else "complete",
            parts=said.parts,
            thinking=thinking or None,
            facts=outcome.facts.after(before.facts) if outcome else before.facts,
        )
        await unit.messages.rewrite(before.id, ending)


def _row(session: Session, role: str, parts: Parts, now: datetime) -> dict[str, Any]:
    """Returns the arguments of `add` for a message."""
    rest = {"thinking": None, "status": "complete", "request_id": None, "stream_id": None, "rating": None}
    return {"session_id": session.id, "role": role, "parts": parts, "facts": NOTHING, "created_at": now} | rest


def conversation(turns: Sequence[Turn], reply: Parts, *, after: Parts | None = None) -> list[Said]:
    """Returns the messages of a conversation and of the reply to it, by turns of the user and the model. The system prompt in
    front is none of them. `after`: the reply that the turns follow, which is then the first."""
    said = [] if after is None else [Said(role="assistant", parts=after)]
    for turn in _merged(turns):
        if turn.role == "user":
            images = [(picture.at, Image(picture.id, picture.width, picture.height)) for picture in turn.pictures]
            said.append(Said(role="user", parts=illustrated(turn.content, images)))
        elif turn.role == "tool":
            said = _joined(said, (ToolResult(turn.call_id, turn.content),))
        else:
            text = (Text(turn.content),) if turn.content else ()
            said = _joined(said, (*text, *(ToolCall(call.id, call.name, call.arguments) for call in turn.calls)))
    goes_on = bool(turns) and turns[-1].role == "assistant"
    return _joined(said, reply, between="" if goes_on else BETWEEN)


def _joined(said: list[Said], parts: Parts, *, between: str = BETWEEN) -> list[Said]:
    """Returns the messages with these parts of the model in the last one: its texts and pictures, then calls, then results."""
    if not said:
        said = [Said(role="user", parts=())]  # each reply answers somebody
    if said[-1].role == "user":
        return [*said, Said(role="assistant", parts=parts)]
    before = said[-1].parts
    if any(isinstance(part, Text) for part in before) and any(isinstance(part, Text) for part in parts) and between:
        before = (*before, Text(between))
    order = (Text | Image, ToolCall, ToolResult)
    both = (*before, *parts)
    ordered = [part for kind in order for part in both if isinstance(part, kind)]
    return [*said[:-1], Said(role="assistant", parts=tuple(_one_text(ordered)))]


def _one_text(parts: Sequence[Part]) -> list[Part]:
    """Returns the parts with no text beside another."""
    result: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and result and isinstance(result[-1], Text):
            result[-1] = Text(result[-1].text + part.text)
        else:
            result.append(part)
    return result


def _merged(turns: Sequence[Turn]) -> list[Turn]:
    """Returns the turns without the system prompt in front; a later one reads as the user's, and turns of the user are joined."""
    result: list[Turn] = []
    for turn in turns[_system_turns(turns) :]:
        if turn.role == "system":
            turn = msgspec.structs.replace(turn, role="user")
        if turn.role == "user" and result and result[-1].role == "user":
            result[-1] = joined(result[-1], turn)
        else:
            result.append(turn)
    return result


def _system_turns(turns: Sequence[Turn]) -> int:
    return next((number for number, turn in enumerate(turns) if turn.role != "system"), len(turns))


def _system_prompt(turns: Sequence[Turn]) -> str | None:
    return BETWEEN.join(turn.content for turn in turns[: _system_turns(turns)] if turn.content) or None


def _calls(parts: Parts) -> list[Any]:
    return [part for part in parts if isinstance(part, ToolCall)]


def session_key(user_id: int, turns: Sequence[Turn]) -> str:
    """Returns the key of the session in which exactly this was said. Ids of calls and space around texts do not count: programs
    change them."""
    said = [
        (
            turn.role,
            turn.content.strip(),
            [picture.sha256 for picture in turn.pictures],
            [(c.name, c.arguments) for c in turn.calls],
        )
        for turn in turns
    ]
    return f"api{user_id}-{hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:40]}"


def _is(message: Message, turn: Turn) -> bool:
    """Returns whether a stored reply ends with this turn: it may have begun with calls of tools."""
    calls = [(call.name, call.arguments) for call in message.tool_calls][-len(turn.calls) :] if turn.calls else []
    return message.content.strip().endswith(turn.content.strip()) and calls == [(call.name, call.arguments) for call in turn.calls]
