"""Reasoning in the content: every family of tags, opened or not, however the text is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.engines.tags import BLOCKS
from lam.engines.thinking import ThinkSplitter
from lam.protocol.events import Chunk, Relabel
from lam.protocol.snapshot import Snapshot


def split(*pieces: str, complete: bool = True, **options: object) -> tuple[str, str]:
    splitter = ThinkSplitter(**options)  # type: ignore[arg-type]
    snapshot = Snapshot()
    for event in [event for piece in pieces for event in splitter.feed(piece)] + splitter.finish(complete=complete):
        snapshot.add(event)
    return snapshot.thinking, snapshot.text


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
    "[1] is a reference": ("", "[1] is a reference"),
    "<table><tr></table>": ("", "<table><tr></table>"),
    # without an opening tag
    "Okay, so\n</think>\n\nYes": ("Okay, so\n", "\n\nYes"),
    "</think>\n\nYes": ("", "\n\nYes"),
    "\n</think>Yes": ("", "Yes"),
    "Okay 🙂\n[/THINK]Yes": ("Okay 🙂\n", "Yes"),
    "hm\n</THINK>\nYes": ("hm\n", "\nYes"),
    "hm\n<|end_of_thought|>Yes": ("hm\n", "Yes"),
    "hm\n◁/think▷Yes": ("hm\n", "Yes"),
    "```\n# code\n```\nso\n</think>\nYes": ("```\n# code\n```\nso\n", "\nYes"),
    "hm\n</think>\nIt ends with\n</think>\nthere": ("hm\n", "\nIt ends with\n</think>\nthere"),
    # answers that speak about tags
    "Use `</think>` to end.": ("", "Use `</think>` to end."),
    "It ends with </think> then.": ("", "It ends with </think> then."),
    "```xml\n<b>\n</think>\n```\nshows it": ("", "```xml\n<b>\n</think>\n```\nshows it"),
    "> ~~~\n</think>\n> ~~~": ("", "> ~~~\n</think>\n> ~~~"),
    "First <think>\nthen\n</think>\nthat is all": ("", "First <think>\nthen\n</think>\nthat is all"),
    "````\n```\n</think>\n````\nok": ("", "````\n```\n</think>\n````\nok"),
    "  </think> indented": ("", " indented"),
    # harmony
    "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes<|return|>": ("hm", "Yes"),
    "<|start|>assistant<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>b<|end|>": (
        "a",
        "b",
    ),
}


@pytest.mark.parametrize("text", CASES)
def test_reasoning_is_told_from_the_answer(text: str) -> None:
    assert split(text) == CASES[text]
    assert split(*text) == CASES[text]


@given(st.sampled_from(sorted(CASES)), st.lists(st.integers(0, 120)))
def test_tags_are_found_however_the_text_is_cut(text: str, places: list[int]) -> None:
    edges = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    assert split(*(text[a:b] for a, b in pairwise(edges))) == CASES[text]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.closers], ids=lambda block: block.opener)
def test_every_family_is_known_in_any_case(block) -> None:
    expected = ("hm", "Yes") if block.holds == "thoughts" else ("", "hmYes")
    for closer in block.closers:
        assert split(f"{block.opener}hm{closer}Yes") == expected
        assert split(f"{block.opener.upper()}hm{closer.upper()}Yes") == expected


def test_a_closing_tag_without_an_opening_one_relabels_what_was_sent() -> None:
    splitter = ThinkSplitter()
    events = splitter.feed("Okay\n") + splitter.feed("</thi") + splitter.feed("nk>Yes")
    assert events == [Chunk("Okay\n"), Relabel("thinking"), Chunk("Yes")]
    assert splitter.bare


def test_for_readers_of_the_first_release_the_tag_stays_text() -> None:
    assert split("Okay\n</think>Yes", relabel=False) == ("", "Okay\n</think>Yes")
    assert split("Okay\n</think>Yes", relabel=False, thinks=True) == ("", "Okay\n</think>Yes")


THINKS = {
    "hm</think>Yes": ("hm", "Yes"),
    "hm\n</think>\nYes": ("hm\n", "\nYes"),
    "Only an answer": ("", "Only an answer"),
    "<think>hm</think>Yes": ("hm", "Yes"),
    "Not `</think>` but this</think>Yes": ("Not `</think>` but this", "Yes"),
    "</think>Yes": ("", "Yes"),
    "hm\n</thin": ("", "hm\n</thin"),
}


@pytest.mark.parametrize("text", THINKS)
def test_where_the_server_opens_the_thoughts_they_are_thoughts_from_the_first_token(text: str) -> None:
    assert split(text, thinks=True) == THINKS[text]
    assert split(*text, thinks=True) == THINKS[text]


def test_thoughts_that_were_cut_stay_thoughts() -> None:
    assert split("hm, let me", thinks=True, complete=False) == ("hm, let me", "")


def test_a_continued_reply_keeps_the_state() -> None:
    assert split("and\n</think>Yes", so_far="Okay\n") == ("and\n", "Yes")  # the text so far is the stream's first chunk
    assert split("</think>Yes", so_far="Okay\n") == ("", "Yes")
    assert split("and\n</think>Yes", so_far="```\nOkay\n") == ("", "and\n</think>Yes")
    assert split("and\n</think>Yes", so_far="It was so.\n", watch=False) == ("", "and\n</think>Yes")


@given(st.lists(st.sampled_from(["</think>", "<think>", "`", "```", "\n", "x ", "</thi", "[/THINK]", "◁"]), max_size=30))
def test_no_text_is_lost_but_tags(pieces: list[str]) -> None:
    whole = "".join(pieces)
    thinking, text = split(*pieces)
    assert (thinking, text) == split(whole)
    assert len(whole) - len(thinking + text) <= sum(
        len(piece) for piece in pieces if piece not in ("`", "```", "x ", "</thi")
    ) + whole.count("\n")


def test_a_text_full_of_tags_takes_linear_time() -> None:
    text = "```\n" + "</think>\n" * 20_000
    assert split(*(text[at : at + 64] for at in range(0, len(text), 64))) == ("", text)


def test_many_blocks_in_one_piece_take_linear_time() -> None:
    thinking, text = split("<think>a</think>" * 100_000 + "Yes")
    assert (len(thinking), text) == (100_000, "Yes")
