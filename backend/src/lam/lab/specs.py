"""What a run of the lab is made of: judges, sets of tasks, and the spec, with everything that is needed to repeat it. Pure.

It knows no database, no catalog and no clock. A value that cannot work raises Invalid with a sentence that names it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from lam.errors import Invalid
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.sampling import LONGEST_SCHEMA, Choices, Sampling
from lam.protocol.variables import filled_length, variables

MOST_TEMPLATES: Final = 8
MOST_MODELS: Final = 8
MOST_SETTINGS: Final = 8
MOST_REPEATS: Final = 20
MOST_CELLS: Final = 2000
MOST_ATTENDED: Final = 4
MOST_CASES: Final = 1000
MOST_SEEDS: Final = 1000
MOST_STEPS: Final = 1000
SET_BYTES: Final = 2 << 20  # of a set as JSON
LARGEST_SEED: Final = 2**32 - 1

Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
Filled = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
Title = Annotated[str, Meta(max_length=200)]
Forcing = Literal["legal", "shape", "none"]


class Contains(Struct, frozen=True, kw_only=True, tag_field="type", tag="contains"):
    value: Filled
    ignore_case: bool = False


class Equals(Struct, frozen=True, kw_only=True, tag_field="type", tag="equals"):
    """White space around the value and the answer does not count."""

    value: Text
    ignore_case: bool = False


class Matches(Struct, frozen=True, kw_only=True, tag_field="type", tag="matches"):
    """A regular expression, found anywhere in the answer; without lookaround and back references, so that none is slow."""

    pattern: Annotated[str, Meta(min_length=1, max_length=2000)]


class FitsSchema(Struct, frozen=True, kw_only=True, tag_field="type", tag="json_schema"):
    """The whole answer is JSON that fits the schema, which refers to nothing outside of itself.

    Raises ValueError for a schema that is too long, or that JSON cannot hold.
    """

    schema: dict[str, Any] | bool

    def __post_init__(self) -> None:
        try:
            text = msgspec.json.encode(self.schema)
            msgspec.json.decode(text)  # as it will be read
        except (ValueError, OverflowError, RecursionError) as error:
            raise ValueError("the schema cannot be written as JSON") from error
        if len(text) > LONGEST_SCHEMA:
            raise ValueError(f"the schema is longer than {LONGEST_SCHEMA} bytes")


class Length(Struct, frozen=True, kw_only=True, tag_field="type", tag="length"):
    min: Annotated[int, Meta(ge=0)] | None = None
    max: Annotated[int, Meta(ge=0)] | None = None
    unit: Literal["characters", "words"] = "characters"


class Opinion(Struct, frozen=True, kw_only=True, tag_field="type", tag="model"):
    """A model says whether the answer meets the rubric. `model`: None means the model that answered."""

    rubric: Annotated[str, Meta(min_length=1, max_length=20_000)]
    model: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


Judge = Contains | Equals | Matches | FitsSchema | Length | Opinion


class Case(Struct, frozen=True, kw_only=True):
    """A task: `variables` fill the template, which becomes the system prompt; `input` is the user's turn."""

    name: Title = ""
    variables: dict[Annotated[str, Meta(max_length=64)], Text] = {}
    input: Text = ""
    judge: Judge | None = None


class Mazes(Struct, frozen=True, kw_only=True):
    """Mazes of the same settings, one per seed."""

    size: Annotated[int, Meta(ge=5, le=33)]
    loops: Annotated[int, Meta(ge=0, le=100)] = 0
    germs: Annotated[int, Meta(ge=0, le=12)] = 0
    fog: bool = False
    seeds: Annotated[tuple[Annotated[int, Meta(ge=0, le=LARGEST_SEED)], ...], Meta(min_length=1, max_length=MOST_SEEDS)]


class TaskSet(Struct, frozen=True, kw_only=True):
    """A set of tasks, mazes or cases. `id`: a word for a built-in set, a number for an own one, None inside of a spec."""

    id: str | None = None
    title: Title
    maze: Mazes | None = None
    cases: Annotated[tuple[Case, ...], Meta(max_length=MOST_CASES)] | None = None

    @property
    def kind(self) -> Literal["maze", "cases"]:
        return "cases" if self.maze is None else "maze"

    @property
    def digest(self) -> str:
        """SHA-256 of the tasks alone, without the names of the set: of the same tasks the same."""
        return hashlib.sha256(msgspec.json.encode((self.maze, self.cases), order="deterministic")).hexdigest()

    @property
    def size(self) -> int:
        return len(self.maze.seeds) if self.maze is not None else len(self.cases or ())

    def names(self) -> list[str]:
        """Returns the name of each task."""
        if self.maze is not None:
            return [f"Maze {number}" for number in range(1, self.size + 1)]
        return [case.name or f"Case {number}" for number, case in enumerate(self.cases or (), 1)]


class FrozenTemplate(Struct, frozen=True, kw_only=True):
    """A template's text as it was. `template_id`, `version`: where it came from, None for a text of its own."""

    title: Title
    content: Filled
    template_id: int | None = None
    version: int | None = None


class Setting(Struct, frozen=True, kw_only=True):
    """Settings of sampling. `chosen`: by the person; `sampling`: all that is in force, with a model of which the
    configuration says nothing."""

    title: Title
    chosen: Choices
    sampling: Sampling


class Usual(Struct, frozen=True, kw_only=True):
    """What the configuration says of a model. `samplings`: all that is in force with it, by setting. `system_prompt`: for requests
    that have none."""

    samplings: tuple[Sampling, ...]
    system_prompt: str | None = None


