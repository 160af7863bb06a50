"""The demo model's eye as a file. Whether the model sees with it: tests/live/test_real_eyes.py."""

import struct
from array import array
from math import prod
from pathlib import Path

import pytest

from lam.engines.sight import COLOURS_ONLY
from lam.llama.eye import COLOURS, eye_of
from lam.llama.gguf import GgufFile, GgufWriter, Unreadable
from lam.llama.model import NAME, demo_model


def test_the_eye_is_made_once_for_a_model(tmp_path: Path) -> None:
    path = eye_of(demo_model(), tmp_path)
    assert path is not None
    assert path.stat().st_size < 1 << 20
    made = path.stat().st_mtime_ns
    assert eye_of(demo_model(), tmp_path) == path
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mtime_ns == made


def test_a_colour_becomes_the_models_own_word(tmp_path: Path) -> None:
    """What the projector computes for the corners of the space of colours, without the server."""
    words = _projected(tmp_path, list(COLOURS.values()))
    model = GgufFile(demo_model(), strings=["tokenizer.ggml.tokens"])
    numbers = [model.strings["tokenizer.ggml.tokens"].index(f"Ġ{name}".encode()) for name in COLOURS]
    for word, expected in zip(words, model.rows("token_embd.weight", numbers), strict=True):
        assert word == pytest.approx(expected, abs=1e-5)


def test_a_colour_between_two_is_at_most_their_words_together(tmp_path: Path) -> None:
    gray, orange = _projected(tmp_path, [(0, 0, 0), (1, 0.3, -1)])
    assert max(map(abs, gray)) == pytest.approx(0, abs=1e-3)
    assert 0 < max(map(abs, orange)) < 2


def _projected(folder: Path, colours: list[tuple[float, float, float]]) -> list[list[float]]:
    path = eye_of(demo_model(), folder)
    assert path is not None
    first, bias, second = (_tensor(path, name) for name in ("mm.0.weight", "mm.0.bias", "mm.2.weight"))
    units = len(bias)
    width, inner = len(second) // units, len(first) // units
    result = []
    for colour in colours:
        sums = [bias[unit] + sum(first[unit * inner + at] * colour[at] for at in range(3)) for unit in range(units)]
        result.append([sum(second[at * units + unit] * max(0.0, sums[unit]) for unit in range(units)) for at in range(width)])
    return result


def _tensor(path: Path, name: str) -> "array[float]":
    file, data = GgufFile(path), path.read_bytes()
    shape, _, place = file.tensors[name]
    start = file._start + place
    return array("f", data[start : start + 4 * prod(shape)])


def test_a_model_of_another_kind_has_no_eye(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(GgufWriter().values({"general.name": "no words"}).tensor("a", (32, 1), array("f", bytes(128))).to_bytes())
    assert eye_of(other, tmp_path) is None
    with pytest.raises(Unreadable):
        GgufFile(other).rows("b", [0])
    with pytest.raises(Unreadable):
        GgufFile(other).rows("a", [1])
    assert GgufFile(other).rows("a", [0]) == [[0.0] * 32]


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGUF" + struct.pack("<IQQ", 3, 1, 9), b"PK\3\4" * 9, b"GGUF" + b"\xff" * 60])
def test_what_is_no_model_has_no_eye(data: bytes, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(data)
    assert eye_of(broken, tmp_path) is None


def test_the_catalogue_knows_which_model_only_tells_colours_apart() -> None:
    assert NAME in COLOURS_ONLY
