"""The sets of tasks that come with the product: the mazes of `maze/sets.py`, and a few sets of cases. Pure."""

from typing import Final

from lam.lab.specs import Case, Contains, Equals, FitsSchema, Length, Matches, Mazes, TaskSet
from lam.maze.sets import SETS

_PERSON: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}

_CASES: Final = (
    TaskSet(
        id="facts",
        title="Short facts",
        cases=(
            Case(name="Capital of France", input="What is the capital of France?", judge=Contains(value="Paris")),
            Case(name="Legs of a spider", input="How many legs has a spider?", judge=Matches(pattern=r"(?i)\b(8|eight)\b")),
            Case(name="Largest planet", input="Which planet of the solar system is the largest?", judge=Contains(value="Jupiter")),
            Case(name="Seven times eight", input="What is 7 times 8?", judge=Contains(value="56")),
            Case(name="Chemical formula", input="What is the chemical formula of water?", judge=Matches(pattern="H(2|₂)O")),
        ),
    ),
    TaskSet(
        id="formats",
        title="Answers in a form",
        cases=(
            Case(
                name="One word", input="Is fire hot? Answer with one word: yes or no.", judge=Equals(value="yes", ignore_case=True)
            ),
            Case(
                name="JSON",
                input='Ada is 36 years old. Write this as a JSON object with the keys "name" and "age", and nothing else.',
                judge=FitsSchema(schema=_PERSON),
            ),
            Case(
                name="Short",
                input="Explain in at most 30 words why the sky is blue.",
                judge=Length(min=5, max=30, unit="words"),
            ),
            Case(
                name="ISO date",
                input="Write the date of 3 May 2024 as YYYY-MM-DD, and nothing else.",
                judge=Equals(value="2024-05-03"),
            ),
            Case(
                name="Three lines",
                input="Name three colours, one per line.",
                judge=Matches(pattern=r"^\s*[^\n]+\n+[^\n]+\n+[^\n]+\s*$"),
            ),
        ),
    ),
)

BUILT_IN: Final[dict[str, TaskSet]] = {
    tasks.id or "": tasks
    for tasks in (
        *(
            TaskSet(
                id=mazes.name,
                title=mazes.title,
                maze=Mazes(
                    size=mazes.settings.size,
                    loops=mazes.settings.loops,
                    germs=mazes.settings.germs,
                    fog=mazes.settings.fog,
                    seeds=mazes.seeds,
                ),
            )
            for mazes in SETS
        ),
        *_CASES,
    )
}
