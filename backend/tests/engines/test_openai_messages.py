"""Turns in OpenAI's form."""

from hypothesis import given
from hypothesis import strategies as st

from lam.engines.openai_messages import data_uri, messages
from lam.protocol.chat import Picture, Turn, joined, merge_turns, with_pictures


def picture(name: str, at: int = 0) -> Picture:
    return Picture(sha256=name * 8, id=name, type="image/png", width=28, height=28, size=3, at=at)


URIS = {name * 8: data_uri(picture(name), name.encode()) for name in "abc"}


def shown(turn: Turn) -> list[str]:
    """The texts and the names of the pictures, in the order of the parts."""
    (message,) = messages([turn], URIS)
    names = {uri: name[0] for name, uri in URIS.items()}
    return [names[part["image_url"]["url"]] if part["type"] == "image_url" else part["text"] for part in message["content"]]


def test_a_turn_without_pictures_stays_a_text() -> None:
    assert messages([Turn("user", "Hello")], {}) == [{"role": "user", "content": "Hello"}]


def test_pictures_are_data_uris_and_stand_where_they_were() -> None:
    assert data_uri(picture("a"), b"\xff") == "data:image/png;base64,/w=="
    assert shown(Turn("user", "DocumentQuestion", (picture("a", 8), picture("b", 8)))) == ["Document", "a", "b", "Question"]
    assert shown(Turn("user", "", (picture("b"), picture("a")))) == ["b", "a"]
    assert shown(Turn("user", "What?", (picture("a"),))) == ["a", "What?"]


def test_a_picture_whose_bytes_are_missing_is_left_out() -> None:
    gone = picture("z")
    assert messages([Turn("user", "Hm", (gone,))], URIS) == [{"role": "user", "content": "Hm"}]


@given(st.lists(st.tuples(st.text("xy é🙂", max_size=5), st.integers(0, 9), st.sampled_from("abc")), min_size=1, max_size=4))
def test_merged_turns_show_the_same_pictures_between_the_same_texts(turns: list[tuple[str, int, str]]) -> None:
    single = [Turn("user", text, (picture(name, min(at, len(text))),)) for text, at, name in turns]
    (merged,) = merge_turns(single)
    parts = shown(merged)
    assert [part for part in parts if part in ("a", "b", "c")] == [name for _, _, name in turns]
    assert "".join(part for part in parts if part not in ("a", "b", "c")) == merged.content


def test_a_turn_that_loses_all_that_it_has_says_so() -> None:
    turns = (Turn("user", "", (picture("a"),)), Turn("assistant", "Red."), Turn("user", "And?", (picture("b"), picture("c"))))
    bare, out = with_pictures(turns, ())
    assert [turn.content for turn in bare] == ["[picture left out]", "Red.", "And?"]
    assert out == ("a", "b", "c")
    kept, out = with_pictures(turns, {0, 2})
    assert [[picture.id for picture in turn.pictures] for turn in kept] == [["a"], [], ["c"]]
    assert out == ("b",)


def test_a_place_moves_with_the_text_before_it() -> None:
    assert joined(Turn("user", "One"), Turn("user", "Two", (picture("a", 3),))).pictures[0].at == 8


def test_pictures_that_a_model_returned_stand_before_the_next_question() -> None:
    turns = (
        Turn("user", "Draw"),
        Turn("assistant", "", (picture("a"),)),
        Turn("user", "Darker", (picture("b"),)),
        Turn("assistant", "So"),
    )
    draw, drawn, darker, so = messages(turns, URIS)
    assert (draw["content"], drawn["content"], so["content"]) == ("Draw", "[picture]", "So")
    assert [part.get("text") or part["image_url"]["url"] for part in darker["content"]] == [
        URIS["aaaaaaaa"],
        URIS["bbbbbbbb"],
        "Darker",
    ]
