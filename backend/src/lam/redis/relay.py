"""Functions that every gateway calls with the same arguments, whichever gateway called them first.

It owns the encoding of arguments. It must not know what a function does.
"""

import logging
from collections.abc import Callable
from types import GenericAlias
from typing import Any, Protocol, TypeVarTuple, get_type_hints

import msgspec

log = logging.getLogger(__name__)

Arguments = TypeVarTuple("Arguments")


class Signals(Protocol):
    """The part of `redis.signals.Signals` that this module needs."""

    def send_all(self, kind: str, body: bytes) -> None:
        """Says something to all other gateways. Never waits and never raises."""
        ...

    def hear(self, kind: str, handler: Callable[[str, bytes], None]) -> None:
        """Calls `handler(gateway, body)` for each signal of the kind."""
        ...


class Relay:
    """Without `signals` this gateway is alone: `everywhere` returns the function itself, and `elsewhere` one that does nothing."""

    def __init__(self, signals: Signals | None = None) -> None:
        self._signals = signals

    def everywhere(self, kind: str, do: Callable[[*Arguments], None]) -> Callable[[*Arguments], None]:
        """Returns a function that calls `do` here and on every other gateway. `kind`: its name, the same in each release. The
        annotations of `do` say how its arguments are decoded."""
        if self._signals is None:
            return do
        others = self.elsewhere(kind, do)

        def both(*arguments: *Arguments) -> None:
            do(*arguments)
            others(*arguments)

        return both

    def elsewhere(self, kind: str, do: Callable[[*Arguments], None]) -> Callable[[*Arguments], None]:
        """Returns a function that calls `do` on every other gateway, and not here. Otherwise as `everywhere`."""
        signals = self._signals
        if signals is None:
            return _nothing
        decoder = msgspec.msgpack.Decoder(_arguments_of(do))
        encode = msgspec.msgpack.Encoder().encode

        def take(gateway: str, body: bytes) -> None:
            try:
                arguments = decoder.decode(body)
            except msgspec.DecodeError as error:  # of another release
                log.warning("The signal of the gateway %s about %r cannot be read: %s", gateway, kind, error)
                return
            do(*arguments)

        signals.hear(kind, take)
        return lambda *arguments: signals.send_all(kind, encode(arguments))


def _arguments_of(do: Callable[..., None]) -> Any:
    """Returns the type of a function's arguments: a tuple."""
    hints = get_type_hints(do)
    del hints["return"]
    return GenericAlias(tuple, tuple(hints.values()))


def _nothing(*_: object) -> None:
    """Does nothing: there is no other gateway."""
