"""Kinds of sound: what a content type means, and what the first bytes of a file say. Pure."""

import re
from typing import Final

SIGN_BYTES: Final = 12  # of a file, which tell what it is
# The ending of a file's name for each content type that browsers record and people have: servers tell formats by it.
ENDINGS: Final = {
    "audio/webm": "webm",
    "video/webm": "webm",
    "audio/ogg": "ogg",
    "application/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/m4a": "m4a",
    "audio/aac": "aac",
    "video/mp4": "mp4",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
}
_AUDIO: Final = re.compile(r"audio/[\w.+-]+(?:;\s*(?:rate|channels|codecs?)=[\w.-]+)*", re.ASCII)
_SIGNS: Final = (
    (re.compile(rb"RIFF.{4}WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "audio/webm"),  # EBML
    (re.compile(rb".{4}ftyp", re.DOTALL), "audio/mp4"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), "audio/aac"),  # ADTS
    (re.compile(rb"ID3|\xff[\xe2-\xff]"), "audio/mpeg"),
)


def plain(kind: str) -> str:
    """Returns a content type without its parameters."""
    return kind.partition(";")[0].strip().lower()


def type_of(first: bytes) -> str | None:
    """Returns the content type of a sound by the first bytes of its file; None if they are no sound's."""
    return next((kind for sign, kind in _SIGNS if sign.match(first)), None)


def type_said(said: str) -> str | None:
    """Returns the content type that a server gives a sound, if it is one of sounds and safe to pass on."""
    said = said.strip().lower()
    return said if _AUDIO.fullmatch(said) else None
