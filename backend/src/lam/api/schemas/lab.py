"""JSON of the lab."""

from typing import Annotated, Any, Literal

import msgspec
from pydantic import ConfigDict, Field

from lam.api.schemas.base import FilledText, Id, Schema, Strict, Text, Time
from lam.api.schemas.sampling import SamplingFields, SamplingValues
from lam.lab.lab import Described, NewRun, OpenedCell, TemplateChoice, cell_json
from lam.lab.specs import (
    LARGEST_SEED,
    MOST_CASES,
    MOST_MODELS,
    MOST_REPEATS,
    MOST_SEEDS,
    MOST_SETTINGS,
    MOST_STEPS,
    MOST_TEMPLATES,
    Judge,
    TaskSet,
    converted,
    converted_judge,
)
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.sampling import NAMES, Choices
from lam.storage.models import LabCell

# Judges


class ContainsJudge(Strict):
    type: Literal["contains"]
    value: Text = Field(min_length=1, max_length=LONGEST_TEXT)
    ignore_case: bool = False


class EqualsJudge(Strict):
    """White space around value and answer does not count."""

    type: Literal["equals"]
    value: Text = Field(max_length=LONGEST_TEXT)
    ignore_case: bool = False


class MatchesJudge(Strict):
    type: Literal["matches"]
    pattern: Text = Field(
        min_length=1, max_length=2000, description="Found anywhere in the answer; without lookaround and back references."
    )


class SchemaJudge(Strict):
    model_config = ConfigDict(populate_by_name=True)

    type: Literal["json_schema"]
    schema_: dict[str, Any] | bool = Field(alias="schema", description="The whole answer is JSON that fits; no remote references.")


class LengthJudge(Strict):
    type: Literal["length"]
    min: int | None = Field(None, ge=0)
    max: int | None = Field(None, ge=0)
    unit: Literal["characters", "words"] = "characters"


class ModelJudge(Strict):
    """A model says whether the answer meets the rubric: an opinion."""

    type: Literal["model"]
    rubric: Text = Field(min_length=1, max_length=20_000)
    model: Text | None = Field(None, min_length=1, max_length=255, description="Null: the model that answered.")


JudgeBody = Annotated[
    ContainsJudge | EqualsJudge | MatchesJudge | SchemaJudge | LengthJudge | ModelJudge, Field(discriminator="type")
]


# Sets


class LabCase(Strict):
    name: Text = Field("", max_length=200)
    variables: dict[Annotated[Text, Field(max_length=64)], Annotated[Text, Field(max_length=LONGEST_TEXT)]] = Field(
        {}, description="Fill the template, which becomes the system prompt."
    )
    input: Text = Field("", max_length=LONGEST_TEXT, description="The user's turn. Empty: the filled template is the user's turn.")
    judge: JudgeBody | None = None


class LabMazes(Strict):
    size: int = Field(ge=5, le=33, description="Odd.")
    loops: int = Field(0, ge=0, le=100)
    germs: int = Field(0, ge=0, le=12)
    fog: bool = False
    seeds: list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]] = Field(min_length=1, max_length=MOST_SEEDS)


class LabSetBody(Strict):
    """A set of tasks: either `maze` or `cases`."""

    title: FilledText = Field(max_length=200, examples=["Short facts"])
    maze: LabMazes | None = None
    cases: list[LabCase] | None = Field(None, max_length=MOST_CASES)


class LabSetAnswer(Schema):
    id: str | None = Field(description="A word for a built-in set, a number for an own one; null for one given with its run.")
    title: str
    kind: Literal["maze", "cases"]
    builtin: bool
    maze: LabMazes | None
    cases: list[LabCase] | None


class LabSetFile(Schema):
    filename: Text = Field(max_length=300, examples=["cases.csv"])
    text: str = Field(max_length=3 << 20)


class LabTask(Schema):
    set_id: str
    number: int = Field(description="From 0, as in a cell's `task`.")
    kind: Literal["maze", "cases"]
    name: str


# Runs


class LabTemplateBody(Strict):
    """A stored template, own or public, or a text of its own."""

    template_id: Id | None = None
    version: Id | None = Field(None, description="Null: the newest.")
    title: Text = Field("", max_length=200)
    content: Text = Field("", max_length=LONGEST_TEXT)


class LabSettingBody(SamplingFields, Strict):
    title: Text = Field("", max_length=200)


