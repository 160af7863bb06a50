"""The memory that a model needs, in MB (2^20 bytes): an estimate from its file, and what its process uses.

It must not know who wants the memory.
"""

import os
import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from lam.llama.gguf import GgufFile
from lam.llama.server import CACHE_MB

USUAL_CONTEXT: Final = 8192  # tokens
OVERHEAD_MB: Final = 64  # the process itself, and the buffers of a computation
_CACHE_BYTES: Final = 2  # of a value in the attention cache: half precision
_PART: Final = re.compile(r"-00001-of-(\d{5})\.gguf$")


def parts_of(model: Path) -> list[Path]:
    """Returns the files of a model: several when the name is that of the first part."""
    found = _PART.search(model.name)
    if found is None:
        return [model]
    return [model.with_name(_PART.sub(f"-{number:05}-of-{found[1]}.gguf", model.name)) for number in range(1, int(found[1]) + 1)]


class Sizes(Struct, frozen=True, kw_only=True):
    """Estimates in MB, and `n_ctx`: the tokens in each place. `context`: the attention cache of all places. `files`: the model and
    its vision part."""

    n_ctx: int
    context: int
    files: int

    @property
    def prompts(self) -> int:
        """How much a server may keep of earlier prompts: as much as the places hold, up to its usual bound."""
        return min(CACHE_MB, self.context)

    @property
    def total(self) -> int:
        return OVERHEAD_MB + self.files + self.context + self.prompts


def estimate(model: Path, *, n_ctx: int = 0, slots: int = 1, eye: Path | None = None) -> Sizes:
    """Returns what a model needs. `n_ctx`: tokens in each place, limited to what the model was made for; 0 means that, up to 8192.

    Raises Unreadable, OSError.
    """
    files = sum(path.stat().st_size for path in (*parts_of(model), *([eye] if eye else [])))
    file = GgufFile(model)
    made_for = file.values.get(f"{file.values.get('general.architecture')}.context_length")
    n_ctx = n_ctx or USUAL_CONTEXT
    n_ctx = min(n_ctx, made_for) if isinstance(made_for, int) and made_for > 0 else n_ctx
    return Sizes(n_ctx=n_ctx, context=n_ctx * slots * token_bytes(file) >> 20, files=files >> 20)


def token_bytes(file: GgufFile) -> int:
    """Returns the bytes of the attention cache for a token; 0 where the file does not say."""
    kind = file.values.get("general.architecture")

    def numbers(name: str) -> list[int]:
        value = file.values.get(f"{kind}.{name}", 0)
        return [int(number) for number in (value if isinstance(value, list) else [value]) if isinstance(number, int | float)]

    layers, width, heads = (max(numbers(name), default=0) for name in ("block_count", "embedding_length", "attention.head_count"))
    head = width // heads if heads else 0
    lengths = [max(numbers(f"attention.{name}_length"), default=0) or head for name in ("key", "value")]
    kept = numbers("attention.head_count_kv")
    all_heads = sum(kept) if len(kept) > 1 else layers * (kept[0] if kept and kept[0] else heads)
    return max(0, all_heads * sum(lengths) * _CACHE_BYTES)


def used_mb(pid: int) -> int | None:
    """Returns the memory that a process holds, None where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
