"""Scripted models for the maze: what they answer depends on the request alone, so the same game is played again the same way."""

import json
import re
from typing import Any

from lam.testing.server import Reply

STEPS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def play(body: dict[str, Any]) -> Reply:
    """Walks the shortest way when the system prompt has `walk`, stumbles into walls with `stumble`, and waits otherwise."""
    system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
    do: dict[str, Any] = {"action": "wait"}
    if "walk" in system:
        do = {"action": "path", "directions": way(user)[:8]}
    elif "stumble" in system:
        do = {"action": "move", "direction": "up"}
    text = json.dumps({"say": "Here I go.", "do": do})
    half = len(text) // 2
    return Reply((text[:half], text[half:]))


def way(user: str) -> list[str]:
    """The shortest way to the exit on the map in a prompt."""
    tiles: dict[tuple[int, int], str] = {}
    for line in user.splitlines():
        if row := re.fullmatch(r"([ \d]\d) ([#.PEG?]+)", line):
            tiles |= {(int(row[1]), column): tile for column, tile in enumerate(row[2])}
    (start,) = [place for place, tile in tiles.items() if tile == "P"]
    found = re.search(r"exit is at row (\d+), column (\d+)", user)
    assert found
    there = (int(found[1]), int(found[2]))
    ways: dict[tuple[int, int], list[str]] = {start: []}
    edge = [start]
    while edge:
        here = edge.pop(0)
        if here == there:
            return ways[here]
        for name, (down, right) in STEPS.items():
            near = (here[0] + down, here[1] + right)
            if tiles.get(near, "#") in ".EG" and near not in ways:
                ways[near] = [*ways[here], name]
                edge.append(near)
    raise AssertionError("there is no way")
