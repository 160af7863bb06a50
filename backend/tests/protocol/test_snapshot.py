from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.events import Chunk, Done, Error, Metadata, Progress, Thinking, ToolCall
from lam.protocol.snapshot import Snapshot


def fold(*events: object) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)  # type: ignore[arg-type]
    return snapshot


@given(st.lists(st.one_of(st.builds(Chunk, st.text()), st.builds(Thinking, st.text()))), st.integers(0, 20))
def test_looking_in_between_changes_nothing(events: list[Chunk | Thinking], at: int) -> None:
    snapshot = Snapshot()
    for i, event in enumerate(events):
        snapshot.add(event)
        if i == at:
            _ = (snapshot.text, snapshot.thinking)
    assert snapshot.text == "".join(e.content for e in events if isinstance(e, Chunk))
    assert snapshot.thinking == "".join(e.content for e in events if isinstance(e, Thinking))


def test_done_is_final_whatever_the_chunks_said() -> None:
    assert fold(Chunk("Once upon"), Done(1, "Once", "cancelled")).text == "Once"


def test_an_error_keeps_the_text() -> None:
    snapshot = fold(Chunk("Once"), Error("lost", "interrupted", True))
    assert snapshot.text == "Once"
    assert isinstance(snapshot.terminal, Error)


def test_a_rebuilt_stream_replaces_what_a_reader_has() -> None:
    assert (
        fold(Chunk("Once"), Chunk(" upon"), Metadata(1, 2, "k", rebuilt=True), Chunk("Once upon a time")).text == "Once upon a time"
    )


def test_thinking_and_progress_are_never_part_of_the_answer() -> None:
    snapshot = fold(Progress("prompt"), Thinking("hm"), Chunk("Yes"))
    assert (snapshot.text, snapshot.thinking) == ("Yes", "hm")


def test_pieces_of_a_tool_call_become_one() -> None:
    snapshot = fold(ToolCall(0, "a", "look", '{"q"'), ToolCall(1, "b", "other"), ToolCall(0, arguments=": 1}"))
    assert snapshot.tool_calls[0] == {"id": "a", "name": "look", "arguments": '{"q": 1}'}
    assert snapshot.tool_calls[1]["name"] == "other"
