"""The limits for one document, and the reasons to refuse one.

Values only; the readers of formats apply them.
"""

from typing import Final

MEMORY_BYTES: Final = 512 << 20
CPU_SECONDS: Final = 10
MOST_PAGES: Final = 1000
MOST_PARTS: Final = 2000
INFLATED_BYTES: Final = 64 << 20  # per file in an archive, for all of them together, and per stream of a PDF
XML_BYTES: Final = 16 << 20
MOST_CHARACTERS: Final = 1_000_000
ANSWER_BYTES: Final = 32 << 20  # of the child: a character beyond ASCII takes up to twelve

UNSUPPORTED: Final = "document_unsupported"
DISGUISED: Final = "document_disguised"
ENCRYPTED: Final = "document_encrypted"
EMPTY: Final = "document_empty"
BROKEN: Final = "document_broken"
TOO_LARGE: Final = "document_too_large"


class Refused(Exception):
    """Why a document has no text; `code` is one of the above."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message


class Notices(list[str]):
    """Sentences about content that is missing from a document's text, each once."""

    def add(self, sentence: str) -> None:
        if sentence not in self:
            self.append(sentence)
