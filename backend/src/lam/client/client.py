"""The client. Its streams survive a lost connection: it requests the events after the last one it has.

It yields events as they come and must not fold or print them.
"""

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from lam.errors import GatewayUnreachable, LamError, LeaseLost, ShuttingDown, Unreachable, from_code
from lam.protocol.events import TERMINAL, Event, Metadata
from lam.protocol.sse import Decoder, decode

RESUME_TRIES: Final = 8
_FIRST_PAUSE: Final = 0.2
_LOST: Final = (aiohttp.ClientError, ConnectionError, TimeoutError)
_ELSEWHERE: Final = (Unreachable, LeaseLost, ShuttingDown)
"""The errors of a gateway that cannot read a stream at the moment; another gateway can, or the same one a little later."""


class Client:
    """A client of one gateway, as one user. An async context manager: it owns its connections.

    Every call raises the LamError in the gateway's answer, or GatewayUnreachable.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.close()

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Makes one JSON request and returns the decoded answer, None when it is empty."""
        try:
            async with self._http.request(method, self.url + path, json=body, params=query) as response:
                await raise_for(response)
                return await response.json() if response.content_type == "application/json" else None
        except _LOST as error:
            raise self._unreachable(error) from error

    async def speak(self, text: str) -> bytes:
        """Returns the sound of a text, in the gateway's own voice."""
        try:
            async with self._http.post(self.url + "/api/speech", json={"text": text}) as response:
                await raise_for(response)
                return await response.read()
        except _LOST as error:
            raise self._unreachable(error) from error

    async def transcribe(self, recording: bytes, kind: str = "audio/wav") -> str:
        """Returns the words of a recording. `kind`: its content type."""
        try:
            url, headers = self.url + "/api/transcriptions", {"Content-Type": kind}
            async with self._http.post(url, data=io.BytesIO(recording), headers=headers) as response:
                await raise_for(response)
                return str((await response.json())["text"])
        except _LOST as error:
            raise self._unreachable(error) from error

    async def create_session(self, **settings: Any) -> dict[str, Any]:
        created: dict[str, Any] = await self.call("POST", "/api/chatbot/sessions", settings)
        return created

    async def stop(self, stream_id: str, shown_chars: int | None = None) -> dict[str, Any]:
        body = None if shown_chars is None else {"shown_chars": shown_chars}
        stopped: dict[str, Any] = await self.call("POST", f"/api/chatbot/streams/{stream_id}/stop", body)
        return stopped

    async def send(self, session_id: int, content: str | None, **options: Any) -> AsyncGenerator[Event]:
        """Sends a message and yields the events of its reply, across lost connections, up to done or error.

        Without content, `options` must contain `regenerate` or `continue`.
        """
        body = {"session_id": session_id, "content": content} | options
        stream_id, last = None, 0
        try:
            async with aclosing(self.events("POST", "/api/chatbot/messages/stream", body)) as events:
                async for number, event in events:
                    last = number
                    if isinstance(event, Metadata):
                        stream_id = event.stream_id
                    yield event
                    if isinstance(event, TERMINAL):
                        return
        except _LOST as error:
            if stream_id is None:
                raise self._unreachable(error) from error
        if stream_id is None:
            raise self._unreachable(None)
        async with aclosing(self.follow(stream_id, last)) as rest:
            async for _, event in rest:
                yield event

    async def follow(self, stream_id: str, after: int = 0) -> AsyncGenerator[tuple[int, Event]]:
        """Yields the events after number `after`, live. A rebuilt stream begins with a metadata event again."""
        tries = 0
        while True:
            try:
                path = f"/api/chatbot/streams/{stream_id}"
                async with aclosing(self.events("GET", path, headers={"Last-Event-ID": str(after)})) as events:
                    async for number, event in events:
                        after, tries = number, 0
                        yield number, event
                        if isinstance(event, TERMINAL):
                            return
                cause: Exception | None = None
            except (*_LOST, *_ELSEWHERE) as error:
                cause = error
            tries += 1
            if tries > RESUME_TRIES:
                raise self._unreachable(cause) from cause
            await asyncio.sleep(min(_FIRST_PAUSE * 2**tries, 5))

    async def events(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        opened: Callable[[Mapping[str, str]], None] | None = None,
    ) -> AsyncGenerator[tuple[int, Event]]:
        """Yields the numbered events of one connection until it ends. `opened` is called with the answer's headers."""
        async with self._http.request(method, self.url + path, json=body, headers=headers) as response:
            await raise_for(response)
            if opened is not None:
                opened(response.headers)
            decoder = Decoder(limit=1 << 28)
            while piece := await response.content.readany():
                for arrived in decoder.feed(piece):
                    event = decode(arrived.data)
                    if event is not None:
                        yield int(arrived.id), event

    async def frames(self) -> AsyncGenerator[dict[str, Any]]:
        """Yields the frames of an event connection, and of another one when it is lost. Each connection begins with a frame of the
        stream `connection`: whatever happened before it must be asked for."""
        tries = 0
        while True:
            cause: Exception | None = None
            try:
                async with self._http.request("GET", self.url + "/api/events") as response:
                    await raise_for(response)
                    decoder = Decoder(limit=1 << 28)
                    while piece := await response.content.readany():
                        for arrived in decoder.feed(piece):
                            tries = 0
                            yield json.loads(arrived.data)
            except _LOST as error:
                cause = error
            tries += 1
            if tries > RESUME_TRIES:
                raise self._unreachable(cause) from cause
            await asyncio.sleep(min(_FIRST_PAUSE * 2**tries, 5))

    def _unreachable(self, cause: BaseException | None) -> GatewayUnreachable:
        return GatewayUnreachable(f"No gateway answers at {self.url}; start one with `lam up`.")


async def raise_for(response: aiohttp.ClientResponse) -> None:
    if response.status < 400:
        return
    try:
        answer = await response.json()
        seconds = response.headers.get("Retry-After", "")
        raise from_code(
            str(answer["code"]),
            str(answer["detail"]),
            stream_id=str(answer.get("stream_id") or ""),
            retry_after=int(seconds) if seconds.isdecimal() else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, aiohttp.ContentTypeError) as error:
        raise LamError(f"{response.url.origin()} answers with HTTP {response.status}; is it a LAM gateway?") from error
