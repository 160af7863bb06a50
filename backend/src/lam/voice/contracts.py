"""What the server needs of a mouth and of an ear. Both block: the server gives each a thread of its own."""

from collections.abc import Generator
from typing import IO, Protocol


class Mouth(Protocol):
    """Something that speaks. `name`: of its voice. `rate`: samples per second."""

    name: str
    rate: int

    def speak(self, text: str, speed: float) -> Generator[bytes]:
        """Yields samples (signed, 16 bits, little-endian, one channel), the first ones early; nothing for a text without words.

        `speed`: 2 is twice as fast. Closing the generator ends the work.
        """
        ...


class Ear(Protocol):
    """Something that writes down what it hears. `name`: of its model."""

    name: str

    def hear(self, recording: IO[bytes], language: str | None) -> Generator[str]:
        """Yields the words of one stretch of the recording after the other; nothing where nobody speaks.

        `language`: its code of two letters; None: to be found out. Raises NoRecording. Closing the generator ends the work.
        """
        ...


class NoRecording(Exception):
    """The bytes are no sound that can be decoded, or one that is too long. Its text, if it has one, says so to people."""
