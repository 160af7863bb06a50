"""JSON of what is spoken and heard."""

from typing import Final

from pydantic import Field

from lam.api.schemas.base import FilledText, Schema, Strict

TEXT_CHARS: Final = 4096
AUDIO_BYTES: Final = 25 << 20


class SpeechText(Strict):
    text: FilledText = Field(max_length=TEXT_CHARS, examples=["Once upon a time there was a lighthouse."])
    voice: FilledText | None = Field(None, max_length=100, description="A voice of the server; null: the gateway's own choice.")
    speed: float | None = Field(None, ge=0.25, le=4, description="1 is the voice's own speed; null: the same.", examples=[1])


class TranscriptionAnswer(Schema):
    text: str = Field(description="What was said, in one line; empty where nobody speaks.", examples=["Tell me a short story."])
