"""The golden transcripts: shared with the page, read here cut anywhere, and written here byte for byte."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.events import Event
from lam.protocol.parts import images_of
from lam.protocol.snapshot import Snapshot
from lam.protocol.sse import Decoder, decode, encode

FOLDER = Path(__file__).resolve().parents[3] / "contracts" / "transcripts"
NAMES = sorted(path.stem for path in FOLDER.glob("*.sse"))


def numbered(wire: bytes, size: int) -> list[tuple[int, Event]]:
    decoder = Decoder()
    arrived = [event for i in range(0, len(wire), size) for event in decoder.feed(wire[i : i + size])]
    return [(int(found.id), event) for found in arrived if (event := decode(found.data)) is not None]


def folded(events: list[tuple[int, Event]]) -> dict[str, Any]:
    snapshot = Snapshot()
    for _, event in events:
        snapshot.add(event)
    assert snapshot.terminal is not None
    pictured = {"parts": [msgspec.to_builtins(part) for part in snapshot.parts]} if images_of(snapshot.parts) else {}
    return {
        "text": snapshot.text,
        "thinking": snapshot.thinking,
        "tool_calls": [snapshot.tool_calls[index] for index in sorted(snapshot.tool_calls)],
        "terminal": snapshot.terminal.__struct_config__.tag,
        "finish_reason": getattr(snapshot.terminal, "finish_reason", None),
        "code": getattr(snapshot.terminal, "code", None),
        "last_event_id": events[-1][0],
        **({"healed": snapshot.places_healed()} if snapshot.healed else {}),
    } | pictured


def test_there_are_transcripts() -> None:
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
@given(size=st.integers(1, 400))
def test_a_transcript_folds_into_what_stands_beside_it(name: str, size: int) -> None:
    wire = (FOLDER / f"{name}.sse").read_bytes()
    assert folded(numbered(wire, size)) == json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "noisy"])
def test_the_gateway_would_write_the_same_bytes(name: str) -> None:
    wire = (FOLDER / f"{name}.sse").read_bytes()
    assert b"".join(encode(number, event) for number, event in numbered(wire, len(wire))) == wire
