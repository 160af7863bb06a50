"""What the model is told: the system prompt, then the active path of the session, then the new turn."""

from collections.abc import Iterable
from typing import TypeVar

from lam.protocol.chat import ChatRequest, Role, Sampling, Turn, joined
from lam.settings import Settings
from lam.storage.models import Message, Session

T = TypeVar("T")


def chat_request(
    settings: Settings,
    session: Session,
    path: Iterable[Message],
    new_turn: str | None,
    so_far: str | None,
    sampling: Sampling,
    model: str | None,
) -> ChatRequest:
    """The path, then what the user says now, then the text that the reply goes on with; None: there is none.

    A reply with text is told whatever its status, one without is left out; reasoning is never sent back.
    """
    told = [Turn(message.role, message.content) for message in path if message.role != "system"]
    new: list[tuple[Role, str | None]] = [("user", new_turn), ("assistant", so_far)]
    turns = joined([*told, *(Turn(role, text) for role, text in new if text is not None)])
    keep = 0
    if session.system_prompt:
        turns, keep = (Turn("system", session.system_prompt), *turns), 1
    return ChatRequest(
        turns, keep, sampling, model, settings.llm_max_history_tokens, settings.llm_skip_thinking, session.session_key
    )


def sampling_for(
    settings: Settings, session: Session, temperature: float | None, top_p: float | None, max_tokens: int | None
) -> Sampling:
    """The request's values, else the session's, else the settings'. 0 is a value."""
    asked = _first(max_tokens, session.max_tokens, settings.llm_max_tokens)
    limit = settings.llm_max_tokens_limit
    return Sampling(
        _first(temperature, session.temperature, settings.llm_temperature),
        _first(top_p, session.top_p, settings.llm_top_p),
        min(asked, limit) if limit else asked,
    )


def _first(*values: T | None) -> T:
    return next(value for value in values if value is not None)
