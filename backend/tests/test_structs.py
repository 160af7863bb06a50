"""Structs with more than four fields are made with names: a value in the wrong place would be a mistake that nobody sees."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import msgspec

import lam

MOST_IN_ORDER = 4
# Made for each token or progress report of a reply, where names would cost instructions; and their neighbours in the stream.
HOT_PATH = {"Usage", "Metadata", "Progress", "Done", "Finished"}
EXCEPTIONS = {f"lam.protocol.events.{name}" for name in HOT_PATH} | {
    "lam.protocol.chat.Turn",  # a role and what it says; the rest has names
    "lam.testing.replies.Reply",  # `Reply(("a", "b"), …)`: the pieces come first in every test, and nothing else does
}


def structs_under(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for child in kind.__subclasses__():
        if child.__module__.partition(".")[0] == "lam":
            yield child
        yield from structs_under(child)


def test_large_structs_are_made_with_names() -> None:
    for module in pkgutil.walk_packages(lam.__path__, "lam."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)
    in_order = {
        f"{kind.__module__}.{kind.__name__}"
        for kind in structs_under(msgspec.Struct)
        if len(kind.__struct_fields__) > MOST_IN_ORDER
        and any(p.kind is p.POSITIONAL_OR_KEYWORD for p in inspect.signature(kind).parameters.values())
    }
    assert in_order == EXCEPTIONS
