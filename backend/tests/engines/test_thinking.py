from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.engines.thinking import ThinkSplitter
from lam.protocol.events import Chunk, Thinking


def split(*pieces: str) -> tuple[str, str]:
    splitter = ThinkSplitter()
    events = [event for piece in pieces for event in splitter.feed(piece)] + splitter.finish()
    thinking = "".join(event.content for event in events if isinstance(event, Thinking))
    return thinking, "".join(event.content for event in events if isinstance(event, Chunk))


CASES = {
    "<think>hm</think>Yes": ("hm", "Yes"),
    "\n <think>\nhm\n</think>\n\nYes": ("\nhm\n", "\n\nYes"),
    "<think>a</think><think>b</think>c": ("ab", "c"),
    "No tags": ("", "No tags"),
    "Write <think> in front": ("", "Write <think> in front"),
    "<thin ice": ("", "<thin ice"),
    "<think>never closed": ("never closed", ""),
    "<think>a < b </thin k></think>": ("a < b </thin k>", ""),
    "  ": ("", "  "),
}


@pytest.mark.parametrize("text", CASES)
def test_reasoning_is_told_from_the_answer(text: str) -> None:
    assert split(text) == CASES[text]


@given(st.sampled_from(sorted(CASES)), st.lists(st.integers(0, 40)))
def test_tags_are_found_however_the_text_is_cut(text: str, places: list[int]) -> None:
    edges = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    assert split(*(text[a:b] for a, b in pairwise(edges))) == CASES[text]
