"""Reading a file in this process, as the child process does it; `test_reader.py` tests the process and its limits."""

from lam.documents.extract import text_of
from lam.documents.kinds import ending_of
from lam.documents.limits import Notices, Refused
from lam.documents.reader import Document
from lam.errors import from_code


def read(data: bytes, name: str = "a") -> Document:
    """A name without an ending: the bytes say what it is. Raises one of the DocumentErrors."""
    notices = Notices()
    try:
        return Document(text_of(data, ending_of(name), notices), notices)
    except Refused as refused:
        raise from_code(refused.code, refused.message) from refused
