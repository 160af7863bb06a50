"""What is known about a message beside what it says: where it came from, how it ended, what it cost.

Stored as four JSON objects (`metadata`, `usage`, `timings`, `error`) that API clients read as they are: `to_row` writes them,
`from_row` reads them, in the words of this release and of older ones.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from lam.protocol.events import Error, FinishReason, Mode, Timings, Usage

Json = dict[str, Any]
T = TypeVar("T")


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a reply failed or was interrupted. `code`: of the error tree. `limit`: tokens, of a context that was exceeded."""

    code: str
    message: str
    retryable: bool
    limit: int | None = None


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """None: not known, or not of such a message. `mode` is set on every reply that has ended.

    `continues`: UTF-16 code units of the reply that this one goes on with. `dialect`, `payload`: the dialect of a worker and its
    own answer; `conversation`, its number and the hash of its prompt: under which name a worker keeps the conversation.
    `other`: what another release stored; it is kept and passed on.
    """

    mode: Mode | None = None
    server: str | None = None
    model: str | None = None
    simulated: bool | None = None
    finish_reason: FinishReason | None = None
    continues: int | None = None
    dialect: str | None = None
    payload: Json | None = None
    conversation: str | None = None
    conversation_number: int | None = None
    conversation_prompt: str | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    failure: Failure | None = None
    other: Json = {}

    @property
    def metadata(self) -> Json | None:
        """The `metadata` of the contract. A reply that has ended gives mode, model, simulated and finish_reason even when null."""
        ended = {} if self.mode is None else {name: getattr(self, name) for name in _ENDED}
        known = {name: value for name in _KNOWN if (value := getattr(self, name)) is not None}
        return ended | known | self.other or None

    def to_row(self) -> dict[str, Json | None]:
        """The columns `metadata`, `usage`, `timings` and `error`."""
        return {
            "metadata": self.metadata,
            "usage": _plain(self.usage),
            "timings": _plain(self.timings),
            "error": _plain(self.failure),
        }

    def after(self, earlier: "Facts") -> "Facts":
        """These facts, and what was known before they came and they do not say."""
        known = from_metadata((earlier.metadata or {}) | (self.metadata or {}))
        return msgspec.structs.replace(known, usage=self.usage, timings=self.timings, failure=self.failure)

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> "Facts":
        """These facts, and what an engine says besides in the words of `metadata`."""
        return from_metadata((self.metadata or {}) | dict(metadata), self) if metadata else self


_ENDED: Final = ("mode", "model", "simulated", "finish_reason")
_REST: Final = frozenset({"usage", "timings", "failure", "other"})
_KNOWN: Final = tuple(name for name in Facts.__struct_fields__ if name not in _REST)
_NAMES: Final = frozenset(_KNOWN)
NOTHING: Final = Facts()


def from_row(metadata: Json | None, usage: Json | None, timings: Json | None, error: Json | None) -> Facts:
    """The facts of a stored message; the inverse of `to_row`."""
    if metadata is None and usage is None and timings is None and error is None:
        return NOTHING
    if metadata is None or metadata.keys() <= _NAMES:  # as this release writes them: all at once, for a tenth of the price
        try:
            return msgspec.convert({**(metadata or {}), "usage": usage, "timings": timings, "failure": error}, Facts)
        except msgspec.ValidationError:
            pass
    facts = Facts(usage=_read(usage, Usage), timings=_read(timings, Timings), failure=_read(error, Failure))
    return from_metadata(metadata, facts) if metadata else facts


def from_metadata(metadata: Mapping[str, Any], facts: Facts = NOTHING) -> Facts:
    """The facts with what `metadata` holds. A value that this release cannot read is kept under `other`."""
    known, other = dict[str, Any](), dict[str, Any]()
    for name, value in metadata.items():
        (known if name in _NAMES else other)[name] = value
    try:
        read = msgspec.convert(known, Facts)
    except msgspec.ValidationError:
        for name in list(known):
            if _read({name: known[name]}, Facts) is None:
                other[name] = known.pop(name)
        read = msgspec.convert(known, Facts)
    return msgspec.structs.replace(read, usage=facts.usage, timings=facts.timings, failure=facts.failure, other=other)


def failure_of(error: Error) -> Failure:
    """What an `error` event says about its message."""
    return Failure(code=error.code, message=error.message, retryable=error.retryable)


def _read(value: Mapping[str, Any] | None, kind: type[T]) -> T | None:
    """None too for what does not fit: a message is shown, whatever another release wrote about it."""
    try:
        return None if value is None else msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


def _plain(value: Struct | None) -> Json | None:
    plain: Json | None = None if value is None else msgspec.to_builtins(value)
    return plain
