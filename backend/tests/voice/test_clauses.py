"""Where a text is cut so that its beginning is spoken early, and the head of a WAV file."""

import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.voice.clauses import beginning, is_one
from lam.voice.wave import head

LONG = "Once upon a time there was a lighthouse, far out in the sea, and nobody had lit its lamp for forty years"


CHINESE = (
    "很久以前，在海中的一座小岛上有一座灯塔，四十年来没有人点亮过它的灯，也没有人知道为什么会这样，直到有一天一个女孩来到了这里。"
)
CUTS = [
    (f"{LONG}.", "Once upon a time there was a lighthouse,"),
    (f"{LONG}. Then somebody came.", "Once upon a time there was a lighthouse,"),
    ("It was late. " + LONG, None),
    (
        "Yes, and then she went to the lighthouse; nobody was there, as it seemed to her.",
        "Yes, and then she went to the lighthouse;",
    ),
    ("The price of it all was 3,000,000 and 5:30 was the time when everybody had to be back there", None),
    ("A lighthouse on an island \u2013 nobody had lit its lamp for forty years.", "A lighthouse on an island \u2013"),
    (CHINESE, "很久以前，在海中的一座小岛上有一座灯塔，"),
    ("word " * 40, None),
    ("", None),
]


@pytest.mark.parametrize(("text", "first"), CUTS)
def test_a_long_sentence_is_cut_where_a_person_would_pause(text: str, first: str | None) -> None:
    assert beginning(text) == ((text, "") if first is None else (first, text.removeprefix(first)))


@given(st.text(alphabet="ab, .;:!?，。\n-", max_size=200))
def test_the_parts_are_the_text(text: str) -> None:
    assert "".join(beginning(text)) == text


@pytest.mark.parametrize(
    ("text", "one"),
    [("Yes.", True), ("Yes. ", True), ("Yes. No.", False), ("你好。", True), ("你好。再见。", False), (LONG, False), ("3.5", True)],
)
def test_a_text_of_one_piece_is_known(text: str, one: bool) -> None:
    assert is_one(text) is one


def test_the_head_is_one_that_players_read() -> None:
    with wave.open(io.BytesIO(head(22050, 8) + bytes(8))) as read:
        assert (read.getframerate(), read.getnchannels(), read.getsampwidth(), read.getnframes()) == (22050, 1, 2, 4)
    assert head(22050, None)[40:] == b"\xff\xff\xff\xff"
