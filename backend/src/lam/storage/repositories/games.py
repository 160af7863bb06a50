"""Games in the maze and their hints. Each query includes the person who asks.

It must not know the rules of the game: a log is JSON, and its figures come from whoever replayed it.
"""

from collections.abc import Mapping
from statistics import median
from typing import Any

from sqlalchemy import Row, case, delete, func, insert, select, update

from lam.protocol.facts import Facts, from_row
from lam.storage.access import Action, games_open, own, templates_in_sight
from lam.storage.models import BoardEntry, Game, GameMode, Hint
from lam.storage.repositories.base import Repository
from lam.storage.schema import games, hints, templates, users


class Games(Repository):
    async def add(self, **values: Any) -> Game:
        return Game(id=await self._inserted(insert(games).values(**values).returning(games.c.id)), **values)

    async def find(self, game_id: int, user_id: int, action: Action, *, lock: bool = False) -> Game | None:
        """Returns a game, None unless the user may do `action` with it. `lock`: nobody else can change it until this unit of work
        ends."""
        query = select(games).where(games.c.id == game_id, games_open(action, user_id))
        return await self._one(Game, query.with_for_update() if lock else query)

    async def of_user(self, user_id: int, limit: int, before: int | None) -> list[Game]:
        """Returns the user's games, newest first."""
        query = select(games).where(own(games, user_id)).order_by(games.c.id.desc()).limit(limit)
        return await self._all(Game, query if before is None else query.where(games.c.id < before))

    async def count(self, user_id: int) -> int:
        query = select(func.count()).where(own(games, user_id))
        return int((await self._connection.execute(query)).scalar_one())

    async def change(self, game_id: int, **values: Any) -> None:
        await self._changed(update(games).where(games.c.id == game_id).values(**values))

    async def delete(self, game_id: int) -> None:
        await self._changed(delete(games).where(games.c.id == game_id))

    async def board(
        self, maze_set: str, mode: GameMode, maze: int | None, rules: int, user_id: int, limit: int
    ) -> list[BoardEntry]:
        """Returns the best won game of each person with an account, template and maze, by score, then steps, then age. `user_id`:
        the reader."""
        order = (games.c.score.desc(), games.c.steps, games.c.id)
        best = func.row_number().over(partition_by=(games.c.user_id, games.c.template_id, games.c.maze), order_by=order)
        is_open = templates_in_sight(user_id)
        mine = (
            select(
                games.c.id.label("game_id"),
                games.c.maze,
                users.c.email,
                case((is_open, templates.c.id)).label("template_id"),
                case((is_open, templates.c.title)).label("template_title"),
                games.c.score,
                games.c.steps,
                games.c.shortest,
                games.c.illegal,
                games.c.tokens,
                games.c.seconds,
                games.c.created_at,
                best.label("place"),
            )
            .join(users, users.c.id == games.c.user_id)
            .join(templates, templates.c.id == games.c.template_id, isouter=True)
            .where(games.c.maze_set == maze_set, games.c.mode == mode, games.c.status == "won", games.c.rules == rules)
            .where(users.c.scope.is_(None))  # guests are on the board of their room alone
        )
        ranked = (mine if maze is None else mine.where(games.c.maze == maze)).subquery()
        columns = [column for column in ranked.c if column.name != "place"]
        query = select(*columns).where(ranked.c.place == 1)
        query = query.order_by(ranked.c.score.desc(), ranked.c.steps, ranked.c.game_id).limit(limit)
        return await self._all(BoardEntry, query)

    # Hints

    async def add_hint(self, *, game_id: int, **values: Any) -> int:
        """Adds the game's next hint and returns its number. The caller has locked the game."""
        number = 1 + int((await self._connection.execute(select(func.count()).where(hints.c.game_id == game_id))).scalar_one())
        row = {"game_id": game_id, "number": number, "status": "streaming", "answer": ""}
        await self._changed(insert(hints).values(**row, **values))
        return number

    async def finish_hint(self, stream_id: str, facts: Facts, **values: Any) -> bool:
        """Stores the ending. Returns False when the hint is gone or has ended already."""
        change = update(hints).where(hints.c.stream_id == stream_id, hints.c.status == "streaming")
        return bool(await self._changed(change.values(**values, **facts.to_row())))

    async def hints(self, game_id: int) -> list[Hint]:
        rows = await self._connection.execute(select(hints).where(hints.c.game_id == game_id).order_by(hints.c.number))
        return [_hint(row) for row in rows]

    async def first_token_ms(self, game_id: int) -> int | None:
        """Returns the median time to the first token of the game's hints, None when there are none."""
        rows = await self._connection.execute(select(hints.c.timings).where(hints.c.game_id == game_id))
        times = [ms for row in rows if row.timings and (ms := row.timings.get("first_token_ms")) is not None]
        return int(median(times)) if times else None

    async def hint(self, game_id: int, number: int) -> Hint | None:
        query = select(hints).where(hints.c.game_id == game_id, hints.c.number == number)
        row = (await self._connection.execute(query)).first()
        return None if row is None else _hint(row)

    async def hint_by_stream(self, stream_id: str, user_id: int, action: Action) -> Hint | None:
        """Returns the hint of a stream, None unless the user may do `action` with its game."""
        query = select(hints).join(games, games.c.id == hints.c.game_id)
        query = query.where(hints.c.stream_id == stream_id, games_open(action, user_id))
        row = (await self._connection.execute(query)).first()
        return None if row is None else _hint(row)

    async def template_titles(self, ids: set[int], user_id: int) -> Mapping[int, str]:
        """Returns the titles of those templates that the user may see: their own, and public ones."""
        is_open = templates_in_sight(user_id)
        rows = await self._connection.execute(select(templates.c.id, templates.c.title).where(templates.c.id.in_(ids), is_open))
        return {row.id: row.title for row in rows}


def _hint(row: Row[Any]) -> Hint:
    fields = dict(row._mapping)
    about = [fields.pop(name) for name in ("metadata", "usage", "timings", "error")]
    return Hint(**fields, facts=from_row(*about))
