"""`lam voice` over the wire, with a mouth and an ear of our own; those from PyPI are measured by bench/voice.py."""

import asyncio
import io
import json
import threading
import wave
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import IO, Any

import aiohttp
import pytest

from lam.engines.access import Access
from lam.engines.voice_servers import SpeechServer, Times, TranscriptionServer
from lam.errors import ConfigError, VoiceError
from lam.testing.voice import tone
from lam.voice.contracts import NoRecording
from lam.voice.server import VoiceServer, serving

from ..waiting import until

TWO = "One sentence. Another one."
RATE = 8000


class Mouth:
    """Says each sentence as that many samples as it has letters. `turns`: how many steps it may make."""

    name = "a-mouth"
    rate = RATE

    def __init__(self, turns: int = 1000) -> None:
        self.turns = threading.Semaphore(turns)
        self.said: list[str] = []
        self.speeds: list[float] = []
        self.closed = 0

    def speak(self, text: str, speed: float) -> Generator[bytes]:
        self.speeds.append(speed)
        try:
            for sentence in text.replace("\n", " ").split(". "):
                if sentence.strip(". "):
                    self.turns.acquire()
                    self.said.append(sentence)
                    yield b"\1\0" * len(sentence)
        finally:
            self.closed += 1


class Ear:
    """Hears the length of a recording that begins as a WAV file."""

    name = "an-ear"

    def hear(self, recording: IO[bytes], language: str | None) -> Generator[str]:
        data = recording.read()
        if not data.startswith(b"RIFF"):
            raise NoRecording
        yield f" {len(data)} bytes"
        yield f" of {language}"


