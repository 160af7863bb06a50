"""Reads the values and single tensors of a GGUF file, and writes small GGUF files of floats.

The format: ggml's docs/gguf.md. The `gguf` package does more, but it needs numpy, and its reader takes seconds for a vocabulary.
It must not know what the tensors are for.
"""

import struct
from array import array
from collections.abc import Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Final, Self

MAGIC: Final = b"GGUF"
VERSION: Final = 3
ALIGNMENT: Final = 32
F32: Final = 0
Q8_0: Final = 8
_BLOCK: Final = 32  # values of a Q8_0 block, behind their scale
_SHORT: Final = 1024  # numbers of a list that is kept: one for each layer, for example
_STRING: Final = 8
_ARRAY: Final = 9
_SIMPLE: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
Value = bool | int | float | str | Sequence[float]
Tensor = tuple[Sequence[int], "array[float]"]


class Unreadable(Exception):
    """The file is no GGUF file, or has its tensor in another form."""


class GgufFile:
    """A GGUF file whose header is read. `values`: its numbers, switches, texts and short lists of numbers by name. `tensors`:
    dimensions (the fastest first), type and place by name. `strings`: the lists of texts that were asked for."""

    def __init__(self, path: Path, *, strings: Sequence[str] = ()) -> None:
        self.values: dict[str, int | float | str | list[int]] = {}
        self.strings: dict[str, list[bytes]] = {}
        self.tensors: dict[str, tuple[tuple[int, ...], int, int]] = {}
        self._path = path
        with path.open("rb") as file:
            try:
                self._read_header(file, frozenset(strings))
            except (struct.error, KeyError, OverflowError, MemoryError, OSError) as error:
                raise Unreadable(f"{path} is no GGUF file that can be read") from error

    def _read_header(self, file: BufferedReader, wanted: frozenset[str]) -> None:
        if file.read(4) != MAGIC or _read(file, "I") not in (2, VERSION):
            raise Unreadable(f"{self._path} is no GGUF file of version 2 or 3")
        tensors, values = _read(file, "Q"), _read(file, "Q")
        alignment = ALIGNMENT
        for _ in range(values):
            name = _read_text(file).decode("utf-8", "replace")
            kind = _read(file, "I")
            if kind == _ARRAY:
                self._read_array(file, name, keep=name in wanted)
            elif kind == _STRING:
                self.values[name] = _read_text(file).decode("utf-8", "replace")
            else:
                value = self.values[name] = _read(file, _SIMPLE[kind])
                alignment = value if name == "general.alignment" else alignment
        for _ in range(tensors):
            name = _read_text(file).decode("utf-8", "replace")
            shape = tuple(_read(file, "Q") for _ in range(_read(file, "I")))
            self.tensors[name] = (shape, _read(file, "I"), _read(file, "Q"))
        self._start = -(-file.tell() // alignment) * alignment

    def _read_array(self, file: BufferedReader, name: str, *, keep: bool) -> None:
        kind, count = _read(file, "I"), _read(file, "Q")
        if kind != _STRING:
            size = count * struct.calcsize(_SIMPLE[kind])
            if count <= _SHORT:
                self.values[name] = list(struct.unpack(f"<{count}{_SIMPLE[kind]}", file.read(size)))
            else:
                file.seek(size, 1)
            return
        texts = [_read_text(file) for _ in range(count)]
        if keep:
            self.strings[name] = texts

    def rows(self, tensor: str, numbers: Sequence[int]) -> list[list[float]]:
        """Returns these rows of a matrix of floats or of Q8_0. Raises Unreadable."""
        try:
            (width, height), kind, place = self.tensors[tensor]
        except (KeyError, ValueError):
            raise Unreadable(f"{self._path} has no matrix {tensor}") from None
        if kind not in (F32, Q8_0) or width % _BLOCK or not all(0 <= number < height for number in numbers):
            raise Unreadable(f"{tensor} of {self._path} is in another form")
        size = width * 4 if kind == F32 else width // _BLOCK * (_BLOCK + 2)
        rows: list[list[float]] = []
        with self._path.open("rb") as file:
            for number in numbers:
                file.seek(self._start + place + number * size)
                data = file.read(size)
                if len(data) != size:
                    raise Unreadable(f"{self._path} ends early")
                rows.append(list(struct.unpack(f"<{width}f", data)) if kind == F32 else _dequantized(data))
        return rows


class GgufWriter:
    """Collects values and tensors of floats, and writes the file at once."""

    def __init__(self) -> None:
        self._values: list[bytes] = []
        self._tensors: dict[str, Tensor] = {}

    def values(self, values: Mapping[str, Value]) -> Self:
        """Adds values; whole numbers become unsigned 32 bit."""
        self._values += [_text(name) + _value(value) for name, value in values.items()]
        return self

    def tensor(self, name: str, shape: Sequence[int], data: "array[float]") -> Self:
        """Adds a tensor. `shape`: the fastest dimension first."""
        self._tensors[name] = (shape, data)
        return self

    def to_bytes(self) -> bytes:
        infos: list[bytes] = []
        blobs: list[bytes] = []
        place = 0
        for name, (shape, data) in self._tensors.items():
            infos.append(_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, F32, place))
            blob = data.tobytes()
            blobs.append(blob + bytes(-len(blob) % ALIGNMENT))
            place += len(blobs[-1])
        head = MAGIC + struct.pack("<IQQ", VERSION, len(self._tensors), len(self._values)) + b"".join((*self._values, *infos))
        return b"".join((head, bytes(-len(head) % ALIGNMENT), *blobs))


def _read(file: BufferedReader, form: str) -> int:
    value: int = struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))[0]
    return value


def _read_text(file: BufferedReader) -> bytes:
    return file.read(_read(file, "Q"))


def _dequantized(data: bytes) -> list[float]:
    values: list[float] = []
    for at in range(0, len(data), _BLOCK + 2):
        scale, *steps = struct.unpack(f"<e{_BLOCK}b", data[at : at + _BLOCK + 2])
        values += [scale * step for step in steps]
    return values


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _text(value)
    return struct.pack(f"<IIQ{len(value)}f", _ARRAY, 6, len(value), *value)
