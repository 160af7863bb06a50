"""Pictures in requests to a server over HTTP: which of them are sent, and what refusals teach."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lam.engines.base import Route
from lam.engines.openai_http import OpenAIHttpEngine
from lam.errors import CannotSee, LlmError, PictureGone
from lam.protocol.chat import ChatRequest, Picture, Turn
from lam.protocol.events import Finished
from lam.protocol.sampling import Sampling
from lam.protocol.window import MOST_PICTURE_BYTES
from lam.testing.server import Reply, ScriptedServer, pictures_in

from ..waiting import until


def picture(name: str, side: int = 280, size: int = 1) -> Picture:
    return Picture(sha256=name, id=f"id-{name}", type="image/png", width=side, height=side, size=size)


class Shelf:
    """Pictures whose bytes are their names. `gone`: those that nobody has any more."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    async def read(self, picture: Picture) -> bytes:
        if picture.sha256 in self.gone:
            raise PictureGone
        return picture.sha256.encode()


class Setting:
    def __init__(self, server: ScriptedServer, engine: OpenAIHttpEngine, shelf: Shelf) -> None:
        self.server = server
        self.engine = engine
        self.shelf = shelf

    @property
    def route(self) -> Route:
        return next(route for route in self.engine.routes() if route.name == "scripted")

    async def ask(self, *turns: Turn, max_prompt_tokens: int = 0) -> Finished:
        sampling = Sampling(temperature=0, top_p=1, max_tokens=16)
        request = ChatRequest(turns=turns, keep=0, sampling=sampling, max_prompt_tokens=max_prompt_tokens)
        async with self.engine.generate(request, self.route) as batches:
            events = [event async for batch in batches for event in batch]
        assert isinstance(events[-1], Finished)
        return events[-1]

    @property
    def sent(self) -> list[str]:
        """The pictures of the last request."""
        urls = pictures_in(self.server.requests[-1].body)
        return ["".join(chr(byte) for byte in _decoded(url)) for url in urls]


def _decoded(url: str) -> bytes:
    return base64.b64decode(url.partition(",")[2])


@asynccontextmanager
async def setting(**server: Any) -> AsyncIterator[Setting]:
    shelf = Shelf()
    scripted = ScriptedServer(llama=server.get("llama", True), n_ctx=server.get("n_ctx", 4096))
    scripted.sees = server.get("sees", True)
    scripted.lists_sight = server.get("lists_sight", True)
    async with scripted, OpenAIHttpEngine(scripted.url, pictures=shelf) as engine:
        await until(lambda: any(route.name for route in engine.routes()))
        yield Setting(scripted, engine, shelf)


def conversation(*names: str, side: int = 280, size: int = 1) -> list[Turn]:
    """One turn with a picture each, and an answer to each but the last."""
    turns: list[Turn] = []
    for name in names:
        turns += [Turn("user", "Which colour?", (picture(name, side, size),)), Turn("assistant", "It is red.")]
    return turns[:-1]


@pytest.mark.parametrize("llama", [True, False])
@pytest.mark.parametrize("sees", [True, False])
async def test_a_route_says_whether_its_model_sees(llama: bool, sees: bool) -> None:
    async with setting(llama=llama, sees=sees) as it:
        assert it.route.can.images is sees
    async with setting(llama=llama, lists_sight=False) as it:
        assert it.route.can.images is None


async def test_parts_are_sent_in_their_order() -> None:
    async with setting() as it:
        finished = await it.ask(Turn("user", "A document.What?", (picture("one"), picture("two"))))
        assert it.sent == ["one", "two"]
        assert finished.pictures_left_out == ()
        types = [part["type"] for part in it.server.requests[-1].body["messages"][0]["content"]]
        assert types == ["image_url", "image_url", "text"]


async def test_older_pictures_stay_while_they_fit_and_the_oldest_are_dropped_first() -> None:
    async with setting(n_ctx=1000) as it:
        finished = await it.ask(*conversation(*"abcdefghij"))  # 100 tokens each
        assert it.sent == list("cdefghij")
        assert finished.pictures_left_out == ("id-a", "id-b")
        assert [type(turn["content"]) for turn in it.server.requests[-1].body["messages"][:2]] == [str, str]


