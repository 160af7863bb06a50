"""The beginning of a document, where it does not fit: cut between pages if that wastes little, and said in a last line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.documents import Document
from lam.protocol.places import beginning, is_blank, mark, shares


def book(pages: int, length: int = 100) -> Document:
    return Document("a.pdf", "\n\n".join(f"{mark('page', number)}\n{'x' * length}" for number in range(1, pages + 1)))


def test_a_document_is_cut_between_pages() -> None:
    document, excerpt = beginning(book(10), 400)
    assert (excerpt.unit, excerpt.whole, excerpt.partly, excerpt.of) == ("page", 3, False, 10)
    assert document.text.count("[Page ") == 3
    assert document.text.endswith("[The document goes on to page 10; the rest does not fit and is left out]")


def test_a_page_that_is_longer_than_the_room_is_cut_within() -> None:
    _, excerpt = beginning(book(3, 10_000), 400)
    assert (excerpt.whole, excerpt.partly, excerpt.of) == (0, True, 3)
    _, excerpt = beginning(book(3, 10_000), 19_000)
    assert (excerpt.whole, excerpt.partly) == (1, False)
    _, excerpt = beginning(book(3, 10_000), 29_000)
    assert (excerpt.whole, excerpt.partly) == (2, False)


def test_a_text_without_pages_is_cut_after_a_line() -> None:
    document, excerpt = beginning(Document("a.txt", "one line\n" * 100), 95)
    assert (excerpt.unit, excerpt.characters, excerpt.of_characters) == (None, 89, 900)
    assert document.text.startswith("one line\n" * 9 + "one line\n\n[The rest")


def test_a_document_that_fits_stays_as_it_is() -> None:
    document, excerpt = beginning(book(2), 10_000)
    assert document == book(2)
    assert (excerpt.whole, excerpt.of, excerpt.partly) == (2, 2, False)


@given(st.integers(0, 12), st.integers(1, 60), st.integers(0, 1500))
def test_no_more_is_kept_than_there_is_room_for(pages: int, length: int, room: int) -> None:
    whole = book(pages, length)
    document, excerpt = beginning(whole, room)
    kept = document.text.rsplit("[", 1)[0].rstrip() if document != whole else document.text
    assert excerpt.characters <= max(room, 0)
    assert whole.text.startswith(kept)
    assert excerpt.whole + excerpt.partly <= excerpt.of == pages


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(0, 5000))
def test_a_room_is_shared_without_a_rest_that_somebody_needs(sizes: list[int], room: int) -> None:
    given_ = shares(sizes, room)
    assert all(0 <= share <= size for share, size in zip(given_, sizes, strict=True))
    assert sum(given_) <= room
    assert sum(given_) == sum(sizes) or sum(given_) > room - len(sizes)


@pytest.mark.parametrize(
    ("text", "blank"), [("", True), ("[Page 1]\n\n[Page 2]", True), ("[Page 1]\nx", False), ("[Page x]", False)]
)
def test_marks_alone_are_no_text(text: str, blank: bool) -> None:
    assert is_blank(text) == blank
