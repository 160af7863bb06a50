"""The lab's service: sets of tasks, runs over them, and what people ask about both. Another person's rows count as missing.

It stores specs and leaves the work to the feeder. It must not know HTTP.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lam.accounts.spending import Spending
from lam.engines.catalog import NO_DEFAULTS, Catalog
from lam.errors import Conflict, Invalid, NotFound, TooManyLabRuns, TooManyLabSets
from lam.generation.supervisor import Supervisor
from lam.lab import transcripts
from lam.lab.allowance import Allowance
from lam.lab.borrowing import Borrowing, Patience
from lam.lab.cells import CellOrder, Cells
from lam.lab.feeder import Feeder
from lam.lab.imports import imported
from lam.lab.judging import Judging
from lam.lab.news import News, Tell
from lam.lab.results import Results
from lam.lab.sets import BUILT_IN
from lam.lab.specs import (
    Case,
    Equals,
    Forcing,
    FrozenTemplate,
    Judge,
    Mazes,
    Opinion,
    Setting,
    Spec,
    TaskSet,
    Usual,
    checked_set,
    checked_spec,
    read_spec,
)
from lam.lab.tables import Tables
from lam.maze.actions import Logged
from lam.maze.state import RULES
from lam.protocol.chat import LONGEST_TEXT, Turn
from lam.protocol.sampling import SETTINGS, Choices, in_force
from lam.redis.relay import Relay
from lam.settings import Settings
from lam.storage.access import Action
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import CellStatus, LabCell, LabRun, LabSet

log = logging.getLogger(__name__)

SETS_OF_USER: Final = 200
RUNS_OF_USER: Final = 500
LISTED: Final = 100
SIGN_SECONDS: Final = 20.0  # at most, between two signs of life of a cell
REGRESSION: Final = "Regression cases"
WAITING: Final[tuple[CellStatus, ...]] = ("waiting",)
STATUSES: Final[tuple[CellStatus, ...]] = ("waiting", "running", "complete", "failed", "stopped")


class TemplateChoice(Struct, frozen=True, kw_only=True):
    """A stored template, at a version or the newest, or a text of its own."""

    template_id: int | None = None
    version: int | None = None
    title: str = ""
    content: str = ""


class NewRun(Struct, frozen=True, kw_only=True):
    """A run to make. `set_id` or `tasks`: what to try. `settings`: titles and choices."""

    title: str = ""
    set_id: str | None = None
    tasks: TaskSet | None = None
    templates: tuple[TemplateChoice, ...]
    models: tuple[str | None, ...] = (None,)
    settings: tuple[tuple[str, Choices], ...] = (("", Choices()),)
    repeats: int = 1
    forcing: Forcing = "shape"
    steps: int = 200
    attended: bool = False


class Described(Struct, frozen=True, kw_only=True):
    """A run with its spec and counts. `unserved`: models that cells wait for and no server has."""

    run: LabRun
    spec: Spec
    counts: dict[CellStatus, int]
    unserved: tuple[str, ...] = ()


class OpenedCell(Struct, frozen=True, kw_only=True):
    """A cell with what its models were sent and answered. `seed`, `settings`, `actions`: of a maze, for its replay."""

    cell: LabCell
    exchanges: tuple[tuple[transcripts.Exchange, tuple[Turn, ...]], ...]
    rules: int | None = None
    seed: int | None = None
    settings: dict[str, Any] | None = None
    actions: tuple[Logged, ...] = ()


class Lab:
    """An async context manager: it owns the feeder, the news and the child processes."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        catalog: Catalog,
        supervisor: Supervisor,
        spending: Spending,
        tell: Tell,
        patience: Patience | None = None,
        relay: Relay | None = None,
        on_duty: Callable[[], bool] = lambda: True,
    ) -> None:
        """`relay`: to the other gateways. `on_duty()`: whether this gateway starts the cells that wait."""
        self._settings = settings
        self._database = database
        self._catalog = catalog
        self._supervisor = supervisor
        borrowing = Borrowing(catalog.queue, patience or Patience())
        self._judging = Judging()
        self._tables = Tables()
        relay = relay or Relay()
        self._news = News(tell, self._event)
        self._changed = relay.everywhere("lab-changed", self._news.changed)
        self._deleted = relay.everywhere("lab-deleted", self._news.deleted)
        allowance = Allowance(database, spending)
        cells = Cells(catalog, borrowing, self._judging, allowance, sign_seconds=min(SIGN_SECONDS, settings.llm_timeout / 4))
        self._feeder = Feeder(database, supervisor, cells, borrowing, catalog, self._cell_changed, on_duty)
        self._wake = relay.everywhere("lab-waits", self.wake)

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        for part in (self._judging, self._tables, self._news, self._feeder):
            await self._stack.enter_async_context(part)
        self._catalog.queue.after_change.append(self._feeder.place_freed)
        self._supervisor.after_end.append(self._feeder.run_ended)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    def wake(self) -> None:
        """Looks for cells that wait, because there may be new ones or this gateway may have the duty now."""
        self._feeder.wake()

    def take_back(self, order: CellOrder) -> None:
        """A cell that another gateway had begun has an end, or waits."""
        self._cell_changed(order)
        self._wake()

    # Sets

    async def sets(self, user_id: int) -> list[TaskSet]:
        """Returns the built-in sets and the user's own."""
        async with self._database.read() as unit:
            own = await unit.lab.sets_of(user_id)
        return [*BUILT_IN.values(), *map(_set_of, own)]

    async def get_set(self, user_id: int, set_id: str) -> TaskSet:
        if set_id in BUILT_IN:
            return BUILT_IN[set_id]
        async with self._database.read() as unit:
            return _set_of(await _require_set(unit, set_id, user_id, "read"))

    async def add_set(self, user_id: int, tasks: TaskSet) -> TaskSet:
        """Raises Invalid, TooManyLabSets."""
        await self._judging.require_usable(checked_set(tasks).cases or ())
        async with self._database.write() as unit:
            return await self._add_set(unit, user_id, tasks)

    async def import_set(self, user_id: int, filename: str, text: str) -> TaskSet:
        """Makes a set from a file. Raises Invalid, TooManyLabSets."""
        return await self.add_set(user_id, imported(filename, text))

    async def change_set(self, user_id: int, set_id: str, tasks: TaskSet) -> TaskSet:
        """Replaces a set. Runs over it keep what they have."""
        _require_own(set_id)
        await self._judging.require_usable(checked_set(tasks).cases or ())
        async with self._database.write() as unit:
            stored = await _require_set(unit, set_id, user_id, "change", lock=True)
            await unit.lab.change_set(stored.id, **_columns(tasks), updated_at=datetime.now(UTC))
        return replace(tasks, id=set_id)

    async def delete_set(self, user_id: int, set_id: str) -> None:
        _require_own(set_id)
        async with self._database.write() as unit:
            stored = await _require_set(unit, set_id, user_id, "delete", lock=True)
            await unit.lab.delete_set(stored.id)

    async def _add_set(self, unit: UnitOfWork, user_id: int, tasks: TaskSet) -> TaskSet:
        if await unit.lab.count_sets(user_id) >= SETS_OF_USER:
            raise TooManyLabSets
        now = datetime.now(UTC)
        return _set_of(await unit.lab.add_set(user_id=user_id, **_columns(tasks), created_at=now, updated_at=now))

    # Runs

    async def create(self, user_id: int, new: NewRun) -> Described:
        """Stores a run and starts it. Raises NotFound, Invalid, UnknownModel, TooManyLabRuns; for a run that somebody waits for
        also TooManyStreams, QueueFull and ShuttingDown."""
        spec = await self._spec(user_id, new)
        title = " ".join(new.title.split())[:200] or f"{spec.tasks.title}: {', '.join(one.title for one in spec.templates)}"[:200]
        values: dict[str, Any] = {
            "user_id": user_id,
            "title": title,
            "status": "running",
            "spec": msgspec.json.encode(spec).decode(),
            "created_at": datetime.now(UTC),
            "ended_at": None,
        }
        async with self._database.read() as unit:
            if await unit.lab.count_runs(user_id) >= RUNS_OF_USER:
                raise TooManyLabRuns
        if spec.attended:
            run = await self._feeder.begin_attended(user_id, spec, values)
        else:
            cells = await asyncio.to_thread(lambda: list(spec.cells()))
            async with self._database.write() as unit:
                run = await unit.lab.add_run(cells, **values)
            self._wake()
        self._changed(user_id, run.id, ())
        return await self.get(user_id, run.id)

    async def _spec(self, user_id: int, new: NewRun) -> Spec:
        """Returns the spec with everything that a repetition needs."""
        for model in new.models:
            if model is not None:
                await self._catalog.require_model(model, user_id)
        if new.set_id is not None:
            tasks = await self.get_set(user_id, new.set_id)
        elif new.tasks is not None:
            tasks = checked_set(new.tasks)
            await self._judging.require_usable(tasks.cases or ())
        else:
            raise Invalid("set_id: say which set to try, or give one as `set`.")
        for case in tasks.cases or ():
            if isinstance(case.judge, Opinion) and case.judge.model is not None:
                await self._catalog.require_model(case.judge.model, user_id)
        async with self._database.read() as unit:
            templates = [await _frozen(unit, user_id, choice) for choice in new.templates]
        models = tuple([self._named(await self._catalog.chosen(model, user_id)) for model in new.models])
        if len(set(models)) < len(models):
            raise Invalid("models: the same model is there twice.")
        settings = tuple(
            Setting(title=title or _title_of(choices), chosen=choices, sampling=in_force(self._settings, choices))
            for title, choices in new.settings
        )
        defaults = [self._catalog.defaults(model) for model in models]
        usual = tuple(
            Usual(
                samplings=tuple(in_force(self._settings, setting.chosen, one) for setting in settings),
                system_prompt=one.system_prompt,
            )
            for one in defaults
        )
        return checked_spec(
            Spec(
                usual=usual if any(one != NO_DEFAULTS for one in defaults) else (),
                tasks=tasks,
                templates=tuple(templates),
                models=models,
                settings=settings,
                repeats=new.repeats,
                forcing=new.forcing,
                steps=new.steps,
                rules=RULES if tasks.maze is not None else None,
                attended=new.attended,
            )
        )

    def _named(self, model: str | None) -> str | None:
        """Returns the model's name, also of the default one where its server says it."""
        return model or next((offer.name for offer in self._catalog.resolve(None)), None)

    async def runs(self, user_id: int) -> list[Described]:
        """Returns the newest runs, newest first."""
        async with self._database.read() as unit:
            runs = [run for run in await unit.lab.runs_of(user_id, LISTED) if _is_readable(run)]
            counts = await unit.lab.counts([run.id for run in runs])
        return [Described(run=run, spec=_spec_of(run), counts=_all(counts[run.id])) for run in runs]

    async def get(self, user_id: int, run_id: int) -> Described:
        async with self._database.read() as unit:
            run = await _require_run(unit, run_id, user_id, "read")
            counts = (await unit.lab.counts([run_id]))[run_id]
            spec = _spec_of(run)
            unserved = await self._unserved(unit, run, spec)
        return Described(run=run, spec=spec, counts=_all(counts), unserved=unserved)

    async def cells(self, user_id: int, run_id: int) -> list[LabCell]:
        async with self._database.read() as unit:
            await _require_run(unit, run_id, user_id, "read")
            return await unit.lab.cells(run_id)

    async def cell(self, user_id: int, run_id: int, number: int) -> OpenedCell:
        async with self._database.read() as unit:
            run = await _require_run(unit, run_id, user_id, "read")
            cell = await _require_cell(unit, run_id, number)
            transcript = transcripts.decoded(await unit.lab.transcript(cell.id))
        spec = _spec_of(run)
        sent = await asyncio.to_thread(transcripts.sent, spec, cell, transcript)
        opened = OpenedCell(cell=cell, exchanges=tuple(zip(transcript, sent, strict=True)))
        if spec.tasks.maze is None:
            return opened
        settings = msgspec.to_builtins(transcripts.settings_of(spec.tasks.maze))
        actions = tuple(one.action for one in transcript if one.action is not None)
        return replace(opened, rules=spec.rules, seed=spec.tasks.maze.seeds[cell.task], settings=settings, actions=actions)

    async def results(self, user_id: int, run_id: int) -> Results:
        """Returns the table of the cells that have ended. Raises Invalid when it takes too long."""
        async with self._database.read() as unit:
            run = await _require_run(unit, run_id, user_id, "read")
            cells = await unit.lab.cells(run_id)
        return await self._tables.results(run_id, _spec_of(run), cells)

    async def stop(self, user_id: int, run_id: int) -> Described:
        """Stops all cells that wait or run. What is complete stays."""
        await self._halt(user_id, run_id, "stop")
        self._changed(user_id, run_id, [cell.number for cell in await self.cells(user_id, run_id)])
        return await self.get(user_id, run_id)

    async def _halt(self, user_id: int, run_id: int, action: Action) -> None:
        """Ends a run: no cell of it starts any more, and none runs."""
        async with self._feeder.starting, self._database.write() as unit:
            run = await _require_run(unit, run_id, user_id, action, lock=True)
            if run.status == "running":
                await unit.lab.change_run(run_id, status="stopped", ended_at=datetime.now(UTC))
            await unit.lab.move_cells(run_id, WAITING, "stopped")
            cells = await unit.lab.cells(run_id)
        running = [cell.stream_id for cell in cells if cell.status == "running" and cell.stream_id is not None]
        await asyncio.gather(*map(self._supervisor.end_run, running))

    async def resume(self, user_id: int, run_id: int) -> Described:
        """Lets the stopped and the failed cells wait again. Complete ones stay as they are."""
        async with self._database.write() as unit:
            run = await _require_run(unit, run_id, user_id, "stop", lock=True)
            numbers = [cell.number for cell in await unit.lab.cells(run_id) if cell.status in ("stopped", "failed")]
            await unit.lab.move_cells(run_id, ("stopped", "failed"), "waiting")
            if run.status != "running" and (numbers or await unit.lab.is_open(run_id)):
                await unit.lab.change_run(run_id, status="running", ended_at=None)
        self._wake()
        self._changed(user_id, run_id, numbers)
        return await self.get(user_id, run_id)

    async def stop_cell(self, user_id: int, run_id: int, number: int) -> LabCell:
        """Stops one cell, in any stage; an ended one stays as it is."""
        ended: str | None = None
        while True:  # an attempt that was about to make way, or has failed, leaves the cell waiting
            async with self._feeder.starting, self._database.write() as unit:
                run = await _require_run(unit, run_id, user_id, "stop", lock=True)
                cell = await _require_cell(unit, run_id, number)
                await unit.lab.move_cells(run_id, WAITING, "stopped", number)
                if run.status == "running" and not await unit.lab.is_open(run_id):
                    await unit.lab.change_run(run_id, status="done", ended_at=datetime.now(UTC))
            if cell.status != "running" or cell.stream_id in (None, ended):
                break
            ended = cell.stream_id
            await self._supervisor.end_run(ended)
        self._changed(user_id, run_id, [number])
        async with self._database.read() as unit:
            return await _require_cell(unit, run_id, number)

    async def delete(self, user_id: int, run_id: int) -> None:
        """Removes a run with its cells. Stops what runs first."""
        is_gone = False
        while not is_gone:
            await self._halt(user_id, run_id, "delete")
            async with self._database.write() as unit:
                run = await _require_run(unit, run_id, user_id, "delete", lock=True)
                if is_gone := run.status != "running":  # otherwise it was resumed meanwhile
                    await unit.lab.delete_run(run_id)
        self._feeder.forget(run_id)
        self._deleted(user_id, run_id)

    async def regression_case(
        self, user_id: int, run_id: int, number: int, *, set_id: str | None, name: str, judge: Judge | None
    ) -> TaskSet:
        """Puts a cell's task into an own set, by default the one for such cases, and returns the set. Raises Invalid."""
        opened = await self.cell(user_id, run_id, number)
        spec = (await self.get(user_id, run_id)).spec
        task, label = opened.cell.task, name or spec.tasks.names()[opened.cell.task]
        if set_id is not None:
            _require_own(set_id)
        if spec.tasks.maze is not None:
            addition = replace(spec.tasks.maze, seeds=(spec.tasks.maze.seeds[task],))
            added: TaskSet = TaskSet(title=f"{REGRESSION}: mazes of size {addition.size}", maze=addition)
        else:
            case = _regression((spec.tasks.cases or ())[task], label, judge, opened)
            await self._judging.require_usable([case])
            added = TaskSet(title=REGRESSION, cases=(case,))
        async with self._database.write() as unit:
            if set_id is not None:
                stored = await _require_set(unit, set_id, user_id, "change", lock=True)
            else:
                own = [one for one in await unit.lab.sets_of(user_id) if one.title == added.title and one.kind == added.kind]
                fitting = [one for one in own if _fits(_set_of(one), added)]
                if not fitting:
                    return await self._add_set(unit, user_id, checked_set(added))
                stored = await _require_set(unit, str(fitting[0].id), user_id, "change", lock=True)
            merged = checked_set(_merged(_set_of(stored), added))
            await unit.lab.change_set(stored.id, **_columns(merged), updated_at=datetime.now(UTC))
        return merged

    # News

    def _cell_changed(self, order: CellOrder) -> None:
        self._changed(order.user_id, order.lab_run_id, [order.number])

    async def _event(self, run_id: int, user_id: int, numbers: Collection[int]) -> dict[str, Any] | None:
        async with self._database.read() as unit:
            run = await unit.lab.find_run(run_id, user_id, "read")
            if run is None:
                return None
            counts = (await unit.lab.counts([run_id]))[run_id]
            cells = await unit.lab.cells(run_id, numbers) if numbers else []
            unserved = await self._unserved(unit, run, _spec_of(run))
        return {
            "type": "lab",
            "run": run_id,
            "status": run.status,
            "counts": _all(counts),
            "unserved": list(unserved),
            "cells": [cell_json(cell) for cell in cells],
        }

    async def _unserved(self, unit: UnitOfWork, run: LabRun, spec: Spec) -> tuple[str, ...]:
        waiting = {one.model for one in await unit.lab.waiting() if one.lab_run_id == run.id} if run.status == "running" else set()
        return tuple(
            spec.models[model] or "the default model" for model in sorted(waiting) if not self._is_served(spec.models[model])
        )

    def _is_served(self, model: str | None) -> bool:
        return not self._feeder.rests(model) and any(
            route.pool.places > 0 or route.pool.slots > 0 for route in self._catalog.routes(model)
        )