class NewLabRun(Strict):
    """Every template with every model, every setting and every task, as often as `repeats` says: at most 2 000 cells."""

    title: Text = Field("", max_length=200)
    set_id: Text | None = Field(None, max_length=64)
    set: LabSetBody | None = Field(None, description="A set for this run alone, instead of `set_id`.")
    templates: list[LabTemplateBody] = Field(min_length=1, max_length=MOST_TEMPLATES)
    models: list[Annotated[Text, Field(min_length=1, max_length=255)] | None] = Field(
        [None], min_length=1, max_length=MOST_MODELS, description="Null: the default model."
    )
    settings: list[LabSettingBody] = Field([LabSettingBody()], min_length=1, max_length=MOST_SETTINGS)
    repeats: int = Field(1, ge=1, le=MOST_REPEATS)
    forcing: Literal["legal", "shape", "none"] = Field("shape", description="For mazes: what the schema of an answer allows.")
    steps: int = Field(200, ge=1, le=MOST_STEPS, description="For mazes: the most hints in a game.")
    attended: bool = Field(
        False, description="Somebody waits for it: at most 4 cells, which start at once, like replies, and count like those."
    )


class LabTemplateAnswer(Schema):
    """A template's text as it was when the run was made."""

    title: str
    content: str
    template_id: int | None
    version: int | None


class LabSettingAnswer(Schema):
    title: str
    chosen: SamplingValues = Field(description="What was chosen; null: not chosen.")
    sampling: SamplingValues = Field(description="What is in force.")


class LabSpec(Schema):
    """All that is needed to repeat the run."""

    set: LabSetAnswer
    templates: list[LabTemplateAnswer]
    models: list[str | None]
    settings: list[LabSettingAnswer]
    repeats: int
    forcing: Literal["legal", "shape", "none"]
    steps: int
    rules: int | None = Field(description="The version of the maze's rules; null for cases.")
    attended: bool


CellStatus = Literal["waiting", "running", "complete", "failed", "stopped"]


class LabCounts(Schema):
    waiting: int
    running: int
    complete: int
    failed: int
    stopped: int


class LabCellAnswer(Schema):
    """One trial. `template`, `model`, `setting`, `task`: indices into the spec."""

    id: int
    number: int
    template: int
    model: int
    setting: int
    task: int
    repeat: int
    status: CellStatus
    attempts: int
    given_up: int = Field(description="Attempts that made way for somebody.")
    stream_id: str | None = Field(description="The stream of the newest attempt.")
    passed: bool | None = Field(description="Solved, or judged; null: no verdict.")
    result: dict[str, Any] | None = Field(
        description="Mazes: solved, end, steps, shortest, illegal, repaired, hints, score. Cases: passed, reason, opinion. Both: "
        "prompt_tokens, completion_tokens, first_token_ms, total_ms. Failed: code, message."
    )


class LabRunAnswer(Schema):
    id: int
    title: str
    status: Literal["running", "stopped", "done"]
    created_at: Time
    ended_at: Time | None
    spec: LabSpec
    counts: LabCounts
    unserved: list[str] = Field(description="Models that cells wait for and that no server has at the moment.")
    cells: list[LabCellAnswer]


class ListedLabRun(Schema):
    """A run without its cells and texts."""

    id: int
    title: str
    status: Literal["running", "stopped", "done"]
    created_at: Time
    ended_at: Time | None
    set_title: str
    kind: Literal["maze", "cases"]
    templates: list[str]
    models: list[str | None]
    settings: list[str]
    repeats: int
    attended: bool
    counts: LabCounts


class LabTurn(Schema):
    role: Literal["system", "user", "assistant"]
    content: str


class LabUsage(Schema):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int | None


class LabExchange(Schema):
    """A request to a model and its answer. `action`, `legal`, `reading`, `say`: of a hint in a maze."""

    purpose: Literal["answer", "hint", "judge"]
    sent: list[LabTurn] = Field(description="What the model was sent; empty where it is not known any more.")
    answer: str
    thinking: str
    model: str | None
    finish_reason: str | None
    usage: LabUsage | None
    first_token_ms: int | None
    total_ms: int | None
    action: dict[str, Any] | None
    legal: bool | None
    reading: Literal["exact", "repaired", "illegal"] | None
    say: str


class OpenedLabCell(LabCellAnswer):
    """A cell with its transcript; for a maze also what its replay needs."""

    transcript: list[LabExchange]
    rules: int | None
    seed: int | None
    settings: dict[str, Any] | None
    actions: list[dict[str, Any]]


class LabRow(Schema):
    """A template with a model and a setting; null where there is no figure."""

    template: int
    model: int
    setting: int
    n: int = Field(description="Complete cells.")
    failed: int
    passed_share: float | None = Field(description="Of the complete cells with a verdict, from 0 to 1.")
    opinions: int = Field(description="How many verdicts are a model's.")
    steps_ratio: float | None = Field(description="Steps divided by the shortest way, the mean of solved mazes.")
    illegal_per_game: float | None
    repaired: int | None
    score: float | None
    tokens: float | None = Field(description="Prompt and completion, the mean of cells.")
    first_token_ms: float | None = Field(description="The median.")
    total_ms: float | None = Field(description="The median.")


class LabBaseline(Schema):
    name: str = Field(examples=["random legal moves", "shortest path"])
    n: int
    passed_share: float
    steps_ratio: float | None
    score: float


