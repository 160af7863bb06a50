"""Which turns travel in a job that must fit a packet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.engines.mqtt_workers import _fitting
from lam.errors import TooLarge
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.sampling import Sampling


def packed(turns: tuple[Turn, ...]) -> bytes:
    return "".join(turn.content for turn in turns).encode()


def request(contents: list[str]) -> ChatRequest:
    told = [Turn("user" if number % 2 == 0 else "assistant", content) for number, content in enumerate(contents)]
    return ChatRequest(turns=(Turn("system", "S"), *told), keep=1, sampling=Sampling(temperature=0.7, top_p=0.9, max_tokens=1))


@given(
    st.lists(st.sampled_from(["a", "bb", "cccc", "d" * 9]), min_size=1, max_size=25).filter(lambda found: len(found) % 2 == 1),
    st.integers(1, 120),
)
def test_as_many_of_the_newest_turns_as_fit_travel(contents: list[str], limit: int) -> None:
    fits = [start for start in range(0, len(contents), 2) if 1 + len("".join(contents[start:])) <= limit]
    if not fits:
        with pytest.raises(TooLarge):
            _fitting(request(contents), packed, limit)
        return
    _, job = _fitting(request(contents), packed, limit)
    assert job.decode() == "S" + "".join(contents[fits[0] :])
