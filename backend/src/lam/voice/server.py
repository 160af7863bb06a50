"""OpenAI's API of voices over a mouth and an ear: `POST /v1/audio/speech`, `POST /v1/audio/transcriptions`, and `GET /health`.

It is meant for programs on machines that trust one another. It must not know which libraries speak and listen.
"""

import hmac
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Final, cast

from aiohttp import BodyPartReader, web
from msgspec import Struct

from lam.errors import ConfigError
from lam.voice.clauses import is_one
from lam.voice.contracts import Ear, Mouth, NoRecording
from lam.voice.steps import Steps, TooMany
from lam.voice.wave import head

log = logging.getLogger(__name__)

TEXT_CHARS: Final = 4096
AUDIO_BYTES: Final = 25 << 20
JSON_BYTES: Final = 64 << 10
FIELD_BYTES: Final = 4 << 10  # of a form, beside the file
FIELDS: Final = 20
IN_MEMORY: Final = 1 << 20
AT_ONCE: Final = 16  # texts, and recordings; each step of all is done in turn
RETRY_SECONDS: Final = 5
SILENCE_SECONDS: Final = 0.05  # what a text without words sounds like: players dislike files without samples
SPEEDS: Final = (0.25, 4.0)
FORMATS: Final = ("wav", "pcm")
_UNSPOKEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class _Wish(Struct, frozen=True):
    """What to speak, and how."""

    text: str
    speed: float
    format: str


class VoiceServer:
    """`mouth`, `ear`: None where the server cannot do that. `key`: a token that each request has to carry; None: none."""

    def __init__(self, mouth: Mouth | None, ear: Ear | None, *, key: str | None = None) -> None:
        self._mouth = mouth
        self._ear = ear
        self._key = key
        self._speaking = Steps("mouth", AT_ONCE)
        self._hearing = Steps("ear", AT_ONCE)

    def close(self) -> None:
        self._speaking.close()
        self._hearing.close()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=JSON_BYTES)
        app.router.add_get("/health", self._health)
        for base in ("/v1", ""):
            app.router.add_get(f"{base}/models", self._models)
            app.router.add_post(f"{base}/audio/speech", self._speak)
            app.router.add_post(f"{base}/audio/transcriptions", self._hear)
        return app

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuses web pages of others and requests without the key, and makes every failure an error of OpenAI's form."""
        try:
            if "Origin" in request.headers:
                raise Refusal(403, "Browsers do not talk to this server; the gateway does.")
            if self._key is not None and request.path != "/health":
                given = request.headers.get("Authorization", "").removeprefix("Bearer ")
                if not hmac.compare_digest(given.encode(), self._key.encode()):
                    raise Refusal(401, "The key is missing or wrong.")
            return await handler(request)
        except Refusal as refusal:
            return _error(refusal.status, refusal.sentence)
        except TooMany:
            return _error(429, "Too many requests at once.")
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except Exception:
            log.exception("A request failed")
            return _error(500, "The server failed; its log says more.")

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "speech": _name(self._mouth), "transcription": _name(self._ear)})

    async def _models(self, _request: web.Request) -> web.Response:
        names = [part.name for part in (self._mouth, self._ear) if part is not None]
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    # Speech

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        mouth = self._mouth
        if mouth is None:
            raise Refusal(404, "This server has no voice.")
        if request.content_type != "application/json":
            raise Refusal(415, "The body must be JSON.")
        wish = _wish(await request.read())
        kind = "audio/wav" if wish.format == "wav" else f"audio/pcm; rate={mouth.rate}; channels=1"
        async with aclosing(self._speaking.of(lambda: mouth.speak(wish.text, wish.speed))) as pieces:
            first = await anext(pieces, bytes(2 * int(mouth.rate * SILENCE_SECONDS)))
            if is_one(wish.text):  # the rest costs no time, and a file that says its length is taken by every player
                samples = b"".join([first, *[piece async for piece in pieces]])
                before = head(mouth.rate, len(samples)) if wish.format == "wav" else b""
                return web.Response(body=before + samples, headers={"Content-Type": kind})
            response = web.StreamResponse(headers={"Content-Type": kind})
            await response.prepare(request)
            await response.write((head(mouth.rate, None) if wish.format == "wav" else b"") + first)
            try:
                async for piece in pieces:
                    await response.write(piece)
            except Exception:
                log.exception("A sound broke off")
                if request.transport is not None:
                    request.transport.abort()  # half a sound must not look whole
                return response
        await response.write_eof()
        return response

    # Transcription

    async def _hear(self, request: web.Request) -> web.Response:
        ear = self._ear
        if ear is None:
            raise Refusal(404, "This server does not listen.")
        if request.content_type != "multipart/form-data":
            raise Refusal(415, "The body must be a form with the recording as `file`.")
        with SpooledTemporaryFile(IN_MEMORY) as file:
            recording = cast(IO[bytes], file)
            fields = await _form(request, recording)
            if fields.get("response_format", "json") not in ("json", "text"):
                raise Refusal(400, "response_format must be json or text.")
            language = fields.get("language") or None
            try:
                async with aclosing(self._hearing.of(lambda: ear.hear(recording, language))) as stretches:
                    text = "".join([stretch async for stretch in stretches]).strip()
            except NoRecording as error:
                raise Refusal(400, str(error) or "The file is no recording that can be decoded.") from error
        if fields.get("response_format") == "text":
            return web.Response(text=text + "\n")
        return web.json_response({"text": text})


