"""Sets of tasks, from files and built in, and the specs made of them."""

import json

import msgspec
import pytest

from lam.errors import Invalid
from lam.lab.imports import imported
from lam.lab.judges import check
from lam.lab.sets import BUILT_IN
from lam.lab.specs import (
    MOST_CASES,
    MOST_SEEDS,
    Case,
    Contains,
    Equals,
    FitsSchema,
    FrozenTemplate,
    Matches,
    Opinion,
    Setting,
    Spec,
    TaskSet,
    checked_set,
    checked_spec,
    converted,
)
from lam.lab.transcripts import settings_of
from lam.maze.carving import generate
from lam.protocol.sampling import Choices, Sampling

PLAIN = Setting(title="Plain", chosen=Choices(), sampling=Sampling(temperature=0, top_p=1, max_tokens=9))


def test_a_set_holds_no_more_than_can_be_read_back() -> None:
    facts, mazes = BUILT_IN["facts"], BUILT_IN["practice"]
    assert facts.cases
    assert mazes.maze
    for tasks in (
        msgspec.structs.replace(facts, cases=facts.cases[:1] * (MOST_CASES + 1)),
        msgspec.structs.replace(mazes, maze=msgspec.structs.replace(mazes.maze, seeds=tuple(range(MOST_SEEDS + 1)))),
    ):
        with pytest.raises(Invalid, match="up to 1000"):
            checked_set(tasks)


def test_the_built_in_sets_can_be_used() -> None:
    assert {"practice", "small", "germs", "fog", "large", "facts", "formats"} <= BUILT_IN.keys()
    for tasks in BUILT_IN.values():
        checked_set(tasks)
        assert len(set(tasks.names())) == tasks.size
        for case in tasks.cases or ():
            assert case.judge is not None
            check(case.judge)
        if tasks.maze is not None:
            assert generate(tasks.maze.seeds[0], settings_of(tasks.maze)).status == "playing"


def test_a_csv_file_has_a_case_per_line_and_a_variable_per_further_column() -> None:
    text = (
        "\ufeffname,input,language,contains,json_schema,matches,rubric,ignore_case\r\n"
        'One,"Say ""hi"",\nplease",French,salut,,,,yes\r\n'
        '\r\nTwo,x,,,"{""type"": ""object""}",,,\r\n'
        "Three,y,,,,^a,,\r\nFour,z,,,,,Is it kind?,\r\nFive,w,,,,,,\r\n"
    )
    tasks = imported("my set.csv", text)
    assert (tasks.title, tasks.kind, tasks.names()) == ("my set", "cases", ["One", "Two", "Three", "Four", "Five"])
    one, two, three, four, five = tasks.cases or ()
    assert (one.input, one.variables) == ('Say "hi",\nplease', {"language": "French"})
    assert [case.judge for case in (one, two, three, four, five)] == [
        Contains(value="salut", ignore_case=True),
        FitsSchema(schema={"type": "object"}),
        Matches(pattern="^a"),
        Opinion(rubric="Is it kind?"),
        None,
    ]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_seen_in_the_first_line(delimiter: str) -> None:
    (case,) = imported("a.csv", delimiter.join(["input", "equals"]) + "\n" + delimiter.join(["x, y", "z"])).cases or ()
    assert (case.input, case.judge) == ("x, y", Equals(value="z"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("name,contains\na,b\n", "no column `input`"),
        ("input,input\na,b\n", "twice"),
        ("input,\na,b\n", "no name"),
        ("input\na,b\n", "2 fields"),
        ("input,contains,equals\na,b,c\n", "contains and equals"),
        ("input,json_schema\na,{\n", "Line 2: the schema is not JSON"),
        ('input\n"a\n', "not CSV"),
        ("input\n", "at least one case"),
        ("input\n" + "a\n" * 1001, "more than 1000"),
    ],
)
def test_a_csv_file_that_cannot_work_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        imported("a.csv", text)


def test_a_json_file_is_a_set_or_a_list_of_cases() -> None:
    case = {"input": "x", "judge": {"type": "contains", "value": "y"}}
    assert imported("a.json", json.dumps([case])).title == "a"
    assert imported("a.json", json.dumps({"title": "Mine", "cases": [case]})).title == "Mine"
    assert imported("a.json", json.dumps({"maze": {"size": 7, "seeds": [1]}})).kind == "maze"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("3", "has to hold a set"),
        ("{}", "either `maze` or `cases`"),
        ('{"cases": []}', "at least one"),
        ('{"cases": [{"judge": {"type": "guess"}}]}', "guess"),
        ('{"cases": [{"input": 3}]}', "cases\\[0\\].input"),
        ('{"maze": {"size": 8, "seeds": [1]}}', "even"),
        ('{"maze": {"size": 7, "seeds": [1, 1]}}', "twice"),
        ('{"maze": {"size": 7, "seeds": []}}', "length"),
        ('{"cases": [{"judge": {"type": "length"}}]}', "`min` or `max`"),
        ('{"cases": [{"judge": {"type": "length", "min": 3, "max": 2}}]}', "no length"),
        ("[" * 100_000, "not JSON"),
        (json.dumps([{"input": "x" * 90_000}] * 30), "larger than 2 MiB"),
    ],
)
def test_a_json_file_that_cannot_work_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        imported("a.json", text)


def spec(template: str, *cases: Case, repeats: int = 1, attended: bool = False) -> Spec:
    return Spec(
        tasks=TaskSet(title="t", cases=cases),
        templates=(FrozenTemplate(title="T", content=template),),
        models=(None,),
        settings=(PLAIN,),
        repeats=repeats,
        attended=attended,
    )


def test_a_case_without_a_value_that_a_template_needs_is_named() -> None:
    checked_spec(spec("{{tone=kind}} {{who}}", Case(variables={"who": "x", "unused": "y"})))
    with pytest.raises(Invalid, match="Second has no value for who, which the template 'T' needs"):
        checked_spec(spec("{{who}}", Case(variables={"who": "x"}), Case(name="Second")))


def test_a_run_has_a_most_of_cells() -> None:
    cases = [Case(name=str(n)) for n in range(200)]
    checked_spec(spec("x", *cases, repeats=10))
    with pytest.raises(Invalid, match="at most 2000 cells; this one would have 2200"):
        checked_spec(spec("x", *cases, repeats=11))
    with pytest.raises(Invalid, match="at most 4 cells"):
        checked_spec(spec("x", Case(), repeats=5, attended=True))


def test_cells_that_are_compared_stand_side_by_side() -> None:
    made = spec("x", Case(), Case(), repeats=2)
    two = Spec(tasks=made.tasks, templates=made.templates * 2, models=("a", "b"), settings=(PLAIN,), repeats=2)
    cells = list(two.cells())
    assert [cell["number"] for cell in cells] == list(range(two.size))
    assert {(cell["task"], cell["repeat"]) for cell in cells[:4]} == {(0, 0)}
    assert len({(c["template"], c["model"], c["task"], c["repeat"]) for c in cells}) == two.size == 16


def test_a_set_is_the_same_after_its_json() -> None:
    tasks = BUILT_IN["formats"]
    assert converted(json.loads(msgspec.json.encode(tasks))) == tasks


def nested(depth: int) -> dict[str, object]:
    schema: dict[str, object] = {}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [{"const": "\ud800"}, {"const": 10**5000}, {"enum": ["x" * 40_000]}, nested(100_000)],
    ids=["half", "large", "long", "deep"],
)
def test_a_schema_that_cannot_be_stored_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        converted({"title": "t", "cases": [{"judge": {"type": "json_schema", "schema": schema}}]})
