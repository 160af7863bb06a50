"""Rooms: opened by one person, entered by a code, and gone after their date. It owns the order of checks.

Each participant has a session of their own on the room's terms (`chat/terms.py`). It must not know HTTP or cookies.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import IO, Any, Final

import msgspec
from msgspec import Struct

from lam.accounts.guests import Guests
from lam.accounts.throttle import Budget as Attempts
from lam.accounts.throttle import Tarpit, network_of
from lam.chat.sessions import new_key
from lam.chat.sink import session_key
from lam.chat.templates import prompt_of, require_template
from lam.chat.terms import ends_at
from lam.chat.transfer import Transfer
from lam.engines.catalog import Catalog
from lam.errors import Conflict, Invalid, LamError, NotFound, RoomFull, RoomLocked, RoomOver, TooManyRooms
from lam.generation.supervisor import Supervisor
from lam.lab.lab import Lab
from lam.lab.specs import read_spec
from lam.maze.sets import SETS
from lam.protocol.budget import Budget
from lam.protocol.sampling import NAMES
from lam.rooms import codes
from lam.rooms.board import Row, Try, rank_all
from lam.rooms.export import pack
from lam.rooms.news import News
from lam.rooms.views import ParticipantView, RoomView, Sight, Task, gone_at, state_of, warning_of
from lam.storage.access import Action
from lam.storage.contention import repeat_contended
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Hold, Participant, Room, RoomState, User
from lam.storage.repositories.rooms import room_scope

log = logging.getLogger(__name__)

ROOMS_OF_USER: Final = 50
MOST_PEOPLE: Final = 1000
LONGEST_LIFE: Final = timedelta(days=366)
LONGEST_COOKIE: Final = LONGEST_LIFE + timedelta(days=2)  # the date may be moved, and only the token knows when it ends
LONGEST_MESSAGE: Final = 2000
Hide = Callable[[Mapping[int, int], int | None], None]
UNKNOWN_CODE: Final = "There is no room with this code; check it once more."


class NewRoom(Struct, frozen=True, kw_only=True):
    """A room to open. `variables`: for the template. `models`: empty for all. `budget`: of each participant."""

    title: str
    expires_at: datetime
    template_id: int | None = None
    variables: dict[str, str] | None = None
    models: Sequence[str] = ()
    budget: Budget | None = None
    seconds: int | None = None
    task_kind: str | None = None
    task_set: str = ""
    shows_others: bool = False
    most: int = 200
    media_mb: int = 100


class Look(Struct, frozen=True):
    """What a code leads to, before anything happens."""

    room_id: int
    title: str


class Entry(Struct, frozen=True, kw_only=True):
    """A participant who has come in. `token`: of a new guest, None for anybody else."""

    room_id: int
    session_id: int
    token: str | None
    expires_at: datetime


class Rooms:
    """The rooms of all people. `hide(sessions, shown)`: ends what participants follow of each other's sessions, by participant, but
    for the one that everybody is shown. `wrong_codes`: what a network may mistype; the refusals beyond it are held back."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        supervisor: Supervisor,
        guests: Guests,
        lab: Lab,
        transfer: Transfer,
        news: News,
        sight: Sight,
        hide: Hide,
        *,
        wrong_codes: Attempts,
        tarpit: Tarpit,
        most: int = ROOMS_OF_USER,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._supervisor = supervisor
        self._guests = guests
        self._lab = lab
        self._transfer = transfer
        self._news = news
        self._sight = sight
        self._hide = hide
        self._wrong_codes = wrong_codes
        self._tarpit = tarpit
        self._most = most

    # For their owner

    async def open(self, owner_id: int, new: NewRoom) -> RoomView:
        """Opens a room. Raises NotFound, Invalid, UnknownModel, TooManyRooms."""
        for model in new.models:
            await self._catalog.require_model(model, owner_id)
        task = await self._task(owner_id, new)
        now = datetime.now(UTC)
        _require_date(new.expires_at, now)
        async with self._database.write() as unit:
            if await unit.rooms.count(owner_id) >= self._most:
                raise TooManyRooms
            template = None if new.template_id is None else await require_template(unit, new.template_id, owner_id, "read")
            code = codes.new_code()
            while await unit.rooms.by_code(code) is not None:
                code = codes.new_code()
            room = await unit.rooms.add(
                user_id=owner_id,
                code=code,
                title=new.title,
                template_id=None if template is None else template.id,
                template_version=None if template is None else template.version,
                system_prompt=None if template is None else prompt_of(template, new.variables),
                models=list(new.models),
                budget=msgspec.to_builtins(new.budget) if new.budget else None,
                seconds=new.seconds,
                task=None if task is None else msgspec.to_builtins(task),
                state="open",
                locked=False,
                shows_others=new.shows_others,
                message=None,
                projected_id=None,
                most=new.most,
                media_mb=new.media_mb,
                expires_at=new.expires_at,
                warned_at=None,
                created_at=now,
            )
            log.info("Account %d opened the room %d, until %s", owner_id, room.id, room.expires_at.isoformat(timespec="minutes"))
            return await self._view(unit, room, owner_id)

    async def all(self, user_id: int) -> list[RoomView]:
        """Returns the rooms that a person opened, newest first."""
        async with self._database.read() as unit:
            rooms = await unit.rooms.of_user(user_id)
            people = await unit.rooms.number_of_people([room.id for room in rooms])
            return [await self._view(unit, room, user_id, people=people.get(room.id, 0)) for room in rooms]

    async def get(self, user_id: int, room_id: int) -> RoomView:
        """Returns a room for its owner or a participant. Raises NotFound."""
        async with self._database.read() as unit:
            return await self._view(unit, await require_room(unit, room_id, user_id, "read"), user_id)

    async def change(
        self, owner_id: int, room_id: int, *, title: str | None, shows_others: bool | None, expires_at: datetime | None
    ) -> RoomView:
        """Changes a room; None leaves a value as it is. Raises NotFound, Invalid."""
        now = datetime.now(UTC)
        changes: dict[str, Any] = {"title": title, "shows_others": shows_others, "expires_at": expires_at}
        changes = {name: value for name, value in changes.items() if value is not None}
        if expires_at is not None:
            _require_date(expires_at, now)
            changes["warned_at"] = None
        return await self._change(owner_id, room_id, changes)

    async def set_state(self, owner_id: int, room_id: int, state: RoomState) -> RoomView:
        """Pauses a room, or lets it go on. Replies that run or wait go on either way. Raises NotFound."""
        return await self._change(owner_id, room_id, {"state": state})

    async def set_locked(self, owner_id: int, room_id: int, *, locked: bool) -> RoomView:
        """Lets nobody new in, or everybody again. Raises NotFound."""
        return await self._change(owner_id, room_id, {"locked": locked})

    async def say(self, owner_id: int, room_id: int, text: str) -> RoomView:
        """Shows a text to everybody; an empty one takes it away. Raises NotFound."""
        view = await self._change(owner_id, room_id, {"message": text.strip() or None}, tells=False)
        await self._news.message(view.room)
        return view

    async def project(self, owner_id: int, room_id: int, session_id: int | None) -> RoomView:
        """Shows a participant's session to everybody; None: no more. Raises NotFound, Invalid."""
        if session_id is not None:
            async with self._database.read() as unit:
                await require_room(unit, room_id, owner_id, "change")
                if not await unit.rooms.has_session(room_id, session_id):
                    raise Invalid(f"session_id: session {session_id} is not in this room.")
        view = await self._change(owner_id, room_id, {"projected_id": session_id}, tells=False)
        await self._news.projection(view.room)
        return view

    async def _change(self, owner_id: int, room_id: int, changes: dict[str, Any], *, tells: bool = True) -> RoomView:
        async with self._database.write() as unit:
            room = await require_room(unit, room_id, owner_id, "change", lock=True)
            _require_lasting(room)
            if changes:
                await unit.rooms.change(room_id, **changes)
            room = msgspec.structs.replace(room, **changes)
            if "expires_at" in changes:
                await unit.rooms.extend(room_id, _token_ends(room))
            view = await self._view(unit, room, owner_id)
            people = await unit.rooms.participants(room_id) if not room.shows_others else []
        if people and not {"shows_others", "projected_id"}.isdisjoint(changes):
            self._hide({person.user_id: person.session_id for person in people}, room.projected_id)
        if tells:
            await self._news.room(view)
        return view

    async def participants(self, user_id: int, room_id: int) -> list[ParticipantView]:
        """Returns who is in a room, in the order in which they came: for its owner, and for a participant where they see each
        other; otherwise only the participant's own entry and that of whom everybody is shown. Raises NotFound."""
        now = datetime.now(UTC)
        async with self._database.read() as unit:
            room = await require_room(unit, room_id, user_id, "read")
            people = await unit.rooms.participants(room_id)
        sees_all = room.user_id == user_id or room.shows_others
        return [
            self._sight.of(person, room, now)
            for person in people
            if room.user_id == user_id or not person.is_removed
            if sees_all or person.user_id == user_id or person.session_id == room.projected_id
        ]

    async def remove_participant(self, owner_id: int, room_id: int, user_id: int) -> None:
        """Ends somebody's reply and closes the room to them. A guest's cookie stops working, and what they wrote stays in the room;
        somebody with an account keeps their session as one of their own. Raises NotFound, SessionBusy."""
        async with self._database.write() as unit:
            room = await require_room(unit, room_id, owner_id, "change", lock=True)
            person = await unit.rooms.participant(room_id, user_id)
            if person is None:
                raise NotFound("This person is not in the room.")
            is_projected = room.projected_id == person.session_id
            if is_projected:
                await unit.rooms.change(room_id, projected_id=None)
            if person.nickname is not None:
                await unit.sessions.find(person.session_id, owner_id, "read", lock=True)  # a send that has begun is stored first
                await unit.tokens.revoke_all(user_id)
            else:
                await unit.rooms.release(person.session_id)
            await unit.waiting.hold(person.session_id, Hold("cancelled"))
        self._news.shut(person)  # at once: a guest's connections end with the token
        log.info("Account %d removed the participant %d from the room %d", owner_id, user_id, room_id)
        try:
            await self._end_runs([person])
        finally:
            await self._news.removed(person, room)
            if is_projected:
                await self._news.projection(msgspec.structs.replace(room, projected_id=None))

    async def leaderboard(self, user_id: int, room_id: int) -> list[tuple[Row, str]]:
        """Returns the participants who have tried the room's task, each with their name, best first. Raises NotFound, also where
        the room has no task."""
        async with self._database.read() as unit:
            room = await require_room(unit, room_id, user_id, "read")
            if room.task is None:
                raise NotFound("This room has no task.")
            task = msgspec.convert(room.task, Task)
            names = {person.user_id: person.name for person in await unit.rooms.participants(room_id) if not person.is_removed}
            if task.kind == "maze":
                tries = [Try(*game) for game in await unit.rooms.games(room_id, task.set)]
            else:
                made = await unit.rooms.lab_runs(room_id)
        if task.kind == "lab":
            digest = task.digest or (await self._lab.get_set(room.user_id, task.set)).digest
            tries = [
                Try(person, 0, round(100 * passed / cells))
                for person, text, cells, passed in made
                if (spec := read_spec(text)) is not None and spec.tasks.digest == digest
            ]
        return [(row, names[row.user_id]) for row in rank_all(one for one in tries if one.user_id in names)]

    async def export(self, owner_id: int, room_id: int) -> IO[bytes]:
        """Returns everything in a room as a ZIP file, which the caller closes. Raises NotFound."""
        async with self._database.read() as unit:
            room = await require_room(unit, room_id, owner_id, "change")
            people = await unit.rooms.participants(room_id)
        return await pack(self._transfer, room, people)

    async def delete(self, owner_id: int, room_id: int) -> None:
        """Ends a room with everything in it. Raises NotFound, SessionBusy."""
        async with self._database.write() as unit:
            room = await require_room(unit, room_id, owner_id, "delete", lock=True)
            await unit.rooms.change(room_id, state="ending")  # from here on nobody comes in, and nothing is sent or changed
        await self.remove(room)
        log.info("The room %d was ended by account %d", room_id, owner_id)

    async def remove(self, room: Room) -> None:
        """Removes a room with its guests and sessions. It may be called again after it was interrupted. Raises SessionBusy."""
        async with self._database.read() as unit:
            people = await unit.rooms.participants(room.id)
        await self._end_runs(people)
        await self._news.closed(room, [person.user_id for person in people])
        gone = list[Participant]()
        for person in people:
            if await repeat_contended(partial(self._remove_person, room, person)):
                gone.append(person)
        await repeat_contended(partial(self._remove_rest, room))
        try:
            await self._end_runs(gone)  # what began in that moment
        except LamError as error:
            log.warning("A reply of the room %d may go on, which is gone: %s", room.id, error.message)

    async def _remove_person(self, room: Room, person: Participant) -> bool:
        """Removes a guest, or the session of somebody with an account. Returns False where that no longer belongs to the room."""
        async with self._database.write() as unit:
            await unit.rooms.by_id(room.id, lock=True)  # nobody is removed from it meanwhile
            if person.nickname is None and not await unit.rooms.has_session(room.id, person.session_id):
                return False  # they keep it
            if person.nickname is not None:
                await unit.users.delete(person.user_id)
            else:
                shown = await unit.media.of_session(person.session_id)
                await unit.sessions.delete(person.session_id)
                await unit.media.let_go(shown)
            return True

    async def _remove_rest(self, room: Room) -> None:
        async with self._database.write() as unit:
            await unit.users.delete_guests([room_scope(room.id)])
            await unit.rooms.delete(room.id)

    async def _end_runs(self, people: Iterable[Participant]) -> None:
        """Raises what ending one of them raises, after all of them."""
        failure: LamError | None = None
        for person in people:
            try:
                if person.nickname is None:
                    await self._supervisor.end_key(session_key(person.session_id))
                else:
                    await self._supervisor.end_user(person.user_id)  # hints too
            except LamError as error:
                failure = error
        if failure is not None:
            raise failure

    async def end_over(self, room_id: int, now: datetime) -> Room | None:
        """Closes a room whose time has come, to be removed; also one whose removal was interrupted. Returns None where its date was
        moved meanwhile, or it is gone."""
        async with self._database.write() as unit:
            room = await unit.rooms.by_id(room_id, lock=True)
            if room is None:
                return None
            if room.state != "ending":
                if (at := gone_at(room)) is None or now < at:
                    return None
                await unit.rooms.change(room_id, state="ending")
            return room

    async def warn(self, room_id: int, now: datetime) -> None:
        """Tells the owner that a room ends soon, unless its date was moved meanwhile."""
        async with self._database.write() as unit:
            room = await unit.rooms.by_id(room_id, lock=True)
            if room is None or gone_at(room) is not None or now < room.expires_at - warning_of(room):
                return
            await unit.rooms.change(room.id, warned_at=now)
            view = await self._view(unit, msgspec.structs.replace(room, warned_at=now), room.user_id)
        await self._news.room(view)

    # For participants

    async def look(self, code: str, address: str) -> Look:
        """Returns what a code leads to. Raises NotFound for a wrong one, and TooManyAttempts for too many wrong ones from an
        address: a right one is always answered."""
        room = await self._by_code(code, address)
        return Look(room.id, room.title)

    async def join(self, found: Look, *, user: User | None, nickname: str | None) -> Entry:
        """Lets somebody in, as themselves or as a new guest; whoever is in already finds their session again.

        `user`: who asks, None for somebody unknown. Raises NotFound, Invalid, RoomLocked, RoomFull, RoomOver.
        """
        try:
            entry = await self._enter(found.room_id, user, nickname)
        except Conflict as error:
            if type(error) is not Conflict:
                raise
            entry = await self._enter(found.room_id, user, nickname)  # the same name, or the same person, came in at that moment
        self._news.came(entry.session_id)
        return entry

    async def _enter(self, room_id: int, user: User | None, nickname: str | None) -> Entry:
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            room = await unit.rooms.by_id(room_id, lock=True)
            if room is None:
                raise NotFound(UNKNOWN_CODE)
            if state_of(room, now) == "over":
                raise RoomOver
            if user is not None and (mine := await unit.rooms.session_of(room.id, user.id)) is not None:
                return Entry(room_id=room.id, session_id=mine[0], token=None, expires_at=room.expires_at)
            if room.locked:
                raise RoomLocked
            if (await unit.rooms.number_of_people([room.id])).get(room.id, 0) >= room.most:
                raise RoomFull
            token = None
            if user is None:
                taken = [person.name for person in await unit.rooms.signed_in(room.id)]
                scope, ends = room_scope(room.id), _token_ends(room)
                user, token = await self._guests.enter(unit, scope, nickname or "", ends, taken=taken)
            session_id = await _add_session(unit, room, user.id, now)
            return Entry(room_id=room.id, session_id=session_id, token=token, expires_at=now + LONGEST_COOKIE)

    async def _by_code(self, code: str, address: str) -> Room:
        known = codes.read(code)
        if known is not None:
            async with self._database.read() as unit:
                room = await unit.rooms.by_code(known)
            if room is not None:
                return room
        network = network_of(address)
        async with self._tarpit.around(network):
            await self._wrong_codes.spend(network)
        raise NotFound(UNKNOWN_CODE)

    # Inside

    async def _view(self, unit: UnitOfWork, room: Room, user_id: int, *, people: int | None = None) -> RoomView:
        if people is None:
            people = (await unit.rooms.number_of_people([room.id])).get(room.id, 0)
        owner = await unit.users.by_id(room.user_id)
        mine = await unit.rooms.session_of(room.id, user_id)
        return RoomView(
            room=room,
            role="owner" if room.user_id == user_id else "participant",
            owner_name=owner.name if owner else "",
            state=state_of(room, datetime.now(UTC)),
            participants=people,
            session_id=mine[0] if mine else None,
            ends_at=ends_at(room, mine[1]) if mine else None,
        )

    async def _task(self, owner_id: int, new: NewRoom) -> Task | None:
        """Returns the task of a new room. Raises NotFound, Invalid."""
        if new.task_kind is None:
            return None
        if new.task_kind == "maze":
            title = next((one.title for one in SETS if one.name == new.task_set), None)
            if title is None:
                raise Invalid(f"task: there is no maze set {new.task_set!r}.")
            return Task(kind="maze", set=new.task_set, title=title)
        tasks = await self._lab.get_set(owner_id, new.task_set)
        return Task(kind="lab", set=new.task_set, title=tasks.title, digest=tasks.digest)