def cell_json(cell: LabCell) -> dict[str, Any]:
    """Returns a cell as answers and events have it."""
    fields = msgspec.structs.asdict(cell)
    return {name: value for name, value in fields.items() if name not in ("lab_run_id", "failures")}


def _all(counts: Mapping[CellStatus, int]) -> dict[CellStatus, int]:
    return {status: counts.get(status, 0) for status in STATUSES}


def _title_of(choices: Choices) -> str:
    chosen = [(one.label, value) for one in SETTINGS if (value := getattr(choices, one.name)) is not None]
    parts = [label if isinstance(value, Struct) else f"{label} {value}" for label, value in chosen]
    return ", ".join(parts)[:200] or "Default settings"


def _spec_of(run: LabRun) -> Spec:
    spec = read_spec(run.spec)
    if spec is None:
        raise Conflict("This run was made by another release of LAM Studio, which alone can read it.")
    return spec


def _is_readable(run: LabRun) -> bool:
    try:
        _spec_of(run)
    except Conflict:
        log.warning("The run %d of the lab was made by another release", run.id)
        return False
    return True


class _Content(Struct, frozen=True, omit_defaults=True):
    """What a set's column holds."""

    maze: Mazes | None = None
    cases: tuple[Case, ...] | None = None


def _columns(tasks: TaskSet) -> dict[str, Any]:
    content = msgspec.json.encode(_Content(tasks.maze, tasks.cases)).decode()
    return {"title": tasks.title, "kind": tasks.kind, "content": content}