@asynccontextmanager
async def serving(server: VoiceServer, host: str, port: int) -> AsyncIterator[str]:
    """Listens, and yields the address. Requests end when their client leaves. Raises ConfigError."""
    runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"The voice server cannot listen on {host}:{port} ({error.strerror}); choose another with --port."
            ) from error
        host, number = runner.addresses[0][:2]
        yield f"http://{f'[{host}]' if ':' in host else host}:{number}"
    finally:
        await runner.cleanup()
        server.close()


def _wish(body: bytes) -> _Wish:
    """Returns what a request of speech says. Raises Refusal."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is no JSON.") from None
    if not isinstance(asked, dict):
        raise Refusal(400, "The body must be an object.")
    text, speed, form = asked.get("input"), asked.get("speed"), asked.get("response_format")
    if not isinstance(text, str) or not text.strip() or len(text) > TEXT_CHARS:
        raise Refusal(400, f"input must be a text of 1 to {TEXT_CHARS} characters.")
    speed = 1.0 if speed is None else speed
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise Refusal(400, f"speed must be a number from {SPEEDS[0]} to {SPEEDS[1]}.")
    form = FORMATS[0] if form is None else form
    if form not in FORMATS:
        raise Refusal(400, "response_format must be wav or pcm.")
    if asked.get("stream_format") not in (None, "audio"):
        raise Refusal(400, "stream_format must be audio.")
    return _Wish(_UNSPOKEN.sub(" ", text), float(speed), form)


async def _form(request: web.Request, recording: IO[bytes]) -> dict[str, str]:
    """Writes the recording into its file and returns the other fields. Raises Refusal."""
    fields: dict[str, str] = {}
    size = 0
    async for part in _parts(request):
        if not isinstance(part, BodyPartReader) or len(fields) >= FIELDS:
            raise Refusal(400, "The form has parts that nobody expects.")
        if part.name == "file" and not size:
            while piece := await part.read_chunk(1 << 16):
                size += len(piece)
                if size > AUDIO_BYTES:
                    raise Refusal(413, f"A recording may have {AUDIO_BYTES >> 20} MiB at most.")
                recording.write(piece)
        else:
            fields[part.name or ""] = await _field(part)
    if not size:
        raise Refusal(400, "The form needs the recording as `file`.")
    recording.seek(0)
    return fields


async def _parts(request: web.Request) -> AsyncIterator[object]:
    """Yields the parts of a form. Raises Refusal for one that cannot be read."""
    try:
        async for part in await request.multipart():
            yield part
    except (ValueError, AssertionError, web.HTTPException) as error:
        raise Refusal(400, "The form cannot be read.") from error


async def _field(part: BodyPartReader) -> str:
    value = b""
    while piece := await part.read_chunk(FIELD_BYTES):
        value += piece
        if len(value) > FIELD_BYTES:
            raise Refusal(413, "A field of the form is too long.")
    return value.decode("utf-8", "replace").strip()


def _error(status: int, sentence: str) -> web.Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 429 else {}
    return web.json_response({"error": {"message": sentence, "type": kind, "code": status}}, status=status, headers=headers)


def _name(part: Mouth | Ear | None) -> str | None:
    return None if part is None else part.name
