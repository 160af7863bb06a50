"""What the model is told: the system prompt, then the active path of the session, then the new turn."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from lam.errors import ContentFiltered, ContextExceeded, TooLarge
from lam.protocol.chat import ChatRequest, Role, Turn
from lam.protocol.facts import NOTHING, Facts
from lam.protocol.parts import ToolCall, results_of
from lam.protocol.sampling import Choices, Sampling, defaults, resolve
from lam.protocol.text import valid
from lam.settings import Settings
from lam.storage.database import UnitOfWork
from lam.storage.models import Message, ReplyEnding, Session

FILTERED: Final = "content_filter"
_REFUSED: Final = frozenset({ContextExceeded.code, TooLarge.code, ContentFiltered.code})


class Prompt(Struct, frozen=True, kw_only=True):
    """What a reply is asked for with. `new_turn`: what the user says now; `so_far`: the text that the reply goes on with.

    `session_key`: the name of the conversation for a worker that keeps it. `thoughts_over`: `so_far` has its thoughts behind it.
    """

    path: Sequence[Message]
    new_turn: str | None
    so_far: str | None
    sampling: Sampling
    model: str | None
    session_key: str
    thoughts_over: bool = False


def chat_request(settings: Settings, session: Session, prompt: Prompt) -> ChatRequest:
    """A reply with text is told whatever its status, one without anything is left out; reasoning is never sent back."""
    turns = [turn for message in prompt.path if message.role != "system" for turn in turns_of(message)]
    new: list[tuple[Role, str | None]] = [("user", prompt.new_turn), ("assistant", prompt.so_far)]
    turns += [Turn(role, text) for role, text in new if text is not None]
    turns = [turn for turn in turns if turn.content]
    keep = 0
    if session.system_prompt:
        turns, keep = [Turn("system", session.system_prompt), *turns], 1
    sampling = prompt.sampling
    if prompt.so_far is not None:  # a grammar would begin the document anew in the middle of it
        sampling = msgspec.structs.replace(sampling, response_format=None)
    return ChatRequest(
        turns=tuple(turns),
        keep=keep,
        sampling=sampling,
        model=prompt.model,
        max_prompt_tokens=settings.llm_max_history_tokens,
        session_key=prompt.session_key,
        thoughts_over=prompt.thoughts_over,
    )


def turns_of(message: Message) -> list[Turn]:
    """The message as models read it: its tool calls too, in the form that many models were taught, and their results as a turn of
    the user's."""
    names = {call.id: call.name for call in message.tool_calls}
    calls = [_marked("tool_call", {"name": call.name, "arguments": _arguments(call)}) for call in message.tool_calls]
    results = [
        _marked("tool_response", {"name": names.get(result.id), "content": result.content}) for result in results_of(message.parts)
    ]
    told = [Turn(message.role, valid("\n".join(text for text in (message.content, *calls) if text)))]
    return [*told, Turn("user", valid("\n".join(results)))] if results else told


def _marked(tag: str, value: dict[str, Any]) -> str:
    return f"<{tag}>\n{json.dumps(value, ensure_ascii=False)}\n</{tag}>"


async def left_out(unit: UnitOfWork, session_id: int, messages: Sequence[Message], longest: int) -> frozenset[int]:
    """The ids of the messages on a path that the model is not told. `longest`: the longest prompt there is room for, 0: unknown."""
    doubtful = [message.parent_id for message in messages if message.parent_id and _is_doubtful(message)]
    if not doubtful:
        return frozenset()
    return out_of_context(messages, await unit.messages.replies_under(session_id, doubtful), longest)


def out_of_context(messages: Sequence[Message], replies: Iterable[ReplyEnding], longest: int) -> frozenset[int]:
    """A user's turn is left out while every reply to it holds no text and was refused: as too long for a context not smaller than
    today's, as too large to travel, by a content filter. A filtered reply with text stays out together with its turn. `messages`: a
    path, `replies`: all replies to its doubtful turns, on whichever branch."""
    beneath: dict[int, list[ReplyEnding]] = {}
    for reply in replies:
        beneath.setdefault(reply.parent_id, []).append(reply)
    found: set[int] = set()
    for message in messages:
        if message.parent_id is None or not _is_doubtful(message):
            continue
        filtered = message.facts.finish_reason == FILTERED and bool(message.content)
        others = beneath.get(message.parent_id, [])
        if filtered or (others and all(_refused(reply, longest) for reply in others)):
            found |= {message.id, message.parent_id}
    return frozenset(found)


def _is_doubtful(message: Message) -> bool:
    """Whether a reply may keep its turn out."""
    if message.role != "assistant":
        return False
    facts = message.facts
    refused = facts.failure is not None and facts.failure.code in _REFUSED
    return facts.finish_reason == FILTERED or (refused and not message.content)


def _refused(reply: ReplyEnding, longest: int) -> bool:
    failure = reply.failure
    if reply.has_text or failure is None or failure.code not in _REFUSED:
        return False
    limit = failure.limit if failure.code == ContextExceeded.code else None
    return not (limit is not None and longest > limit)


def conversation(session: Session, path: Sequence[Message]) -> tuple[str, Facts]:
    """The name under which a worker that keeps conversations keeps this one, and what its next reply remembers of it.

    Such a worker reads the system prompt only when a conversation begins: another prompt begins another one.
    """
    prompt = hashlib.sha256((session.system_prompt or "").encode()).hexdigest()[:16]
    newest = next((message.facts for message in reversed(path) if message.facts.conversation is not None), NOTHING)
    name, number = newest.conversation or session.session_key, newest.conversation_number or 1
    if newest.conversation is not None and newest.conversation_prompt != prompt:
        number += 1
        name = f"{session.session_key}-{number}"
    return name, Facts(conversation=name, conversation_number=number, conversation_prompt=prompt)


def sampling_for(settings: Settings, session: Choices, send: Choices) -> Sampling:
    """The message's choices, else the session's, else the gateway's. 0 is a choice."""
    sampling, limit = resolve(send, session, defaults(settings)), settings.llm_max_tokens_limit
    return msgspec.structs.replace(sampling, max_tokens=min(sampling.max_tokens, limit)) if limit else sampling


def _arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return call.arguments
