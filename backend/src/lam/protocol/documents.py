"""Documents inside of a user's message: texts in front of what was asked, each as the page writes it.

    <document name="report.pdf" characters="48210">
    the text
    </document>

The count, in UTF-16 code units, makes it certain where a text ends, whatever stands in it.
"""

import re
from typing import Final

from msgspec import Struct

from lam.protocol.text import utf16_prefix

_OPENING: Final = re.compile(r'<document name="([^"\n]*)" characters="(\d{1,7})">\n')
_CLOSING: Final = "\n</document>\n\n"


class Document(Struct, frozen=True):
    name: str
    text: str


def apart(content: str) -> tuple[list[Document], str]:
    """The documents of a message, and what was asked."""
    documents: list[Document] = []
    while (opening := _OPENING.match(content)) is not None:
        rest = content[opening.end() :]
        text = utf16_prefix(rest, int(opening[2]))
        if not rest.startswith(_CLOSING, len(text)):
            break
        documents.append(Document(opening[1], text))
        content = rest[len(text) + len(_CLOSING) :]
    return documents, content
