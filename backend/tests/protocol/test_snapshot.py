from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from lam.protocol import parts
from lam.protocol.events import (
    Chunk,
    Done,
    Error,
    Event,
    Metadata,
    Progress,
    Relabel,
    Thinking,
    Timings,
    ToolCall,
    ToolResult,
    Usage,
)
from lam.protocol.facts import Facts, Failure
from lam.protocol.snapshot import Reply, Snapshot, condense, content_events, events_of
from lam.protocol.text import utf16_length


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


def test_results_of_tools_stand_behind_the_calls() -> None:
    found = fold(Chunk("Look: "), ToolCall(0, "a", "look", "{}"), ToolResult("a", "a cat"), Chunk("a cat"))
    assert found.parts == (parts.Text("Look: a cat"), parts.ToolCall("a", "look", "{}"), parts.ToolResult("a", "a cat"))


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
        st.builds(ToolResult, st.none() | st.sampled_from(["a", "b"]), st.text(max_size=4)),
        st.builds(Relabel, st.sampled_from(["thinking", "answer"]), st.integers(0, 8)),
        st.builds(Progress, st.just("prompt")),
    ),
    max_size=30,
)


numbers = st.integers(0, 10**6)
maybe = st.none() | numbers
usage = st.none() | st.builds(Usage, numbers, numbers, numbers, maybe)
timings = st.none() | st.builds(Timings, maybe, maybe, maybe, st.none() | st.floats(0, 99))
reasons = st.sampled_from(["stop", "length", "cancelled", "tool_calls", "content_filter"])
names = st.text(min_size=1, max_size=4)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """What a reply that has ended can be: it ended well, and says what it cost, or failed."""
    text = draw(st.text(max_size=12))
    failed = draw(st.booleans())
    calls = draw(st.lists(st.builds(parts.ToolCall, st.none() | names, st.none() | names, st.text(max_size=4)), max_size=3))
    results = draw(st.lists(st.builds(parts.ToolResult, st.none() | names, st.text(max_size=4)), max_size=3))
    facts = Facts(
        mode=draw(st.sampled_from(["sse", "mqtt"])),
        model=draw(st.none() | names),
        simulated=draw(st.none() | st.booleans()),
        continues=draw(st.none() | st.integers(0, len(text)).map(lambda characters: utf16_length(text[:characters]))),
    )
    cost = {"finish_reason": draw(reasons), "usage": draw(usage), "timings": draw(timings)}
    failure = {"failure": Failure(code=draw(names), message=draw(names), retryable=draw(st.booleans()))}
    return Reply(
        session_id=draw(numbers),
        session_key=draw(names),
        stream_id=draw(st.none() | names),
        user_message_id=draw(maybe),
        message_id=draw(maybe),
        thinking=draw(st.text(max_size=8)),
        parts=(*parts.message_parts(text), *calls, *results),
        facts=structs.replace(facts, **(failure if failed else cost)),
    )


def state(snapshot: Snapshot) -> tuple[parts.Parts, str]:
    return snapshot.parts, snapshot.thinking


@given(events, st.lists(st.integers(0, 30), max_size=4))
def test_checkpoints_taken_at_any_moment_fold_to_what_the_events_fold_to(told: list[Event], moments: list[int]) -> None:
    edges = [0, *sorted(min(moment, len(told)) for moment in moments), len(told)]
    saved = [event for a, b in pairwise(edges) for event in condense(told[a:b])]
    assert state(fold(*saved)) == state(fold(*told))


@given(events, events, st.integers(0, 60))
def test_checkpoints_know_who_answers(before: list[Event], after: list[Event], moment: int) -> None:
    answering = Progress("prompt", model="small", server="second", mode="mqtt")
    told = [Progress("queued", position=1), answering, *before, *after]
    snapshot = fold(Metadata(1, 2, "k", server="first", model="large"), *condense(told[:moment]), *condense(told[moment:]))
    assert snapshot.metadata
    assert (snapshot.metadata.server, snapshot.metadata.model, snapshot.metadata.mode) == ("second", "small", "mqtt")


@given(events)
def test_the_parts_of_a_fold_fold_to_the_same(told: list[Event]) -> None:
    snapshot = fold(*told)
    assert state(fold(*content_events(snapshot.parts, snapshot.thinking))) == state(snapshot)


@given(replies())
def test_a_rebuilt_stream_folds_to_its_reply(reply: Reply) -> None:
    assert fold(*events_of(reply)).reply == reply


@given(replies())
def test_a_rebuilt_stream_begins_with_metadata_and_has_one_end(reply: Reply) -> None:
    first, *between, last = events_of(reply)
    assert isinstance(first, Metadata)
    assert first.rebuilt is True
    assert isinstance(last, Done | Error)
    assert not any(isinstance(event, Metadata | Done | Error) for event in between)


@given(replies(), events, st.text(max_size=6))
def test_what_a_stream_told_is_told_again_when_it_is_rebuilt(reply: Reply, told: list[Event], full: str) -> None:
    """Whatever its events were: the text may have changed its name, a stop may have cut it."""
    metadata = Metadata(1, 2, "k", "s", 3, model=reply.facts.model)
    snapshot = fold(metadata, *told, Done(3, full, usage=reply.facts.usage))
    assert snapshot.reply is not None
    assert fold(*events_of(snapshot.reply)).reply == snapshot.reply


def test_a_stop_may_cut_into_what_the_reply_went_on_with() -> None:
    reply = Reply(session_id=1, session_key="k", stream_id="s", user_message_id=1, message_id=2, parts=(parts.Text("On"),))
    metadata, *chunks, _ = events_of(structs.replace(reply, facts=Facts(continues=9, finish_reason="cancelled")))
    assert isinstance(metadata, Metadata)
    assert (metadata.continues, chunks) == (2, [Chunk("On")])


def test_the_server_that_answers_after_all_replaces_the_expected_one_and_its_mode() -> None:
    expected = Metadata(1, 2, "key", mode="sse", server="first")
    snapshot = fold(expected, Progress("prompt", server="second", mode="mqtt"), Progress("prompt", processed=1), Chunk("Two"))
    assert snapshot.metadata is not None
    assert (snapshot.metadata.server, snapshot.metadata.mode) == ("second", "mqtt")
    reply = snapshot.reply
    assert reply is not None
    assert (reply.facts.server, reply.facts.mode) == ("second", "mqtt")
    again = fold(*events_of(reply))
    assert again.metadata is not None
    assert (again.metadata.server, again.metadata.mode) == ("second", "mqtt")
