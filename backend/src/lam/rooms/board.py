"""The leaderboard of a room: what each participant has reached in its task since they came in. Pure.

It must not know where games and runs are stored.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct


class Try(Struct, frozen=True):
    """One attempt at a part of the task (a maze of a set, or all of it). `score`: None where it is not solved."""

    user_id: int
    part: int
    score: int | None


class Row(Struct, frozen=True):
    rank: int
    user_id: int
    score: int
    tries: int


def rank_all(tries: Iterable[Try]) -> Sequence[Row]:
    """Returns everybody who has tried, best first: the sum of the best scores of each part, then fewer tries. Equal scores share a
    rank."""
    best: dict[int, dict[int, int]] = {}
    counts: dict[int, int] = {}
    for one in tries:
        counts[one.user_id] = counts.get(one.user_id, 0) + 1
        parts = best.setdefault(one.user_id, {})
        if one.score is not None:
            parts[one.part] = max(parts.get(one.part, one.score), one.score)
    scores = {user_id: sum(parts.values()) for user_id, parts in best.items()}
    rows: list[Row] = []
    for place, user_id in enumerate(sorted(scores, key=lambda one: (-scores[one], counts[one], one)), 1):
        same = bool(rows) and rows[-1].score == scores[user_id]
        rows.append(Row(rows[-1].rank if same else place, user_id, scores[user_id], counts[user_id]))
    return rows
