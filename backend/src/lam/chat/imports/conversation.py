"""A conversation of another program, as a tree of nodes, and its conversion into our file of a session.

Programs keep a reply in pieces: the call of a tool, its result, the answer. Ours is one message. Pieces that follow each other
become one reply; where they branch, each branch gets a reply of its own. Nothing here trusts the tree: it may have circles, missing
parents and a hundred thousand nodes.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from lam.chat.imports.bounds import (
    LONGEST_MESSAGE,
    LONGEST_PROMPT,
    LONGEST_TITLE,
    MOST_CHARACTERS,
    MOST_JOINED,
    MOST_MESSAGES,
    MOST_NODES,
    MOST_PIECES,
)
from lam.protocol.documents import Document
from lam.protocol.parts import Part, Text, to_stored, written_form
from lam.protocol.text import valid

Role = Literal["user", "reply", "none"]


class Refused(Exception):
    """Why a conversation, or a whole file, cannot be imported: a sentence."""


class Left(Counter[str]):
    """What is left out of an import, by kind: `image`, `audio`, `file`, `instructions`, `hidden`, `citation`, `loop`."""


class Node(Struct, kw_only=True):
    """A piece of a conversation. `role` none: it has nothing to show, and its children follow its parent.

    `parts`, `thinking`: content. `about`: facts of a reply, in the format of our file (status, metadata, usage, error, rating).
    """

    id: str
    parent: str | None
    role: Role
    parts: list[Part] = field(default_factory=list)
    thinking: str = ""
    created_at: float | None = None
    about: dict[str, Any] = field(default_factory=dict)


class Conversation(Struct, kw_only=True):
    """`source_id`: its name in the other program, empty when it has none. `current`: the node that was shown last."""

    source_id: str
    title: str
    nodes: list[Node]
    current: str | None = None
    system_prompt: str = ""
    created_at: float | None = None
    left: Left = field(default_factory=Left)


class Converted(Struct, kw_only=True):
    """A conversation as a file of a session, and what is in it. `branches`: versions beside the first one of a message."""

    source_id: str
    title: str
    file: dict[str, Any]
    messages: int
    branches: int
    documents: int
    used_at: datetime | None
    left: dict[str, int]


class _Reply(Struct):
    """Pieces of a reply, from the user's turn on. `user`: the id of the turn's message."""

    node: Node
    user: int
    before: "_Reply | None"
    length: int = 1


def converted(conversation: Conversation) -> Converted:
    """Returns the session. Raises Refused."""
    if len(conversation.nodes) > MOST_NODES:
        raise Refused(f"It has {len(conversation.nodes)} messages, and {MOST_NODES} are the most.")
    messages, at = _messages(conversation)
    if not messages:
        raise Refused("It holds no messages.")
    times = [moment for message in messages if (moment := message.get("created_at"))]
    begun = time_of(conversation.created_at) or min(times, default=None)
    children = Counter(message["parent_id"] for message in messages)
    active = _active(conversation, at)
    title = valid(" ".join(conversation.title.split()))[:LONGEST_TITLE]
    session: dict[str, Any] = {"active_message_id": messages[-1]["id"] if active is None else _end(messages, active)}
    if title:
        session["title"] = title
    if prompt := valid(conversation.system_prompt).strip():
        session["system_prompt"] = prompt[:LONGEST_PROMPT]
    if begun:
        session["created_at"] = begun
    return Converted(
        source_id=conversation.source_id,
        title=title,
        file={"format": "lam-session", "version": 1, "session": session, "messages": messages},
        messages=len(messages),
        branches=sum(count - 1 for count in children.values()),
        documents=sum(isinstance(part, Document) for node in conversation.nodes for part in node.parts),
        used_at=max(times, default=begun),
        left={kind: count for kind, count in conversation.left.items() if count},
    )


def _messages(conversation: Conversation) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Returns the messages, parents first, and the message of each node."""
    nodes = {node.id: node for node in conversation.nodes}
    children: dict[str | None, list[Node]] = {}
    for node in conversation.nodes:
        children.setdefault(node.parent if node.parent in nodes else None, []).append(node)
    messages: list[dict[str, Any]] = []
    at: dict[str, int] = {}
    order = {node.id: position for position, node in enumerate(conversation.nodes)}
    waiting: list[tuple[float, int, Node, int | None, _Reply | None]] = []  # by time: message, and the reply that is being joined
    done: set[str] = set()
    size = joined = 0

    def wait(node: Node, parent: int | None, reply: _Reply | None) -> None:
        if node.id not in done:
            done.add(node.id)
            time = node.created_at if node.created_at is not None and node.created_at > 0 else 0.0
            heapq.heappush(waiting, (time, order[node.id], node, parent, reply))

    def add(message: dict[str, Any]) -> int:
        nonlocal size
        size += len(message["content"]) + len(message.get("thinking") or "")
        if len(messages) >= MOST_MESSAGES or size > MOST_CHARACTERS:
            raise Refused(f"It is too long: {MOST_MESSAGES} messages and {MOST_CHARACTERS} characters are the most.")
        message["id"] = len(messages) + 1
        messages.append(message)
        return len(messages)

    for root in children.get(None, ()):
        wait(root, None, None)
    for begins in [None, *conversation.nodes]:  # the roots first; then what no root leads to
        if begins is not None and begins.id not in done:
            conversation.left["loop"] += 1
            wait(begins, None, None)
        while waiting:
            _, _, here, parent, reply = heapq.heappop(waiting)
            below = children.get(here.id, ())
            if here.role == "user":
                if reply is not None:
                    parent = reply.user  # cannot be: a reply is finished before a turn follows
                parent = add(_turn(here, parent))
                at[here.id] = parent
            elif here.role == "reply":
                if reply is None:
                    user = parent
                    if user is None or messages[user - 1]["role"] != "user":
                        user = add({"role": "user", "content": "", "parent_id": parent, "created_at": time_of(here.created_at)})
                    reply = _Reply(here, user, None)
                else:
                    reply = _Reply(here, reply.user, reply, reply.length + 1)
                    if reply.length > MOST_PIECES:
                        raise Refused(f"A reply consists of more than {MOST_PIECES} pieces.")
            goes_on = [each for each in below if _next_role(each, children) != "user"] if reply is not None else []
            if reply is not None and (not goes_on or len(goes_on) < len(below)):
                joined += reply.length
                if joined > MOST_JOINED:
                    raise Refused("Its replies consist of too many pieces.")
                parent = add(_joined(reply))
                piece: _Reply | None = reply
                while piece is not None and piece.node.id not in at:
                    at[piece.node.id] = parent
                    piece = piece.before
            going_on = {each.id for each in goes_on}
            for each in below:
                if each.id in going_on:
                    wait(each, reply.user if reply else parent, reply)
                else:
                    wait(each, parent, None)
    return [
        {key: value for key, value in message.items() if value is not None} | {"parent_id": message["parent_id"]}
        for message in messages
    ], at


