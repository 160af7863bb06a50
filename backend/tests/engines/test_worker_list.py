from typing import Any

import pytest

from lam.engines.worker_list import AWAY_SECONDS, SILENT_SECONDS, WorkerList
from lam.protocol.jobs import ServedModel, State, WorkerStatus


class Listed:
    """A list with a clock that is set by hand, and who was said to be gone."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gone: list[tuple[str, str]] = []
        self.moved: list[tuple[str, bool]] = []  # who, and whether it is there
        self.list = WorkerList(
            lambda: self.now,
            lambda seen: self.moved.append((seen.name, seen.away_since is None)),
            lambda seen: self.gone.append((seen.name, seen.status.instance)),
        )

    def hear(self, worker: str, instance: str = "1", state: State = "ready", slots: int = 2, **more: Any) -> bool:
        models = more.pop("models", (ServedModel("m"),))
        return self.list.hear(WorkerStatus(worker, instance, state, models, slots, **more))

    def chosen(self, model: str | None = "m", **how: Any) -> str | None:
        found = self.list.choose(model, **({"continues": False, "avoid": frozenset()} | how))
        return found.name if found else None


@pytest.fixture
def listed() -> Listed:
    return Listed()


def test_the_ready_worker_with_the_most_free_places_is_chosen(listed: Listed) -> None:
    listed.hear("a", running=1)
    listed.hear("b")
    listed.hear("c", state="busy", slots=9)
    listed.hear("d", models=(ServedModel("other"),), slots=9)
    listed.hear("e", state="draining", slots=9)
    assert listed.chosen() == "b"
    assert listed.chosen("other") == "d"
    assert listed.chosen("unknown") is None
    assert listed.chosen(avoid=frozenset({("b", "1")})) == "a"
    assert listed.chosen("other", avoid=frozenset({("d", "1")})) == "d", "if nobody else serves"
    assert listed.chosen(continues=True) is None
    listed.hear("a", continues=True)
    assert listed.chosen(continues=True) == "a"


def test_an_offline_of_an_older_instance_is_ignored_and_a_new_instance_ends_the_old_one(listed: Listed) -> None:
    listed.hear("a", "old")
    assert listed.hear("a", "new")
    assert listed.gone == [("a", "old")]
    assert not listed.hear("a", "old", "offline")
    assert listed.chosen() == "a"
    assert listed.hear("a", "new", "offline")
    assert listed.chosen() is None
    listed.now = AWAY_SECONDS + 1
    assert listed.list.forget_silent()
    assert listed.gone == [("a", "old"), ("a", "new")]


def test_of_two_with_one_name_the_newer_one_serves_until_it_is_gone(listed: Listed) -> None:
    listed.hear("a", "old", slots=1)
    listed.hear("a", "new", slots=5)
    assert not listed.hear("a", "old", slots=1, running=1)
    assert [seen.status.slots for seen in listed.list.all()] == [5]
    listed.hear("a", "new", "draining")
    listed.hear("a", "new", "offline")
    assert listed.hear("a", "old", slots=1)
    assert [seen.status.slots for seen in listed.list.all()] == [1]


def test_who_went_away_may_come_back(listed: Listed) -> None:
    listed.hear("a")
    listed.hear("a", state="offline")
    listed.hear("a", state="offline")
    assert not listed.list.all()
    assert not listed.list.capacity()
    listed.now = AWAY_SECONDS - 1
    assert not listed.list.forget_silent()
    assert listed.hear("a")
    assert listed.moved == [("a", False), ("a", True)]
    assert listed.chosen() == "a"
    assert not listed.gone


def test_who_is_heard_again_after_our_own_absence_is_asked_what_was_missed(listed: Listed) -> None:
    listed.hear("a")
    listed.list.start_over()
    assert listed.chosen() == "a"
    listed.hear("a")
    listed.hear("a")
    assert listed.moved == [("a", True)]


def test_who_is_silent_for_too_long_is_gone_but_not_for_our_own_absence(listed: Listed) -> None:
    listed.hear("a")
    listed.hear("b")
    listed.now = SILENT_SECONDS
    listed.hear("b")
    listed.now += 1
    assert listed.list.forget_silent()
    assert listed.gone == [("a", "1")]
    listed.now += SILENT_SECONDS
    listed.list.start_over()
    assert not listed.list.forget_silent()


def test_places_are_counted_by_model(listed: Listed) -> None:
    listed.hear("a", models=(ServedModel("m"), ServedModel("n")))
    listed.hear("b", slots=3)
    listed.hear("c", state="draining", slots=9)
    assert listed.list.capacity() == {"m": 5, "n": 2}