def _set_of(stored: LabSet) -> TaskSet:
    content = msgspec.json.decode(stored.content, type=_Content)
    return TaskSet(id=str(stored.id), title=stored.title, maze=content.maze, cases=content.cases)


def _regression(case: Case, name: str, judge: Judge | None, opened: OpenedCell) -> Case:
    """Returns the case with another judge, or its own; without either, the answer has to stay the same."""
    answer = next((one.answer.strip() for one, _ in opened.exchanges if one.purpose == "answer"), "")
    same = Equals(value=answer) if answer and len(answer) <= LONGEST_TEXT else None
    return replace(case, name=name[:200], judge=judge or case.judge or same)


def _fits(tasks: TaskSet, added: TaskSet) -> bool:
    """Returns whether the addition can become a part of the set."""
    if tasks.maze is None or added.maze is None:
        return tasks.kind == added.kind
    return replace(tasks.maze, seeds=added.maze.seeds) == added.maze


def _merged(tasks: TaskSet, added: TaskSet) -> TaskSet:
    if not _fits(tasks, added):
        raise Invalid(f"set_id: {tasks.title!r} holds other tasks than this cell's; choose another set.")
    if tasks.maze is not None and added.maze is not None:
        seeds = dict.fromkeys((*tasks.maze.seeds, *added.maze.seeds))
        return replace(tasks, maze=replace(tasks.maze, seeds=tuple(seeds)))
    return replace(tasks, cases=(*(tasks.cases or ()), *(added.cases or ())))


