"""What one document may cost, and why one is refused."""

from typing import Final

MEMORY_BYTES: Final = 512 << 20
CPU_SECONDS: Final = 10
MOST_PAGES: Final = 1000
MOST_PARTS: Final = 2000
INFLATED_BYTES: Final = 64 << 20  # of a file inside an archive, of all of them together, and of a stream of a PDF
XML_BYTES: Final = 16 << 20
MOST_CHARACTERS: Final = 1_000_000

UNSUPPORTED: Final = "document_unsupported"
DISGUISED: Final = "document_disguised"
ENCRYPTED: Final = "document_encrypted"
EMPTY: Final = "document_empty"
BROKEN: Final = "document_broken"
TOO_LARGE: Final = "document_too_large"


class Refused(Exception):
    """Why a document gives no text; `code` is one of those above."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message


class Notices(list[str]):
    """Sentences about what of a document is not in its text, each once."""

    def add(self, sentence: str) -> None:
        if sentence not in self:
            self.append(sentence)