class LabComparison(Schema):
    """Two rows, by number. `difference`, `low`, `high`: of a minus b, in shares of 1."""

    a: int
    b: int
    difference: float
    low: float
    high: float
    cases: int
    winner: Literal["a", "b"] | None = Field(
        description="Only where 0 is outside of the interval, and both rows have at least six cases."
    )


class LabChance(Schema):
    """A row beside random legal moves on the same mazes. `difference`, `low`, `high`: row minus random games, in shares of 1."""

    row: int
    difference: float
    low: float
    high: float
    cases: int
    better: bool = Field(description="Only where 0 is below the interval, and the row has at least six cases.")


class LabResults(Schema):
    rows: list[LabRow]
    baselines: list[LabBaseline]
    chance: list[LabChance]
    comparisons: list[LabComparison]
    method: str = Field(description="How the figures are made, in words.")


class LabExport(Schema):
    """A run as a file: what was done, what came out, and the table."""

    format: Literal["lam-lab-run"] = "lam-lab-run"
    version: Literal[1] = 1
    run: LabRunAnswer
    results: LabResults


class RegressionCase(Strict):
    set_id: Text | None = Field(None, max_length=64, description="Null: the own set for such cases, made if it is missing.")
    name: Text = Field("", max_length=200)
    judge: JudgeBody | None = Field(None, description="Null: the case's own; without one the answer has to stay the same.")


# Conversion


def task_set(body: LabSetBody) -> TaskSet:
    return converted(body.model_dump(by_alias=True))


def judge_of(body: JudgeBody | None) -> Judge | None:
    return None if body is None else converted_judge(body.model_dump(by_alias=True))


def new_run(body: NewLabRun) -> NewRun:
    return NewRun(
        title=body.title,
        set_id=body.set_id,
        tasks=task_set(body.set) if body.set is not None else None,
        templates=tuple(TemplateChoice(**template.model_dump()) for template in body.templates),
        models=tuple(body.models),
        settings=tuple((one.title, Choices(**{name: getattr(one, name) for name in NAMES})) for one in body.settings),
        repeats=body.repeats,
        forcing=body.forcing,
        steps=body.steps,
        attended=body.attended,
    )


def set_answer(tasks: TaskSet) -> LabSetAnswer:
    builtin = tasks.id is not None and not tasks.id.isdigit()
    fields = {"maze": None, "cases": None} | msgspec.to_builtins(tasks)
    return LabSetAnswer.model_validate(fields | {"kind": tasks.kind, "builtin": builtin})


def run_answer(described: Described, cells: list[LabCell]) -> LabRunAnswer:
    run, spec = described.run, described.spec
    return LabRunAnswer(
        id=run.id,
        title=run.title,
        status=run.status,
        created_at=run.created_at,
        ended_at=run.ended_at,
        spec=LabSpec(
            set=set_answer(spec.tasks),
            templates=[LabTemplateAnswer.model_validate(template) for template in spec.templates],
            models=list(spec.models),
            settings=[LabSettingAnswer.model_validate(setting) for setting in spec.settings],
            repeats=spec.repeats,
            forcing=spec.forcing,
            steps=spec.steps,
            rules=spec.rules,
            attended=spec.attended,
        ),
        counts=LabCounts.model_validate(described.counts),
        unserved=list(described.unserved),
        cells=[cell_answer(cell) for cell in cells],
    )


def listed_run(described: Described) -> ListedLabRun:
    run, spec = described.run, described.spec
    return ListedLabRun(
        id=run.id,
        title=run.title,
        status=run.status,
        created_at=run.created_at,
        ended_at=run.ended_at,
        set_title=spec.tasks.title,
        kind=spec.tasks.kind,
        templates=[template.title for template in spec.templates],
        models=list(spec.models),
        settings=[setting.title for setting in spec.settings],
        repeats=spec.repeats,
        attended=spec.attended,
        counts=LabCounts.model_validate(described.counts),
    )


def cell_answer(cell: LabCell) -> LabCellAnswer:
    return LabCellAnswer(**cell_json(cell))


def opened_cell(opened: OpenedCell) -> OpenedLabCell:
    exchanges = [
        LabExchange(
            purpose=one.purpose,
            sent=[LabTurn(role=turn.role, content=turn.content) for turn in sent],
            answer=one.answer,
            thinking=one.thinking,
            model=one.model,
            finish_reason=one.finish_reason,
            usage=LabUsage.model_validate(one.usage) if one.usage is not None else None,
            first_token_ms=one.first_token_ms,
            total_ms=one.total_ms,
            action=msgspec.to_builtins(one.action),
            legal=one.legal,
            reading=one.reading,
            say=one.say,
        )
        for one, sent in opened.exchanges
    ]
    return OpenedLabCell(
        **cell_json(opened.cell),
        transcript=exchanges,
        rules=opened.rules,
        seed=opened.seed,
        settings=opened.settings,
        actions=[msgspec.to_builtins(action) for action in opened.actions],
    )
