"""Pictures in numbered pieces: cut, asked for, and put together again however they come."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lam.protocol.chat import ChatRequest, Picture, Turn
from lam.protocol.jobs import BadPayload, Control, Frame, JobRequest, decode_control, decode_reply, encode, from_wire, to_wire
from lam.protocol.pictures import LARGEST, PIECE_BYTES, Arrival, Cache, Piece, Want, piece_of
from lam.protocol.sampling import Sampling

from ..stored_pictures import name_of, picture_of


def piece(data: bytes, number: int, room: int) -> Piece | None:
    return piece_of(data, Want("j" * 16, name_of(data), (number,)), number, room)


def pieces(data: bytes, room: int) -> list[Piece]:
    first = piece(data, 1, room)
    assert first is not None
    cut = [piece(data, number, room) for number in range(1, first.of + 1)]
    assert piece(data, first.of + 1, room) is None
    assert piece(data, 0, room) is None
    return [one for one in cut if one is not None]


@given(st.binary(min_size=1, max_size=5000), st.integers(300, 3000))
def test_no_piece_is_larger_than_a_packet_and_together_they_are_the_picture(data: bytes, room: int) -> None:
    cut = pieces(data, room)
    assert all(len(encode(one)) <= room for one in cut)
    assert b"".join(one.data for one in cut) == data
    assert [decode_control(encode(one)) for one in cut] == cut


def test_a_large_packet_is_not_filled() -> None:
    assert [len(one.data) for one in pieces(b"x" * 200_000, 1 << 20)] == [PIECE_BYTES] * 3 + [200_000 - 3 * PIECE_BYTES]


@given(st.integers(0, 2**32), st.integers(1, 60), st.floats(0, 0.7))
def test_what_is_asked_for_until_it_is_there_is_there_once_and_whole(seed: int, count: int, lost: float) -> None:
    """Pieces are lost, doubled and late; what does not come is asked for again."""
    chance = random.Random(seed)
    data = chance.randbytes(100 * count - chance.randrange(100))
    arrival = Arrival(picture_of(data))
    late: list[Piece] = []
    sent = 0
    numbers = arrival.ask()
    for _ in range(10_000):
        if arrival.data is not None:
            break
        new = [one for number in numbers if (one := piece_of(data, Want("j", "h", ()), number, 350)) is not None]
        sent += len(new)
        coming = [one for one in new if chance.random() >= lost]
        coming += [one for one in coming if chance.random() < 0.2]
        now = [one for one in late + coming if chance.random() < 0.8]
        late = [one for one in late + coming if one not in now]
        chance.shuffle(now)
        is_news = [arrival.take(one) for one in now]
        numbers = arrival.ask() if any(is_news) else arrival.ask_again()
    assert arrival.data == data
    assert not any(arrival.take(one) for one in late), "what comes afterwards changes nothing"
    assert arrival.damaged == 0


def test_a_picture_that_loses_nothing_is_asked_for_once_piece_by_piece() -> None:
    data = random.Random(1).randbytes(50 * PIECE_BYTES)
    arrival, asked, on_the_way = Arrival(picture_of(data)), list[int](), 0
    numbers: list[int] = list(arrival.ask())
    while arrival.data is None:
        on_the_way = max(on_the_way, len(numbers))
        asked.append(numbers.pop(0))
        one = piece(data, asked[-1], 1 << 20)
        assert one is not None
        assert arrival.take(one)
        numbers += arrival.ask()
    assert asked == list(range(1, 51))
    assert on_the_way <= 4, "a worker does not ask for more than it has room for"


def test_bytes_with_another_hash_or_size_are_asked_for_again() -> None:
    data = b"the right bytes"
    for wrong in (b"the wrong bytes", b"the wrong bytes, and more of them", b"too few"):
        arrival = Arrival(picture_of(data))
        assert arrival.ask()
        for one in pieces(wrong, 350):
            arrival.take(one)
        assert (arrival.data, arrival.damaged) == (None, 1)
        assert arrival.ask() == (1, 2, 3, 4)
        (right,) = pieces(data, 350)
        assert arrival.take(right)
        assert arrival.data == data


def test_pieces_of_another_size_begin_anew() -> None:
    """The gateway has reconnected, to a broker with another limit."""
    data = random.Random(1).randbytes(1000)
    small, large = pieces(data, 350), pieces(data, 700)
    arrival = Arrival(picture_of(data))
    for one in [*small[:-1], *large]:
        arrival.take(one)
    assert arrival.data == data


@pytest.mark.parametrize(
    "changes",
    [{"number": 0}, {"number": -1}, {"number": 3}, {"of": 0}, {"of": 2**40}, {"data": b""}],
    ids=str,
)
def test_a_piece_that_cannot_be_is_passed_over(changes: dict[str, object]) -> None:
    data = random.Random(1).randbytes(300)
    first, second = pieces(data, 450)
    arrival = Arrival(picture_of(data))
    assert not arrival.take(replace(second, **changes))
    assert arrival.take(first)
    assert not arrival.take(replace(second, **changes))
    assert arrival.take(second)
    assert arrival.data == data


def test_a_cache_keeps_what_was_used_last() -> None:
    cache = Cache(10)
    for name in "abc":
        cache.put(name, name.encode() * 4)
    assert [cache.get(name) for name in "abc"] == [None, b"bbbb", b"cccc"]
    assert cache.get("b")
    cache.put("b", b"again")
    cache.put("d", b"dd")
    cache.put("e", b"ee")
    assert [cache.get(name) for name in "bcde"] == [b"bbbb", None, b"dd", b"ee"]
    cache.put("whole", b"x" * 11)
    assert cache.get("whole") is None, "it would push out all others and not stay itself"
    assert cache.size == 8


def test_what_a_worker_and_a_gateway_say_about_pictures_is_told_apart_from_the_rest() -> None:
    want = Want("j", "0" * 64, (1, 2))
    assert decode_reply(encode(want)) == want
    assert decode_reply(encode(Frame("j", 1))) == Frame("j", 1)
    refusal = Piece(job="j", sha256="0" * 64, rejected="not_named")
    assert decode_control(encode(refusal)) == refusal
    assert decode_control(encode(Control(job="j", action="release"))) == Control(job="j", action="release")
    for payload in (b"", b"{}", b'{"job": "j", "sha256": 1, "pieces": []}', b'{"job": "j", "sha256": "0", "pieces": [0.5]}'):
        with pytest.raises(BadPayload):
            decode_reply(payload)
    for payload in (
        b"",
        b"{}",
        b'{"job": "j", "action": "dance"}',
        b'{"job": "j", "action": "picture", "sha256": "", "data": "?"}',
    ):
        with pytest.raises(BadPayload):
            decode_control(payload)


@pytest.mark.parametrize(
    "changes",
    [{"sha256": "0" * 63}, {"sha256": "G" * 64}, {"size": 0}, {"size": LARGEST + 1}, {"at": 3}, {"at": -1}],
    ids=str,
)
def test_a_job_with_a_picture_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    sampling = Sampling(temperature=0, top_p=0.9, max_tokens=5)

    def wire(one: Picture) -> JobRequest:
        return to_wire(ChatRequest(turns=(Turn("user", "u?", (one,)),), keep=0, sampling=sampling))

    good = picture_of(b"x")
    assert from_wire(wire(good)).turns[0].pictures == (good,)
    with pytest.raises(BadPayload):
        from_wire(wire(replace(good, **changes)))
