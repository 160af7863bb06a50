"""What the gateway offers of voices, and whose turn it is: one text and one recording of a person at a time, a few of all.

Texts and recordings have turns of their own, so a person may speak while a reply is read out. It must not know HTTP.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import IO, Final, Self

from lam.engines.voice_servers import Sound, SpeechServer, Times, TranscriptionServer
from lam.errors import NotOffered, TooMuchVoice
from lam.settings import Settings
from lam.turns import Turns

AT_ONCE: Final = 8  # requests to one server
WAITING: Final = 32  # of one person, for one server

NO_SPEECH: Final = "This gateway does not speak; whoever runs it can set LAM_SPEECH_URL, as docs/guides/voice.md shows."
NO_TRANSCRIPTION: Final = (
    "This gateway does not listen; whoever runs it can set LAM_TRANSCRIPTION_URL, as docs/guides/voice.md shows."
)


class Voice:
    """Both servers, as an async context manager. None: not offered."""

    def __init__(self, speech: SpeechServer | None, transcription: TranscriptionServer | None) -> None:
        self._speech = speech
        self._transcription = transcription
        self._texts = Turns(AT_ONCE, WAITING, TooMuchVoice)
        self._recordings = Turns(AT_ONCE, WAITING, TooMuchVoice)

    @classmethod
    def of(cls, settings: Settings, times: Times) -> Self:
        """Returns what the settings name. Raises ConfigError."""
        return cls(SpeechServer.of(settings, times), TranscriptionServer.of(settings, times))

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for server in (self._speech, self._transcription):
                if server is not None:
                    await stack.enter_async_context(server)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    @property
    def speaks(self) -> bool:
        return self._speech is not None

    @property
    def listens(self) -> bool:
        return self._transcription is not None

    def require_speech(self) -> SpeechServer:
        """Returns the server. Raises NotOffered."""
        if self._speech is None:
            raise NotOffered(NO_SPEECH)
        return self._speech

    def require_transcription(self) -> TranscriptionServer:
        """Returns the server. Raises NotOffered."""
        if self._transcription is None:
            raise NotOffered(NO_TRANSCRIPTION)
        return self._transcription

    @asynccontextmanager
    async def speak(self, user_id: int, text: str, voice: str | None, speed: float | None) -> AsyncIterator[Sound]:
        """Yields the sound of a text in the person's turn, which ends with the context.

        Raises NotOffered, TooMuchVoice, and the errors of `SpeechServer.speak`.
        """
        server = self.require_speech()
        async with self._texts.of_user(user_id), self._texts.place(), server.speak(text, voice, speed) as sound:
            yield sound

    def turn_to_record(self, user_id: int) -> AbstractAsyncContextManager[None]:
        """Waits for the person's turn to send a recording. Raises TooMuchVoice."""
        return self._recordings.of_user(user_id)

    async def hear(self, recording: IO[bytes], size: int, kind: str, ending: str, language: str | None) -> str:
        """Returns the words of a recording. Raises NotOffered, and the errors of `TranscriptionServer.hear`."""
        server = self.require_transcription()
        async with self._recordings.place():
            return await server.hear(recording, size, kind, ending, language)
