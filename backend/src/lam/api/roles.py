"""What each route about a session asks its caller to be allowed to do. docs/reference/roles.md is written from this table, and a
test holds every route to it.

It decides nothing: `storage/access.py` does.
"""

from typing import Final

from lam.storage.access import Action

_SESSION: Final = "/api/chatbot/sessions/{session_id}"
ROUTES: Final[dict[tuple[str, str], Action]] = {
    ("GET", _SESSION): "read",
    ("PATCH", _SESSION): "change",  # of the title; other fields ask for less: `actions_of` in chat/sessions.py
    ("DELETE", _SESSION): "delete",
    ("POST", f"{_SESSION}/reset"): "empty",
    ("GET", f"{_SESSION}/messages"): "read",
    ("GET", f"{_SESSION}/stream"): "read",
    ("GET", f"{_SESSION}/export"): "export",  # as JSON; as Markdown: read
    ("GET", f"{_SESSION}/waiting"): "read",
    ("POST", f"{_SESSION}/waiting"): "send",
    ("PATCH", f"{_SESSION}/waiting/{{waiting_id}}"): "send",
    ("DELETE", f"{_SESSION}/waiting/{{waiting_id}}"): "send",
    ("POST", f"{_SESSION}/waiting/{{waiting_id}}/send"): "send",
    ("GET", f"{_SESSION}/members"): "read",
    ("PATCH", f"{_SESSION}/members/{{user_id}}"): "invite",
    ("DELETE", f"{_SESSION}/members/{{user_id}}"): "invite",  # of others; of oneself: read
    ("POST", f"{_SESSION}/members/{{user_id}}/owner"): "give",
    ("GET", f"{_SESSION}/audit"): "invite",
    ("POST", f"{_SESSION}/typing"): "send",
    ("POST", f"{_SESSION}/reading"): "read",
    ("POST", f"{_SESSION}/follow"): "branch",
    ("POST", f"{_SESSION}/steer-request"): "ask",
    ("PUT", f"{_SESSION}/messages/{{message_id}}/reactions/{{emoji}}"): "react",
    ("DELETE", f"{_SESSION}/messages/{{message_id}}/reactions/{{emoji}}"): "react",
    ("GET", f"{_SESSION}/invitations"): "invite",
    ("POST", f"{_SESSION}/invitations"): "invite",
    ("DELETE", f"{_SESSION}/invitations/{{invitation_id}}"): "invite",
    ("GET", f"{_SESSION}/publications"): "publish",
    ("POST", f"{_SESSION}/publications"): "publish",
    ("GET", f"{_SESSION}/publications/preview"): "publish",
    ("GET", f"{_SESSION}/publications/preview/page"): "publish",
    ("GET", f"{_SESSION}/publications/file"): "publish",
    ("DELETE", f"{_SESSION}/publications/{{publication_id}}"): "publish",
    ("POST", "/api/chatbot/messages"): "send",
    ("POST", "/api/chatbot/messages/stream"): "send",
    ("PATCH", "/api/chatbot/messages/{message_id}"): "rate",
    ("GET", "/api/chatbot/streams/{stream_id}"): "read",
    ("POST", "/api/chatbot/streams/{stream_id}/stop"): "stop",
    ("POST", "/api/chatbot/streams/{stream_id}/answer_now"): "stop",
    ("GET", "/api/media/{media_id}"): "read",
    ("GET", "/api/events"): "read",
}
OWN_WAITING: Final = frozenset(route for route in ROUTES if "{waiting_id}" in route[1])
"""Routes about a waiting message: its author's and, but for a change of its text, the owner's."""
