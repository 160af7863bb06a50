"""Exports of other programs, made on the spot in the form that those programs write."""

import io
import json
import zipfile
from typing import Any


def gpt_message(role: str, *parts: Any, kind: str = "text", **fields: Any) -> dict[str, Any]:
    """A message of ChatGPT. `fields`: `metadata`, `recipient`, `create_time`, `content` and others, which win."""
    content = {"content_type": kind, "parts": list(parts)}
    return {"id": "m", "author": {"role": role, "name": None}, "content": content, "recipient": "all", "metadata": {}} | fields


def gpt(*nodes: tuple[str, str | None, dict[str, Any] | None], current: str | None = None, **fields: Any) -> dict[str, Any]:
    """A conversation of ChatGPT. `nodes`: id, parent and message."""
    children: dict[str | None, list[str]] = {}
    for name, parent, _ in nodes:
        children.setdefault(parent, []).append(name)
    mapping = {
        name: {"id": name, "parent": parent, "message": message, "children": children.get(name, [])}
        for name, parent, message in nodes
    }
    last = nodes[-1][0] if nodes else None
    found = {"title": "Talk", "create_time": 1700000000.5, "update_time": 1700000100.0, "conversation_id": "c-1"}
    return found | {"mapping": mapping, "current_node": current or last} | fields


def webui(*messages: dict[str, Any], current: str | None = None, **chat: Any) -> dict[str, Any]:
    """A chat of Open WebUI. `messages`: with id, parentId, role and content."""
    stored = {message["id"]: {"childrenIds": [], "timestamp": 1700000000 + at} | message for at, message in enumerate(messages)}
    history = {"messages": stored, "currentId": current or (messages[-1]["id"] if messages else None)}
    return {
        "id": "w-1",
        "title": "Chat",
        "created_at": 1700000000,
        "chat": {"title": "Chat", "models": ["m"], "history": history} | chat,
    }


def libre(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A conversation of LibreChat."""
    found = {"conversationId": "l-1", "endpoint": "openAI", "title": "Libre", "exportAt": "08:12:16", "branches": True}
    return found | {"recursive": False, "options": {}, "messages": list(messages)} | fields


def libre_message(name: str, parent: str | None, text: str, *, user: bool = False, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"messageId": name, "text": text, "isCreatedByUser": user, "createdAt": "2024-05-28T18:08:55.014Z"}
    return found | ({} if parent is None else {"parentMessageId": parent}) | fields


ROOT = "00000000-0000-0000-0000-000000000000"


def packed(*files: tuple[str, Any]) -> bytes:
    """A ZIP file. `files`: name, and bytes or what becomes JSON."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return out.getvalue()


def written(value: Any) -> bytes:
    return json.dumps(value).encode()
