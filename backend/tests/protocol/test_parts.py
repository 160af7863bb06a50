"""Messages made of parts, and their written form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.documents import Document, apart
from lam.protocol.parts import (
    Image,
    Part,
    Parts,
    Text,
    ToolCall,
    ToolResult,
    from_stored,
    message_parts,
    older_parts,
    parts_of,
    subject,
    text_of,
    to_stored,
    with_text,
    written_form,
)

MARK = '<document name="a.txt" characters="{}">\n{}\n</document>\n\n'
texts = st.text(max_size=12)
names = st.text(max_size=6)
documents = st.builds(Document, names, texts | st.just(MARK.format(1, "x")))
part = st.one_of(
    st.builds(Text, st.text(min_size=1, max_size=5)),
    documents,
    st.builds(Image, names, st.none() | st.integers(1, 9), st.none() | st.integers(1, 9)),
    st.builds(ToolCall, st.none() | names, st.none() | names, texts),
    st.builds(ToolResult, st.none() | names, texts),
)
# What looks like documents, right, wrong and in between: marks with any count, broken off anywhere.
marks = st.builds(
    lambda count, inside, cut: MARK.format(count, inside)[: cut or None],
    st.sampled_from(["0", "1", "2", "3", "03", "9"]),
    st.sampled_from(["", "x", "🙂", "x🙂", "abc", "\n</document>\n\n"]),
    st.integers(0, 60),
)
contents = st.lists(st.one_of(marks, st.sampled_from(["What?", "\n", "🙂", ""])), max_size=5).map("".join)


@given(contents)
def test_an_older_text_is_the_written_form_of_its_parts(content: str) -> None:
    assert written_form(parts_of(content)) == content


@given(st.lists(documents, max_size=3), texts)
def test_written_documents_are_told_apart_again(sent: list[Document], text: str) -> None:
    content = written_form(message_parts(text, sent))
    found, rest = apart(content)
    assert [document.text for document in found][: len(sent)] == [document.text for document in sent]
    if not text.startswith("<document"):
        assert (len(found), rest) == (len(sent), text)


@given(st.lists(part, max_size=4).map(tuple))
def test_parts_come_back_from_their_row(parts: Parts) -> None:
    stored = json.loads(json.dumps(to_stored(parts)))
    if stored is None:
        assert (
            older_parts("user", written_form(parts))
            == older_parts("assistant", written_form(parts))
            == message_parts(written_form(parts))
        )
        assert text_of(parts) == written_form(parts)
    else:
        assert from_stored(stored) == parts


def test_a_message_of_one_text_needs_no_row_beside_its_content() -> None:
    assert to_stored([Text("Hello")]) is None
    assert to_stored([]) is None
    assert to_stored([Document("a", "b"), Text("Hello")]) == [
        {"type": "document", "name": "a", "text": "b"},
        {"type": "text", "text": "Hello"},
    ]


@pytest.mark.parametrize("name", ['a "draft".txt', "two\nlines.txt"])
def test_a_name_that_would_break_the_marks_is_written_differently_and_kept(name: str) -> None:
    content = written_form([Document(name, "x"), Text("?")])
    assert [document.text for document in apart(content)[0]] == ["x"]
    assert from_stored(to_stored([Document(name, "x"), Text("?")]) or []) == (Document(name, "x"), Text("?"))


def test_a_text_that_would_be_written_differently_stays_a_text() -> None:
    content = MARK.format("01", "x") + "What?"
    assert parts_of(content) == (Text(content),)


def test_a_text_that_only_looks_like_a_document_is_stored_as_a_text() -> None:
    """A client that sends documents as such may quote our marks."""
    sent = message_parts(MARK.format(1, "x"))
    assert from_stored(to_stored(sent) or []) == sent


def test_a_message_of_the_first_release_has_its_documents_and_its_calls() -> None:
    mark = MARK.format(1, "x")
    assert older_parts("user", mark + "What?") == (Document("a.txt", "x"), Text("What?"))
    call = {"id": None, "name": "look", "arguments": "{}"}
    assert older_parts("assistant", mark, [call]) == (Text(mark), ToolCall(None, "look", "{}"))


def test_pictures_and_tools_have_no_written_form() -> None:
    parts: list[Part] = [Image("m1"), Text("Look: "), ToolCall("c", "look", "{}"), ToolResult("c", "a cat"), Text("a cat")]
    assert written_form(parts) == text_of(parts) == "Look: a cat"


def test_a_message_is_about_its_text_or_else_its_first_document() -> None:
    assert subject([Document("a.txt", "x"), Text("What?")]) == "What?"
    assert subject([Document("a.txt", "x"), Document("b.txt", "y"), Text(" ")]) == "a.txt"
    assert subject([]) == ""


def test_another_text_takes_the_place_of_the_texts() -> None:
    call = ToolCall("c", "look", "{}")
    assert with_text([Document("a", "b"), Text("One"), call], "Two") == (Document("a", "b"), Text("Two"), call)
    assert with_text([Text("One"), call], "") == (call,)