@asynccontextmanager
async def running(mouth: Any = None, ear: Any = None, key: str | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(VoiceServer(mouth, ear, key=key), "127.0.0.1", 0) as url, aiohttp.ClientSession(url) as http:
        yield http


def form(recording: bytes = b"", **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData()
    for name, value in fields.items():
        made.add_field(name, value)
    made.add_field("file", io.BytesIO(recording), filename="a.wav", content_type="audio/wav")
    return made


async def spoken(http: aiohttp.ClientSession, **body: Any) -> tuple[int, str, bytes]:
    async with http.post("/v1/audio/speech", json=body) as response:
        return response.status, response.headers["Content-Type"], await response.read()


def said_why(body: bytes) -> str:
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "code"}
    return str(error["message"])


# Speech


async def test_a_sentence_is_a_file_that_says_how_long_it_is() -> None:
    async with running(Mouth()) as http:
        status, kind, body = await spoken(http, model="tts-1", voice="alloy", input="One sentence.", response_format="wav")
    assert (status, kind) == (200, "audio/wav")
    with wave.open(io.BytesIO(body)) as read:
        assert (read.getframerate(), read.getnframes()) == (RATE, len("One sentence."))


async def test_a_longer_text_comes_while_it_is_spoken() -> None:
    mouth = Mouth(turns=1)
    async with running(mouth) as http:
        async with http.post("/v1/audio/speech", json={"input": TWO}) as response:
            first = await response.content.readexactly(44 + 2 * len("One sentence"))
            assert first.startswith(b"RIFF\xff\xff\xff\xff")
            assert mouth.said == ["One sentence"]
            mouth.turns.release()
            assert len(await response.read()) == 2 * len("Another one.")


async def test_bare_samples_are_to_be_had_and_say_their_rate() -> None:
    async with running(Mouth()) as http:
        status, kind, body = await spoken(http, input=TWO, response_format="pcm", speed=2)
    assert (status, kind) == (200, f"audio/pcm; rate={RATE}; channels=1")
    assert body == b"\1\0" * len("One sentenceAnother one.")


async def test_a_text_without_words_is_a_short_silence() -> None:
    async with running(Mouth()) as http:
        for text in ("...", "... ..."):
            status, _, body = await spoken(http, input=text)
            assert (status, body[44:].strip(b"\0"), len(body) > 44) == (200, b"", True)


NONSENSE: list[tuple[Any, int]] = [
    ({}, 400),
    ({"input": ""}, 400),
    ({"input": " "}, 400),
    ({"input": 5}, 400),
    ({"input": "x" * 4097}, 400),
    ({"input": "x", "speed": 0}, 400),
    ({"input": "x", "speed": "fast"}, 400),
    ({"input": "x", "speed": True}, 400),
    ({"input": "x", "speed": 1e999}, 400),
    ({"input": "x", "response_format": "mp3"}, 400),
    ({"input": "x", "response_format": ["wav"]}, 400),
    ({"input": "x", "stream_format": "sse"}, 400),
    ([], 400),
    ({"input": "x", "padding": "x" * (70 << 10)}, 413),
]


async def test_a_request_that_makes_no_sense_is_refused_in_a_sentence() -> None:
    mouth = Mouth()
    async with running(mouth) as http:
        for body, expected in NONSENSE:
            async with http.post("/v1/audio/speech", json=body) as response:
                assert response.status == expected, body
                assert said_why(await response.read())
        for data, kind in ((b"{", "application/json"), (b"[" * 50_000, "application/json"), (b"\xff", "application/json")):
            async with http.post("/v1/audio/speech", data=data, headers={"Content-Type": kind}) as response:
                assert response.status == 400
        assert (await spoken(http, input="A lone \ud800 surrogate."))[0] == 200
        assert (await spoken(http, input="Null \0 and bell \7."))[0] == 200
    assert mouth.said == ["A lone   surrogate.", "Null   and bell  ."]


async def test_who_leaves_ends_the_work_and_others_are_heard_meanwhile() -> None:
    mouth = Mouth(turns=1)
    async with running(mouth) as http:
        async with http.post("/v1/audio/speech", json={"input": "A b. " * 50}) as response:
            await response.content.readexactly(44)
            response.close()
        mouth.turns.release(3)
        await until(lambda: mouth.closed == 1)
        mouth.turns.release(50)
        assert (await spoken(http, input="Next."))[0] == 200
    assert len(mouth.said) < 10


class Stumbling(Mouth):
    def speak(self, text: str, speed: float) -> Generator[bytes]:
        yield from super().speak(text, speed)
        raise ZeroDivisionError


async def test_a_mouth_that_fails_is_an_error_before_the_first_sound_and_a_cut_after_it() -> None:
    async with running(Stumbling()) as http:
        status, _, body = await spoken(http, input="One sentence.")
        assert (status, said_why(body)) == (500, "The server failed; its log says more.")
        with pytest.raises(aiohttp.ClientPayloadError):
            await spoken(http, input=TWO)


async def test_two_texts_take_turns_sentence_by_sentence() -> None:
    mouth = Mouth(turns=0)
    async with running(mouth) as http:
        both = [asyncio.create_task(spoken(http, input=f"{name}1. {name}2. {name}3.")) for name in "ab"]
        await until(lambda: len(mouth.speeds) == 1)
        for count in range(2, 8):
            mouth.turns.release()
            await until(lambda count=count: len(mouth.said) >= min(count - 1, 6))
        await asyncio.gather(*both)
    assert {name[0] for name in mouth.said[:2]} == {"a", "b"}


async def test_more_than_a_few_at_once_are_refused_with_a_time_to_wait() -> None:
    mouth = Mouth(turns=0)
    async with running(mouth) as http:
        asking = [asyncio.create_task(spoken(http, input=TWO)) for _ in range(17)]
        done, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        status, _, body = done.pop().result()
        assert (status, said_why(body)) == (429, "Too many requests at once.")
        mouth.turns.release(40)
        assert [status for status, _, _ in await asyncio.gather(*waiting)] == [200] * 16


# Transcription


async def test_a_recording_becomes_words() -> None:
    sound = tone(0.1)
    async with running(ear=Ear()) as http:
        async with http.post("/v1/audio/transcriptions", data=form(sound, model="whisper-1", language="en")) as response:
            assert await response.json() == {"text": f"{len(sound)} bytes of en"}
        async with http.post("/v1/audio/transcriptions", data=form(sound, response_format="text")) as response:
            assert await response.text() == f"{len(sound)} bytes of None\n"


async def test_a_form_that_makes_no_sense_is_refused_in_a_sentence() -> None:
    async with running(ear=Ear()) as http:
        path = "/v1/audio/transcriptions"
        for data, expected in (
            (form(b"no sound"), 400),
            (form(b""), 400),
            (form(b"x" * ((25 << 20) + 1)), 413),
            (form(b"x", prompt="x" * 5000), 413),
            (form(b"x", **{f"field{number}": "x" for number in range(30)}), 400),
            (form(tone(0.1), response_format="srt"), 400),
        ):
            async with http.post(path, data=data) as response:
                assert response.status == expected
                assert said_why(await response.read())
        boundary = {"Content-Type": "multipart/form-data; boundary=x"}
        for data, kind, expected in (
            (b"{}", {"Content-Type": "application/json"}, 415),
            (b"", {"Content-Type": "multipart/form-data"}, 400),
            (b"--y\r\n", boundary, 400),
            (b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nRIFF", boundary, 400),
        ):
            async with http.post(path, data=data, headers=kind) as response:
                assert response.status == expected, data


# Who may


async def test_with_a_key_only_who_has_it_is_served() -> None:
    async with running(Mouth(), Ear(), key="the-key") as http:
        for header, expected in (("", 401), ("Bearer wrong", 401), ("Bearer the-key", 200)):
            async with http.get("/v1/models", headers={"Authorization": header}) as response:
                assert response.status == expected
        async with http.get("/health") as response:
            assert await response.json() == {"status": "ok", "speech": "a-mouth", "transcription": "an-ear"}


async def test_pages_of_others_are_refused() -> None:
    async with running(Mouth()) as http:
        async with http.post("/v1/audio/speech", json={"input": "x"}, headers={"Origin": "https://evil.example"}) as response:
            assert response.status == 403


async def test_what_is_missing_is_said_so() -> None:
    async with running() as http:
        assert (await spoken(http, input="x"))[0] == 404
        async with http.post("/v1/audio/transcriptions", data=form(b"x")) as response:
            assert response.status == 404
        async with http.get("/health") as response:
            assert await response.json() == {"status": "ok", "speech": None, "transcription": None}
        async with http.get("/nothing") as response:
            assert (response.status, said_why(await response.read())) == (404, "Not Found")


async def test_a_port_that_is_taken_is_named() -> None:
    async with serving(VoiceServer(None, None), "127.0.0.1", 0) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with serving(VoiceServer(None, None), "127.0.0.1", port):
                pass


# With the gateway's side


async def test_the_gateways_side_understands_it() -> None:
    async with serving(VoiceServer(Mouth(), Ear(), key="k"), "127.0.0.1", 0) as url:
        way = Access(api_key="k")
        async with (
            SpeechServer(url, way, model="m", voice="v", times=Times()) as speech,
            TranscriptionServer(url, way, model="m", times=Times()) as transcription,
        ):
            async with speech.speak(TWO, speed=2) as sound:
                assert sound.type == "audio/wav"
                data = b"".join([piece async for piece in sound.pieces])
            words = await transcription.hear(io.BytesIO(data), len(data), "audio/wav", "wav", "en")
            assert words == f"{len(data)} bytes of en"
        async with SpeechServer(url, Access(api_key="wrong"), model="m", voice="v", times=Times()) as speech:
            with pytest.raises(VoiceError, match="refuses the key"):
                async with speech.speak(TWO):
                    pass
