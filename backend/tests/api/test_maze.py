"""Games in the maze over the API: the server's replay decides, and nobody else."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import LamError
from lam.maze import baselines
from lam.maze.actions import Move, to_json
from lam.maze.rules import offset
from lam.maze.sets import SETS
from lam.maze.state import Settings
from lam.protocol.events import Chunk, Done, Event, Metadata
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, gateway_process
from ..waiting import until

QUIET = {"seed": 7, "size": 7, "germs": 0, "loops": 0}
FROM = "/api/maze/games"


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    async with gateway.client() as client:
        yield client


def solution(seed: int, **settings: Any) -> list[dict[str, Any]]:
    """The moves along a shortest way."""
    states = baselines.shortest_path(seed, Settings(**settings)).states
    size = states[0].size
    ways = {offset(size, way): way for way in ("up", "down", "left", "right")}
    return [to_json(Move(ways[two.player - one.player])) for one, two in itertools.pairwise(states)]


def answer(action: dict[str, Any], say: str = "This way.") -> Reply:
    text = json.dumps({"say": say, "do": action})
    return Reply(tuple(text[at : at + 5] for at in range(0, len(text), 5)))


async def refused(call: Any, code: str) -> str:
    with pytest.raises(LamError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


async def hint(client: Client, game: int, **body: Any) -> list[Event]:
    return [event async for _, event in client.events("POST", f"{FROM}/{game}/hint", body)]


async def test_a_game_played_by_a_person_is_won_and_scored_by_the_server(client: Client) -> None:
    game = await client.call("POST", FROM, {"mode": "manual", "set": SETS[0].name, "maze": 2})
    moves = solution(game["seed"], **game["settings"] | {"powers": Settings().powers})
    path = f"{FROM}/{game['id']}"
    half = await client.call("POST", f"{path}/act", {"after": 0, "actions": moves[:3]})
    assert (half["status"], half["result"]["steps"], half["result"]["score"]) == ("playing", 3, None)
    won = await client.call("POST", f"{path}/act", {"after": 3, "actions": moves[3:]})
    assert (won["status"], won["result"]["score"], won["result"]["illegal"]) == ("won", 1000, 0)
    assert won["result"]["steps"] == won["result"]["shortest"] == len(moves)
    assert await client.call("GET", path) == won
    board = await client.call("GET", "/api/maze/leaderboard", set=SETS[0].name, mode="manual")
    assert [(entry["rank"], entry["game_id"], entry["maze"], entry["score"]) for entry in board] == [(1, game["id"], 2, 1000)]
    assert await client.call("GET", "/api/maze/leaderboard", set=SETS[0].name, mode="lam") == []


async def test_sending_actions_again_changes_nothing_and_an_older_state_is_refused(client: Client) -> None:
    game = await client.call("POST", FROM, {"mode": "manual", **QUIET})
    moves, path = solution(7, size=7, germs=0, loops=0), f"{FROM}/{game['id']}/act"
    first = await client.call("POST", path, {"after": 0, "actions": moves[:4]})
    assert await client.call("POST", path, {"after": 0, "actions": moves[:4]}) == first
    assert await client.call("POST", path, {"after": 2, "actions": moves[2:4]}) == first
    assert "4 actions" in await refused(client.call("POST", path, {"after": 2, "actions": [{"action": "wait"}]}), "out_of_step")
    assert "4 actions" in await refused(client.call("POST", path, {"after": 9, "actions": [{"action": "wait"}]}), "out_of_step")


ILLEGAL = {
    "a step into a wall": ([{"action": "move", "direction": "up"}], "wall"),
    "a path into a wall": ([{"action": "path", "directions": ["up"]}], "wall"),
    "a wall that is the border": ([{"action": "break_wall", "direction": "up"}], "border"),
    "a power that is used up": ([{"action": "slow_germs"}] * 3, "Action 3"),
    "a scan where there is no fog": ([{"action": "scan"}], "used up"),
}


@pytest.mark.parametrize("case", ILLEGAL)
async def test_an_illegal_action_is_refused_with_its_reason_and_none_of_the_batch_is_kept(case: str, client: Client) -> None:
    actions, reason = ILLEGAL[case]
    game = await client.call("POST", FROM, {"mode": "manual", **QUIET, "germs": 1})
    batch = [{"action": "wait"}, *actions] if "Action" not in reason else actions
    message = await refused(client.call("POST", f"{FROM}/{game['id']}/act", {"after": 0, "actions": batch}), "illegal_action")
    assert reason in message
    assert (await client.call("GET", f"{FROM}/{game['id']}"))["actions"] == []


@pytest.mark.parametrize(
    "action",
    [
        {"action": "fly"},
        {"action": "unreadable"},
        {"action": "move"},
        {"action": "move", "direction": "north"},
        {"action": "path", "directions": []},
        {"action": "path", "directions": ["up"] * 9},
        {"action": "wait", "ticks": 9},
        "wait",
        None,
    ],
)
async def test_what_is_no_action_is_refused(action: Any, client: Client) -> None:
    game = await client.call("POST", FROM, {"mode": "manual", **QUIET})
    await refused(client.call("POST", f"{FROM}/{game['id']}/act", {"after": 0, "actions": [action]}), "invalid")


NO_MAZE: dict[str, dict[str, Any]] = {
    "an even size": {"seed": 1, "size": 8},
    "a huge one": {"seed": 1, "size": 35},
    "a negative seed": {"seed": -1},
    "a seed beyond 32 bits": {"seed": 2**32},
    "nothing": {},
    "an unknown set": {"set": "nowhere"},
    "a number beyond the set": {"set": SETS[0].name, "maze": 99},
    "a number without a set": {"maze": 1},
    "a set with settings of one's own": {"set": SETS[0].name, "size": 9},
    "ten of a power": {"seed": 1, "powers": {"break_wall": 10}},
    "an unknown power": {"seed": 1, "powers": {"fly": 1}},
    "an unknown model": {"seed": 1, "model": "nobody"},
    "a version without a template": {"seed": 1, "template_version": 1},
    "somebody's template": {"seed": 1, "template_id": 4711},
}


@pytest.mark.parametrize("case", NO_MAZE)
async def test_a_game_that_cannot_be_is_refused(case: str, client: Client) -> None:
    with pytest.raises(LamError) as caught:
        await client.call("POST", FROM, {"mode": "manual", **NO_MAZE[case]})
    assert caught.value.code in ("invalid", "not_found", "unknown_model")
    assert await client.call("GET", FROM) == []


async def test_a_game_of_the_model_is_moved_by_its_hints_alone(client: Client, scripted: ScriptedServer) -> None:
    game = await client.call("POST", FROM, {"mode": "lam", "set": SETS[0].name, "prompt": "You are careful."})
    path, moves = f"{FROM}/{game['id']}", solution(game["seed"], **game["settings"] | {"powers": Settings().powers})
    await refused(client.call("POST", f"{path}/act", {"after": 0, "actions": [{"action": "wait"}]}), "not_allowed")
    await refused(client.call("POST", f"{path}/hint", {"actions": [{"action": "wait"}]}), "not_allowed")
    scripted.reply = Reply(("I do not know.",))
    await hint(client, game["id"])
    for move in moves:
        scripted.reply = answer(move)
        events = await hint(client, game["id"])
        assert isinstance(events[0], Metadata)
        assert events[0].session_id is None
        assert isinstance(events[-1], Done)
    await refused(client.call("POST", f"{path}/hint"), "game_over")
    replay = await client.call("GET", f"{path}/replay")
    ticks = len(moves) + 1
    assert replay["status"] == "won"
    assert replay["result"]["score"] == max(1, 1000 * len(moves) // ticks - 25)
    assert [one["action"] for one in replay["actions"]] == [{"action": "unreadable"}, *moves]
    assert [one["reading"] for one in replay["hints"]] == ["illegal", *["exact"] * len(moves)]
    assert [one["legal"] for one in replay["hints"]] == [False, *[True] * len(moves)]
    assert replay["result"]["tokens"] > 0
    detail = await client.call("GET", f"{path}/hints/2")
    assert detail["sent"][0] == {"role": "system", "content": "You are careful."}
    assert detail["say"] == "This way."
    assert "You are at" in scripted.requests[1].body["messages"][-1]["content"]
    assert scripted.requests[1].body["response_format"]["type"] == "json_schema"
    assert scripted.requests[1].body["temperature"] == 0


async def test_a_hint_in_a_persons_game_moves_nothing_and_sees_what_they_did(client: Client, scripted: ScriptedServer) -> None:
    game = await client.call("POST", FROM, {"mode": "manual", **QUIET, "forcing": "none"})
    moves = solution(7, size=7, germs=0, loops=0)
    scripted.reply = answer(moves[1])
    await hint(client, game["id"], after=0, actions=moves[:1])
    seen = await client.call("GET", f"{FROM}/{game['id']}/replay")
    assert [one["action"] for one in seen["actions"]] == moves[:1]
    assert [(one["after"], one["action"], one["legal"]) for one in seen["hints"]] == [(1, moves[1], True)]
    assert "response_format" not in scripted.requests[0].body


async def test_a_newer_state_ends_the_older_hint_and_frees_its_place(client: Client, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("slow ",) * 1000, rate=20)
    game = await client.call("POST", FROM, {"mode": "manual", **QUIET})
    asked = [asyncio.create_task(hint(client, game["id"], on_disconnect="continue")) for _ in range(10)]
    await until(lambda: len(scripted.requests) >= 1)
    asked += [asyncio.create_task(hint(client, game["id"], on_disconnect="continue")) for _ in range(40)]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    await until(lambda: sum(task.done() for task in asked) == 49)
    await until(lambda: scripted.active == 1)
    assert all(request.left_early for request in scripted.requests[:-1])
    ends = [task.result()[-1] for task in asked if task.done()]
    assert {end.finish_reason for end in ends if isinstance(end, Done)} == {"cancelled"}
    state = await client.call("GET", f"{FROM}/{game['id']}")
    await client.stop(state["stream_id"])
    await asyncio.gather(*asked)


async def test_two_requests_for_one_hint_of_the_model_read_the_same_run(client: Client, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(json.dumps({"say": "Hm.", "do": {"action": "wait"}}).partition(" "), hold=True)
    game = await client.call("POST", FROM, {"mode": "lam", **QUIET})
    heard: list[list[Event]] = [[], []]

    async def read(mine: list[Event]) -> None:
        async for _, event in client.events("POST", f"{FROM}/{game['id']}/hint", {}):
            mine.append(event)

    both = asyncio.gather(*map(read, heard))
    await until(lambda: all(heard))
    scripted.step(10)
    await both
    assert heard[0] == heard[1]
    assert len(scripted.requests) == 1
    assert len((await client.call("GET", f"{FROM}/{game['id']}"))["actions"]) == 1


async def test_a_hint_that_fails_or_is_stopped_moves_nothing(client: Client, scripted: ScriptedServer) -> None:
    game = await client.call("POST", FROM, {"mode": "lam", **QUIET})
    scripted.reply = Reply(fault="bad_request")
    await hint(client, game["id"])
    scripted.reply = Reply(('{"say": "', "x", "y"), hold=True)
    asked = asyncio.create_task(hint(client, game["id"]))
    await scripted.arrival(2)
    scripted.step(1)
    running = await client.call("GET", f"{FROM}/{game['id']}")
    await client.stop(running["stream_id"])
    await asked
    replay = await client.call("GET", f"{FROM}/{game['id']}/replay")
    assert (replay["actions"], replay["status"]) == ([], "playing")
    assert [one["status"] for one in replay["hints"]] == ["failed", "cancelled"]
    assert replay["hints"][0]["error"]


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "another score": ({"score": 100_000}, "100000"),
    "another seed": ({"seed": 8}, "seed"),
    "older rules": ({"rules": 0}, "rules"),
    "a step into a wall": ({"actions": [{"action": "move", "direction": "up"}]}, "not legal"),
    "an action that was not done": ({"actions": [{"action": "wait"}]}, "action 1"),
    "an action after the end": ({"actions": [{"action": "wait"}] * 500}, "after the end"),
    "no action": ({"actions": [{"action": "fly"}]}, "malformed"),
}


@pytest.mark.parametrize("case", FORGED)
async def test_a_forged_claim_is_refused_with_the_reason(case: str, client: Client) -> None:
    claims, reason = FORGED[case]
    game = await client.call("POST", FROM, {"mode": "manual", **QUIET})
    moves = solution(7, size=7, germs=0, loops=0)
    await client.call("POST", f"{FROM}/{game['id']}/act", {"after": 0, "actions": moves})
    assert reason in await refused(client.call("POST", f"{FROM}/{game['id']}/finish", claims), "replay_differs")
    true = {"seed": 7, "rules": game["rules"], "actions": moves, "score": 1000}
    assert (await client.call("POST", f"{FROM}/{game['id']}/finish", true))["status"] == "won"


async def test_the_log_of_another_game_is_refused(client: Client) -> None:
    other = solution(9, size=7, germs=0, loops=0)
    game = await client.call("POST", FROM, {"mode": "manual", **QUIET})
    await refused(client.call("POST", f"{FROM}/{game['id']}/finish", {"actions": other}), "replay_differs")


async def test_a_game_of_older_rules_is_listed_and_not_replayed(gateway: Gateway, client: Client) -> None:
    game = await client.call("POST", FROM, {"mode": "manual", "set": SETS[0].name})
    async with gateway.parts.database.write() as unit:
        await unit.games.change(game["id"], rules=0, status="won", score=99_999)
    for call in (("GET", ""), ("GET", "/replay"), ("POST", "/finish")):
        await refused(client.call(call[0], f"{FROM}/{game['id']}{call[1]}"), "rules_changed")
    assert [one["rules"] for one in await client.call("GET", FROM)] == [0]
    assert await client.call("GET", "/api/maze/leaderboard", set=SETS[0].name, mode="manual") == []


async def test_a_models_game_whose_action_no_hint_made_is_not_replayed(
    gateway: Gateway, client: Client, scripted: ScriptedServer
) -> None:
    game = await client.call("POST", FROM, {"mode": "lam", **QUIET})
    scripted.reply = answer({"action": "wait"})
    await hint(client, game["id"])
    async with gateway.parts.database.write() as unit:
        await unit.games.change(game["id"], actions=[{"action": "slow_germs"}])
    await refused(client.call("GET", f"{FROM}/{game['id']}/replay"), "replay_differs")


async def test_a_stranger_sees_only_games_on_a_board_and_no_prompt(gateway: Gateway, client: Client) -> None:
    game = await client.call("POST", FROM, {"mode": "manual", "set": SETS[0].name, "prompt": "Secret."})
    async with await gateway.user("stranger@example.org") as stranger:
        path = f"{FROM}/{game['id']}"
        await refused(stranger.call("GET", path), "not_found")
        moves = solution(game["seed"], **game["settings"] | {"powers": Settings().powers})
        await client.call("POST", f"{path}/act", {"after": 0, "actions": moves})
        replay = await stranger.call("GET", f"{path}/replay")
        assert (replay["mine"], replay["prompt"], replay["status"]) == (False, None, "won")
        for call in (("DELETE", ""), ("POST", "/finish"), ("POST", "/hint"), ("GET", "/hints/1")):
            await refused(stranger.call(call[0], f"{path}{call[1]}"), "not_found")
        await refused(stranger.call("POST", f"{path}/act", {"after": 0, "actions": [{"action": "wait"}]}), "not_found")


async def test_the_board_names_public_templates_alone(gateway: Gateway, client: Client) -> None:
    async with await gateway.user("author@example.org") as author:
        for is_public in (True, False):
            content = {"title": f"Public {is_public}", "content": "Be {{how=quick}}.", "is_public": is_public}
            template = await author.call("POST", "/api/templates", content)
            game = await author.call("POST", FROM, {"mode": "manual", "set": SETS[0].name, "template_id": template["id"]})
            assert (game["prompt"], game["template_version"], game["template_title"]) == ("Be quick.", 1, content["title"])
            moves = solution(game["seed"], **game["settings"] | {"powers": Settings().powers})
            await author.call("POST", f"{FROM}/{game['id']}/act", {"after": 0, "actions": moves})
        theirs = await author.call("GET", "/api/maze/leaderboard", set=SETS[0].name, mode="manual")
    board = await client.call("GET", "/api/maze/leaderboard", set=SETS[0].name, mode="manual")
    assert sorted(str(entry["template_title"]) for entry in board) == ["None", "Public True"]
    assert sorted(str(entry["template_title"]) for entry in theirs) == ["Public False", "Public True"]
    assert {entry["name"] for entry in board} == {"author"}
    assert [entry["rank"] for entry in board] == [1, 1]


async def test_a_hint_can_be_read_again_and_is_rebuilt_after_a_restart(scripted: ScriptedServer, tmp_path: Any) -> None:
    scripted.reply = answer({"action": "wait"})
    streams = []
    async with gateway_process(tmp_path / "data", llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
        game = await client.call("POST", FROM, {"mode": "lam", **QUIET})
        first = await hint(client, game["id"])
        assert isinstance(first[0], Metadata)
        streams.append(first[0].stream_id)
        scripted.reply = Reply(('{"say": "half', " of it", " all"), hold=True)
        asked = asyncio.create_task(hint(client, game["id"], on_disconnect="continue"))
        await scripted.arrival(2)
        scripted.step(2)
        running = await client.call("GET", f"{FROM}/{game['id']}")
        streams.append(running["stream_id"])
        process.kill()
        await asyncio.gather(asked, return_exceptions=True)
    async with gateway_process(tmp_path / "data", llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
        again = [event async for _, event in client.follow(streams[0] or "")]
        assert [type(event) for event in again] == [Metadata, Chunk, Done]
        replay = await client.call("GET", f"{FROM}/{game['id']}/replay")
        assert [one["status"] for one in replay["hints"]] == ["complete", "interrupted"]
        assert len(replay["actions"]) == 1
        scripted.reply = answer({"action": "wait"})
        await hint(client, game["id"])
        assert len((await client.call("GET", f"{FROM}/{game['id']}"))["actions"]) == 2


async def test_deleting_a_game_stops_its_hint(client: Client, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("slow ",) * 1000, rate=20)
    game = await client.call("POST", FROM, {"mode": "lam", **QUIET})
    asked = asyncio.create_task(hint(client, game["id"]))
    await scripted.arrival()
    await client.call("DELETE", f"{FROM}/{game['id']}")
    await until(lambda: scripted.active == 0)
    await asked
    await refused(client.call("GET", f"{FROM}/{game['id']}"), "not_found")


async def test_a_very_long_game_is_played_on_without_being_played_anew(gateway: Gateway, client: Client) -> None:
    game = await client.call("POST", FROM, {"mode": "manual", "seed": 3, "size": 5, "germs": 0, "oxygen": 4000})
    path = f"{FROM}/{game['id']}"
    for after in range(0, 4000, 500):
        last = await client.call("POST", f"{path}/act", {"after": after, "actions": [{"action": "wait"}] * 500})
    assert (last["status"], last["result"]["steps"], last["result"]["score"]) == ("oxygen", 4000, 0)
    assert (await client.call("GET", path))["state"] == last["state"]


async def test_replays_in_memory_are_those_of_the_stored_logs(gateway: Gateway, client: Client) -> None:
    games = [await client.call("POST", FROM, {"mode": "manual", **QUIET}) for _ in range(3)]
    moves = solution(7, size=7, germs=0, loops=0)
    await asyncio.gather(
        *(client.call("POST", f"{FROM}/{game['id']}/act", {"after": 0, "actions": moves[: 2 + n]}) for n, game in enumerate(games))
    )
    async with gateway.parts.database.write() as unit:
        await unit.games.change(games[0]["id"], actions=[{"action": "wait"}])
    steps = [(await client.call("GET", f"{FROM}/{game['id']}"))["result"]["steps"] for game in games]
    assert steps == [1, 3, 4]
