"""Whose turn it is, against a model that only takes one thing after another."""

from collections.abc import Hashable
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lam.engines.ring import Inside, Ring

GROUPS: list[Hashable] = [1, 2, ("key", 1), *(Inside(("room", room), person) for room in (1, 2) for person in (1, 2, 3))]


class Turns:
    """The model: a list of lists, in which a turn is a pop from the front and a push to the back."""

    def __init__(self) -> None:
        self.members: list[tuple[Hashable, list]] = []  # a member, and its things or the people inside it

    @staticmethod
    def _of(members: list, name: Hashable) -> list:
        for other, inside in members:
            if other == name:
                return inside
        members.append((name, []))
        return members[-1][1]

    def add(self, group: Hashable, thing: int) -> None:
        if isinstance(group, Inside):
            things = self._of(self._of(self.members, group.outer), group.inner)
        else:
            things = self._of(self.members, group)
        things.append(thing)
        things.sort()

    def remove(self, group: Hashable, thing: int) -> None:
        name = group.outer if isinstance(group, Inside) else group
        things = self._of(self.members, name)
        (self._of(things, group.inner) if isinstance(group, Inside) else things).remove(thing)
        if isinstance(group, Inside):
            things[:] = [member for member in things if member[1]]
        self.members = [member for member in self.members if member[1]]

    def prefer(self, group: Hashable) -> None:
        name = group.outer if isinstance(group, Inside) else group
        self.members.sort(key=lambda member: member[0] != name)
        if isinstance(group, Inside) and self.members and self.members[0][0] == name:
            self.members[0][1].sort(key=lambda member: member[0] != group.inner)

    def take(self) -> int:
        name, inside = self.members.pop(0)
        first = inside.pop(0)
        if isinstance(first, tuple):
            person, things = first
            thing = things.pop(0)
            if things:
                inside.append((person, things))
        else:
            thing = first
        if inside:
            self.members.append((name, inside))
        return thing

    def order(self) -> list[int]:
        rest = deepcopy(self)
        order = []
        while rest.members:
            order.append(rest.take())
        return order


class RingIsFair(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ring: Ring[int] = Ring()
        self.model = Turns()
        self.groups: dict[int, Hashable] = {}
        self.number = 0

    @rule(group=st.sampled_from(GROUPS))
    def arrive(self, group: Hashable) -> None:
        self.number += 1
        self.groups[self.number] = group
        self.ring.add(group, self.number)
        self.model.add(group, self.number)

    @precondition(lambda self: self.groups)
    @rule()
    def start(self) -> None:
        thing = next(iter(self.ring))
        assert thing == self.model.take()
        self.ring.take(self.groups.pop(thing), thing)

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        thing = data.draw(st.sampled_from(sorted(self.groups)))
        group = self.groups.pop(thing)
        assert self.ring.remove(group, thing)
        assert not self.ring.remove(group, thing)
        self.model.remove(group, thing)

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def return_to_the_old_turn(self, data: st.DataObject) -> None:
        thing = data.draw(st.sampled_from(sorted(self.groups)))
        self.ring.prefer(self.groups[thing])
        self.model.prefer(self.groups[thing])

    @invariant()
    def order_is_that_of_the_model(self) -> None:
        assert list(self.ring) == self.model.order()
        assert len(self.ring) == len(self.groups)


TestRing = RingIsFair.TestCase


def test_a_room_is_one_member_and_its_people_take_turns_inside_it() -> None:
    ring: Ring[str] = Ring()
    for name in ("r1", "r2", "s1", "t1"):
        ring.add(Inside("room", name[0]), name)
    for name in ("a1", "a2", "b1"):
        ring.add(name[0], name)
    assert list(ring) == ["r1", "a1", "b1", "s1", "a2", "t1", "r2"]


@given(st.integers(1, 100), st.integers(1, 6))
def test_whoever_waits_beside_a_crowd_waits_as_beside_one(people: int, colleagues: int) -> None:
    crowd: Ring[tuple[int, str]] = Ring()
    one: Ring[tuple[int, str]] = Ring()
    for person in range(people):
        crowd.add(Inside("room", person), (0, "other"))
        one.add("other", (0, "other"))
    for colleague in range(colleagues):
        for ring in (crowd, one):
            ring.add(colleague, (1, str(colleague)))
    assert list(crowd) == list(one)


def test_a_room_and_a_group_of_one_name_are_two() -> None:
    ring: Ring[int] = Ring()
    ring.add("x", 1)
    ring.add(Inside("x", 1), 2)
    assert list(ring) == [1, 2]
    assert not ring.remove(Inside("x", 1), 1)
    assert not ring.remove("x", 2)
    assert not ring.remove("nobody", 2)
    assert ring.remove(Inside("x", 1), 2)
    assert list(ring) == [1]


@pytest.mark.parametrize("group", GROUPS)
def test_a_turn_of_nobody_changes_nothing(group: Hashable) -> None:
    ring: Ring[int] = Ring()
    ring.prefer(group)
    ring.take(group, 1)
    assert (list(ring), len(ring)) == ([], 0)
