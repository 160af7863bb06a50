"""How a client's program is asked: one line of JSON on its input for each case, one on its output as the answer.

The question has `case`, `url` (of the gateway, without a path), `key`, `model`, `prompt`, `picture` (a PNG in base64). An exception
is an answer too: its class, its HTTP status, and what had arrived before it. It runs in the clients' own environment, and knows
nothing of ours.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

Ask = dict[str, Any]
Case = Callable[[Ask, list[str]], dict[str, Any]]

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOWN = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
DESCRIPTION = "The weather of a city"
SUNNY = "sunny"


def data_uri(ask: Ask) -> str:
    return f"data:image/png;base64,{ask['picture']}"


def answer(case: Case, ask: Ask) -> dict[str, Any]:
    said: list[str] = []
    try:
        found = case(ask, said)
    except Exception as error:
        status = next((value for name in ("status_code", "status") if isinstance(value := getattr(error, name, None), int)), None)
        found = {"error": type(error).__name__, "status": status, "message": str(error)[:500]}
    return {"text": "".join(said), "pieces": len([piece for piece in said if piece])} | found


def run(**cases: Case) -> None:
    print(json.dumps({"cases": list(cases)}), flush=True)
    for line in sys.stdin:
        ask = json.loads(line)
        found = answer(cases[ask["case"]], ask)
        print(json.dumps(found), flush=True)
        if found.get("ends"):  # the only way in which this client stops reading
            os._exit(0)
