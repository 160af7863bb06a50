"""The demo model's eye: a vision part that is computed, not trained, from the model's own embeddings of eight colour words.

A picture is shrunk to a few tiles; for each tile the model gets the word of its mean colour, as if somebody had written it. It
tells eight colours apart and nothing else. The tensors are named and arranged as llama.cpp's loader of LLaVA expects them
(tools/mtmd/clip.cpp): a kernel that takes the mean of each channel of a tile, two transformer blocks of zeros, and a projector
with two units for each colour, whose difference rises from nothing to the whole word.
"""

import hashlib
import os
from array import array
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Final

from lam.llama.gguf import GgufFile, GgufWriter, Unreadable

COLOURS: Final = {
    "black": (-1, -1, -1),
    "white": (1, 1, 1),
    "red": (1, -1, -1),
    "green": (-1, 1, -1),
    "blue": (-1, -1, 1),
    "yellow": (1, 1, -1),
    "purple": (1, -1, 1),
    "cyan": (-1, 1, 1),
}
"""The corners of the space of colours; a channel is between -1 and 1."""

VERSION: Final = 1  # of the arithmetic below; another one makes the file anew
TILE: Final = 28  # pixels
TILES: Final = 2  # in each direction
_WIDTH: Final = 32  # of the vision part; the first three values are the channels
_BLOCKS: Final = 2  # the loader of LLaVA leaves out the last one
_TOKENS: Final = "tokenizer.ggml.tokens"
_EMBEDDINGS: Final = "token_embd.weight"
_SPACE: Final = "\u0120"  # how a vocabulary of bytes writes a space before a word
_NEAR: Final = 1.5  # how far along its corner a colour begins to count: 3 is the corner, 1 the next one
_STEEPNESS: Final = 16.0
_RISE: Final = 4.0  # between the two units of a colour, in steps of the steepness


def eye_of(model: Path, folder: Path) -> Path | None:
    """Returns the eye of a model, made in the folder when it is not there yet; None for a model of another kind.

    Its name says for which model it was made, by content.
    """
    with model.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path = folder / f"eye-{VERSION}-{digest[:16]}.gguf"
    if not path.exists():
        try:
            data = eye_file(model)
        except Unreadable:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        half.write_bytes(data)
        half.replace(path)
    return path


def eye_file(model: Path) -> bytes:
    """Returns the eye as a GGUF file. Raises Unreadable for a model of another kind, or one without the words."""
    file = GgufFile(model, strings=[_TOKENS])
    tokens = file.strings.get(_TOKENS, [])
    try:
        numbers = [tokens.index((_SPACE + word).encode()) for word in COLOURS]
    except ValueError as error:
        raise Unreadable(f"{model} has no words for colours") from error
    words = file.rows(_EMBEDDINGS, numbers)
    width = len(words[0])
    writer = GgufWriter().values(
        {
            "general.architecture": "clip",
            "general.name": "eight colours",
            "clip.has_vision_encoder": True,
            "clip.has_llava_projector": True,
            "clip.projector_type": "mlp",
            "clip.use_gelu": True,
            "clip.vision.image_size": TILE * TILES,
            "clip.vision.patch_size": TILE,
            "clip.vision.embedding_length": _WIDTH,
            "clip.vision.feed_forward_length": 2 * _WIDTH,
            "clip.vision.projection_dim": width,
            "clip.vision.block_count": _BLOCKS,
            "clip.vision.attention.head_count": 1,
            "clip.vision.attention.layer_norm_epsilon": 1e-5,
            "clip.vision.image_mean": (0.5, 0.5, 0.5),
            "clip.vision.image_std": (0.5, 0.5, 0.5),
        }
    )
    writer.tensor("v.patch_embd.weight", (TILE, TILE, 3, _WIDTH), _means())
    writer.tensor("v.position_embd.weight", (_WIDTH, TILES * TILES), _zeros(_WIDTH, TILES * TILES))
    for block in range(_BLOCKS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            writer.tensor(f"v.blk.{block}.{name}.weight", (_WIDTH, _WIDTH), _zeros(_WIDTH, _WIDTH))
        writer.tensor(f"v.blk.{block}.ffn_up.weight", (_WIDTH, 2 * _WIDTH), _zeros(_WIDTH, 2 * _WIDTH))
        writer.tensor(f"v.blk.{block}.ffn_down.weight", (2 * _WIDTH, _WIDTH), _zeros(2 * _WIDTH, _WIDTH))
    _add_projector(writer, words)
    return writer.to_bytes()


def _means() -> "array[float]":
    """Returns the kernel whose first three outputs are the means of the channels of a tile."""
    area = TILE * TILE
    kernel = _zeros(area, 3, _WIDTH)
    for channel in range(3):
        start = (channel * 3 + channel) * area
        for at in range(start, start + area):
            kernel[at] = 1 / area
    return kernel


def _add_projector(writer: GgufWriter, words: Sequence[Sequence[float]]) -> None:
    """Adds the layers from a colour to the embedding of its word."""
    units, width = 2 * len(words), len(words[0])
    corners, thresholds, embeddings = _zeros(_WIDTH, units), _zeros(units), _zeros(units, width)
    for unit in range(units):
        colour, is_upper = divmod(unit, 2)
        for channel, sign in enumerate(list(COLOURS.values())[colour]):
            corners[unit * _WIDTH + channel] = _STEEPNESS * sign
        thresholds[unit] = -_STEEPNESS * _NEAR - _RISE * is_upper
        for at, value in enumerate(words[colour]):
            embeddings[at * units + unit] = (-value if is_upper else value) / _RISE
    writer.tensor("mm.0.weight", (_WIDTH, units), corners).tensor("mm.0.bias", (units,), thresholds)
    writer.tensor("mm.2.weight", (units, width), embeddings).tensor("mm.2.bias", (width,), _zeros(width))


def _zeros(*shape: int) -> "array[float]":
    return array("f", bytes(4 * prod(shape)))
