"""What the local models of a gateway share: their memory, how long an idle one stays, and the folder of their logs and facts.

It must not know what a model is asked.
"""

import logging
import re
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from lam.engines.base import Can
from lam.llama.memory import Memory

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 900


class ModelFile(Struct, frozen=True, kw_only=True):
    """A model to run: its `name`, its GGUF file, and how.

    `n_ctx`: tokens in each place; 0 means what the model was made for, up to 8192. `slots`: places. `eye`: a file with the vision
    part (mmproj). `chat_template`: a file with the template to use instead of the model's. `threads`: 0 means as many as there are
    processors but one, up to 8. `speculate`: whether it guesses the next tokens from repetitions in the text.
    """

    name: str
    path: Path
    n_ctx: int = 0
    slots: int = 1
    eye: Path | None = None
    chat_template: Path | None = None
    threads: int = 0
    speculate: bool = False


class ModelFacts(Struct, frozen=True, kw_only=True):
    """What a model showed when it was loaded; `can` is None before that. `print`: of the file that it was loaded from. `size`: its
    memory in MB."""

    print: str
    n_ctx: int | None = None
    can: Can | None = None
    size: int = 0


class LocalModels:
    """`folder`: for logs and facts. `memory_mb`: for all models together; 0 is no limit. `idle_seconds`: how long a model stays in
    memory after its last reply; 0 is for ever."""

    def __init__(self, *, folder: Path, memory_mb: int = 0, idle_seconds: float = IDLE_SECONDS) -> None:
        self.folder = folder
        self.memory = Memory(memory_mb)
        self.idle_seconds = idle_seconds

    def limit(self, *, memory_mb: int, idle_seconds: float) -> None:
        """Sets other limits. Models that idle already keep their time."""
        self.idle_seconds = idle_seconds
        self.memory.limit = memory_mb
        self.memory.look()

    def log_of(self, name: str) -> Path:
        """Returns where the next process of a model logs; the log of its last one is kept beside it."""
        path = self._path(name, ".log")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.replace(self._path(name, ".before.log"))
        return path

    def facts_of(self, file: ModelFile) -> ModelFacts:
        """Returns what is remembered of a model; nothing when its file changed since."""
        print_ = fingerprint(file)
        try:
            facts = msgspec.json.decode(self._path(file.name, ".json").read_bytes(), type=ModelFacts)
        except (OSError, msgspec.DecodeError):
            return ModelFacts(print=print_)
        return facts if facts.print == print_ else ModelFacts(print=print_)

    def remember(self, file: ModelFile, facts: ModelFacts) -> None:
        path = self._path(file.name, ".json")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_suffix(".half")
            half.write_bytes(msgspec.json.encode(facts))
            half.replace(path)
        except OSError as error:
            log.warning("What %s can do is not remembered (%s)", file.name, error)

    def _path(self, name: str, ending: str) -> Path:
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:60]
        return self.folder / f"{plain}-{sha256(name.encode()).hexdigest()[:8]}{ending}"


def fingerprint(file: ModelFile) -> str:
    """Returns a text that changes with the model's files and with how it is run."""
    about: list[object] = [file.n_ctx, file.slots]
    for path in (file.path, file.eye, file.chat_template):
        try:
            state = path.stat() if path else None
        except OSError:
            state = None
        about.append((str(path), state.st_size, state.st_mtime_ns) if state else str(path))
    return sha256(repr(about).encode()).hexdigest()[:32]
