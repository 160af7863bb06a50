"""The parts of the OpenAPI file that no route declares: the groups of paths, and authentication.

It describes routes and must not change what they do.
"""

import asyncio
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lam.api.errors import ErrorAnswer, answers, is_for_programs

ABOUT: Final = """
Chat with models people run themselves. A reply is a **run** that writes a numbered **stream** of events; reading it changes
nothing, and any reader can resume it from any number. `docs/protocols/http-stream.md` describes the events.

**Who is calling**: `Authorization: Bearer TOKEN`, with the token of `POST /api/auth/login` or that of the local account, which is
in the data folder. The page uses the cookie that the login sets; guests have cookies of their own. Under `/v1` a key (`sk-lam-…`)
counts as well, also in `x-api-key`.

**Failures** are `{"detail": …, "code": …}`: a sentence for people, and a stable name for programs. A request of more than 4 MiB is
answered with 413 `too_large`; files and the conversations of programs may be larger. Of a caller without a login no more than
16 KiB are read. Every path works with and without a trailing slash. Anything but HTTP/1.1 and 1.0 is answered with 400, a header
of more than 64 KiB or 100 lines or a header line of more than 8 KiB with 431, an address of more than 8 KiB with 414, and a request
that does not arrive in time with 408; then the connection is closed.
"""

TAGS: Final = [
    {"name": "accounts", "description": "Register, log in and out, list and end logins, change the password, delete the account."},
    {"name": "keys", "description": "Keys of programs, and budgets: what may be used, and what is left of it."},
    {"name": "chat", "description": "Presets, search, the text of documents, import and export of sessions."},
    {"name": "sessions", "description": "Conversations: their settings, their messages, their branches."},
    {"name": "messages", "description": "Send, regenerate, continue, follow, stop and rate."},
    {"name": "together", "description": "People of a session: links, roles, reactions, who is here, and published pages."},
    {"name": "media", "description": "Pictures for messages: upload, show, delete."},
    {
        "name": "events",
        "description": "One connection for the session list, what is in sight (sessions, rooms, the lab) and its runs.",
    },
    {"name": "templates", "description": "Stored prompts with variables and versions."},
    {"name": "maze", "description": "Games in the maze: what the rules say, hints from the model, replays and the leaderboard."},
    {"name": "lab", "description": "Sets of tasks, and runs that try templates, models and settings on them."},
    {"name": "rooms", "description": "Rooms for a class or an event: a code lets people in, each to a session of their own."},
    {"name": "usage", "description": "Tokens, speed and outcomes of replies."},
    {
        "name": "voice",
        "description": "Texts become sound, and recordings become text, by servers that the gateway's settings name.",
    },
    {
        "name": "programs",
        "description": "OpenAI's and Anthropic's interfaces, for SDKs and other programs; `docs/guides/programs.md` says what "
        "they take, and how their failures look.",
    },
    {"name": "admin", "description": "For admins: accounts, budgets, the configuration, and the replies that run or wait."},
    {"name": "system", "description": "Health and models."},
]

_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The access_token of a login, or the token of the local account; under `/v1` also a key.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "lam_token",
        "description": "Set by a login, for the page; over TLS its name is `__Host-lam_token`, below a path `__Secure-lam_token`.",
    },
}


WRITES: Final = ("post", "put", "patch", "delete")


def _too_large() -> dict[str, Any]:
    """Returns the description of a 413 in FastAPI's format."""
    schema = {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}
    answer = next(iter(answers(413).values()))
    return {
        "description": answer["description"],
        "content": {"application/json": {"schema": schema} | answer["content"]["application/json"]},
    }


def describe(app: FastAPI, prefix: str = "") -> None:
    """Adds authentication to every route that can answer 401. FastAPI's own way would cost every request a dependency. `prefix`:
    the path below which the API is."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            description = plain()
            if prefix:
                description["servers"] = [{"url": prefix}]
            description.setdefault("components", {})["securitySchemes"] = _SCHEMES
            for path, methods in description["paths"].items():
                for method, operation in methods.items():
                    if is_for_programs(path):
                        operation["responses"].pop("422", None)  # which is 400 there
                    if method in WRITES:  # BodyLimit checks all of these
                        operation["responses"].setdefault("413", _too_large())
                        operation["responses"] = dict(sorted(operation["responses"].items()))
                    if "401" in operation["responses"] and operation["operationId"] != "log_in_api_auth_login_post":
                        operation["security"] = [{name: []} for name in _SCHEMES]
            app.openapi_schema = description
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI documents this way
    routes = app.router.routes
    at = next(at for at, route in enumerate(routes) if getattr(route, "path", None) == app.openapi_url)
    routes[at] = _route(app)  # in place of FastAPI's, which writes the file anew for each request


def _route(app: FastAPI) -> Route:
    """Returns the route of the file. It is made once, beside the loop: that takes nearly a second, and strangers may ask for it."""
    body: bytes | None = None
    lock = asyncio.Lock()

    async def openapi(_: Request) -> Response:
        nonlocal body
        async with lock:
            if body is None:
                body = await asyncio.to_thread(lambda: bytes(JSONResponse(app.openapi()).body))
        return Response(body, media_type="application/json")

    return Route(str(app.openapi_url), openapi, methods=["GET"])
