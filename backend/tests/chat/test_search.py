"""What a question finds, and what is marked of it: one table for Python, both databases and the page."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lam.chat.search import SNIPPET, marked, snippet
from lam.protocol.folding import fold, origin, origins
from lam.storage.words import index_words, lookup, pattern, terms_of

TABLE: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parents[3] / "contracts/search.json").read_text())


def with_marks(text: str, question: str) -> str:
    return "".join(f"[{piece.text}]" if piece.match else piece.text for piece in marked(text, terms_of(question)))


def is_offered(text: str, question: str) -> bool:
    """Whether the index leads to the text."""
    words = index_words(text).split(" ")

    def holds(word: Any) -> bool:
        return any(each.startswith(word.text) if word.beginning else each == word.text for each in words)

    lookups = [lookup(term) for term in terms_of(question)]
    return all(all(map(holds, each.words)) or (each.as_one is not None and holds(each.as_one)) for each in lookups)


@pytest.mark.parametrize("case", TABLE["matches"], ids=lambda case: case["about"])
def test_what_a_reader_takes_for_the_same_is_found_and_marked_in_the_original(case: dict[str, Any]) -> None:
    assert with_marks(case["text"], case["question"]) == case["marked"]
    assert is_offered(case["text"], case["question"])


@pytest.mark.parametrize("case", TABLE["misses"], ids=lambda case: case["about"])
def test_what_is_something_else_is_not_found(case: dict[str, Any]) -> None:
    folded = fold(case["text"])
    assert not all(pattern([term]).search(folded) for term in terms_of(case["question"]))


def test_beginnings_of_words_are_marked_without_regard_to_case_and_accents() -> None:
    assert with_marks("Cafe, CAFÉ and decaf; cafés", "café") == "[Cafe], [CAFÉ] and decaf; [café]s"
    assert with_marks("one two", "two on") == "[on]e [two]"


def test_a_snippet_shows_the_surroundings_of_the_first_match() -> None:
    text = "before " * 100 + "needle in\nthe " + "hay " * 200
    pieces = snippet(text, ["needle"])
    whole = "".join(piece.text for piece in pieces)
    assert whole.startswith("…before")
    assert whole.endswith("hay…")
    assert "needle in the hay" in whole
    assert len(whole) <= SNIPPET + 2
    assert [piece.text for piece in pieces if piece.match] == ["needle"]


@pytest.mark.parametrize("before", ["ﷺ " * 900, "한국 " * 900, "e\u0301\u0301 " * 900, "\u200b\u200b " * 900])
def test_a_snippet_is_cut_in_the_right_place_behind_text_that_folding_makes_longer_or_shorter(before: str) -> None:
    pieces = snippet(before + "the needle " + before, ["needle"])
    assert [piece.text for piece in pieces if piece.match] == ["needle"]


@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_the_pieces_are_the_text(text: str, question: str) -> None:
    terms = terms_of(question)
    if terms:
        assert "".join(piece.text for piece in marked(text, terms)) == text
        assert len("".join(piece.text for piece in snippet(text, terms))) <= SNIPPET + 2


@given(st.text(max_size=60).map(lambda text: text * 40))
def test_every_folded_character_knows_where_it_comes_from(text: str) -> None:
    places = origins(text)
    folded = fold(text)
    assert len(places) == len(folded) + 1
    assert places == sorted(places)
    for at in range(0, len(folded), 97):
        assert origin(text, at) == places[at]
        assert folded[at] in fold(text[places[at]])


_AWKWARD = st.text(
    st.sampled_from(
        "abAB12２٣ßﬁ'’-._+#%*,/ \n\u0301\u200b\u00ad使用训gかがカｶﾞー한국구ᄒᄀ\u1161\u116e\u11ab\u11a8מבا\u064bไม่ик🙂❤"
    ),
    max_size=40,
)


@settings(max_examples=30 * settings().max_examples)
@given(st.one_of(_AWKWARD, st.text(max_size=100)), st.one_of(_AWKWARD, st.text(min_size=1, max_size=30)))
def test_whatever_matches_is_in_the_index(text: str, question: str) -> None:
    terms = terms_of(question)
    for whole in (text, question, f"{text}{question}{text}"):
        if all(pattern([term]).search(fold(whole)) for term in terms):
            assert is_offered(whole, question)


@settings(max_examples=3 * settings().max_examples)
@given(_AWKWARD)
def test_every_text_is_found_by_itself(text: str) -> None:
    assert all(pattern([term]).search(fold(text)) for term in terms_of(text))


@given(st.text(max_size=300))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=300))
def test_words_of_the_index_hold_nothing_that_a_database_would_take_for_syntax(text: str) -> None:
    for word in index_words(text).split(" "):
        assert not any(letter.isascii() and not letter.isalnum() for letter in word)
