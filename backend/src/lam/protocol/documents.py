"""Documents in the written form of a message, in front of the question, each as

    <document name="report.pdf" characters="48210">
    the text
    </document>

The count is in UTF-16 code units; it says where a text ends whatever the text holds. `frontend/src/protocol/documents.ts` writes
the same bytes. Models and clients that know only text read this form; messages store documents as parts.
"""

import re
from typing import Final

from msgspec import Struct

from lam.protocol.text import utf16_length, utf16_prefix

OPENING: Final = '<document name="'
_OPENING: Final = re.compile(r'<document name="([^"\n]*)" characters="(\d{1,7})">\n')
_CLOSING: Final = "\n</document>\n\n"
_UNSAFE: Final = re.compile(r'["\n]')


class Document(Struct, frozen=True, tag_field="type", tag="document"):
    """A text that comes with a message. `name`: its name for the reader, usually a file name."""

    name: str
    text: str


def written_form(document: Document) -> str:
    """Returns the document with its marks, ready for the next one or the question. Quotes and line ends in the name become `'`."""
    name = _UNSAFE.sub("'", document.name)
    return f'{OPENING}{name}" characters="{utf16_length(document.text)}">\n{document.text}{_CLOSING}'


def apart(content: str) -> tuple[list[Document], str]:
    """Returns the documents at the beginning of a written message, and the text after them."""
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
    """Returns a written message without marks: the question, then each document's name and text."""
    if not content.startswith(OPENING):
        return content
    documents, question = apart(content)
    if not documents:
        return content
    return "\n".join([question, *(line for document in documents for line in (document.name, document.text))])
