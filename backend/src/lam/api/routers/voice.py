"""`/api/speech` and `/api/transcriptions`: texts become sound, and recordings become text, by servers that others run."""

from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any, Final, cast

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import UploadFile

from lam.api.audio_stream import AudioStream, while_connected
from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.schemas.voice import AUDIO_BYTES, SpeechText, TranscriptionAnswer
from lam.engines.sounds import ENDINGS, SIGN_BYTES, plain, type_of
from lam.errors import AudioUnsupported, Invalid

router = APIRouter(prefix="/api", tags=["voice"])

IN_MEMORY: Final = 1 << 20  # bytes of a recording; the rest of a longer one is on disk
SOUND: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The sound.", "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}
}
RECORDING: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": f"The file itself, up to {AUDIO_BYTES >> 20} MiB.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ENDINGS},
    }
}


@router.post(
    "/speech",
    responses=SOUND | answers(401, 403, 404, 413, 422, 429, 502, 503, 504),
    response_class=Response,
    summary="Speak a text",
)
async def speech(body: SpeechText, caller: Caller, parts: Parts) -> Response:
    """Answers with the sound while the server makes it: WAV, or what the server sends instead. Where the sound ends too early, the
    connection does, too. One text of a person is spoken at a time; further ones wait. 404 `not_offered` if no server is set up.
    """
    parts.voice.require_speech()
    return AudioStream(parts.voice.speak(caller.user.id, body.text, body.voice, body.speed))


@router.post(
    "/transcriptions",
    responses=answers(401, 403, 404, 413, 415, 422, 429, 502, 503, 504),
    openapi_extra=RECORDING,
    summary="Write down a recording",
)
async def transcriptions(
    request: Request,
    caller: Caller,
    parts: Parts,
    language: Annotated[
        str | None,
        Query(
            pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$",
            max_length=35,
            description="What is spoken, as `en` or `pt-BR`; without it the server finds out.",
            examples=["en"],
        ),
    ] = None,
) -> TranscriptionAnswer:
    """Takes the recording as the body, with its content type; its first bytes must be those of a sound, too. Nothing is stored. One
    recording of a person is taken at a time; further ones wait. 404 `not_offered` if no server is set up.
    """
    parts.voice.require_transcription()
    if plain(request.headers.get("content-type", "")) not in ENDINGS:
        raise AudioUnsupported
    async with parts.voice.turn_to_record(caller.user.id):
        with SpooledTemporaryFile(IN_MEMORY) as file:
            recording = UploadFile(cast(Any, file), size=0)
            async for piece in request.stream():
                await recording.write(piece)
            if not recording.size:
                raise Invalid("The recording is empty.")
            await recording.seek(0)
            kind = type_of(await recording.read(SIGN_BYTES))
            if kind is None:  # what opens files by their content would take playlists and descriptions of streams, too
                raise AudioUnsupported("This is no recording: it does not begin as WebM, Ogg, MP4, MP3, WAV or FLAC does.")
            tongue = language.partition("-")[0].lower() if language else None
            hearing = parts.voice.hear(cast(IO[bytes], file), recording.size, kind, ENDINGS[kind], tongue)
            return TranscriptionAnswer(text=await while_connected(request.receive, hearing))