async def require_room(unit: UnitOfWork, room_id: int, user_id: int, action: Action, *, lock: bool = False) -> Room:
    """Returns the room. Raises NotFound when it does not exist or the user may not do `action` with it."""
    room = await unit.rooms.find(room_id, user_id, action, lock=lock)
    if room is None:
        raise NotFound("There is no such room.")
    return room


def _require_lasting(room: Room) -> None:
    """Raises NotFound for a room that is being removed."""
    if room.state == "ending":
        raise NotFound("There is no such room.")


async def _add_session(unit: UnitOfWork, room: Room, user_id: int, now: datetime) -> int:
    plain: dict[str, Any] = dict.fromkeys(NAMES)
    session = await unit.sessions.add(
        **plain,
        user_id=user_id,
        session_key=new_key(user_id),
        title=room.title,
        title_pending=False,
        template_id=room.template_id,
        template_version=room.template_version,
        system_prompt=room.system_prompt,
        model=next(iter(room.models), None),
        message_count=0,
        leaf_id=None,
        unread=False,
        pinned=False,
        folder_id=None,
        room_id=room.id,
        created_at=now,
        updated_at=now,
        last_used_at=now,
    )
    return session.id


def _token_ends(room: Room) -> datetime:
    """Returns when a guest's token ends. What was said can be read until the room is gone, which is up to a day after its date."""
    return room.expires_at + timedelta(days=2)


def _require_date(expires_at: datetime, now: datetime) -> None:
    if expires_at <= now:
        raise Invalid("expires_at: must be in the future")
    if expires_at > now + LONGEST_LIFE:
        raise Invalid(f"expires_at: a room lasts up to {LONGEST_LIFE.days} days")
