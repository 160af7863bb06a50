"""Texts that are spoken and recordings that are written down, by servers of every kind and in every trouble."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest

from lam.engines.access import Access
from lam.engines.voice_servers import SpeechServer, Times, TranscriptionServer
from lam.errors import VoiceError
from lam.gateway import Bounds
from lam.testing.voice import HEARD, Answer, ScriptedVoice, tone

from ..ports import free_port
from ..proxy import running_proxy
from ..running import Gateway, running_gateway
from ..waiting import until

pytestmark = pytest.mark.sqlite

TEXT = "Once upon a time."
SOUND = tone(0.2)
PAGE = b"<!doctype html><title>Welcome to nginx!</title>"
WEBM = b"\x1a\x45\xdf\xa3" + bytes(range(256))
SHORT = Bounds(voice=Times(first=0.3, silence=0.3, speech=3, transcription=0.3))
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def voice() -> AsyncIterator[ScriptedVoice]:
    async with ScriptedVoice(port=free_port()) as server:
        yield server


@asynccontextmanager
async def talking(voice: ScriptedVoice, tmp_path: Path, *, at: str = "", **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway with both servers; its model is of no matter. `at`: the rest of their addresses."""
    urls = {"lam_speech_url": voice.url + at, "lam_transcription_url": voice.url + at}
    async with running_gateway(tmp_path / "data", llm_server_url=NOWHERE, **(urls | settings)) as gateway:
        yield gateway


