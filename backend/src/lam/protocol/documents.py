"""Documents inside of a message, as the page writes them in front of what was asked (`frontend/src/protocol/documents.ts`):

    <document name="report.pdf" characters="48210">
    the text
    </document>

The count is in UTF-16 code units, and tells where a text ends whatever it holds.
"""

import re
from typing import Final

from msgspec import Struct

from lam.protocol.text import utf16_prefix

OPENING: Final = '<document name="'
_OPENING: Final = re.compile(r'<document name="([^"\n]*)" characters="(\d{1,7})">\n')
_CLOSING: Final = "\n</document>\n\n"


class Document(Struct, frozen=True):
    name: str
    text: str


def apart(content: str) -> tuple[list[Document], str]:
    """The documents of a message, and what was asked."""
    documents: list[Document] = []
    while opening := _OPENING.match(content):
        text = utf16_prefix(content[opening.end() :], int(opening[2]))
        end = opening.end() + len(text)
        if not content.startswith(_CLOSING, end):
            break
        documents.append(Document(opening[1], text))
        content = content[end + len(_CLOSING) :]
    return documents, content


def readable(content: str) -> str:
    """What a person wrote and sent along: the question, then each document's name and text, without the marks around them."""
    if not content.startswith(OPENING):
        return content
    documents, asked = apart(content)
    if not documents:
        return content
    return "\n".join([asked, *(line for document in documents for line in (document.name, document.text))])
