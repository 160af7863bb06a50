from typing import Any

import pytest

from lam.engines.worker_list import WorkerList
from lam.protocol.jobs import ServedModel, State, WorkerStatus

AWAY_SECONDS, SILENT_SECONDS = 10, 30


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
            away=AWAY_SECONDS,
            forget=SILENT_SECONDS,
        )

    def hear(self, worker: str, instance: str = "1", state: State = "ready", slots: int = 2, **more: Any) -> bool:
        models, retained = more.pop("models", (ServedModel("m"),)), more.pop("retained", False)
        status = WorkerStatus(worker=worker, instance=instance, state=state, models=models, slots=slots, **more)
        return self.list.hear(status, retained=retained)

    def connected(self) -> list[str]:
        return [seen.name for seen in self.list.all()]

    def places(self, key: str) -> int:
        found = self.list.by_key(key)
        assert found is not None
        return found.places(self.now)


@pytest.fixture
def listed() -> Listed:
    return Listed()


def test_places_are_what_a_worker_has_beside_what_it_runs_for_others(listed: Listed) -> None:
    listed.hear("a", slots=3)
    seen = listed.list.by_key("a/1")
    assert seen is not None
    assert listed.places("a/1") == 3
    seen.jobs = 2  # which it has not told yet
    assert listed.places("a/1") == 3
    listed.hear("a", slots=3, running=2)
    assert listed.places("a/1") == 3
    listed.hear("a", slots=3, running=3)
    assert listed.places("a/1") == 2
    seen.full_until = 5
    assert listed.places("a/1") == 2
    seen.jobs = 0
    assert listed.places("a/1") == 0
    assert not listed.list.refilled()
    listed.now = 5
    assert listed.list.refilled()
    assert not listed.list.refilled()


def test_an_offline_of_an_older_instance_is_ignored_and_a_new_instance_ends_the_old_one(listed: Listed) -> None:
    listed.hear("a", "old")
    assert listed.hear("a", "new")
    assert listed.gone == [("a", "old")]
    assert not listed.hear("a", "old", "offline")
    assert listed.connected() == ["a"]
    assert listed.hear("a", "new", "offline")
    assert listed.connected() == []
    listed.now = AWAY_SECONDS + 1
    assert listed.list.forget_silent()
    assert listed.gone == [("a", "old"), ("a", "new")]


def test_what_the_broker_kept_is_no_word_of_the_worker(listed: Listed) -> None:
    assert listed.hear("a", retained=True)
    listed.list.start_over()
    for retained in (True, True, False, False):
        listed.hear("a", retained=retained)
        listed.now += 1
    assert listed.moved == [("a", True)] * 3, "it is asked again each time, and for the last time when it speaks itself"


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
    assert listed.list.by_key("a/1") is None
    listed.now = AWAY_SECONDS - 1
    assert not listed.list.forget_silent()
    assert listed.hear("a")
    assert listed.moved == [("a", False), ("a", True)]
    assert listed.connected() == ["a"]
    assert not listed.gone


def test_who_is_heard_again_after_our_own_absence_is_asked_what_was_missed(listed: Listed) -> None:
    listed.hear("a")
    listed.list.start_over()
    assert listed.connected() == ["a"]
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


def test_models_are_those_of_workers_that_take_jobs(listed: Listed) -> None:
    listed.hear("a", models=(ServedModel("m"), ServedModel("n")))
    listed.hear("b", slots=3)
    listed.hear("c", state="draining", models=(ServedModel("o"),))
    assert listed.list.models() == {"m", "n"}
