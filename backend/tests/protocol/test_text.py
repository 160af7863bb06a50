import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.text import utf16_prefix, valid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\x00b", "a\ufffdb"),
        ("é\ud800", "é\ufffd"),
        ("\udc00x", "\ufffdx"),
        ("\ud83d\ude00", "😀"),
        ("é\x00", "é\ufffd"),
    ],
)
def test_text_is_made_valid_where_it_enters(text: str, expected: str) -> None:
    assert valid(text) == expected


@given(st.text(st.characters(exclude_categories=())))
def test_valid_text_can_be_encoded_and_stays_as_it_is(text: str) -> None:
    once = valid(text)
    once.encode("utf-8")
    assert valid(once) == once
    assert "\x00" not in once


@given(st.text(), st.integers(0, 30))
def test_a_utf16_prefix_is_what_javascript_shows_rounded_down_to_a_character(text: str, units: int) -> None:
    prefix = utf16_prefix(text, units)
    assert text.startswith(prefix)
    assert len(prefix.encode("utf-16-le")) // 2 <= units
    longer = text[: len(prefix) + 1]
    assert longer == prefix or len(longer.encode("utf-16-le")) // 2 > units
