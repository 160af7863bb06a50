from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Progress, Relabel, Thinking, ToolCall
from lam.protocol.snapshot import Snapshot, condensed, events_of


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


def test_text_that_turns_out_to_be_thoughts_moves_there() -> None:
    assert fold(Chunk("hm\n"), Relabel("thinking"), Chunk("Yes")).thinking == "hm\n"
    assert fold(Chunk("hm\n"), Relabel("thinking"), Chunk("Yes")).text == "Yes"
    assert fold(Thinking("a"), Chunk("🙂b"), Chunk("cd"), Relabel("thinking", 3)).thinking == "acd"
    assert fold(Thinking("a"), Chunk("🙂b"), Relabel("thinking", 1)).text == ""  # never half a character
    assert fold(Thinking("Yes"), Relabel("answer")).text == "Yes"
    assert fold(Thinking("Yes"), Relabel("answer")).thinking == ""


events = st.lists(
    st.one_of(
        st.builds(Chunk, st.text(max_size=6)),
        st.builds(Thinking, st.text(max_size=6)),
        st.builds(
            ToolCall,
            st.integers(0, 2),
            st.none() | st.sampled_from(["a", "b"]),
            st.none() | st.sampled_from(["f", "g"]),
            st.text(max_size=4),
        ),
        st.builds(Relabel, st.sampled_from(["thinking", "answer"]), st.integers(0, 8)),
        st.builds(Progress, st.just("prompt")),
    ),
    max_size=30,
)


def state(snapshot: Snapshot) -> tuple[str, str, list[dict[str, object]]]:
    return snapshot.text, snapshot.thinking, snapshot.calls


@given(events, st.lists(st.integers(0, 30), max_size=4))
def test_checkpoints_taken_at_any_moment_fold_to_what_the_events_fold_to(told: list[Event], moments: list[int]) -> None:
    edges = [0, *sorted(min(moment, len(told)) for moment in moments), len(told)]
    saved = [event for a, b in pairwise(edges) for event in condensed(told[a:b])]
    assert state(fold(*saved)) == state(fold(*told))


@given(events)
def test_the_events_of_a_fold_fold_to_the_same(told: list[Event]) -> None:
    snapshot = fold(*told)
    snapshot.tool_calls = dict(enumerate(snapshot.calls))  # stored as a list
    assert state(fold(*events_of(snapshot.text, snapshot.thinking, snapshot.calls))) == state(snapshot)
