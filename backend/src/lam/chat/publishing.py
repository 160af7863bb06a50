"""Publishes the branch that a session shows: as a page behind a secret address, and as a file. Both are the same and run nothing.

It owns what is in a published page. It must not know HTTP. Nothing that a person or a model wrote becomes markup, except Markdown,
whose HTML is off.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

import msgspec
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from msgspec import Struct

from lam.accounts.tokens import token_hash
from lam.chat.members import authors
from lam.chat.pictures import pictures_in
from lam.chat.sessions import require_session
from lam.errors import Invalid, NotFound, TooManyPublications
from lam.protocol.chat import Picture
from lam.protocol.parts import Image, Text, documents_of
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Message, Publication, Session

SECRET_BYTES: Final = 16
MOST: Final = 20
"""How often a session may be published at a time."""
LONGEST: Final = 3_000_000
"""Characters of all messages, with documents and thoughts."""
PICTURE_BYTES: Final = 14 << 20  # all together
STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1c1e; --quiet: #5f6368; --ground: #fff; --card: #f4f4f6; --line: #d9d9de; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf1; --quiet: #a8a8b3; --ground: #18181b; --card: #26262b; --line: #3f3f46; }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.3; }
article { margin: 1.5rem 0; }
article > h2 { margin: 0 0 .25rem; font-size: .875rem; color: var(--quiet); }
.turn > div { padding: .75rem 1rem; border-radius: .75rem; background: var(--card); white-space: pre-wrap; }
img { max-width: 100%; height: auto; border-radius: .5rem; }
pre { padding: .75rem 1rem; overflow-x: auto; border-radius: .5rem; background: var(--card); }
pre, code { font-family: ui-monospace, monospace; font-size: .9em; }
table { display: block; overflow-x: auto; border-collapse: collapse; }
th, td { padding: .25rem .6rem; border: 1px solid var(--line); }
blockquote { margin-inline: 0; padding-inline-start: 1rem; border-inline-start: .25rem solid var(--line); }
details { margin: .5rem 0; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .5rem; }
details > div { white-space: pre-wrap; }
footer { margin-top: 3rem; color: var(--quiet); font-size: .875rem; }
a { color: inherit; }
"""
_SAFE: Final = ("http://", "https://", "mailto:")


class Choices(Struct, frozen=True, kw_only=True):
    """What a published page has beside the texts. `names`: of the authors; otherwise they are A, B and so on."""

    prompt: bool = False
    thoughts: bool = False
    documents: bool = False
    pictures: bool = True
    names: bool = False


class Page(Struct, frozen=True):
    """A page without its frame: what stands in `main`, and the title."""

    title: str
    body: str


class Publishing:
    """The published pages of all sessions."""

    def __init__(self, database: Database, *, secret_key: str) -> None:
        self._database = database
        self._secret_key = secret_key

    async def page(self, user_id: int, session_id: int, choices: Choices) -> Page:
        """Returns what would be published. Raises NotFound, NotAllowed, Invalid."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "publish")
            messages = [one for one in await unit.messages.path(session.leaf_id) if one.status != "streaming"]
            names = await _names(unit, session, messages, choices)
            pictures = await _pictures(unit, messages) if choices.pictures else {}
        if sum(len(one.content) + len(one.thinking or "") for one in messages) > LONGEST:
            raise Invalid(f"This conversation has more than {LONGEST} characters; that is too long for one page.")
        return await asyncio.to_thread(_page, session, messages, names, pictures, choices)

    async def publish(self, user_id: int, session_id: int, choices: Choices) -> tuple[str, Publication]:
        """Publishes the session as it is now. Returns the page's secret, which cannot be had again. Raises what `page` raises,
        and TooManyPublications."""
        page, now, secret = await self.page(user_id, session_id, choices), datetime.now(UTC), secrets.token_urlsafe(SECRET_BYTES)
        async with self._database.write() as unit:
            await require_session(unit, session_id, user_id, "publish", lock=True)
            if len(await unit.publications.of_session(session_id)) >= MOST:
                raise TooManyPublications
            made = await unit.publications.add(
                secret_hash=self._hash(secret),
                html=page.body,
                session_id=session_id,
                title=page.title,
                choices=msgspec.to_builtins(choices),
                created_at=now,
            )
            await unit.audit.add(session_id, user_id, "published", now)
        return secret, made

    async def of_session(self, user_id: int, session_id: int) -> list[Publication]:
        """Returns the session's published pages, newest first. Raises NotFound, NotAllowed."""
        async with self._database.read() as unit:
            await require_session(unit, session_id, user_id, "publish")
            return await unit.publications.of_session(session_id)

    async def withdraw(self, user_id: int, session_id: int, publication_id: int) -> None:
        """Withdraws a page: its address leads nowhere from then on. Raises NotFound, NotAllowed."""
        async with self._database.write() as unit:
            await require_session(unit, session_id, user_id, "publish", lock=True)
            if not await unit.publications.remove(session_id, publication_id):
                raise NotFound("There is no such page.")
            await unit.audit.add(session_id, user_id, "unpublished", datetime.now(UTC))

    async def find(self, secret: str) -> Page | None:
        """Returns the page with this secret, None when there is none any more."""
        async with self._database.read() as unit:
            found = await unit.publications.find(self._hash(secret))
        return None if found is None else Page(*found)

    def _hash(self, secret: str) -> str:
        return token_hash(self._secret_key, f"publication {secret}")


