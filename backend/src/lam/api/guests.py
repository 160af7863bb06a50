"""What a guest may ask for: one table of routes. Everywhere else a guest's cookie counts for nothing.

It finds the guest behind a request, among those that the browser is. Who may do what with a session is not decided here, but in
`storage/access.py`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

from fastapi import Request
from msgspec import Struct

from lam.accounts.accounts import Identity
from lam.api.cookies import guests_in
from lam.api.origin import require_own_page
from lam.api.services import Services
from lam.chat.members import Thing
from lam.errors import Unauthorized
from lam.storage.models import User
from lam.storage.repositories.users import session_scope

Named = Literal["session", "room", "query", "room query", "nothing"]
"""Where a request says which guest it is: by the session or the room in its path, by `?session=` or `?room=`, or not at all: then
it is the guest that the thing it names belongs to. `room query`: by `?room=`, and only guests of rooms."""
DIGITS: Final = 19  # of the largest id
MOST: Final = 20  # guests that one browser may be at a time
_PARAMETER: Final = re.compile(r"\\{(\w+)\\}")

_SESSION: Final = "/api/chatbot/sessions/{session_id}"
_ROOM: Final = "/api/rooms/{room_id}"
_GAME: Final = "/api/maze/games/{game_id}"
GUEST_ROUTES: Final[dict[tuple[str, str], Named]] = {
    ("GET", _SESSION): "session",
    ("PATCH", _SESSION): "session",
    ("GET", f"{_SESSION}/messages"): "session",
    ("GET", f"{_SESSION}/stream"): "session",
    ("GET", f"{_SESSION}/waiting"): "session",
    ("POST", f"{_SESSION}/waiting"): "session",
    ("PATCH", f"{_SESSION}/waiting/{{waiting_id}}"): "session",
    ("DELETE", f"{_SESSION}/waiting/{{waiting_id}}"): "session",
    ("POST", f"{_SESSION}/waiting/{{waiting_id}}/send"): "session",
    ("GET", f"{_SESSION}/members"): "session",
    ("DELETE", f"{_SESSION}/members/{{user_id}}"): "session",
    ("POST", f"{_SESSION}/typing"): "session",
    ("POST", f"{_SESSION}/reading"): "session",
    ("POST", f"{_SESSION}/follow"): "session",
    ("POST", f"{_SESSION}/steer-request"): "session",
    ("PUT", f"{_SESSION}/messages/{{message_id}}/reactions/{{emoji}}"): "session",
    ("DELETE", f"{_SESSION}/messages/{{message_id}}/reactions/{{emoji}}"): "session",
    ("POST", "/api/chatbot/messages"): "nothing",
    ("POST", "/api/chatbot/messages/stream"): "nothing",
    ("PATCH", "/api/chatbot/messages/{message_id}"): "nothing",
    ("GET", "/api/chatbot/streams/{stream_id}"): "nothing",
    ("POST", "/api/chatbot/streams/{stream_id}/stop"): "nothing",
    ("POST", "/api/chatbot/streams/{stream_id}/answer_now"): "nothing",
    ("GET", "/api/media/{media_id}"): "nothing",
    ("GET", _ROOM): "room",
    ("GET", f"{_ROOM}/participants"): "room",
    ("GET", f"{_ROOM}/leaderboard"): "room",
    ("GET", "/api/maze/games"): "room query",
    ("POST", "/api/maze/games"): "room query",
    ("GET", _GAME): "nothing",
    ("GET", f"{_GAME}/replay"): "nothing",
    ("POST", f"{_GAME}/act"): "nothing",
    ("POST", f"{_GAME}/hint"): "nothing",
    ("POST", f"{_GAME}/finish"): "nothing",
    ("POST", "/api/media"): "room query",
    ("POST", "/api/chatbot/upload-document"): "room query",
    ("GET", "/api/events"): "query",
    ("POST", "/api/events/{connection_id}"): "nothing",
}


class GuestCall(Struct, frozen=True):
    """A request on one of these routes. `values`: from its path."""

    named: Named
    values: Mapping[str, str]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", re.escape(template)))


_PATTERNS: Final = [(method, _pattern(path), named) for (method, path), named in GUEST_ROUTES.items()]


def guest_call(method: str, path: str) -> GuestCall | None:
    """Returns what a route of guests says about its guest, None for any other route."""
    path = path.rstrip("/")
    for known, pattern, named in _PATTERNS:
        if (known == method or (known, method) == ("GET", "HEAD")) and (match := pattern.fullmatch(path)):
            return GuestCall(named, match.groupdict())
    return None


def scopes_of(request: Request, call: GuestCall) -> list[str]:
    """Returns the scopes that the request may be about, of those that the browser has a guest for, the likeliest first."""
    known = list(guests_in(request))
    session = call.values.get("session_id") if call.named == "session" else None
    room = call.values.get("room_id") if call.named == "room" else None
    if call.named in ("query", "room query"):
        session, room = _only(request, "session"), _only(request, "room")
    if room is not None:
        return [scope for scope in known if scope == f"r{room}"]
    rooms = [scope for scope in known if scope.startswith("r")]  # a participant's own session belongs to the room's scope
    if call.named == "room query":
        return rooms
    if session is not None:
        is_number = session.isascii() and session.isdigit() and len(session) <= DIGITS
        return [scope for scope in known if is_number and scope == session_scope(int(session))] + rooms
    return known


async def guests_of(request: Request, services: Services) -> list[Identity]:
    """Returns the guests that this request may come from, the likeliest first; nobody on a route that is not theirs."""
    call = guest_call(request.method, request.scope["path"])
    if call is None:
        return []
    tokens, found = guests_in(request), list[Identity]()
    for scope in scopes_of(request, call)[:MOST]:
        try:
            found.append(await services.guests.identify(tokens[scope], scope))
        except Unauthorized:
            continue
    return found


async def who_enters(request: Request, caller: Identity | None, services: Services, scope: str) -> User | None:
    """Returns who comes in: the person who is signed in, else the guest that this browser is there already, else None.

    Raises Forbidden for a guest on somebody else's page.
    """
    if caller is not None:
        return caller.user
    if (token := guests_in(request).get(scope)) is None:
        return None
    require_own_page(services.settings, request.method, request.headers)
    try:
        return (await services.guests.identify(token, scope)).user
    except Unauthorized:
        return None


async def chosen(request: Request, services: Services, people: Sequence[Identity]) -> Identity:
    """Returns the first of these people who may see what the request names; where nobody may, the first of all."""
    if len(people) > 1:
        for person in people:
            if await _sees(request, services, person):
                return person
    return people[0]


async def _sees(request: Request, services: Services, person: Identity) -> bool:
    call = guest_call(request.method, request.scope["path"])
    assert call is not None
    names: dict[str, str] = dict(call.values)
    if call.named in ("query", "room query"):
        asked = {"session_id": _only(request, "session"), "room_id": _only(request, "room")}
        names |= {name: value for name, value in asked.items() if value is not None}
        if not names:
            return True
    if not names:
        names = await _in_body(request)
    for name, value in names.items():
        if name in _THINGS:
            return await services.members.sees(person.user.id, _THINGS[name], value)
        if name == "connection_id":
            return services.presence.whose(value) == person.user.id
    return True


_THINGS: Final[dict[str, Thing]] = {name: name for name in get_args(Thing)}


async def _in_body(request: Request) -> dict[str, str]:
    """Returns the session that the body of a send names. The framework has read the body already, and keeps it."""
    try:
        body = await request.json()
    except ValueError:
        return {}
    return {"session_id": str(body.get("session_id"))} if isinstance(body, dict) else {}


def _only(request: Request, name: str) -> str | None:
    values = request.query_params.getlist(name)
    return values[0] if values else None