def _next_role(node: Node, children: dict[str | None, list[Node]]) -> Role:
    """Returns the role of a node, or of the first one below it that has something to show; user when there is none."""
    steps = 0
    while node.role == "none":
        below = children.get(node.id, ())
        steps += 1
        if len(below) != 1 or steps > 50:
            return "user"
        node = below[0]
    return node.role


def _turn(node: Node, parent: int | None) -> dict[str, Any]:
    return {"role": "user", "parent_id": parent, "created_at": time_of(node.created_at)} | _content(node.parts)


def _joined(reply: _Reply) -> dict[str, Any]:
    pieces: list[Node] = []
    piece: _Reply | None = reply
    while piece is not None:
        pieces.append(piece.node)
        piece = piece.before
    pieces.reverse()
    parts: list[Part] = []
    has_text = False
    for part in (part for node in pieces for part in node.parts):
        parts.append(Text("\n\n" + part.text) if isinstance(part, Text) and has_text else part)
        has_text = has_text or isinstance(part, Text)
    thinking = "\n\n".join(node.thinking for node in pieces if node.thinking)
    about: dict[str, Any] = {}
    for node in pieces:
        about |= node.about
    begun = next((node.created_at for node in pieces if node.created_at), None)
    message = {"role": "assistant", "parent_id": reply.user, "created_at": time_of(begun)} | about | _content(parts)
    if thinking:
        message["thinking"] = valid(thinking)[:LONGEST_MESSAGE]
    return message


def _content(parts: Sequence[Part]) -> dict[str, Any]:
    parts = tuple(_valid(part) for part in parts)
    content = written_form(parts)
    if len(content) > LONGEST_MESSAGE:
        raise Refused(f"A message has {len(content)} characters, and {LONGEST_MESSAGE} are the most.")
    return {"content": content, "parts": to_stored(parts)}


def _valid(part: Part) -> Part:
    texts = {key: valid(value) for key, value in msgspec.structs.asdict(part).items() if isinstance(value, str)}
    return msgspec.structs.replace(part, **texts)


def _active(conversation: Conversation, at: dict[str, int]) -> int | None:
    """Returns the message of the node that was shown last, or of the nearest one above it."""
    nodes = {node.id: node for node in conversation.nodes}
    name, steps = conversation.current, 0
    while name is not None and name in nodes and steps < MOST_NODES:
        if name in at:
            return at[name]
        name, steps = nodes[name].parent, steps + 1
    return None


def _end(messages: Iterable[dict[str, Any]], active: int) -> int:
    """Returns the end of the branch through a message, following the newest child each time."""
    newest = {message["parent_id"]: message["id"] for message in messages}
    while active in newest:
        active = newest[active]
    return active


def time_of(value: Any) -> Any:
    """Returns a moment from seconds, milliseconds or nanoseconds since 1970; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    while value > 1e11:
        value /= 1000
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


_KEYS: Final = ("text", "value", "content", "summary")


def text_in(value: Any) -> str:
    """Returns the text of a value that may be one, hold one, or be a list of such."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(text_in, value[:10_000])))
    if isinstance(value, dict):
        return next((text for key in _KEYS if (text := text_in(value.get(key)))), "")
    return ""


def a_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def a_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def a_name(value: Any) -> str | None:
    """Returns a short text such as an id or a model's name; None for anything else."""
    return valid(value)[:255] if isinstance(value, str) and value else None
