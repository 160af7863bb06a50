"""What the functions of the routes are."""

from collections.abc import Iterator
from inspect import iscoroutinefunction

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from lam.gateway import create_app
from lam.settings import Settings


def test_no_route_and_nothing_that_it_needs_goes_through_a_pool_of_threads() -> None:
    """FastAPI calls a plain function in a thread: two changes of thread for each request, and a turn in a queue behind uploads."""
    contexts = [one for one in iter_route_contexts(create_app(Settings()).routes) if isinstance(one.original_route, APIRoute)]
    plain = {call for one in contexts for call in calls(one.dependant) if not iscoroutinefunction(call)}
    assert len(contexts) > 100
    assert plain == set()


def calls(dependant: Dependant) -> Iterator[object]:
    if dependant.call is not None:
        yield dependant.call
    for further in dependant.dependencies:
        yield from calls(further)
