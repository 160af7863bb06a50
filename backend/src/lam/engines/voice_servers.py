"""Servers with OpenAI's API of voices: one speaks what it is sent, one writes down what it hears.

Each makes one attempt. This is a door to aiohttp: its exceptions become ours here. It must not know who asks, and whose turn it is.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from types import TracebackType
from typing import IO, Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from msgspec import Struct
from msgspec.structs import replace

from lam.engines.access import Access
from lam.engines.addresses import SPEECH, TRANSCRIPTION, Addresses
from lam.engines.http_questions import CLIENT_ERRORS, UNKNOWN_PATH, redirect_target, whole_body
from lam.engines.refusals import decoded, is_failure, read_refusal
from lam.engines.sounds import SIGN_BYTES, type_of, type_said
from lam.errors import LamError, VoiceError, VoiceOverloaded, VoiceRefused, VoiceTimeout, VoiceUnreachable
from lam.protocol.text import valid
from lam.settings import Settings, proxy_for

LONGEST_SOUND: Final = 64 << 20
LONGEST_TEXT: Final = 200_000  # characters that a server may have heard
PIECE: Final = 64 << 10
_OVERLOADED: Final = (429, 503, 529)
_ABOUT_CONTENT: Final = (400, 413, 415, 422)
T = TypeVar("T")


class Times(Struct, frozen=True, kw_only=True):
    """Time limits in seconds. `first`: until the first sound. `silence`: between two pieces of it. `speech`, `transcription`: in
    all. `check`: for the question whether the server answers."""

    first: float = 30
    silence: float = 30
    speech: float = 180
    transcription: float = 300
    check: float = 10


class Sound(Struct, frozen=True):
    """A sound that comes in pieces. `type`: a content type of audio."""

    type: str
    pieces: AsyncIterator[bytes]


class VoiceServer:
    """One server, as an async context manager: it owns the HTTP client."""

    def __init__(self, url: str, access: Access, path: str, times: Times) -> None:
        """`path`: of the requests, below `/v1`."""
        self._addresses = Addresses(url)
        self._access = access
        self._path = f"/v1{path}"
        self._times = times
        self._seeking = asyncio.Lock()  # one request finds out which base is right

    async def __aenter__(self) -> Self:
        self._client = self._access.client(self._addresses)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.close()

    @property
    def address(self) -> str:
        """Where requests go, for people."""
        return self._addresses.public(self._path)

    @property
    def _name(self) -> str:
        return f"The {self._access.kind} at {self._addresses.name}"

    @asynccontextmanager
    async def _response(self, make: Callable[[], dict[str, Any]], seconds: float) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yields the answer, which has the status 200, and closes the connection if it was not read to its end.

        `make` returns the request; it is called once for each address that is tried.
        """
        response = await self._in_time(self._open(make), seconds)
        try:
            if response.status != 200:
                raise self._refusal(response, await self._in_time(whole_body(response), seconds))
            yield response
        finally:
            response.close()

    async def _open(self, make: Callable[[], dict[str, Any]]) -> aiohttp.ClientResponse:
        if self._addresses.settled:
            return await self._post(make)
        async with self._seeking:
            response = await self._post(make)
            if self._addresses.settled or response.status not in UNKNOWN_PATH:
                self._addresses.settle()
                return response
            self._addresses.turn()
            try:
                other = await self._post(make)
            except BaseException:
                response.close()
                raise
            if other.status in UNKNOWN_PATH:
                self._addresses.turn()
                other.close()
                return response
            response.close()
            self._addresses.settle()
            return other

    async def _post(self, make: Callable[[], dict[str, Any]]) -> aiohttp.ClientResponse:
        return await self._client.post(self._addresses.url(self._path), allow_redirects=False, **make())

    async def _in_time(self, work: Awaitable[T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError as error:
            raise VoiceTimeout(f"{self._name} does not answer in time.") from error
        except CLIENT_ERRORS as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: BaseException) -> VoiceError:
        if problem := self._access.problem(error, self._addresses.name):
            return VoiceUnreachable(problem)
        if isinstance(error, aiohttp.ClientPayloadError):
            return VoiceError(f"{self._name} ended its answer too early.")
        if isinstance(error, aiohttp.ClientResponseError):
            return VoiceError(f"{self._name} sent an answer that the gateway could not parse ({type(error).__name__}).")
        if isinstance(error, aiohttp.ServerDisconnectedError):
            return VoiceError(f"{self._name} ended the connection without an answer.")
        return VoiceUnreachable(f"{self._name} cannot be reached; is it running, and is {self._access.setting} right?")

    def _refusal(self, response: aiohttp.ClientResponse, text: bytes) -> LamError:
        """Returns our error for a status other than 200."""
        status, setting = response.status, self._access.setting
        if 300 <= status < 400:
            place = redirect_target(response)
            return VoiceError(
                f"{self._name} redirects to {place}, and redirects are not followed; set {setting} to the address there."
            )
        if status == 407:
            return VoiceUnreachable(self._access.refusal_of_proxy(status, self._addresses.name))
        if problem := self._access.page(text, self._addresses.name):
            return VoiceUnreachable(problem)
        if status in (401, 403):
            return VoiceError(f"{self._name} refuses the key; is {setting.replace('_URL', '_API_KEY')} right?")
        words = read_refusal(decoded(text), status).message.rstrip(".")
        if status in UNKNOWN_PATH:
            said = f" ({words})" if words else ""
            return VoiceError(f"{self.address} answers with HTTP {status}{said}; is {setting} right?")
        if status in _OVERLOADED:
            return VoiceOverloaded(f"{self._name} has too much to do at the moment; try again soon.")
        if status in _ABOUT_CONTENT:
            return VoiceRefused(f"{self._name} refuses this: {words or f'HTTP {status}'}.")
        return VoiceError(f"{self._name} failed: {words or f'HTTP {status}'}.")

    def _page(self) -> VoiceError:
        return VoiceError(f"{self._name} answers with a web page; is {self._access.setting} right?")


class SpeechServer(VoiceServer):
    """A server that speaks."""

    def __init__(self, url: str, access: Access, *, model: str, voice: str, times: Times) -> None:
        """`voice`: for requests that name none."""
        super().__init__(url, access, SPEECH, times)
        self._model = model
        self._voice = voice

    @classmethod
    def of(cls, settings: Settings, times: Times) -> Self | None:
        """Returns the server in the settings, None without one. Raises ConfigError."""
        url = settings.lam_speech_url
        if url is None:
            return None
        access = _access(settings, url, "speech server", "LAM_SPEECH_URL", settings.lam_speech_api_key)
        return cls(url, access, model=settings.lam_speech_model, voice=settings.lam_speech_voice, times=times)

    @asynccontextmanager
    async def speak(self, text: str, voice: str | None = None, speed: float | None = None) -> AsyncIterator[Sound]:
        """Yields the sound of the text once its first piece has come. Leaving the context ends the request.

        Its pieces raise a VoiceError when the server stops in the middle. Raises VoiceError and VoiceRefused.
        """
        body: dict[str, Any] = {"model": self._model, "input": text, "voice": voice or self._voice, "response_format": "wav"}
        if speed is not None:
            body["speed"] = speed
        deadline = asyncio.get_running_loop().time() + self._times.speech
        async with self._response(lambda: {"json": body}, self._times.first) as response:
            first = await self._in_time(_beginning(response), self._times.first)
            if not first:
                raise VoiceError(f"{self._name} sent no sound.")
            if first.lstrip()[:1] in (b"<", b"{", b"[", b'"'):
                raise await self._no_sound(response, first)
            kind = type_of(first) or type_said(response.headers.get("Content-Type", ""))
            if kind is None:
                raise VoiceError(f"{self._name} sent something that is no sound ({response.content_type}).")
            yield Sound(kind, self._pieces(response, first, deadline))

    async def _pieces(self, response: aiohttp.ClientResponse, first: bytes, deadline: float) -> AsyncGenerator[bytes]:
        clock = asyncio.get_running_loop().time
        size, piece = 0, first
        while piece:
            size += len(piece)
            if size > LONGEST_SOUND:
                raise VoiceError(f"{self._name} sent more than {LONGEST_SOUND >> 20} MiB of sound.")
            yield piece
            piece = await self._in_time(response.content.readany(), min(self._times.silence, max(0, deadline - clock())))

    async def _no_sound(self, response: aiohttp.ClientResponse, first: bytes) -> VoiceError:
        """Returns what an answer of text means."""
        if first.lstrip().startswith(b"<"):
            return self._page()
        text = first + await self._in_time(whole_body(response), self._times.first)
        words = read_refusal(decoded(text)).message.rstrip(".")
        return VoiceError(f"{self._name} sent no sound{f', and says: {words}' if words else ''}.")


class TranscriptionServer(VoiceServer):
    """A server that listens."""

    def __init__(self, url: str, access: Access, *, model: str, times: Times) -> None:
        super().__init__(url, access, TRANSCRIPTION, times)
        self._model = model

    @classmethod
    def of(cls, settings: Settings, times: Times) -> Self | None:
        """Returns the server in the settings, None without one. Raises ConfigError."""
        url = settings.lam_transcription_url
        if url is None:
            return None
        key = settings.lam_transcription_api_key
        access = _access(settings, url, "transcription server", "LAM_TRANSCRIPTION_URL", key)
        return cls(url, access, model=settings.lam_transcription_model, times=times)

    async def hear(self, recording: IO[bytes], size: int, kind: str, ending: str, language: str | None = None) -> str:
        """Returns the words of a recording of `size` bytes. `kind`: its content type; `ending`: of its name, by which some servers
        tell the format. Raises VoiceError and VoiceRefused."""

        def request() -> dict[str, Any]:
            form = aiohttp.FormData()
            form.add_field("model", self._model)
            form.add_field("response_format", "json")
            if language is not None:
                form.add_field("language", language)
            form.add_field("file", _Recording(recording, size, kind), filename=f"recording.{ending}")
            return {"data": form}

        async with self._response(request, self._times.transcription) as response:
            return self._words(await self._in_time(whole_body(response), self._times.transcription))

    def _words(self, body: bytes) -> str:
        """Returns the text of an answer: in JSON, in the segments of one, or plain."""
        written = body.decode("utf-8", "replace").strip()
        if written.startswith("<"):
            raise self._page()
        try:
            answer = json.loads(written)  # takes lone surrogates, as Python's servers write them
        except (ValueError, RecursionError):
            answer = written
            if written.startswith(("{", "[")):
                raise VoiceError(f"{self._name} sent an answer that is no JSON.") from None
        if isinstance(answer, dict):
            if is_failure(answer.get("error")):
                raise VoiceError(f"{self._name} failed: {read_refusal(answer).message.rstrip('.')}.")
            answer = answer["text"] if "text" in answer else _joined(answer.get("segments"))
        if not isinstance(answer, str):
            raise VoiceError(f"{self._name} sent an answer without a text.")
        return " ".join(valid(answer)[:LONGEST_TEXT].split())


class _Recording(aiohttp.Payload):
    """The recording in a form, read from its file once more for each address that is tried."""

    _value: IO[bytes]

    def __init__(self, file: IO[bytes], size: int, kind: str) -> None:
        super().__init__(file, content_type=kind)
        self._size = size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a recording is no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        await asyncio.to_thread(self._value.seek, 0)
        while piece := await asyncio.to_thread(self._value.read, PIECE):
            await writer.write(piece)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Returns enough of the body to tell what it is; less only of a shorter one."""
    first = b""
    while len(first) < SIGN_BYTES and (piece := await response.content.readany()):
        first += piece
    return first


def _access(settings: Settings, url: str, kind: str, setting: str, key: str | None) -> Access:
    """Returns the way to a server of voices: as to the model server, but with its own key, and straight on this machine."""
    proxy = None if _is_loopback(urlsplit(url).hostname or "") else proxy_for(settings, url)
    return replace(Access.of(settings), kind=kind, setting=setting, api_key=key, proxy=proxy)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _joined(segments: Any) -> str | None:
    if not isinstance(segments, list) or not all(isinstance(one, dict) and isinstance(one.get("text"), str) for one in segments):
        return None
    return " ".join(one["text"] for one in segments)
