"""Judges: what passes, what does not, and that no judge holds up anything."""

import asyncio
import json

import pytest

from lam.errors import Invalid
from lam.lab.judges import Unusable, Verdict, check, opinion, verdict
from lam.lab.judging import Judging
from lam.lab.specs import Case, Contains, Equals, FitsSchema, Judge, Length, Matches

PERSON = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
BOMB = {
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {"type": "object"}},
    "$ref": "#/$defs/d0",
}


@pytest.mark.parametrize(
    ("judge", "answer", "passed"),
    [
        (Contains(value="Paris"), "It is Paris.", True),
        (Contains(value="paris"), "It is Paris.", False),
        (Contains(value="STRASSE", ignore_case=True), "Eine Straße", True),
        (Equals(value=" yes "), "yes\n", True),
        (Equals(value="yes"), "Yes", False),
        (Equals(value="yes", ignore_case=True), "YES", True),
        (Equals(value="yes"), "yes, I think", False),
        (Equals(value=""), "  ", True),
        (Matches(pattern=r"\b(8|eight)\b"), "A spider has eight legs", True),
        (Matches(pattern=r"^\d+$"), "12a", False),
        (Matches(pattern="日本"), "これは日本語", True),
        (FitsSchema(schema=PERSON), ' {"age": 3}\n', True),
        (FitsSchema(schema=PERSON), '{"age": "3"}', False),
        (FitsSchema(schema=PERSON), 'Here: {"age": 3}', False),
        (FitsSchema(schema=PERSON), "", False),
        (FitsSchema(schema=False), "1", False),
        (FitsSchema(schema=True), "[" * 100_000, False),
        (Length(min=2, max=3, unit="words"), "one two three", True),
        (Length(max=3), "four", False),
        (Length(min=2), "é", False),
    ],
)
def test_what_passes(judge: Judge, answer: str, passed: bool) -> None:
    assert verdict(judge, answer).passed is passed
    assert verdict(judge, answer).reason


@pytest.mark.parametrize(
    "judge",
    [
        Matches(pattern="("),
        Matches(pattern="(?=x)"),
        Matches(pattern=r"(a)\1"),
        Matches(pattern="((a{1000}){1000}){1000}"),
        FitsSchema(schema={"type": "nothing"}),
        FitsSchema(schema={"$ref": "http://127.0.0.1:9/schema"}),
        FitsSchema(schema={"$ref": "file:///etc/passwd"}),
        FitsSchema(schema={"pattern": "("}),
    ],
)
def test_what_cannot_be_used_is_refused(judge: Judge) -> None:
    with pytest.raises(Unusable, match="cannot be used"):
        check(judge)


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ('{"reason": "fine", "passed": true}', True),
        ('I think {"reason": "no", "passed": false} is right', False),
        ('{"verdict": {"passed": true}}', True),
        ('{"passed": "yes"}', None),
        ("It passes.", None),
        ("", None),
        ("{" * 100_000 + "}" * 100_000, None),
        ('{"a":' * 100_000, None),
    ],
)
def test_what_a_judging_model_said_is_read_or_is_no_verdict(text: str, passed: bool | None) -> None:
    said = opinion(text)
    assert (said.passed, said.opinion) == (passed, True)
    assert 0 < len(said.reason) < 600


async def test_a_judge_that_never_ends_gives_no_verdict_and_the_next_one_works() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)  # Time itself: it counts the turns that the loop gets

    async with Judging(seconds=5) as judging:
        await judging.verdict(Matches(pattern="a"), "a")  # starts the process
        ticking = asyncio.create_task(tick())
        assert (await judging.verdict(FitsSchema(schema=BOMB), "{}")).passed is None
        ticking.cancel()
        assert ticks > 10, "the loop went on"
        assert (await judging.verdict(Matches(pattern="a"), "b")).passed is False


async def test_verdicts_of_many_at_once_belong_to_their_answers() -> None:
    async with Judging() as judging:
        verdicts = await asyncio.gather(*(judging.verdict(Matches(pattern=f"^{n % 2}$"), str(n % 3)) for n in range(60)))
    assert [one.passed for one in verdicts] == [n % 2 == n % 3 for n in range(60)]


async def test_a_question_that_was_cancelled_leaves_no_answer_for_the_next() -> None:
    async with Judging() as judging:
        await judging.verdict(Matches(pattern="a"), "a")
        first = asyncio.create_task(judging.verdict(FitsSchema(schema=BOMB), "{}"))
        await asyncio.sleep(0.05)  # Time itself: the question is on its way
        first.cancel()
        assert (await judging.verdict(Matches(pattern="a"), "a")).passed is True


async def test_a_set_with_a_judge_that_cannot_be_used_is_refused_by_name() -> None:
    async with Judging() as judging:
        await judging.require_usable([Case(judge=Matches(pattern="a"))])
        with pytest.raises(Invalid, match="Second: the pattern"):
            await judging.require_usable([Case(), Case(name="Second", judge=Matches(pattern="("))])


async def test_an_answer_that_is_too_long_to_judge_gets_no_verdict() -> None:
    async with Judging() as judging:
        assert (await judging.verdict(Matches(pattern="a"), "a" * 1_000_000)).passed is None


def test_a_reason_stays_short() -> None:
    long = verdict(FitsSchema(schema={"const": 1}), json.dumps("x" * 100_000))
    assert isinstance(long, Verdict)
    assert len(long.reason) <= 500