class Spec(Struct, frozen=True, kw_only=True):
    """All that a run of the lab does. `models`: None means the server's default. `usual`: by model; empty where the configuration
    says nothing of any. `forcing`, `steps`, `rules`: for mazes; how answers are forced, the most hints in a game, and the version
    of the rules."""

    tasks: TaskSet
    templates: tuple[FrozenTemplate, ...]
    models: tuple[str | None, ...]
    settings: tuple[Setting, ...]
    repeats: int = 1
    forcing: Forcing = "shape"
    steps: int = 200
    rules: int | None = None
    attended: bool = False
    usual: tuple[Usual, ...] = ()

    def sampling(self, model: int, setting: int) -> Sampling:
        """Returns all that is in force for a model with a setting."""
        return self.usual[model].samplings[setting] if self.usual else self.settings[setting].sampling

    def system_prompt(self, model: int) -> str | None:
        """Returns the system prompt of requests to a model that have none."""
        return self.usual[model].system_prompt if self.usual else None

    @property
    def size(self) -> int:
        """How many cells there are."""
        return self.tasks.size * self.repeats * len(self.templates) * len(self.models) * len(self.settings)

    def cells(self) -> Iterator[dict[str, int]]:
        """Yields each cell's number and indices, so that what is compared with each other runs side by side."""
        number = 0
        for task in range(self.tasks.size):
            for repeat in range(self.repeats):
                for template in range(len(self.templates)):
                    for model in range(len(self.models)):
                        for setting in range(len(self.settings)):
                            yield {
                                "number": number,
                                "template": template,
                                "model": model,
                                "setting": setting,
                                "task": task,
                                "repeat": repeat,
                            }
                            number += 1


def read_spec(text: str) -> Spec | None:
    """Returns a stored spec, None where another release wrote it, which alone can read it."""
    try:
        return msgspec.json.decode(text, type=Spec)
    except msgspec.DecodeError:
        return None


def checked_set(tasks: TaskSet) -> TaskSet:
    """Returns the set unchanged. Raises Invalid when it cannot work."""
    if not tasks.title.strip():
        raise Invalid("title: a set needs a title.")
    if (tasks.maze is None) == (tasks.cases is None):
        raise Invalid("A set has either `maze` or `cases`.")
    if tasks.maze is not None:
        if tasks.maze.size % 2 == 0:
            raise Invalid(f"maze.size: {tasks.maze.size} is even; sizes are odd, from 5 to 33.")
        if len(set(tasks.maze.seeds)) < len(tasks.maze.seeds):
            raise Invalid("maze.seeds: the same seed is there twice; it would be the same maze.")
        if len(tasks.maze.seeds) > MOST_SEEDS:
            raise Invalid(f"maze.seeds: a set has up to {MOST_SEEDS} mazes; begin another one.")
    elif not tasks.cases:
        raise Invalid("cases: a set needs at least one case.")
    if len(tasks.cases or ()) > MOST_CASES:
        raise Invalid(f"cases: a set has up to {MOST_CASES} cases; begin another one.")
    for number, case in enumerate(tasks.cases or (), 1):
        if isinstance(case.judge, Length):
            _require_possible(case.judge, number)
    if len(msgspec.json.encode(tasks)) > SET_BYTES:
        raise Invalid(f"The set is larger than {SET_BYTES >> 20} MiB.")
    return tasks


def _require_possible(length: Length, number: int) -> None:
    if length.min is None and length.max is None:
        raise Invalid(f"Case {number}: the judge `length` needs `min` or `max`.")
    if length.min is not None and length.max is not None and length.min > length.max:
        raise Invalid(f"Case {number}: no length is at least {length.min} and at most {length.max}.")


def checked_spec(spec: Spec) -> Spec:
    """Returns the spec unchanged. Raises Invalid when it has too many cells, or a case lacks a template's variable."""
    size, most = spec.size, MOST_ATTENDED if spec.attended else MOST_CELLS
    if size > most:
        one = "A run that somebody waits for" if spec.attended else "A run"
        raise Invalid(f"{one} has at most {most} cells; this one would have {size}.")
    for template in spec.templates:
        needed = [variable.name for variable in variables(template.content) if variable.default is None]
        if needed and spec.tasks.maze is not None:
            raise Invalid(
                f"The template {template.title!r} needs a value for {', '.join(needed[:5])}; in mazes only defaults count."
            )
        for number, case in enumerate(spec.tasks.cases or (), 1):
            _require_fitting(template, case, case.name or f"Case {number}", needed)
    return spec


def _require_fitting(template: FrozenTemplate, case: Case, name: str, needed: list[str]) -> None:
    missing = [variable for variable in needed if variable not in case.variables]
    if missing:
        raise Invalid(f"{name} has no value for {', '.join(missing[:5])}, which the template {template.title!r} needs.")
    length = filled_length(template.content, case.variables)
    if length > LONGEST_TEXT:
        raise Invalid(
            f"{name}: with its values, the template {template.title!r} would have {length} characters; {LONGEST_TEXT} are the most."
        )


def converted_judge(value: Mapping[str, Any]) -> Judge:
    """Returns a judge made from plain values. Raises Invalid."""
    try:
        judge: Judge = msgspec.convert(value, Judge)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Invalid(f"judge: {error}.") from error
    return judge


def converted(value: Mapping[str, Any]) -> TaskSet:
    """Returns a set made from plain values. Raises Invalid."""
    try:
        return checked_set(msgspec.convert(value, TaskSet))
    except (msgspec.ValidationError, RecursionError) as error:
        raise Invalid(f"{error}.") from error
