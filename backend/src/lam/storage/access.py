"""Who may do what with which rows: asked here, and nowhere else.

A session, with its messages and streams, is open to people by their role in it; today the one role that anybody has is `owner`.
Templates have an owner alone. Logins, remembered requests and costs are personal and never shared. What somebody may not do with a
row looks to them as if there were no such row.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Table, false, or_

from lam.storage.schema import sessions, templates

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
# Who has a role in a session, as a condition on its row. A role that is missing here is nobody's.
IN_SESSION: Final[dict[Role, Holds]] = {"owner": lambda user: sessions.c.user_id == user}
IN_TEMPLATE: Final[dict[Role, Holds]] = {"owner": lambda user: templates.c.user_id == user}


def sessions_open(action: Action, user: Any) -> ColumnElement[bool]:
    """The sessions with which `user` (an id, or a parameter that stands for one) may do this: a condition for a query."""
    return held(action, user, IN_SESSION)


def templates_open(action: Action, user: Any) -> ColumnElement[bool]:
    """The templates with which `user` may do this."""
    return held(action, user, IN_TEMPLATE)


def own(table: Table, user: Any) -> ColumnElement[bool]:
    """The rows of a table that are this user's alone, and count as theirs."""
    condition: ColumnElement[bool] = table.c.user_id == user
    return condition


def held(action: Action, user: Any, holders: Mapping[Role, Holds]) -> ColumnElement[bool]:
    """Rows in which the user has a role that may do this. `holders`: who has which role."""
    return or_(false(), *(holds(user) for role, holds in holders.items() if role in ALLOWED[action]))
