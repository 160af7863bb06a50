"""What a cell's models were asked and answered, in its stored form, and what can be computed from it. Pure.

What a model was sent is not stored: it follows from the spec, and in a maze from the actions before it.
"""

from statistics import median
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from lam.lab.judges import question
from lam.lab.specs import Case, FrozenTemplate, Mazes, Opinion, Spec
from lam.maze.actions import Logged
from lam.maze.answers import Reading
from lam.maze.carving import generate
from lam.maze.prompts import pasts, turns
from lam.maze.rules import apply, objection, result
from lam.maze.state import RULES, Settings, State
from lam.protocol.chat import Turn
from lam.protocol.events import Usage
from lam.protocol.variables import filled
from lam.storage.models import LabCell

ONE_LINE: Final = str.maketrans({"\n": " ", "\r": " "})


Purpose = Literal["answer", "hint", "judge"]


class Exchange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request to a model and its answer. `purpose`: who asked. `action`, `legal`, `reading`, `say`: of a hint in a maze."""

    purpose: Purpose
    answer: str
    thinking: str = ""
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    first_token_ms: int | None = None
    total_ms: int | None = None
    action: Logged | None = None
    legal: bool | None = None
    reading: Reading | None = None
    say: str = ""


Transcript = tuple[Exchange, ...]
_decoder: Final = msgspec.json.Decoder(Transcript)


def decoded(text: str | None) -> Transcript:
    """Returns a stored transcript; an empty one when there is none, or when it is another release's."""
    try:
        return _decoder.decode(text) if text else ()
    except msgspec.DecodeError:
        return ()


def encoded(transcript: Transcript) -> str:
    return msgspec.json.encode(transcript).decode()


def streamed(transcript: Transcript) -> str:
    """Returns the text of the cell's stream: the answer, or in a maze each hint's answer as one line."""
    hints = [one.answer.translate(ONE_LINE) + "\n" for one in transcript if one.purpose == "hint"]
    return "".join(hints) or next((one.answer for one in transcript if one.purpose == "answer"), "")


def thoughts(transcript: Transcript) -> str:
    return "\n".join(one.thinking for one in transcript if one.thinking and one.purpose != "judge")


# What a model is sent


def prompt_of(template: FrozenTemplate, case: Case | None = None) -> str:
    """Returns the template's text with the case's variables filled, or their defaults."""
    return filled(template.content, case.variables if case is not None else {})


def case_turns(template: FrozenTemplate, case: Case) -> tuple[Turn, ...]:
    """Returns the turns of a case: the filled template as the system prompt and the input as the user's turn; without an input, the
    filled template is the user's turn."""
    prompt = prompt_of(template, case)
    return (Turn("system", prompt), Turn("user", case.input)) if case.input.strip() else (Turn("user", prompt),)


def prompted(turns: tuple[Turn, ...], spec: Spec, cell: LabCell) -> tuple[Turn, ...]:
    """Returns the turns with the model's usual system prompt, if they have none."""
    prompt = spec.system_prompt(cell.model)
    return (Turn("system", prompt), *turns) if prompt and turns[0].role != "system" else turns


def judge_turns(template: FrozenTemplate, case: Case, opinion: Opinion, answer: str) -> tuple[Turn, ...]:
    """Returns the turns of the judging model."""
    task = "\n\n".join(turn.content for turn in case_turns(template, case))
    return (Turn("user", question(opinion, task, answer)),)


def settings_of(mazes: Mazes) -> Settings:
    return Settings(size=mazes.size, loops=mazes.loops, germs=mazes.germs, fog=mazes.fog)


class Game:
    """A game in progress. `replayed`: the hints so far."""

    def __init__(self, prompt: str, seed: int, settings: Settings, replayed: Transcript = ()) -> None:
        self._prompt = prompt
        self._states = [generate(seed, settings)]
        self._actions: list[Logged] = []
        for hint in replayed:
            if hint.action is not None and self.state.status == "playing":
                self.take(hint.action)

    @property
    def state(self) -> State:
        return self._states[-1]

    @property
    def actions(self) -> list[Logged]:
        return self._actions

    def turns(self) -> tuple[Turn, ...]:
        """Returns what the model is sent now."""
        return turns(self._prompt, self.state, pasts(self._states, self._actions))

    def take(self, action: Logged) -> bool:
        """Does an action and returns whether it was legal."""
        legal = objection(self.state, action) is None
        self._actions.append(action)
        self._states.append(apply(self.state, action))
        return legal


def sent(spec: Spec, cell: LabCell, transcript: Transcript) -> list[tuple[Turn, ...]]:
    """Returns what the model was sent for each exchange; nothing for hints under other rules."""
    chosen, tasks = spec.templates[cell.template], spec.tasks
    if tasks.maze is None:
        return [_sent_for_case(spec, cell, one, transcript) for one in transcript]
    if spec.rules != RULES:
        return [() for _ in transcript]
    game = Game(prompt_of(chosen), tasks.maze.seeds[cell.task], settings_of(tasks.maze))
    all_: list[tuple[Turn, ...]] = []
    for one in transcript:
        if one.action is None or game.state.status != "playing":
            all_.append(())
            continue
        all_.append(prompted(game.turns(), spec, cell))
        game.take(one.action)
    return all_


def _sent_for_case(spec: Spec, cell: LabCell, one: Exchange, transcript: Transcript) -> tuple[Turn, ...]:
    template, case = spec.templates[cell.template], (spec.tasks.cases or ())[cell.task]
    if one.purpose != "judge":
        return prompted(case_turns(template, case), spec, cell)
    answer = next((other.answer for other in transcript if other.purpose == "answer"), "")
    return judge_turns(template, case, case.judge, answer) if isinstance(case.judge, Opinion) else ()


# What it amounts to


def times_and_tokens(transcript: Transcript) -> dict[str, Any]:
    """Returns prompt_tokens, completion_tokens, first_token_ms (the median) and total_ms (the sum), without the judge's."""
    asked = [one for one in transcript if one.purpose != "judge"]
    usages = [one.usage for one in asked if one.usage is not None]
    firsts = [one.first_token_ms for one in asked if one.first_token_ms is not None]
    totals = [one.total_ms for one in asked if one.total_ms is not None]
    return {
        "prompt_tokens": sum(usage.prompt_tokens for usage in usages) if usages else None,
        "completion_tokens": sum(usage.completion_tokens for usage in usages) if usages else None,
        "first_token_ms": round(median(firsts)) if firsts else None,
        "total_ms": sum(totals) if totals else None,
    }


def game_result(state: State, transcript: Transcript) -> dict[str, Any]:
    """Returns a maze cell's result. `end`: `given_up` when the game had as many hints as it may have."""
    final = result(state)
    hints = [one for one in transcript if one.purpose == "hint"]
    return {
        "solved": final.status == "won",
        "end": "given_up" if final.status == "playing" else final.status,
        "steps": final.steps,
        "shortest": final.shortest,
        "illegal": final.illegal,
        "repaired": sum(one.reading == "repaired" for one in hints),
        "hints": len(hints),
        "score": final.score,
    } | times_and_tokens(transcript)


def usage_of(transcript: Transcript) -> Usage | None:
    """Returns the tokens of all exchanges together, None when no server counted them."""
    usages = [one.usage for one in transcript if one.usage is not None]
    if not usages:
        return None
    prompt, completion = sum(one.prompt_tokens for one in usages), sum(one.completion_tokens for one in usages)
    cached = [one.cached_tokens for one in usages if one.cached_tokens is not None]
    return Usage(prompt, completion, prompt + completion, sum(cached) if cached else None)