def with_stylesheet(page: Page, address: str) -> str:
    """Returns the document for a browser that gets the style from this address."""
    return _document(page, f'<link rel="stylesheet" href="{escape(address)}">')


def as_file(page: Page) -> str:
    """Returns the same as one file: its own policy lets nothing run and loads nothing."""
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{_HASH}'"
    return _document(page, f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{STYLE}</style>')


_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


def _document(page: Page, head: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{head}\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(page.title)}</title>\n</head>\n<body>\n<main>\n{page.body}\n</main>\n</body>\n</html>\n"
    )


async def _names(unit: UnitOfWork, session: Session, messages: Sequence[Message], choices: Choices) -> Callable[[Message], str]:
    """Returns a function that names the author of a turn."""
    order = list(dict.fromkeys(one.author_id or session.user_id for one in messages if one.role == "user"))
    letters = {author: _letters(number) for number, author in enumerate(order)}
    if choices.names:
        people = await authors(unit, session, order)
        letters |= {author: people[author].name for author in order if author in people}
    return lambda message: letters[message.author_id or session.user_id]


def _letters(number: int) -> str:
    """Returns A to Z, then AA, AB and so on."""
    return ("" if number < 26 else _letters(number // 26 - 1)) + chr(ord("A") + number % 26)


async def _pictures(unit: UnitOfWork, messages: Sequence[Message]) -> dict[str, tuple[Picture, bytes]]:
    """Returns the pictures of these messages with their bytes. Raises Invalid when they are too large."""
    found = await pictures_in(unit, [message.parts for message in messages])
    if sum(picture.size for picture in found.values()) > PICTURE_BYTES:
        raise Invalid(f"The pictures have more than {PICTURE_BYTES >> 20} MiB; publish without them.")
    result: dict[str, tuple[Picture, bytes]] = {}
    for name, picture in found.items():
        if (data := await unit.media.data(picture.sha256)) is not None:
            result[name] = picture, data
    return result


def _page(
    session: Session,
    messages: Sequence[Message],
    name: Callable[[Message], str],
    pictures: Mapping[str, tuple[Picture, bytes]],
    choices: Choices,
) -> Page:
    markdown = _markdown()
    blocks = [f'<h1 dir="auto">{escape(session.title)}</h1>']
    if choices.prompt and session.system_prompt:
        blocks.append(_folded("System prompt", session.system_prompt))
    for message in messages:
        if message.role == "system":
            continue
        is_turn = message.role == "user"
        lines = [f"<h2>{escape(name(message) if is_turn else 'Model')}</h2>"]
        if choices.thoughts and message.thinking:
            lines.append(_folded("Thoughts", message.thinking))
        if choices.documents:
            lines += [_folded(document.name, document.text) for document in documents_of(message.parts)]
        for part in message.parts:
            if isinstance(part, Image) and part.id in pictures:
                lines.append(_picture(*pictures[part.id]))
            elif isinstance(part, Text) and part.text.strip():
                text = escape(part.text) if is_turn else markdown.render(part.text)
                lines.append(f'<div dir="auto">{text}</div>')
        blocks.append(f'<article class="{"turn" if is_turn else "reply"}">\n' + "\n".join(lines) + "\n</article>")
    blocks.append("<footer>Published from LAM Studio.</footer>")
    return Page(session.title, "\n".join(blocks))


def _folded(title: str, text: str) -> str:
    return f'<details><summary dir="auto">{escape(title)}</summary>\n<div dir="auto">{escape(text)}</div></details>'


def _picture(picture: Picture, data: bytes) -> str:
    source = f"data:{picture.type};base64,{base64.b64encode(data).decode()}"
    return f'<img src="{escape(source)}" width="{picture.width}" height="{picture.height}" alt="">'


def _markdown() -> MarkdownIt:
    """Returns a renderer for what a model wrote: no HTML, no pictures from elsewhere, links only to the web and to addresses."""
    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 30}).enable(["table", "strikethrough"]).disable("image")
    markdown.validateLink = lambda url: url.strip().lower().startswith(_SAFE)  # type: ignore[method-assign]  # as its documentation says
    markdown.add_render_rule("link_open", _link)
    return markdown


def _link(renderer: RendererHTML, tokens: Any, at: int, options: Any, _env: Any) -> str:
    tokens[at].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, at, options, {})
