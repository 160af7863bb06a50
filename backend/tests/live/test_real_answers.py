"""The real llama.cpp server understands the schemas of a maze's answers, and keeps to them."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import aiohttp
import msgspec
import pytest

from lam.maze import rules
from lam.maze.answers import LONGEST_SAY, Forcing, read, response_format, schema
from lam.maze.carving import generate
from lam.maze.sets import SETS
from lam.maze.state import Settings, State

from ..maze.games import played

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

LOOPS = Settings(size=33, loops=100, germs=12)  # many ways, so that the schema lists as many paths as it may


async def answer(url: str, state: State, forcing: Forcing, *, words: int = 6, **chosen: Any) -> dict[str, Any]:
    """The server's choice, its text and its reason to finish, for a short and hot question. `words`: characters to say, few since
    the action is what matters."""
    form = msgspec.to_builtins(response_format(state, forcing))
    form["json_schema"]["schema"]["properties"]["say"]["maxLength"] = words
    body = {"messages": [{"role": "user", "content": "Play. Answer in JSON."}], "temperature": 1.5, "response_format": form}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{url}/v1/chat/completions", json=body | chosen) as response:
            assert response.status == 200, await response.text()
            choice: dict[str, Any] = (await response.json())["choices"][0]
            return choice


def states() -> Iterator[State]:
    """Beginnings and middles of games in every set."""
    for number, known in enumerate(SETS):
        for state, _ in islice(played(known.seeds[0], known.settings, number, 5), 0, None, 4):
            yield state


async def test_an_answer_forced_to_be_legal_is_legal(llama_url: str) -> None:
    kinds = set()
    for seed, state in enumerate(states()):
        choice = await answer(llama_url, state, "legal", seed=seed, max_tokens=300)
        assert choice["finish_reason"] == "stop"
        read_answer = read(choice["message"]["content"])
        assert read_answer.reading == "exact"
        assert read_answer.action in rules.actions_of(state)
        kinds.add(type(read_answer.action))
    assert len(kinds) > 1


async def test_an_answer_forced_into_the_shape_can_be_read_unless_it_is_cut(llama_url: str) -> None:
    state = generate(1, LOOPS)
    for seed in range(4):
        choice = await answer(llama_url, state, "shape", seed=seed, max_tokens=300)
        assert choice["finish_reason"] == "stop"
        assert read(choice["message"]["content"]).reading == "exact"
    choice = await answer(llama_url, state, "shape", max_tokens=3)
    assert choice["finish_reason"] == "length"
    assert read(choice["message"]["content"]).reading == "illegal"


async def test_the_server_takes_a_schema_with_the_most_paths(llama_url: str) -> None:
    state = next(state for seed in range(100) if len(rules.walks(state := generate(seed, LOOPS))) > 40)
    assert len(json.dumps(schema(state, "legal"))) > 2000
    room = 4 * LONGEST_SAY + 200  # a character may take four tokens, a byte each
    choice = await answer(llama_url, state, "legal", words=LONGEST_SAY, max_tokens=room, seed=1)
    assert read(choice["message"]["content"]).action is not None
