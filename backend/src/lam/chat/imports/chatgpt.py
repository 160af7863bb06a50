"""ChatGPT's export: `conversations.json`, a list of conversations whose `mapping` is a tree of nodes.

Nobody documents the format; it is read as exports show it. It must not fail for a field of another type.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from lam.chat.imports.conversation import Conversation, Left, Node, a_dict, a_list, a_name, text_in
from lam.protocol.parts import Part, Text, ToolCall, ToolResult

_MARKED: Final = re.compile("\ue200[^\ue200\ue201]{0,2000}\ue201|[\ue200-\ue206]")  # citations, which refer to pages of a search
_ENDINGS: Final = {"max_tokens": "length", "stop": "stop", "content_filter": "content_filter"}
_NO_TEXT: Final = {"image_asset_pointer": "image", "audio_asset_pointer": "audio", "video_container_asset_pointer": "video"}
_CONTEXT: Final = frozenset({"user_editable_context", "model_editable_context"})
_SILENT: Final = frozenset({"reasoning_recap", "app_pairing_content"})


def is_conversation(value: dict[str, Any]) -> bool:
    return isinstance(value.get("mapping"), dict) or ("conversation_id" in value and "current_node" in value)  # an empty one


def conversation(value: dict[str, Any]) -> Conversation:
    """Returns the conversation in one element of the list."""
    left = Left()
    system: list[str] = []
    nodes = [_node(name, a_dict(node), left, system) for name, node in a_dict(value.get("mapping")).items()]
    if model := a_name(value.get("default_model_slug")):  # newer exports say it only here
        for node in nodes:
            if node.role == "reply" and node.about.get("metadata", {}).get("model") is None:
                node.about["metadata"] = node.about.get("metadata", {}) | {"model": model}
    return Conversation(
        source_id=a_name(value.get("conversation_id")) or a_name(value.get("id")) or "",
        title=text_in(value.get("title")),
        nodes=nodes,
        current=a_name(value.get("current_node")),
        system_prompt="\n\n".join(system),
        created_at=_time(value.get("create_time")),
        left=left,
    )


def _node(name: str, node: dict[str, Any], left: Left, system: list[str]) -> Node:
    message = a_dict(node.get("message"))
    author, metadata = a_dict(message.get("author")), a_dict(message.get("metadata"))
    content = a_dict(message.get("content"))
    result = Node(id=name, parent=a_name(node.get("parent")), role="none", created_at=_time(message.get("create_time")))
    role = author.get("role")
    kind = content.get("content_type")
    if not message or kind in _SILENT:
        return result
    if kind in _CONTEXT:
        left["instructions"] += 1
        return result
    if metadata.get("is_visually_hidden_from_conversation") or (role == "system" and not text_in(content.get("parts"))):
        left["hidden"] += bool(text_in(content))
        return result
    if role == "system":
        system.append(text_in(content.get("parts")))
        return result
    if role == "user":
        result.parts = list(_parts(content, left))
        kinds = [str(a_dict(each).get("mime_type") or a_dict(each).get("mimeType")) for each in a_list(metadata.get("attachments"))]
        left["file"] += sum(not kind.startswith("image/") for kind in kinds)
        result.role = "user"
        return result
    result.role = "reply"
    if kind == "thoughts":
        result.thinking = "\n\n".join(filter(None, map(_thought, a_list(content.get("thoughts")))))
    elif role == "tool":
        result.parts = list(_result(author, content, left))
    else:
        result.parts = list(_answer(message, content, left))
        result.about = _about(message, metadata)
    if not result.parts and not result.thinking and not result.about:
        result.role = "none"
    return result


def _parts(content: dict[str, Any], left: Left) -> Iterator[Part]:
    """Yields the texts of a message: strings, and the words of what was spoken."""
    pieces = []
    for part in a_list(content.get("parts")):
        kind = a_dict(part).get("content_type")
        if kind in _NO_TEXT:
            left[_NO_TEXT[kind]] += 1
        elif kind == "real_time_user_audio_video_asset_pointer":
            left["audio"] += 1
        elif text := text_in(part):
            pieces.append(text)
    if not content.get("parts") and (text := text_in(content)):
        pieces.append(text)
    if text := _MARKED.sub("", "\n\n".join(pieces)):
        yield Text(text)


def _answer(message: dict[str, Any], content: dict[str, Any], left: Left) -> Iterator[Part]:
    recipient = a_name(message.get("recipient")) or "all"
    text = text_in(content.get("text")) if content.get("content_type") == "code" else ""
    if recipient != "all":  # a tool's call
        yield ToolCall(id=a_name(message.get("id")), name=recipient, arguments=text or text_in(content.get("parts")))
    elif text:
        language = a_name(content.get("language")) or ""
        yield Text(f"```{'' if language == 'unknown' else language}\n{text}\n```")
    else:
        left["citation"] += sum("\ue200" in part for part in a_list(content.get("parts")) if isinstance(part, str))
        yield from _parts(content, left)


def _result(author: dict[str, Any], content: dict[str, Any], left: Left) -> Iterator[Part]:
    said = [part.text for part in _parts(content, left) if isinstance(part, Text)]
    text = "\n".join(said) or text_in(content.get("result")) or text_in(content.get("text"))
    if title := text_in(content.get("title")):
        text = f"{title}\n{text}"
    if text.strip():
        yield ToolResult(id=a_name(author.get("name")), content=text)


def _thought(thought: Any) -> str:
    known = a_dict(thought)
    return "\n".join(filter(None, (text_in(known.get("summary")), text_in(known.get("content")))))


def _about(message: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    model = a_name(metadata.get("model_slug"))
    ending = a_dict(metadata.get("finish_details")).get("type")
    facts: dict[str, Any] = {"model": model} if model else {}
    if isinstance(ending, str) and ending in _ENDINGS:
        facts["finish_reason"] = _ENDINGS[ending]
    about: dict[str, Any] = {"metadata": facts} if facts else {}
    if ending == "interrupted" or message.get("status") == "in_progress":
        about["status"] = "cancelled"
    return about


def _time(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