async def _frozen(unit: UnitOfWork, user_id: int, choice: TemplateChoice) -> FrozenTemplate:
    """Returns the text of a template as it is now."""
    if choice.template_id is None:
        if not choice.content.strip():
            raise Invalid("templates: each is a `template_id`, or a `title` and a `content`.")
        return FrozenTemplate(title=choice.title.strip()[:200] or "Untitled", content=choice.content)
    template = await unit.templates.find(choice.template_id, user_id, "read") or await unit.templates.public(choice.template_id)
    if template is None:
        raise NotFound(f"There is no template {choice.template_id}.")
    content, version = template.content, template.version
    if choice.version is not None and choice.version != version:
        earlier = await unit.templates.version(template.id, choice.version) if template.user_id == user_id else None
        if earlier is None:
            raise NotFound(f"The template {template.title!r} has no version {choice.version}.")
        content, version = earlier.content, earlier.version
    return FrozenTemplate(title=template.title, content=content, template_id=template.id, version=version)


def _require_own(set_id: str) -> None:
    if set_id in BUILT_IN:
        raise Conflict("This set came with LAM Studio and cannot be changed; make a copy of it.")


async def _require_set(unit: UnitOfWork, set_id: str, user_id: int, action: Action, *, lock: bool = False) -> LabSet:
    number = int(set_id) if set_id.isascii() and set_id.isdigit() and len(set_id) < 10 else 0
    found = await unit.lab.find_set(number, user_id, action, lock=lock) if number else None
    if found is None:
        raise NotFound("There is no such set of tasks.")
    return found


async def _require_run(unit: UnitOfWork, run_id: int, user_id: int, action: Action, *, lock: bool = False) -> LabRun:
    found = await unit.lab.find_run(run_id, user_id, action, lock=lock)
    if found is None:
        raise NotFound("There is no such run of the lab.")
    return found


async def _require_cell(unit: UnitOfWork, run_id: int, number: int) -> LabCell:
    cell = await unit.lab.cell(run_id, number)
    if cell is None:
        raise NotFound(f"The run has no cell {number}.")
    return cell