@asynccontextmanager
async def asked(gateway: Gateway, path: str, *, token: str | None = None, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {"Authorization": f"Bearer {token or gateway.token}"} | options.pop("headers", {})
    async with aiohttp.ClientSession() as http, http.post(gateway.url + path, headers=headers, **options) as response:
        yield response


async def spoken(gateway: Gateway, text: str = TEXT, **body: Any) -> tuple[int, str, bytes]:
    async with asked(gateway, "/api/speech", json={"text": text} | body) as response:
        return response.status, response.content_type, await response.read()


async def transcription(gateway: Gateway, recording: Any = SOUND, kind: str = "audio/wav", query: str = "") -> tuple[int, Any]:
    path = "/api/transcriptions" + query
    async with asked(gateway, path, data=recording, headers={"Content-Type": kind}) as response:
        return response.status, await response.json()


def code(body: bytes | dict[str, Any]) -> str:
    found: str = (json.loads(body) if isinstance(body, bytes) else body)["code"]
    return found


# What is offered


async def test_without_servers_nothing_is_offered_and_a_request_is_told_so(tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=NOWHERE) as gateway, gateway.client() as client:
        assert (await client.call("GET", "/api/health"))["voice"] == {"speech": False, "transcription": False}
        status, _, body = await spoken(gateway)
        assert (status, code(body)) == (404, "not_offered")
        assert "LAM_SPEECH_URL" in json.loads(body)["detail"]
        status, answer = await transcription(gateway)
        assert (status, code(answer)) == (404, "not_offered")
        assert "LAM_TRANSCRIPTION_URL" in answer["detail"]


async def test_anybody_may_know_what_is_offered_and_only_people_with_an_account_may_use_it(
    voice: ScriptedVoice, tmp_path: Path
) -> None:
    async with talking(voice, tmp_path, lam_transcription_url=None) as gateway, aiohttp.ClientSession(gateway.url) as nobody:
        async with nobody.get("/api/health") as response:
            assert (await response.json())["voice"] == {"speech": True, "transcription": False}
        for path in ("/api/speech", "/api/transcriptions"):
            async with nobody.post(path, json={"text": TEXT}) as response:
                assert (response.status, code(await response.read())) == (401, "unauthorized")
    assert not voice.requests


async def test_the_page_may_record_and_play_and_no_other_document_may(voice: ScriptedVoice, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<!doctype html><title>LAM Studio</title>")
    async with talking(voice, tmp_path, built=tmp_path / "page") as gateway:
        async with aiohttp.ClientSession(gateway.url) as http, http.get("/") as response:
            assert "media-src 'self' blob:;" in response.headers["Content-Security-Policy"]
            assert "microphone=(self)" in response.headers["Permissions-Policy"]
            assert "camera=()" in response.headers["Permissions-Policy"]
        async with asked(gateway, "/api/speech", json={"text": TEXT}) as response:
            assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cache-Control"] == "no-store"


# Speech


async def test_a_text_is_spoken_as_it_is_asked_for(voice: ScriptedVoice, tmp_path: Path) -> None:
    voice.speech = Answer(pieces=(SOUND,))
    settings = {"lam_speech_model": "tts-9", "lam_speech_voice": "ada", "lam_speech_api_key": "the-key", "llm_api_key": "another"}
    async with talking(voice, tmp_path, **settings) as gateway:
        assert await spoken(gateway) == (200, "audio/wav", SOUND)
        assert await spoken(gateway, "Ελλάδα 🏛", voice="bob", speed=1.5) == (200, "audio/wav", SOUND)
        assert await transcription(gateway) == (200, {"text": HEARD})
    first, second, third = voice.requests
    assert first.json == {"model": "tts-9", "input": TEXT, "voice": "ada", "response_format": "wav"}
    assert second.json == {"model": "tts-9", "input": "Ελλάδα 🏛", "voice": "bob", "response_format": "wav", "speed": 1.5}
    assert first.headers["authorization"] == "Bearer the-key"
    assert "authorization" not in third.headers, "no key is sent that belongs to another server"


async def test_a_sound_arrives_while_the_server_makes_it(voice: ScriptedVoice, tmp_path: Path) -> None:
    pieces = (SOUND[:100], SOUND[100:2000], SOUND[2000:])
    voice.speech = Answer(pieces=pieces, hold=True)
    async with talking(voice, tmp_path) as gateway:
        asking = asyncio.create_task(spoken_in_steps(gateway, voice, pieces))
        await asyncio.wait_for(asking, 20)


async def spoken_in_steps(gateway: Gateway, voice: ScriptedVoice, pieces: tuple[bytes, ...]) -> None:
    opening = asyncio.create_task(voice.arrival())
    opening.add_done_callback(lambda _: voice.step())
    async with asked(gateway, "/api/speech", json={"text": TEXT}) as response:
        for number, piece in enumerate(pieces):
            assert await response.content.readexactly(len(piece)) == piece
            if number + 1 < len(pieces):
                assert not voice.requests[0].ended
                voice.step()
        assert await response.read() == b""


NONSENSE: list[dict[str, Any]] = [
    {},
    {"text": ""},
    {"text": " \n"},
    {"text": None},
    {"text": "x" * 4097},
    {"text": TEXT, "speed": 0.1},
    {"text": TEXT, "speed": 5},
    {"text": TEXT, "speed": "NaN"},
    {"text": TEXT, "voice": ""},
    {"text": TEXT, "voice": "x" * 101},
    {"text": TEXT, "format": "mp3"},
]


async def test_a_request_that_makes_no_sense_never_reaches_the_server(voice: ScriptedVoice, tmp_path: Path) -> None:
    async with talking(voice, tmp_path) as gateway:
        for body in NONSENSE:
            async with asked(gateway, "/api/speech", json=body) as response:
                assert (response.status, code(await response.read())) == (422, "invalid"), body
    assert not voice.requests


SOUNDS = {
    "WAV": (SOUND, "audio/wav", "audio/wav"),
    "MP3": (b"\xff\xfb\x90\x64" + bytes(100), "audio/mpeg", "audio/mpeg"),
    "MP3 with a tag, called something else": (b"ID3\x04" + bytes(100), "application/octet-stream", "audio/mpeg"),
    "Ogg without a type": (b"OggS" + bytes(100), " ", "audio/ogg"),
    "FLAC called a page": (b"fLaC" + bytes(100), "text/html", "audio/flac"),
    "AAC": (b"\xff\xf1\x50\x80" + bytes(100), "audio/aac", "audio/aac"),
    "WebM": (WEBM, "video/webm", "audio/webm"),
    "MP4": (b"\0\0\0\x20ftypM4A " + bytes(100), "application/mp4", "audio/mp4"),
    "bare samples": (bytes(100), "audio/pcm; rate=24000", "audio/pcm"),
}


async def test_any_kind_of_sound_is_passed_on_by_what_it_is(voice: ScriptedVoice, tmp_path: Path) -> None:
    ways: tuple[Literal["chunks", "length", "close"], ...] = ("chunks", "length", "close")
    async with talking(voice, tmp_path) as gateway:
        for encoded, (name, (sound, said, kind)) in product(ways, SOUNDS.items()):
            voice.speech = Answer(type=said, pieces=(sound[:1], sound[1:3], sound[3:]), encoded=encoded)
            assert await spoken(gateway) == (200, kind, sound), (encoded, name)


ODD_ANSWERS: dict[str, tuple[Answer, int, str, str]] = {
    "a web page": (Answer(type="audio/wav", pieces=(b"\n" + PAGE,)), 502, "voice_error", "web page"),
    "an error with 200": (
        Answer(type="application/json", pieces=(b'{"error": {"message": "no such ', b'voice"}}')),
        502,
        "voice_error",
        "no such voice",
    ),
    "a list": (Answer(type="application/json", pieces=(b"[" * 100_000,)), 502, "voice_error", "no sound"),
    "nothing": (Answer(pieces=()), 502, "voice_error", "no sound"),
    "a text": (Answer(type="text/plain", pieces=(b"this is no sound",)), 502, "voice_error", "no sound"),
    "an unknown kind that could run": (Answer(type="audio/wav\x0b<script>", pieces=(b"MZ..",)), 502, "voice_error", "no sound"),
    "a wrong key": (Answer(status=401, pieces=(b"{}",)), 502, "voice_error", "LAM_SPEECH_API_KEY"),
    "no such path": (Answer(status=404, pieces=(PAGE,)), 502, "voice_error", "LAM_SPEECH_URL"),
    "another place": (
        Answer(status=302, pieces=(), headers={"Location": "https://u:p@x.example/?k=1"}),
        502,
        "voice_error",
        "x.ex",
    ),
    "a redirect to nowhere": (Answer(status=307, pieces=(), headers={"Location": "http://h:99999/"}), 502, "voice_error", "redir"),
    "too much to do": (Answer(status=429, pieces=(b"{}",)), 503, "voice_overloaded", "too much"),
    "not now": (Answer(status=503, pieces=(PAGE,)), 503, "voice_overloaded", "too much"),
    "a text that it refuses": (
        Answer(status=400, pieces=(b'{"error": {"message": "Unknown voice."}}',)),
        422,
        "voice_refused",
        "Unknown voice.",
    ),
    "a failure": (Answer(status=500, pieces=(b'{"detail": "CUDA out of memory"}',)), 502, "voice_error", "CUDA out of memory"),
    "a failure as a page": (Answer(status=500, pieces=(PAGE,)), 502, "voice_error", "HTTP 500"),
    "a cut before the first sound": (Answer(pieces=(), fault="cut"), 502, "voice_error", "too early"),
    "no head": (Answer(fault="hang"), 504, "voice_timeout", "in time"),
    "a head and no sound": (Answer(pieces=(), fault="silent"), 504, "voice_timeout", "in time"),
}


async def test_an_odd_answer_is_told_in_one_sentence_and_the_next_text_is_spoken(voice: ScriptedVoice, tmp_path: Path) -> None:
    async with talking(voice, tmp_path / "one") as patient, talking(voice, tmp_path / "two", bounds=SHORT) as hasty:
        for name, (answer, status, expected, words) in ODD_ANSWERS.items():
            voice.speech = answer
            found, kind, body = await asyncio.wait_for(spoken(hasty if status == 504 else patient), 20)
            assert (found, kind, code(body)) == (status, "application/json", expected), name
            assert words in json.loads(body)["detail"], name
            assert "u:p" not in json.loads(body)["detail"]
            voice.speech = Answer(pieces=(SOUND,))
            assert (await spoken(patient))[2] == SOUND, name
    await until(lambda: voice.active == 0)


HALVES = {
    "cut in chunks": Answer(pieces=(SOUND[:3000],), fault="cut"),
    "cut below its length": Answer(
        pieces=(SOUND[:3000],), fault="cut", headers={"Content-Length": str(len(SOUND))}, encoded="close"
    ),
    "silent in chunks": Answer(pieces=(SOUND[:3000],), fault="silent"),
    "silent below its length": Answer(
        pieces=(SOUND[:3000],), fault="silent", headers={"Content-Length": str(len(SOUND))}, encoded="close"
    ),
}


async def test_half_a_sound_never_ends_as_a_whole_one(voice: ScriptedVoice, tmp_path: Path) -> None:
    quiet = Bounds(voice=Times(first=20, silence=3, speech=20))
    async with talking(voice, tmp_path, bounds=quiet) as gateway:
        for name, answer in HALVES.items():
            voice.speech = answer
            async with asked(gateway, "/api/speech", json={"text": TEXT}) as response:
                assert response.status == 200, name
                assert await response.content.readexactly(3000) == SOUND[:3000], name
                with pytest.raises(aiohttp.ClientPayloadError):
                    await asyncio.wait_for(response.content.readany(), 20)
            voice.speech = Answer(pieces=(SOUND,))
            assert (await spoken(gateway))[2] == SOUND, name


async def test_a_server_that_is_away_and_comes_back_is_used_again(voice: ScriptedVoice, tmp_path: Path) -> None:
    async with talking(voice, tmp_path) as gateway:
        await voice.vanish()
        status, _, body = await spoken(gateway)
        assert (status, code(body)) == (503, "voice_unreachable")
        assert "LAM_SPEECH_URL" in json.loads(body)["detail"]
        status, answer = await transcription(gateway)
        assert (status, code(answer)) == (503, "voice_unreachable")
        assert "LAM_TRANSCRIPTION_URL" in answer["detail"]
        async with voice:
            assert (await spoken(gateway))[0] == 200
            assert (await transcription(gateway))[0] == 200


async def test_who_leaves_ends_the_request_at_the_server(voice: ScriptedVoice, tmp_path: Path) -> None:
    """Before the head, before the first sound, and in the middle of it."""
    async with talking(voice, tmp_path) as gateway:
        for number, answer in enumerate(
            (Answer(fault="hang"), Answer(pieces=(), fault="silent"), Answer(pieces=(SOUND,), fault="silent")), 1
        ):
            voice.speech = answer
            leaving = asyncio.create_task(spoken(gateway))
            request = await voice.arrival(number)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            await until(lambda request=request: request.left_early)
        voice.speech = Answer(pieces=(SOUND,))
        assert (await spoken(gateway))[2] == SOUND, "the turn has ended, too"


async def test_a_person_gets_one_text_at_a_time_and_holds_up_nobody_else(voice: ScriptedVoice, tmp_path: Path) -> None:
    voice.speech = Answer(pieces=(SOUND,), hold=True)
    async with talking(voice, tmp_path) as gateway:
        own = [asyncio.create_task(spoken(gateway, f"Sentence {number}.")) for number in range(4)]
        await voice.arrival()
        async with await gateway.user("bob@example.org") as bob:
            token = bob._headers["Authorization"].removeprefix("Bearer ")
            other = asyncio.create_task(transcription(gateway))
            async with asyncio.timeout(60):
                assert (await other)[0] == 200, "a recording does not wait for a text"
            both = asyncio.create_task(spoken_by(gateway, token))
            await until(lambda: voice.active == 2)
            voice.step(5)
            assert [status for status, _, _ in await asyncio.gather(*own)] == [200] * 4
            assert await both == 200
    assert voice.most_active == 2
    spoken_texts = [request.json["input"] for request in voice.requests if request.path.endswith("speech")]
    assert spoken_texts.index(TEXT) == 1


async def spoken_by(gateway: Gateway, token: str) -> int:
    async with asked(gateway, "/api/speech", token=token, json={"text": TEXT}) as response:
        await response.read()
        return response.status


async def test_too_many_texts_at_once_are_refused_with_a_time_to_wait(voice: ScriptedVoice, tmp_path: Path) -> None:
    voice.speech = Answer(fault="hang")
    async with talking(voice, tmp_path) as gateway:
        waiting = [asyncio.create_task(spoken(gateway)) for _ in range(40)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        status, _, body = done.pop().result()
        assert (status, code(body)) == (429, "too_much_voice")
        await until(lambda: sum(task.done() for task in waiting) == 8)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await until(lambda: voice.active == 0)
        assert len(voice.requests) == 1, "who left while waiting never reached the server"


# Transcriptions


async def test_a_recording_is_passed_on_and_its_words_come_back(voice: ScriptedVoice, tmp_path: Path) -> None:
    settings = {"lam_transcription_model": "whisper-9", "lam_transcription_api_key": "the-key"}
    async with talking(voice, tmp_path, **settings) as gateway:
        assert await transcription(gateway, WEBM, "audio/webm;codecs=opus", "?language=en-US") == (200, {"text": HEARD})
    (request,) = voice.requests
    assert request.headers["authorization"] == "Bearer the-key"
    assert int(request.headers["content-length"]) == len(request.body), "servers without chunks get a length"
    assert WEBM in request.body
    for part in (b'name="model"\r\n\r\nwhisper-9', b'name="language"\r\n\r\nen\r\n', b'filename="recording.webm"', b"audio/webm"):
        assert part in request.body, part


async def test_a_recording_of_many_megabytes_passes_and_one_more_is_refused(voice: ScriptedVoice, tmp_path: Path) -> None:
    large = SOUND + bytes((25 << 20) - len(SOUND))
    async with talking(voice, tmp_path) as gateway:
        assert await transcription(gateway, io.BytesIO(large), "audio/flac") == (200, {"text": HEARD})
        assert large in voice.requests[0].body
        status, answer = await transcription(gateway, io.BytesIO(large + b"x"))
        assert (status, answer) == (413, {"detail": "A recording may have up to 25 MiB.", "code": "audio_too_large"})
    assert len(voice.requests) == 1


async def test_a_recording_of_unknown_length_passes(voice: ScriptedVoice, tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(SOUND), 1000):
            yield SOUND[start : start + 1000]

    async with talking(voice, tmp_path) as gateway:
        assert (await transcription(gateway, pieces(), "audio/ogg"))[0] == 200
    assert SOUND in voice.requests[0].body


NO_RECORDINGS = [
    (b"", "audio/wav", "", 422, "invalid"),
    (SOUND, "text/html", "", 415, "audio_unsupported"),
    (SOUND, "application/octet-stream", "", 415, "audio_unsupported"),
    (SOUND, "audio/midi", "", 415, "audio_unsupported"),
    (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "audio/mpeg", "", 415, "audio_unsupported"),
    (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "audio/wav", "", 415, "audio_unsupported"),
    (b"ffconcat version 1.0\nfile /etc/passwd\n", "audio/ogg", "", 415, "audio_unsupported"),
    (b"RIFF\0\0\0\0AVI LIST", "audio/wav", "", 415, "audio_unsupported"),
    (b"R", "audio/wav", "", 415, "audio_unsupported"),
    (SOUND, "audio/wav", "?language=english!", 422, "invalid"),
    (SOUND, "audio/wav", "?language=", 422, "invalid"),
]


async def test_what_is_no_recording_never_reaches_the_server(voice: ScriptedVoice, tmp_path: Path) -> None:
    async with talking(voice, tmp_path) as gateway:
        for recording, kind, query, status, expected in NO_RECORDINGS:
            found, answer = await transcription(gateway, recording, kind, query)
            assert (found, code(answer)) == (status, expected), (kind, query)
    assert not voice.requests


WORDS: dict[str, tuple[Answer, str]] = {
    "JSON": (Answer(pieces=(b'{"te', b'xt": " Hello\\n there "}')), "Hello there"),
    "JSON with a null error": (Answer(pieces=(b'{"text": "Hello", "error": null}',)), "Hello"),
    "nothing was said": (Answer(pieces=(b'{"text": ""}',)), ""),
    "segments": (Answer(pieces=(b'{"segments": [{"text": " Hello"}, {"text": " there."}]}',)), "Hello there."),
    "a bare text": (Answer(type="text/plain", pieces=(b"Hello there.\n",)), "Hello there."),
    "a JSON text": (Answer(pieces=(b'"Hello there."',)), "Hello there."),
    "a lone surrogate": (Answer(pieces=(b'{"text": "Hello \\ud800there"}',)), "Hello \ufffdthere"),
    "broken UTF-8": (Answer(type="text/plain", pieces=(b"Hello \xff",)), "Hello \ufffd"),
}


async def test_the_words_are_found_in_answers_of_all_kinds(voice: ScriptedVoice, tmp_path: Path) -> None:
    async with talking(voice, tmp_path) as gateway:
        for name, (answer, words) in WORDS.items():
            voice.transcription = answer
            assert await transcription(gateway) == (200, {"text": words}), name


ODD_WORDS: dict[str, tuple[Answer, int, str, str]] = {
    "a web page": (Answer(pieces=(PAGE,)), 502, "voice_error", "LAM_TRANSCRIPTION_URL"),
    "an error with 200": (Answer(pieces=(b'{"error": "no model"}',)), 502, "voice_error", "no model"),
    "half a JSON": (Answer(pieces=(b'{"text": "Hel',)), 502, "voice_error", "no JSON"),
    "a number": (Answer(pieces=(b"42",)), 502, "voice_error", "without a text"),
    "null": (Answer(pieces=(b'{"text": null}',)), 502, "voice_error", "without a text"),
    "odd segments": (Answer(pieces=(b'{"segments": [1]}',)), 502, "voice_error", "without a text"),
    "a cut": (Answer(pieces=(b'{"text": "Hel',), fault="cut"), 502, "voice_error", "too early"),
    "no head": (Answer(fault="hang"), 504, "voice_timeout", "in time"),
    "silence in the middle": (Answer(pieces=(b'{"text": "Hel',), fault="silent"), 504, "voice_timeout", "in time"),
    "a format that it refuses": (
        Answer(status=415, pieces=(b'{"error": {"message": "Invalid file format"}}',)),
        422,
        "voice_refused",
        "Invalid file format",
    ),
    "a wrong key": (Answer(status=401, pieces=(b"",)), 502, "voice_error", "LAM_TRANSCRIPTION_API_KEY"),
    "no such path": (Answer(status=405, pieces=(b"",)), 502, "voice_error", "LAM_TRANSCRIPTION_URL"),
}


async def test_an_odd_answer_to_a_recording_is_told_in_one_sentence(voice: ScriptedVoice, tmp_path: Path) -> None:
    async with talking(voice, tmp_path / "one") as patient, talking(voice, tmp_path / "two", bounds=SHORT) as hasty:
        for name, (odd, status, expected, words) in ODD_WORDS.items():
            voice.transcription = odd
            found, answer = await asyncio.wait_for(transcription(hasty if status == 504 else patient), 20)
            assert (found, code(answer)) == (status, expected), name
            assert words in answer["detail"], name
            voice.transcription = Answer()
            assert await transcription(patient) == (200, {"text": HEARD}), name


async def test_who_leaves_before_the_words_come_ends_the_request_at_the_server(voice: ScriptedVoice, tmp_path: Path) -> None:
    voice.transcription = Answer(fault="hang")
    async with talking(voice, tmp_path) as gateway:
        leaving = asyncio.create_task(transcription(gateway))
        request = await voice.arrival()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await until(lambda: request.left_early)
        voice.transcription = Answer()
        assert (await transcription(gateway))[0] == 200


# Ways to the servers


ADDRESSES = [
    ("/v1", ""),
    ("/v1", "/"),
    ("/v1", "/v1"),
    ("/v1", "/v1/audio/{path}"),
    ("/tts/v1", "/tts"),
    ("/inference", "/inference"),
    ("/inference", "/inference/audio/{path}"),
    ("", ""),
    ("/openai/deployments/x", "/openai/deployments/x?api-version=2024-10-21"),
]


@pytest.mark.parametrize(("base", "given"), ADDRESSES)
async def test_the_address_that_people_have_is_enough(base: str, given: str) -> None:
    """As a gateway asks, without one."""
    async with ScriptedVoice(base=base) as voice:
        url = voice.url + given.format(path="speech")
        speech = SpeechServer(url, Access(api_key="k"), model="m", voice="v", times=Times())
        url = voice.url + given.format(path="transcriptions")
        transcription = TranscriptionServer(url, Access(), model="m", times=Times())
        async with speech, transcription:
            for _ in range(2):
                async with speech.speak(TEXT) as sound:
                    assert b"".join([piece async for piece in sound.pieces]).startswith(b"RIFF")
                assert await transcription.hear(io.BytesIO(SOUND), len(SOUND), "audio/wav", "wav") == HEARD
        answered = [request for request in voice.requests if request.path.startswith(f"{base}/audio/speech")]
        assert len(answered) == 2
        assert len(voice.requests) <= 6, "a base that is known is not sought again"
        key = {"api-key": "k"} if "?" in given else {"authorization": "Bearer k"}
        assert key.items() <= answered[0].headers.items()


async def test_the_proxy_is_used_for_other_machines_and_not_for_this_one(voice: ScriptedVoice, tmp_path: Path) -> None:
    async with running_proxy() as proxy:
        way = {"llm_proxy": f"http://127.0.0.1:{proxy.port}"}
        async with talking(voice, tmp_path, lam_transcription_url="http://voices.example:1", **way) as gateway:
            assert (await spoken(gateway))[0] == 200
            assert not [line for line in proxy.seen if "audio" in line]
            assert (await transcription(gateway))[0] in (502, 503)
            assert "voices.example:1/v1/audio/transcriptions" in str(proxy.seen)


async def test_a_server_that_is_no_server_is_told_so() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with SpeechServer(url, Access(), model="m", voice="v", times=Times()) as speech:
            with pytest.raises(VoiceError, match=r"could not parse|without an answer"):
                async with speech.speak(TEXT):
                    pass
