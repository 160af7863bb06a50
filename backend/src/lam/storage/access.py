"""Who may do what with which rows. No other module decides this.

A session, with its messages and streams, is open to people by their role in it; today the only role is `owner`. A template, a set
of tasks, and a run of the lab with its cells belong to their owner alone, and so does a game until it is on a leaderboard: then
everybody may watch it. Logins, remembered requests and costs are personal and never shared. To a person without permission a row
does not exist.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Table, and_, false, or_

from lam.storage.schema import games, lab_runs, lab_sets, sessions, templates

Role = Literal["owner", "steer", "watch"]
Action = Literal["read", "send", "stop", "rate", "change", "empty", "delete"]

ALLOWED: Final[dict[Action, frozenset[Role]]] = {
    "read": frozenset({"owner", "steer", "watch"}),
    "send": frozenset({"owner", "steer"}),
    "stop": frozenset({"owner", "steer"}),
    "rate": frozenset({"owner", "steer"}),
    "change": frozenset({"owner", "steer"}),
    "empty": frozenset({"owner"}),
    "delete": frozenset({"owner"}),
}
Holds = Callable[[Any], ColumnElement[bool]]
# The roles of people in a session, as conditions on its row. Nobody has a role that is missing here.
IN_SESSION: Final[dict[Role, Holds]] = {"owner": lambda user: sessions.c.user_id == user}
IN_TEMPLATE: Final[dict[Role, Holds]] = {"owner": lambda user: templates.c.user_id == user}
IN_LAB_SET: Final[dict[Role, Holds]] = {"owner": lambda user: lab_sets.c.user_id == user}
IN_LAB_RUN: Final[dict[Role, Holds]] = {"owner": lambda user: lab_runs.c.user_id == user}
IN_GAME: Final[dict[Role, Holds]] = {
    "owner": lambda user: games.c.user_id == user,
    "watch": lambda _: and_(games.c.status == "won", games.c.maze_set.is_not(None)),
}


def sessions_open(action: Action, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the sessions with which `user` (an id, or a parameter for one) may do this."""
    return role_condition(action, user, IN_SESSION)


def templates_open(action: Action, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the templates with which `user` may do this."""
    return role_condition(action, user, IN_TEMPLATE)


def templates_in_sight(user: Any) -> ColumnElement[bool]:
    """Returns a condition for the templates whose title `user` may see beside a game: their own, and public ones."""
    return or_(templates_open("read", user), and_(templates.c.is_public, templates.c.is_active))


def games_open(action: Action, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the games with which `user` may do this. Everybody may read a game that is on a leaderboard."""
    return role_condition(action, user, IN_GAME)


def lab_sets_open(action: Action, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the sets of tasks with which `user` may do this."""
    return role_condition(action, user, IN_LAB_SET)


def lab_runs_open(action: Action, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the runs of the lab, with their cells, with which `user` may do this."""
    return role_condition(action, user, IN_LAB_RUN)


def own(table: Table, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the rows of a table that belong to this user alone."""
    condition: ColumnElement[bool] = table.c.user_id == user
    return condition


def role_condition(action: Action, user: Any, holders: Mapping[Role, Holds]) -> ColumnElement[bool]:
    """Returns a condition for rows in which the user has a role that allows this. `holders`: the condition for each role."""
    return or_(false(), *(holds(user) for role, holds in holders.items() if role in ALLOWED[action]))
