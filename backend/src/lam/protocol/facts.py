"""The facts about a message apart from its text: its origin, its ending, its usage.

They are stored as four JSON objects (`metadata`, `usage`, `timings`, `error`), which API clients read unchanged. `to_row` writes
them and `from_row` reads them, in the format of this release and of older ones. Pure; it knows no database.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from lam.protocol.events import Error, FinishReason, Mode, Timings, Usage

Json = dict[str, Any]
T = TypeVar("T")


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a reply failed or was interrupted. `code`: from the error tree. `limit`: tokens of the exceeded context."""

    code: str
    message: str
    retryable: bool
    limit: int | None = None


class Heal(Struct, frozen=True):
    """A place where a reply was broken off and went on. `at`: UTF-16 code units of the answer before it. `reason`: the code of the
    failure."""

    at: int
    reason: str


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts of one message. None means unknown or not applicable. `mode` is set on every ended reply.

    `stopped_by`: the name of who stopped it, where several people could. `continues`: UTF-16 code units of the reply that this
    one continues. `dialect`, `payload`: the dialect of a worker and its raw answer. `shown`: how much the model read of each
    document, where one did not fit whole (`places.Excerpt`). `pictures_left_out`: ids of pictures of the conversation that the
    model did not get. `pictures_lost`: how many pictures of the reply could not be stored. `healed`: where the reply was broken off
    and went on, and why (`Heal`). `program`: the program that asked, in a conversation kept for it. `conversation`, and its number
    and prompt hash: the name under which a worker stores the conversation. `other`: values from another release, which are kept
    and passed on.
    """

    mode: Mode | None = None
    server: str | None = None
    model: str | None = None
    simulated: bool | None = None
    finish_reason: FinishReason | None = None
    stopped_by: str | None = None
    continues: int | None = None
    dialect: str | None = None
    payload: Json | None = None
    shown: list[Json] | None = None
    pictures_left_out: list[str] | None = None
    pictures_lost: int | None = None
    healed: list[Json] | None = None
    program: str | None = None
    conversation: str | None = None
    conversation_number: int | None = None
    conversation_prompt: str | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    failure: Failure | None = None
    other: Json = {}

    @property
    def metadata(self) -> Json | None:
        """The contract's `metadata`. For an ended reply it has mode, model, simulated and finish_reason, even when null."""
        ended = {} if self.mode is None else {name: getattr(self, name) for name in _ENDED}
        known = {name: value for name in _KNOWN if (value := getattr(self, name)) is not None}
        return ended | known | self.other or None

    def to_row(self) -> dict[str, Json | None]:
        """Returns the columns `metadata`, `usage`, `timings` and `error`."""
        return {
            "metadata": self.metadata,
            "usage": _plain(self.usage),
            "timings": _plain(self.timings),
            "error": _plain(self.failure),
        }

    def after(self, earlier: "Facts") -> "Facts":
        """Returns these facts, completed by earlier ones."""
        known = from_metadata((earlier.metadata or {}) | (self.metadata or {}))
        return msgspec.structs.replace(known, usage=self.usage, timings=self.timings, failure=self.failure)

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> "Facts":
        """Returns these facts with an engine's additional `metadata`."""
        return from_metadata((self.metadata or {}) | dict(metadata), self) if metadata else self


_ENDED: Final = ("mode", "model", "simulated", "finish_reason")
_REST: Final = frozenset({"usage", "timings", "failure", "other"})
_KNOWN: Final = tuple(name for name in Facts.__struct_fields__ if name not in _REST)
_NAMES: Final = frozenset(_KNOWN)
NOTHING: Final = Facts()


def from_row(metadata: Json | None, usage: Json | None, timings: Json | None, error: Json | None) -> Facts:
    """Returns the facts of a stored message. The inverse of `to_row`."""
    if metadata is None and usage is None and timings is None and error is None:
        return NOTHING
    if metadata is None or metadata.keys() <= _NAMES:  # the format of this release: decoding it at once costs a tenth
        try:
            return msgspec.convert({**(metadata or {}), "usage": usage, "timings": timings, "failure": error}, Facts)
        except msgspec.ValidationError:
            pass
    facts = Facts(usage=_read(usage, Usage), timings=_read(timings, Timings), failure=_read(error, Failure))
    return from_metadata(metadata, facts) if metadata else facts


def from_metadata(metadata: Mapping[str, Any], facts: Facts = NOTHING) -> Facts:
    """Returns the facts with the values in `metadata`. A value that this release cannot read goes into `other`."""
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
    """Returns the failure that an `error` event describes."""
    return Failure(code=error.code, message=error.message, retryable=error.retryable)


def _read(value: Mapping[str, Any] | None, kind: type[T]) -> T | None:
    """Returns a value, None when it does not fit: a message must load whatever another release wrote about it."""
    try:
        return None if value is None else msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


def _plain(value: Struct | None) -> Json | None:
    plain: Json | None = None if value is None else msgspec.to_builtins(value)
    return plain
