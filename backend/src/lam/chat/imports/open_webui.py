"""Open WebUI's export: a list of chats, each with `chat.history.messages`, a tree by id.

Reasoning and tools stand in the text of a reply, as `<details>`; files carry their text. It must not fail for a field of another
type.
"""

import html
import re
from typing import Any, Final

from lam.chat.imports.conversation import Conversation, Left, Node, a_dict, a_list, a_name, text_in
from lam.protocol.documents import Document
from lam.protocol.parts import Part, Text, ToolCall, ToolResult

_DETAILS: Final = re.compile(r'<details\s+type="(reasoning|tool_calls|code_interpreter)"([^>]*)>(.*?)</details>\s*', re.DOTALL)
_SUMMARY: Final = re.compile(r"<summary>.*?</summary>\s*", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r'\b([a-z_]{1,30})="([^"]*)"')
_THINK: Final = re.compile(r"\s*<think(?:ing)?>(.*?)</think(?:ing)?>\s*", re.DOTALL)
_QUOTE: Final = re.compile(r"^> ?", re.MULTILINE)


def is_conversation(value: dict[str, Any]) -> bool:
    chat = a_dict(value.get("chat"))
    return isinstance(chat.get("history"), dict) or isinstance(chat.get("messages"), list)


def conversation(value: dict[str, Any]) -> Conversation:
    """Returns the conversation in one element of the list."""
    chat, left = a_dict(value.get("chat")), Left()
    history = a_dict(chat.get("history"))
    stored = a_dict(history.get("messages"))
    system: list[str] = []
    if stored:
        nodes = [_node(name, a_dict(message), left, system) for name, message in stored.items()]
    else:  # of an older release: one path
        line = a_list(chat.get("messages"))
        nodes = [_node(str(at), a_dict(message) | {"parentId": str(at - 1)}, left, system) for at, message in enumerate(line)]
    prompt = text_in(a_dict(chat.get("params")).get("system")) or text_in(chat.get("system"))
    return Conversation(
        source_id=a_name(value.get("id")) or a_name(chat.get("id")) or "",
        title=text_in(value.get("title")) or text_in(chat.get("title")),
        nodes=nodes,
        current=a_name(history.get("currentId")),
        system_prompt=prompt or "\n\n".join(system),
        created_at=_time(value.get("created_at")) or _time(chat.get("timestamp")),
        left=left,
    )


def _node(name: str, message: dict[str, Any], left: Left, system: list[str]) -> Node:
    role = message.get("role")
    node = Node(id=name, parent=a_name(message.get("parentId")), role="none", created_at=_time(message.get("timestamp")))
    text = _text(message.get("content"), left)
    if role == "system":
        system += [text] if text else []
        return node
    documents = _documents(message, left)
    if role == "user":
        node.role = "user"
        node.parts = [*documents, *([Text(text)] if text else [])]
        return node
    node.role = "reply"
    if role == "tool":
        node.parts = [ToolResult(id=a_name(message.get("tool_call_id")), content=text)] if text else []
        return node
    node.parts, node.thinking = _take_apart(text)
    node.about = _about(message)
    return node


def _text(content: Any, left: Left) -> str:
    if not isinstance(content, list):
        return text_in(content)
    left["image"] += sum(a_dict(part).get("type") == "image_url" for part in content)
    return "\n\n".join(filter(None, map(text_in, content)))


def _documents(message: dict[str, Any], left: Left) -> list[Part]:
    parts: list[Part] = []
    for each in map(a_dict, a_list(message.get("files"))):
        file = a_dict(each.get("file"))
        text = text_in(a_dict(file.get("data")).get("content")) or text_in(each.get("content"))
        name = a_name(each.get("name")) or a_name(file.get("filename")) or "document"
        if text:
            parts.append(Document(name, text))
        else:
            left["image" if each.get("type") == "image" else "file"] += 1
    return parts


def _take_apart(text: str) -> tuple[list[Part], str]:
    """Returns the parts of a reply and its thoughts."""
    thoughts: list[str] = []
    tools: list[Part] = []

    def take(found: re.Match[str]) -> str:
        kind, attributes, inside = found[1], dict(_ATTRIBUTE.findall(found[2])), found[3].lstrip()
        if summary := _SUMMARY.match(inside):
            inside = inside[summary.end() :]
        if kind == "reasoning":
            thoughts.append(_QUOTE.sub("", html.unescape(inside)).strip())
            return ""
        if kind == "code_interpreter":
            output = html.unescape(attributes.get("output", ""))
            return f"{inside.strip()}\n\n" + (f"```\n{output}\n```\n\n" if output else "")
        name = html.unescape(attributes.get("id", "")) or f"call_{len(tools)}"
        tools.append(
            ToolCall(name, html.unescape(attributes.get("name", "")) or None, html.unescape(attributes.get("arguments", "")))
        )
        if result := html.unescape(attributes.get("result", "")) or html.unescape(inside).strip():
            tools.append(ToolResult(name, result))
        return ""

    closed = text.rfind("</details>") + len("</details>")  # behind it nothing can match, and each try would read to the end
    if "<details" in text[:closed]:
        before, after = _DETAILS.sub(take, text[:closed]), text[closed:]
        text = before + after if before.strip() else after.lstrip()
    if found := _THINK.match(text):
        thoughts.append(found[1].strip())
        text = text[found.end() :]
    return [*tools, *([Text(text)] if text else [])], "\n\n".join(filter(None, thoughts))


def _about(message: dict[str, Any]) -> dict[str, Any]:
    model = a_name(message.get("model"))
    about: dict[str, Any] = {"metadata": {"model": model}} if model else {}
    if message.get("error"):
        said = text_in(message.get("error"))
        about |= {
            "status": "failed",
            "error": {"code": "llm_error", "message": said[:1000] or "The reply failed.", "retryable": True},
        }
    elif message.get("done") is False:
        about["status"] = "cancelled"
    usage = a_dict(message.get("usage"))
    asked, answered = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if asked is not None and answered is not None:
        about["usage"] = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    rating = a_dict(message.get("annotation")).get("rating")
    if rating in (1, -1, "1", "-1"):
        about["rating"] = "good" if str(rating) == "1" else "bad"
    return about


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else None


def _time(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
