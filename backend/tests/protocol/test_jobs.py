"""Frames: numbered, cut, kept; and put together again however they come."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Chunk, EngineEvent, Finished, Image, ImagePiece, Thinking, ToolCall
from lam.protocol.jobs import (
    Accepted,
    BadPayload,
    Frame,
    FrameEvent,
    Inbox,
    Job,
    JobFinished,
    Outbox,
    decode,
    decode_frame,
    encode,
    frame_events,
    from_wire,
    to_wire,
)
from lam.protocol.sampling import Sampling
from lam.protocol.topics import Topics, matches


def frames_of(*batches: list[FrameEvent], max_bytes: int = 10_000) -> list[bytes]:
    outbox = Outbox("j", max_bytes)
    frames = []
    for batch in batches:
        outbox.add(batch)
        frames += outbox.cut()
    return frames


def text(events: list[FrameEvent]) -> str:
    return "".join(event.content for event in events if isinstance(event, Chunk))


def test_frames_are_numbered_from_one_and_kept() -> None:
    outbox = Outbox("j", 10_000)
    outbox.add([Accepted("m")])
    (first,) = outbox.cut()
    outbox.add([Chunk("a"), Chunk("b")])
    (second,) = outbox.cut()
    assert decode_frame(first) == Frame("j", 1, (Accepted("m"),))
    assert decode_frame(second) == Frame("j", 2, (Chunk("a"), Chunk("b")))
    assert outbox.after(0) == [first, second]
    assert outbox.after(1) == [second]
    assert decode_frame(outbox.after(2)[0]) == Frame("j", 2), "nothing after the last: a beat that names it"
    assert not outbox.ended
    outbox.add(frame_events([Finished("stop")]))
    assert outbox.ended


@given(st.text(max_size=3000), st.sampled_from([600, 1500, 10_000]))
def test_no_frame_is_larger_than_a_packet_and_no_text_is_lost(content: str, max_bytes: int) -> None:
    frames = frames_of([Thinking(content), Chunk(content)], [Chunk("x"), JobFinished(finish_reason="stop")], max_bytes=max_bytes)
    assert all(len(frame) <= max_bytes for frame in frames)
    events = [event for frame in frames for event in decode_frame(frame).events]
    assert text(events) == content.replace("\0", "\ufffd") + "x"
    assert events[-1] == JobFinished(finish_reason="stop")


@given(st.text(max_size=3000), st.sampled_from([600, 1500, 10_000]))
def test_the_arguments_of_a_call_fit_frames_of_any_size(arguments: str, max_bytes: int) -> None:
    other = ToolCall(1, "b", "g", "{}")
    frames = frames_of([ToolCall(0, "a", "f", arguments), other, Chunk("x")], max_bytes=max_bytes)
    assert all(len(frame) <= max_bytes for frame in frames)
    events = [event for frame in frames for event in decode_frame(frame).events]
    pieces = [event for event in events if isinstance(event, ToolCall) and event.index == 0]
    assert "".join(piece.arguments for piece in pieces) == arguments.replace("\0", "\ufffd")
    assert [(piece.id, piece.name) for piece in pieces] == [("a", "f"), *[(None, None)] * (len(pieces) - 1)]
    assert events[len(pieces) :] == [other, Chunk("x")]


@pytest.mark.parametrize("max_bytes", [600, 4096, 512 << 10])
def test_a_picture_that_a_model_returns_fits_frames_of_any_size(max_bytes: int) -> None:
    data = "abcd" * 12_000
    sent: list[EngineEvent] = [
        Chunk("a"),
        ImagePiece(0, "image/png", data),
        ImagePiece(0, "image/png", "end=", last=True),
        ImagePiece(1, "", "", last=True),
    ]
    frames = frames_of(frame_events(sent), max_bytes=max_bytes)
    assert all(len(frame) <= max_bytes for frame in frames)
    events = [event for frame in frames for event in decode_frame(frame).events]
    pieces = [event for event in events if isinstance(event, ImagePiece)]
    assert "".join(piece.data for piece in pieces if piece.index == 0) == data + "end="
    assert [(piece.index, piece.last) for piece in pieces[-2:]] == [(0, True), (1, True)]
    assert not any(piece.last for piece in pieces[:-2])


def test_pictures_go_to_gateways_that_take_them_and_no_worker_names_a_stored_one() -> None:
    events: list[EngineEvent] = [Image("somebody's"), ImagePiece(0, "image/png", "AAAA", last=True), Chunk("a")]
    assert frame_events(events, media=False) == [Chunk("a")]
    assert frame_events(events) == events[1:]
    forged = decode_frame(
        b'{"job": "j", "seq": 2, "events": [{"type": "image", "media": "somebody\'s"}, {"type": "chunk", "content": "a"}]}'
    )
    assert forged.events == (Chunk("a"),)


@given(st.randoms(use_true_random=False), st.integers(2, 40))
def test_frames_in_any_order_twice_and_late_give_the_events_once_and_in_order(order: random.Random, count: int) -> None:
    frames = [decode_frame(frame) for frame in frames_of(*([Chunk(f"{number} ")] for number in range(count)))]
    arriving = frames + order.sample(frames, count // 2)
    order.shuffle(arriving)
    inbox = Inbox()
    events: list[FrameEvent] = []
    for frame in arriving:
        events += inbox.take(frame)
    assert text(events) == "".join(f"{number} " for number in range(count))
    assert (inbox.last, inbox.missing, inbox.duplicates) == (count, False, count // 2)


def test_a_gap_is_seen_by_a_later_frame_and_by_a_beat() -> None:
    one, two, three = [decode_frame(frame) for frame in frames_of([Chunk("a")], [Chunk("b")], [Chunk("c")])]
    inbox = Inbox()
    assert text(inbox.take(one)) == "a"
    assert inbox.take(three) == []
    assert inbox.missing
    assert text(inbox.take(two)) == "bc"
    assert not inbox.missing
    assert inbox.take(Frame("j", 4)) == []
    assert inbox.missing, "the worker's last frame never came"
    assert text(inbox.take(Frame("j", 4, (Chunk("d"),)))) == "d"
    assert not inbox.missing
    assert inbox.take(Frame("j", 10**9, (Chunk("x"),))) == [], "beyond all reason"


def test_a_request_travels_and_one_that_is_out_of_bounds_does_not() -> None:
    sampling = Sampling(temperature=0, top_p=0.9, max_tokens=5, seed=3, stop=("\n",), reasoning="off")
    turns = (Turn("system", "s"), Turn("user", "u"))
    request = ChatRequest(turns=turns, keep=1, sampling=sampling, model="m", max_prompt_tokens=7)
    payload = encode(Job(job="j", instance="i", reply_to="r", request=to_wire(request)))
    assert from_wire(decode(payload, Job).request) == request
    good = to_wire(request)
    for changes in (
        {"messages": ()},
        {"keep": 2},
        {"max_prompt_tokens": -1},
        {"sampling": replace(sampling, temperature=3)},
        {"sampling": replace(sampling, top_p=0)},
        {"sampling": replace(sampling, seed=-1)},
        {"messages": good.messages[:1]},
    ):
        with pytest.raises(BadPayload):
            from_wire(replace(good, **changes))


def test_the_wish_not_to_think_is_understood_in_both_releases() -> None:
    plain = Sampling(temperature=0, top_p=0.9, max_tokens=5)
    request = ChatRequest(turns=(Turn("user", "u"),), keep=0, sampling=replace(plain, reasoning="off"))
    assert to_wire(request).skip_thinking, "what the first release's worker reads"
    from_the_first_release = replace(to_wire(request), sampling=plain)
    assert from_wire(from_the_first_release).skip_thinking
    assert not from_wire(replace(from_the_first_release, sampling=replace(plain, reasoning="auto"))).skip_thinking


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"job": "j"}', b'{"job": "j", "seq": 0}', b"\xff", b"[" * 100_000])
def test_what_is_no_frame_is_refused(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        decode_frame(payload)


def test_topics_are_those_of_the_contract() -> None:
    topics = Topics("lam/v1/")
    frames = topics.frames("g", "00000000", "w", "j")
    assert frames == "lam/v1/gateway/g/00000000/from/w/j"
    assert topics.names(frames) == ["gateway", "g", "00000000", "from", "w", "j"]
    assert matches(topics.frames("g", "00000000"), frames)
    assert not matches(topics.frames("g", "00000001"), frames)
    assert not matches(topics.worker_status(), frames)
    assert topics.job("w") == "lam/v1/worker/w/job"
