"""Documents in messages, as the page writes them."""

import pytest

from lam.protocol.documents import Document, apart, readable

ONE = '<document name="a.txt" characters="5">\nx 🙂 \n</document>\n\n'


def test_documents_and_the_question_are_told_apart() -> None:
    assert apart(ONE + ONE + "What?") == ([Document("a.txt", "x 🙂 ")] * 2, "What?")
    assert readable(ONE + "What?") == "What?\na.txt\nx 🙂 "


@pytest.mark.parametrize(
    "content",
    [
        "What is <document name=?",
        '<document name="a" characters="9">\nshort\n</document>\n\nx',
        '<document name="a" characters="5">\nshort',
        '<document name="a" characters="x">\nshort\n</document>\n\n',
        "",
    ],
)
def test_what_only_looks_like_a_document_stays_as_it_is(content: str) -> None:
    assert apart(content) == ([], content)
    assert readable(content) == content
