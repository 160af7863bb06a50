"""Who may do what with which rows. No other module decides this.

A session, with its messages and streams, is open to people by their role in it: its owner, its members, who steer or watch,
and in a room its participant, the room's host and fellows.
A folder, a template, a set of tasks, and a run of the lab with its cells belong to their owner alone, and so does a game until it
is on a leaderboard: then everybody may watch it. A picture belongs to its owner; whoever may read a session may see the pictures in
it. Logins, keys, remembered requests and costs are personal and never shared. To a person without permission a row does not exist.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Table, and_, case, exists, false, or_, select

from lam.storage.schema import (
    folders,
    games,
    lab_runs,
    lab_sets,
    media,
    members,
    message_media,
    messages,
    rooms,
    sessions,
    templates,
    users,
)

Role = Literal["owner", "steer", "watch", "participant", "host", "fellow"]
Action = Literal[
    "read",
    "react",
    "ask",
    "send",
    "stop",
    "rate",
    "branch",
    "tune",
    "change",
    "export",
    "invite",
    "publish",
    "give",
    "empty",
    "delete",
]

EVERYBODY: Final = frozenset[Role]({"owner", "steer", "watch"})
STEERING: Final = frozenset[Role]({"owner", "steer"})
OWNER: Final = frozenset[Role]({"owner"})
PARTICIPANT: Final = frozenset[Role]({"participant"})
# docs/reference/roles.md is written from this table and from `MEANING`.
ALLOWED: Final[dict[Action, frozenset[Role]]] = {
    "read": EVERYBODY | PARTICIPANT | {"host", "fellow"},
    "react": EVERYBODY,
    "ask": EVERYBODY,
    "send": STEERING | PARTICIPANT,
    "stop": STEERING | PARTICIPANT | {"host"},
    "rate": STEERING | PARTICIPANT,
    "branch": STEERING | PARTICIPANT,
    "tune": STEERING | PARTICIPANT,
    "change": OWNER,
    "export": OWNER | PARTICIPANT | {"host"},
    "invite": OWNER,
    "publish": OWNER,
    "give": OWNER,
    "empty": OWNER,
    "delete": OWNER,
}
MEANING: Final[dict[Action, str]] = {
    "read": "read messages, waiting messages and running replies; see who is here; export the branch as Markdown; leave",
    "react": "react to messages",
    "ask": "ask to steer",
    "send": "send, edit as a branch, regenerate, continue; add a waiting message, and change or take back an own one",
    "stop": "stop a reply, or end its thinking",
    "rate": "rate replies",
    "branch": "switch the branch that everybody sees",
    "tune": "choose the model and the settings of sampling",
    "change": "change the title, the system prompt, the template, the folder and the pin; take back anybody's waiting message",
    "export": "export all branches",
    "invite": "invite, remove and promote people; read the list of what was done",
    "publish": "publish the branch as a page, and withdraw it",
    "give": "hand the session over",
    "empty": "reset the session",
    "delete": "delete the session",
}
Holds = Callable[[Any], ColumnElement[bool]]


def _member(role: Role) -> Holds:
    mine = exists().where(members.c.session_id == sessions.c.id, members.c.role == role).correlate_except(members)
    return lambda user: mine.where(members.c.user_id == user)


def _host(user: Any) -> ColumnElement[bool]:
    return exists().where(rooms.c.id == sessions.c.room_id, rooms.c.user_id == user).correlate_except(rooms)


def _fellow(user: Any) -> ColumnElement[bool]:
    mine = sessions.alias("mine")
    in_sight = or_(rooms.c.shows_others, rooms.c.projected_id == sessions.c.id)
    here = exists().where(mine.c.room_id == rooms.c.id, mine.c.user_id == user).correlate_except(mine)
    return exists().where(rooms.c.id == sessions.c.room_id, in_sight, here).correlate_except(rooms)


# The roles of people in a session, as conditions on its row. Nobody has a role that is missing here. In a room:
# `participant`: whose session it is; `host`: whoever opened the room; `fellow`: another participant, where the room lets them see
# each other, or shows this session to all.
IN_SESSION: Final[dict[Role, Holds]] = {
    "owner": lambda user: and_(sessions.c.user_id == user, sessions.c.room_id.is_(None)),
    "participant": lambda user: and_(sessions.c.user_id == user, sessions.c.room_id.is_not(None)),
    "steer": _member("steer"),
    "watch": _member("watch"),
    "host": _host,
    "fellow": _fellow,
}
IN_ROOM: Final[dict[Role, Holds]] = {
    "owner": lambda user: rooms.c.user_id == user,
    "watch": lambda user: exists().where(sessions.c.room_id == rooms.c.id, sessions.c.user_id == user).correlate(rooms),
}
IN_FOLDER: Final[dict[Role, Holds]] = {"owner": lambda user: folders.c.user_id == user}
IN_TEMPLATE: Final[dict[Role, Holds]] = {"owner": lambda user: templates.c.user_id == user}
IN_LAB_SET: Final[dict[Role, Holds]] = {"owner": lambda user: lab_sets.c.user_id == user}
IN_LAB_RUN: Final[dict[Role, Holds]] = {"owner": lambda user: lab_runs.c.user_id == user}
# What a guest played is on the board of their room alone.
_OF_GUEST: Final = exists().where(users.c.id == games.c.user_id, users.c.scope.is_not(None)).correlate(games)
IN_GAME: Final[dict[Role, Holds]] = {
    "owner": lambda user: games.c.user_id == user,
    "watch": lambda _: and_(games.c.status == "won", games.c.maze_set.is_not(None), ~_OF_GUEST),
}


def sessions_open(action: Action, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the sessions with which `user` (an id, or a parameter for one) may do this."""
    return role_condition(action, user, IN_SESSION)


