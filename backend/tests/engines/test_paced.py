import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.engines.paced import pieces


@given(st.text(max_size=200), st.integers(0, 20))
def test_the_pieces_are_the_text_and_none_but_the_last_is_short(text: str, size: int) -> None:
    found = list(pieces(text, size))
    assert "".join(found) == text
    assert all(len(piece) >= max(1, size) for piece in found[:-1])
    assert all(found)


@pytest.mark.parametrize("cluster", ["👩‍👩‍👧", "e\u0301", "🇩🇪", "각", "\r\n"])
def test_what_a_reader_takes_for_one_character_is_never_cut(cluster: str) -> None:
    assert list(pieces(cluster * 3, 1)) == [cluster] * 3


def test_size_0_is_the_whole_text_in_one() -> None:
    assert list(pieces("one two", 0)) == ["one two"]
    assert list(pieces("", 0)) == []