@pytest.mark.parametrize("n_ctx", [0, 1 << 20])
async def test_older_pictures_have_few_megabytes_together_whatever_the_context_is(n_ctx: int) -> None:
    half = MOST_PICTURE_BYTES // 2
    async with setting(n_ctx=n_ctx) as it:
        finished = await it.ask(*conversation(*"abcd", size=half))
        assert it.sent == ["c", "d"]
        assert finished.pictures_left_out == ("id-a", "id-b")
        small, large = conversation("a", size=1), conversation("b", size=half + 1)
        finished = await it.ask(*small, Turn("assistant", "Red."), *large, Turn("assistant", "Red."), *conversation("c", size=half))
        assert it.sent == ["c"], "without a gap"
        assert finished.pictures_left_out == ("id-a", "id-b")
        newest = Turn("user", "And these?", tuple(picture(name, size=half) for name in "xyz"))
        finished = await it.ask(*small, Turn("assistant", "Red."), newest)
        assert it.sent == ["x", "y", "z"], "the newest turn is never cut"
        assert finished.pictures_left_out == ("id-a",)


async def test_the_newest_pictures_are_sent_however_large_they_are() -> None:
    async with setting(n_ctx=1000) as it:
        turns = [
            *conversation("a"),
            Turn("assistant", "Red."),
            Turn("user", "And these?", (picture("x", 1568), picture("y", 1568))),
        ]
        assert (await it.ask(*turns)).pictures_left_out == ("id-a",)
        assert it.sent == ["x", "y"]


async def test_a_model_without_eyes_gets_the_texts_of_older_turns_and_no_newest_picture() -> None:
    async with setting(sees=False) as it:
        turns = [*conversation("a"), Turn("assistant", "Red."), Turn("user", "Thanks")]
        assert (await it.ask(*turns)).pictures_left_out == ("id-a",)
        assert it.sent == []
        asked = len(it.server.requests)
        with pytest.raises(CannotSee):
            await it.ask(*conversation("a", "b"))
        assert len(it.server.requests) == asked


async def test_a_refusal_teaches_that_a_model_is_blind_until_the_server_changes() -> None:
    async with setting(sees=False, lists_sight=False) as it:
        turns = [*conversation("a"), Turn("assistant", "Red."), Turn("user", "Thanks")]
        assert (await it.ask(*turns)).pictures_left_out == ("id-a",)
        assert it.route.can.images is False
        with pytest.raises(CannotSee):
            await it.ask(*conversation("b"))
        assert len(it.server.requests) == 2


async def test_a_server_that_takes_few_pictures_gets_those_of_the_newest_turn() -> None:
    words = '{"error": {"message": "At most 1 image(s) may be provided in one prompt.", "code": 400}}'
    async with setting(llama=False) as it:
        it.server.reply = lambda body: Reply(status=400, body=words) if len(pictures_in(body)) > 1 else Reply(("Yes",))
        assert (await it.ask(*conversation("a", "b"))).pictures_left_out == ("id-a",)
        with pytest.raises(LlmError, match="At most 1"):
            await it.ask(Turn("user", "?", (picture("a"), picture("b"))))


async def test_a_picture_that_is_gone_is_left_out_of_older_turns_and_an_error_in_the_newest() -> None:
    async with setting() as it:
        it.shelf.gone = {"a"}
        assert (await it.ask(*conversation("a", "b"))).pictures_left_out == ("id-a",)
        with pytest.raises(PictureGone):
            await it.ask(*conversation("b", "a"))


async def test_the_servers_count_replaces_the_estimate_of_a_picture() -> None:
    async with setting(n_ctx=1000) as it:
        it.server.reply = Reply(prompt_tokens=330)
        await it.ask(*conversation("a", "b", "c"))  # 300 tokens by estimate, with a few for the texts
        assert it.sent == ["a", "b", "c"]
        it.server.reply = Reply(prompt_tokens=100)
        await it.ask(*conversation(*"abcdefghij"))
        assert len(it.sent) > 7  # fewer tokens each than estimated
        await it.ask(*conversation(*"abcdefghij"))
        assert it.sent == list("abcdefghij")


async def test_a_context_that_overflows_drops_older_pictures_before_turns() -> None:
    words = '{"error": {"code": 400, "type": "exceed_context_size_error", "message": "too long"}}'
    async with setting(llama=False) as it:
        it.server.reply = lambda body: Reply(status=400, body=words) if len(pictures_in(body)) > 1 else Reply(("Yes",))
        finished = await it.ask(*conversation("a", "b", "c"))
        assert finished.pictures_left_out == ("id-a", "id-b")
        assert len(it.server.requests[-1].body["messages"]) == 5
