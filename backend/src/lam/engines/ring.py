"""A fair ring: members take turns, and each takes its own things in order. A member may be a ring itself, whose members take turns
inside it, so that a crowd counts as one. It knows no place and no model.
"""

from bisect import insort
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar


class Inside(NamedTuple):
    """A group within another: a participant within a room. Any other value names a group of the outermost ring."""

    outer: Hashable
    inner: Hashable


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool:
        """Returns whether this came before the other."""


T = TypeVar("T", bound=_Ordered)


class Ring(Generic[T]):
    """Things that wait, by groups, in the order of their turns. A group exists while something of it waits."""

    def __init__(self) -> None:
        self._members: OrderedDict[Hashable, list[T] | Ring[T]] = OrderedDict()  # the next one first, none empty
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        """Yields all things in fair order: a thing of each member, then another of each that has more."""
        lanes = deque(iter(member) for member in self._members.values())
        while lanes:
            lane = lanes.popleft()
            for thing in lane:
                yield thing
                lanes.append(lane)
                break

    def add(self, group: Hashable, thing: T) -> None:
        """Adds a thing behind the older ones of its group; a new group comes last."""
        if isinstance(group, Inside):
            ring = self._members.setdefault(Inside(group.outer, None), Ring())
            assert isinstance(ring, Ring)
            ring.add(group.inner, thing)
        else:
            things = self._members.setdefault(group, [])
            assert isinstance(things, list)
            insort(things, thing)
        self._size += 1

    def remove(self, group: Hashable, thing: T) -> bool:
        """Removes a thing; the turns of the others stay. Returns False when it does not wait."""
        key = _key(group)
        member = self._members.get(key)
        if isinstance(member, Ring):
            if not isinstance(group, Inside) or not member.remove(group.inner, thing):
                return False
        elif member is None or thing not in member:
            return False
        else:
            member.remove(thing)
        if not member:
            del self._members[key]
        self._size -= 1
        return True

    def take(self, group: Hashable, thing: T) -> None:
        """Removes a thing whose turn it was: its group, and the one around it, go to the end."""
        if self.remove(group, thing):
            self._turn(group, last=True)

    def prefer(self, group: Hashable) -> None:
        """Makes a group, and the one around it, the next."""
        self._turn(group, last=False)

    def _turn(self, group: Hashable, *, last: bool) -> None:
        key = _key(group)
        if key not in self._members:
            return
        self._members.move_to_end(key, last=last)
        member = self._members[key]
        if isinstance(group, Inside) and isinstance(member, Ring):
            member._turn(group.inner, last=last)


def _key(group: Hashable) -> Hashable:
    """The name of the group's member here. A ring's is unlike that of any group which is not one."""
    return Inside(group.outer, None) if isinstance(group, Inside) else group
