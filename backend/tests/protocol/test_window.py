import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.chat import ChatRequest, Picture, Turn, merge_turns
from lam.protocol.sampling import Sampling
from lam.protocol.window import at_most, budget, cuts, estimate, trimmed


def turns(*lengths: int) -> tuple[Turn, ...]:
    return tuple(Turn("assistant" if i % 2 else "user", "x" * length) for i, length in enumerate(lengths))


def request(max_tokens: int = 2048, max_prompt_tokens: int = 0) -> ChatRequest:
    return ChatRequest(
        turns=turns(1),
        keep=0,
        sampling=Sampling(temperature=0.7, top_p=0.9, max_tokens=max_tokens),
        max_prompt_tokens=max_prompt_tokens,
    )


def test_the_reply_keeps_a_reserve_of_at_most_a_quarter_of_the_context() -> None:
    assert budget(4096, request(2048)) == 3072
    assert budget(4096, request(100)) == 3996
    assert budget(4096, request(2048, max_prompt_tokens=500)) == 500
    assert budget(0, request()) == 0


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), st.integers(1, 200))
def test_every_cut_is_a_user_turn_and_the_newest_one_alone_is_the_last(lengths: list[int], step: int) -> None:
    conversation = turns(*lengths)
    if conversation[-1].role != "user":
        conversation = (*conversation, Turn("user", "?"))
    places = cuts(conversation, 0, step)
    assert places == sorted(set(places))
    assert all(conversation[place].role == "user" for place in places)
    assert places[0] == 0
    assert places[-1] == len(conversation) - 1


def test_the_beginning_stays_for_many_turns_and_then_jumps() -> None:
    """What keeps the server's prompt cache warm: among 200 growing conversations the window begins at few different places."""
    limit, beginnings = 3000, []
    conversation: tuple[Turn, ...] = ()
    for i in range(200):
        conversation = (*conversation, Turn("user", f"{i} " * 50), Turn("assistant", "word " * 60))
        asked = (*conversation, Turn("user", "and now?"))
        place = next(place for place in cuts(asked, 0, limit // 2) if estimate(trimmed(asked, 0, place)) <= limit)
        beginnings.append(place)
    assert beginnings == sorted(beginnings)
    assert len(set(beginnings)) <= 50
    longest = max(beginnings.count(place) for place in set(beginnings))
    assert longest >= 4


def test_the_kept_turns_stay_in_front() -> None:
    conversation = (Turn("system", "be kind"), *turns(5, 5, 5))
    assert trimmed(conversation, 1, 3) == (conversation[0], conversation[3])
    assert cuts(conversation, 1, 1)[0] == 1


def test_the_bound_is_never_below_the_bytes() -> None:
    assert at_most([Turn("user", "漢字")]) >= 6


def test_empty_replies_are_left_out_and_user_turns_joined() -> None:
    told = [Turn("user", "a"), Turn("assistant", ""), Turn("user", "b"), Turn("assistant", "c"), Turn("user", "d")]
    assert merge_turns(told) == (Turn("user", "a\n\nb"), Turn("assistant", "c"), Turn("user", "d"))


def test_pictures_keep_their_places_in_merged_turns() -> None:
    def picture(name: str, at: int) -> Picture:
        return Picture(sha256=name, id=name, type="image/png", width=1, height=1, size=1, at=at)

    merged = merge_turns(
        [Turn("user", "ab", (picture("x", 1),)), Turn("user", "", (picture("y", 0),)), Turn("user", "c", (picture("z", 1),))]
    )
    assert merged == (Turn("user", "ab\n\nc", (picture("x", 1), picture("y", 2), picture("z", 5))),)
    assert b"pictures" not in msgspec.json.encode(Turn("user", "a"))
