from hypothesis import given
from hypothesis import strategies as st

from lam.chat.search import SNIPPET, fold, marked, snippet, words_of


def shown(text: str, question: str) -> str:
    return "".join(f"[{piece.text}]" if piece.match else piece.text for piece in marked(text, words_of(question)))


def test_beginnings_of_words_are_marked_without_regard_to_case_and_accents() -> None:
    assert shown("Cafe, CAFÉ and decaf; cafés", "café") == "[Cafe], [CAFÉ] and decaf; [café]s"
    assert shown("one two", "two on") == "[on]e [two]"


def test_scripts_without_spaces_are_marked_anywhere() -> None:
    assert shown("今日は世界", "世界") == "今日は[世界]"
    assert shown("so 🙂 it is", "🙂") == "so [🙂] it is"


def test_a_snippet_shows_the_surroundings_of_the_first_match() -> None:
    text = "before " * 100 + "needle in\nthe " + "hay " * 200
    pieces = snippet(text, ["needle"])
    whole = "".join(piece.text for piece in pieces)
    assert whole.startswith("…before")
    assert whole.endswith("hay…")
    assert "needle in the hay" in whole
    assert len(whole) <= SNIPPET + 2
    assert [piece.text for piece in pieces if piece.match] == ["needle"]


@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_the_pieces_are_the_text(text: str, question: str) -> None:
    words = words_of(question)
    assert len(fold(text)) == len(text)
    if words:
        assert "".join(piece.text for piece in marked(text, words)) == text
        assert len("".join(piece.text for piece in snippet(text, words))) <= SNIPPET + 2
