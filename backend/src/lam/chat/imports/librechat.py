"""LibreChat's export: one conversation, its messages as a list with parents, or as a tree with children.

It must not fail for a field of another type.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from lam.chat.imports.bounds import MOST_NODES
from lam.chat.imports.conversation import Conversation, Left, Node, Refused, a_dict, a_list, a_name, text_in
from lam.protocol.documents import Document
from lam.protocol.parts import Part, Text, ToolCall, ToolResult

_THINKING: Final = re.compile(r"\s*:::thinking\n(.*?)\n:::\s*", re.DOTALL)
_RATINGS: Final = {"thumbsUp": "good", "thumbsDown": "bad"}


def is_conversation(value: dict[str, Any]) -> bool:
    return "conversationId" in value and (isinstance(value.get("messages"), list) or isinstance(value.get("messagesTree"), list))


def conversation(value: dict[str, Any]) -> Conversation:
    """Returns the conversation in a file."""
    left, options = Left(), a_dict(value.get("options"))
    nodes: list[Node] = []
    for message, parent in _flat(a_list(value.get("messagesTree")) or a_list(value.get("messages"))):
        name = a_name(message.get("messageId")) or f"number {len(nodes)}"
        nodes.append(_node(name, parent or a_name(message.get("parentMessageId")), message, left))
    times = [node.created_at for node in nodes if node.created_at is not None]
    newest = max((node for node in nodes if node.created_at is not None), key=lambda node: node.created_at or 0, default=None)
    return Conversation(
        source_id=a_name(value.get("conversationId")) or "",
        title=text_in(value.get("title")),
        nodes=nodes,
        current=newest.id if newest else None,
        system_prompt=text_in(options.get("promptPrefix")) or text_in(options.get("system")),
        created_at=min(times, default=None),
        left=left,
    )


def _flat(messages: list[Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Yields each message with its parent's id, where the tree says it."""
    waiting: list[tuple[dict[str, Any], str | None]] = [(a_dict(message), None) for message in reversed(messages)]
    count = 0
    while waiting:
        message, parent = waiting.pop()
        count += 1
        if count > MOST_NODES:
            raise Refused(f"It has more than {MOST_NODES} messages.")
        yield message, parent
        name = a_name(message.get("messageId"))
        waiting += [(a_dict(child), name) for child in reversed(a_list(message.get("children")))]


def _node(name: str, parent: str | None, message: dict[str, Any], left: Left) -> Node:
    node = Node(id=name, parent=parent, role="user", created_at=_time(message.get("createdAt")))
    by_user = message.get("isCreatedByUser")
    said = text_in(message.get("text"))
    documents = _documents(message, left)
    if by_user is True or (by_user is None and str(message.get("sender")).lower() == "user"):
        node.parts = [*documents, *([Text(said)] if said else [])]
        return node
    node.role = "reply"
    content = a_list(message.get("content"))
    if content:
        _read(content, node, left)
    elif said:
        found = _THINKING.match(said)
        node.thinking = found[1].strip() if found else ""
        rest = said[found.end() :] if found else said
        node.parts = [Text(rest)] if rest else []
    node.parts = [*documents, *node.parts]
    _describe(message, node)
    return node


def _read(content: list[Any], node: Node, left: Left) -> None:
    for part in map(a_dict, content):
        kind = part.get("type")
        if kind == "text" and (text := text_in(part.get("text"))):
            node.parts.append(Text(text))
        elif kind == "think":
            node.thinking = "\n\n".join(filter(None, (node.thinking, text_in(part.get("think")))))
        elif kind == "tool_call":
            call = a_dict(part.get("tool_call"))
            arguments = call.get("args")
            name = a_name(call.get("id")) or f"call_{len(node.parts)}"
            node.parts.append(
                ToolCall(name, a_name(call.get("name")), arguments if isinstance(arguments, str) else _json(arguments))
            )
            if output := text_in(call.get("output")):
                node.parts.append(ToolResult(name, output))
        elif kind == "error":
            node.about = _failed(text_in(part.get("error")))
        elif isinstance(kind, str) and kind.startswith("image"):
            left["image"] += 1


def _documents(message: dict[str, Any], left: Left) -> list[Part]:
    parts: list[Part] = []
    for file in map(a_dict, [*a_list(message.get("files")), *a_list(message.get("attachments"))]):
        text = text_in(file.get("text"))
        if text:
            parts.append(Document(a_name(file.get("filename")) or "document", text))
        else:
            left["image" if str(file.get("type") or "").startswith("image/") else "file"] += 1
    return parts


def _describe(message: dict[str, Any], node: Node) -> None:
    model = a_name(message.get("model"))
    if model:
        node.about["metadata"] = {"model": model}
    if message.get("error") is True and "status" not in node.about:
        node.about |= _failed(text_in(message.get("text")))
        node.parts = []
    elif message.get("unfinished") is True and "status" not in node.about:
        node.about["status"] = "cancelled"
    rating = _RATINGS.get(str(a_dict(message.get("feedback")).get("rating")))
    if rating:
        node.about["rating"] = rating


def _failed(said: str) -> dict[str, Any]:
    return {"status": "failed", "error": {"code": "llm_error", "message": said[:1000] or "The reply failed.", "retryable": True}}


def _json(value: Any) -> str:
    import json

    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _time(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
