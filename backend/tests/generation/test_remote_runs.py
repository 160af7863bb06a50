"""What a gateway knows of the runs of others, from signals that come late."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from lam.generation.remote import Begun
from lam.generation.remote_runs import RemoteRuns
from lam.protocol.runs import Lease

Handler = Callable[[str, bytes], None]


class Sent:
    """Signals that the test gives by hand."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.sent: list[tuple[str, str]] = []

    def hear(self, kind: str, handler: Handler) -> None:
        self.handlers[kind] = handler

    def answer(self, kind: str, handler: object) -> None: ...

    def send_all(self, kind: str, body: bytes) -> None: ...

    def send(self, gateway: str, kind: str, body: bytes) -> None:
        self.sent.append((gateway, kind))

    def start(self, gateway: str, epoch: int) -> None:
        begun = Begun(id="r", epoch=epoch, kind="reply", key="k", user_id=1, on_disconnect="continue", began_at=0)
        self.handlers["run.started"](gateway, msgspec.msgpack.encode(begun))

    def end(self, gateway: str) -> None:
        self.handlers["run.ended"](gateway, msgspec.msgpack.encode({"id": "r", "status": "complete"}))


class Here:
    """A supervisor with at most one run."""

    def __init__(self) -> None:
        self.elsewhere: object = None
        self.after_start: list[object] = []
        self.after_end: list[object] = []
        self.run: object | None = None

    def local(self, run_id: str) -> object | None:
        return self.run


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def signals() -> Sent:
    return Sent()


@pytest.fixture
def remote_runs(signals: Sent, here: Here) -> RemoteRuns:
    living: Any = SimpleNamespace(name="here")
    unused: Any = None
    supervisor: Any = here
    return RemoteRuns(signals, living, supervisor, unused)  # type: ignore[arg-type]  # nothing is asked


def test_the_start_that_a_frozen_owner_tells_late_does_not_move_the_run_back(remote_runs: RemoteRuns, signals: Sent) -> None:
    signals.start("b", epoch=2)
    signals.start("a", epoch=1)
    run = remote_runs.get("r")
    assert run is not None
    assert run.owner == "b"
    signals.start("c", epoch=3)
    assert run.owner == "c"


def test_a_run_that_has_ended_does_not_begin_again(remote_runs: RemoteRuns, signals: Sent) -> None:
    signals.start("b", epoch=2)
    signals.end("b")
    signals.start("a", epoch=1)
    assert remote_runs.get("r") is None
    assert remote_runs.of_key("k") is None
    assert remote_runs.has_ended("r")


def test_a_run_that_was_taken_over_here_is_nobody_elses(remote_runs: RemoteRuns, signals: Sent, here: Here) -> None:
    here.run = SimpleNamespace(lease=Lease("r", "here", 2))
    signals.start("a", epoch=1)
    assert remote_runs.get("r") is None
    signals.start("b", epoch=3)
    assert remote_runs.get("r") is not None


async def test_whoever_has_the_run_is_told_of_its_readers_however_it_is_found_out(
    remote_runs: RemoteRuns, signals: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals.start("a", epoch=1)
    run = remote_runs.get("r")
    assert run is not None

    async def find(_run_id: str) -> object:
        return SimpleNamespace(owner="b", epoch=2)

    monkeypatch.setattr(remote_runs, "_store", SimpleNamespace(find=find))
    with run.reading():
        signals.sent.clear()
        await remote_runs._look_up(run)
        signals.start("b", epoch=2)
        assert signals.sent == [("b", "run.reads")]