def sessions_shared(user: Any) -> ColumnElement[bool]:
    """Returns a condition for the sessions of others that `user` may read. With `own` it makes up those that `sessions_open` has,
    but for those in rooms; each of the two is found by an index."""
    mine = select(members.c.session_id).where(members.c.user_id == user, members.c.role.in_(ALLOWED["read"]))
    return and_(sessions.c.id.in_(mine), sessions.c.user_id != user)


def sessions_listed(user: Any) -> ColumnElement[bool]:
    """Returns a condition for the sessions in a person's list and search: own ones, and those they are a member of. What they may
    read in a room is in the room."""
    return or_(own(sessions, user), sessions_shared(user))


def role_in_session(user: Any) -> ColumnElement[Any]:
    """Returns the role that `user` has in a session, null for none."""
    return case(*((holds(user), role) for role, holds in IN_SESSION.items()))


def folder_seen(user: Any) -> ColumnElement[Any]:
    """Returns the folder of a session as `user` has it: folders are their owner's alone."""
    return case((sessions.c.user_id == user, sessions.c.folder_id))


def rooms_open(action: Action, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the rooms with which `user` may do this. Participants may read theirs."""
    return role_condition(action, user, IN_ROOM)


def folders_open(action: Action, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the folders with which `user` may do this."""
    return role_condition(action, user, IN_FOLDER)


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


def media_in_sight(user: Any, holders: Mapping[Role, Holds] = IN_SESSION) -> ColumnElement[bool]:
    """Returns a condition for the pictures that `user` may see: their own, and those in sessions that they may read."""
    shown = (
        select(message_media.c.media_id)
        .join(messages, messages.c.id == message_media.c.message_id)
        .join(sessions, sessions.c.id == messages.c.session_id)
        .where(message_media.c.media_id == media.c.id, role_condition("read", user, holders))
    )
    return or_(own(media, user), shown.exists())


def own(table: Table, user: Any) -> ColumnElement[bool]:
    """Returns a condition for the rows of a table that belong to this user alone."""
    condition: ColumnElement[bool] = table.c.user_id == user
    return condition


def role_condition(action: Action, user: Any, holders: Mapping[Role, Holds]) -> ColumnElement[bool]:
    """Returns a condition for rows in which the user has a role that allows this. `holders`: the condition for each role."""
    return or_(false(), *(holds(user) for role, holds in holders.items() if role in ALLOWED[action]))
