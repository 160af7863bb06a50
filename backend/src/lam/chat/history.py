"""Builds the model's prompt: the system prompt, the active path of the session, then the new turn.

It decides what a model may see. It sends nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from lam.chat.pictures import placed
from lam.errors import ContentFiltered, ContextExceeded, TooLarge
from lam.protocol.chat import ChatRequest, Picture, Turn
from lam.protocol.facts import NOTHING, Facts
from lam.protocol.parts import Parts, ToolCall, results_of, written_form
from lam.protocol.sampling import Sampling
from lam.protocol.text import valid
from lam.settings import Settings
from lam.storage.database import UnitOfWork
from lam.storage.models import Message, ReplyEnding, Session

FILTERED: Final = "content_filter"
_REFUSED: Final = frozenset({ContextExceeded.code, TooLarge.code, ContentFiltered.code})


class Prompt(Struct, frozen=True, kw_only=True):
    """The parts of a request for a reply. `new_turn`: the user's new message. `so_far`: the text that the reply continues.

    `pictures`: those in `path` and `new_turn`, by id. `session_key`: the conversation's name for a worker that stores it.
    `thoughts_over`: reasoning already precedes `so_far`.
    """

    path: Sequence[Message]
    new_turn: Parts | None
    pictures: Mapping[str, Picture]
    so_far: str | None
    sampling: Sampling
    model: str | None
    session_key: str
    thoughts_over: bool = False


def chat_request(settings: Settings, session: Session, prompt: Prompt) -> ChatRequest:
    """Returns the request for a reply. Replies with text are included whatever their status, empty ones are not; reasoning is
    never sent back."""
    turns = [turn for message in prompt.path if message.role != "system" for turn in turns_of(message, prompt.pictures)]
    if prompt.new_turn is not None:
        turns.append(Turn("user", written_form(prompt.new_turn), placed(prompt.new_turn, prompt.pictures)))
    if prompt.so_far is not None:
        turns.append(Turn("assistant", prompt.so_far))
    turns = [turn for turn in turns if turn.content or turn.pictures]
    keep = 0
    if session.system_prompt:
        turns, keep = [Turn("system", session.system_prompt), *turns], 1
    sampling = prompt.sampling
    if prompt.so_far is not None:  # inside the document a grammar would start it again
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


def turns_of(message: Message, pictures: Mapping[str, Picture]) -> list[Turn]:
    """Returns a message as turns: with its tool calls, in a form that many models know, and their results as a turn of the user."""
    names = {call.id: call.name for call in message.tool_calls}
    calls = [_marked("tool_call", {"name": call.name, "arguments": _arguments(call)}) for call in message.tool_calls]
    results = [
        _marked("tool_response", {"name": names.get(result.id), "content": result.content}) for result in results_of(message.parts)
    ]
    text = valid("\n".join(text for text in (message.content, *calls) if text))
    turns = [Turn(message.role, text, placed(message.parts, pictures))]
    return [*turns, Turn("user", valid("\n".join(results)))] if results else turns


def _marked(tag: str, value: dict[str, Any]) -> str:
    return f"<{tag}>\n{json.dumps(value, ensure_ascii=False)}\n</{tag}>"


async def left_out(unit: UnitOfWork, session_id: int, messages: Sequence[Message], longest: int) -> frozenset[int]:
    """Returns the ids of the messages on a path that the prompt leaves out. `longest`: the longest possible prompt in tokens, 0
    when unknown."""
    doubtful = [message.parent_id for message in messages if message.parent_id and _is_doubtful(message)]
    if not doubtful:
        return frozenset()
    return out_of_context(messages, await unit.messages.replies_under(session_id, doubtful), longest)


def out_of_context(messages: Sequence[Message], replies: Iterable[ReplyEnding], longest: int) -> frozenset[int]:
    """Returns the ids of messages that stay out of every prompt.

    A user's turn stays out while every reply to it is empty and was refused: by a context that is not smaller than today's, as too
    large to send, or by a content filter. A filtered reply with text stays out together with its turn. `messages`: a path.
    `replies`: all replies to its doubtful turns, on any branch.
    """
    beneath: dict[int, list[ReplyEnding]] = {}
    for reply in replies:
        beneath.setdefault(reply.parent_id, []).append(reply)
    ids: set[int] = set()
    for message in messages:
        if message.parent_id is None or not _is_doubtful(message):
            continue
        filtered = message.facts.finish_reason == FILTERED and bool(message.content)
        others = beneath.get(message.parent_id, [])
        if filtered or (others and all(_refused(reply, longest) for reply in others)):
            ids |= {message.id, message.parent_id}
    return frozenset(ids)


def _is_doubtful(message: Message) -> bool:
    """Returns whether a reply may keep its turn out of the prompt."""
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
    """Returns the conversation's name for a worker that stores conversations, and the facts to remember with the next reply.

    Such a worker reads the system prompt only at the beginning, so another prompt needs another conversation.
    """
    prompt = hashlib.sha256((session.system_prompt or "").encode()).hexdigest()[:16]
    newest = next((message.facts for message in reversed(path) if message.facts.conversation is not None), NOTHING)
    name, number = newest.conversation or session.session_key, newest.conversation_number or 1
    if newest.conversation is not None and newest.conversation_prompt != prompt:
        number += 1
        name = f"{session.session_key}-{number}"
    return name, Facts(conversation=name, conversation_number=number, conversation_prompt=prompt)


def _arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return call.arguments
