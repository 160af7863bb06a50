"""Fits a conversation into a model's context: counts tokens, cuts turns, and learns from a server's refusals.

It remembers limits for one server and must not know messages or sessions.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from lam.engines.http_questions import Questions, Silent
from lam.engines.server_facts import ServerFacts
from lam.errors import ContextExceeded, GenerationError
from lam.protocol import window
from lam.protocol.chat import ChatRequest, Turn, merge_turns

SHORT_REPLY: Final = 256  # tokens of the reply when nothing else can be shortened
SILENT_SECONDS: Final = 30
_LARGEST_RATIO: Final = 8.0


class Fit(Struct, frozen=True):
    """The result of fitting. `start`: the first turn after the kept ones. `tokens` of the prompt, 0 when unknown; `exact`: a
    tokenizer counted them."""

    start: int
    turns: tuple[Turn, ...]
    tokens: int
    exact: bool


class Fitter:
    """Learned facts about the contexts of one server's models, beyond what the server lists."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._limits: dict[str | None, int] = {}  # tokens, from refusals
        self._ratios: dict[str | None, float] = {}  # actual tokens divided by estimated tokens
        self._tokenizes = True  # whether a server other than llama.cpp counts tokens; assumed until it is asked
        self._silent_until = 0.0  # no token count is requested before this time, after one that timed out

    def n_ctx(self, facts: ServerFacts, model: str | None) -> int:
        """Returns the model's context in tokens, 0 when unknown."""
        listed = _listed(facts, model)
        stated = self._limits.get(model, 0)
        return min(listed, stated) if listed and stated else listed or stated

    def forget(self) -> None:
        """Forgets everything, because the server was replaced or describes itself differently."""
        self._limits.clear()
        self._ratios.clear()
        self._tokenizes = True

    def accepted(self, model: str | None, fit: Fit) -> bool:
        """Drops a limit that is below an accepted prompt. Returns whether there was one."""
        if fit.tokens > self._limits.get(model, fit.tokens):
            del self._limits[model]
            return True
        return False

    def learn(self, facts: ServerFacts, model: str | None, refusal: ContextExceeded, fit: Fit) -> None:
        """Learns the limit in a refusal and the error of the estimate."""
        if refusal.limit is not None:
            self._limits[model] = refusal.limit
        if refusal.prompt_tokens is not None and not fit.exact:
            ratio = refusal.prompt_tokens / max(1, window.estimate(fit.turns))
            self._ratios[model] = min(_LARGEST_RATIO, max(1.0, ratio))

    async def fit(self, facts: ServerFacts, model: str | None, request: ChatRequest, at_least: int) -> Fit:
        """Returns the longest conversation that fits and begins at turn `at_least` or later.

        The newest turn always stays. Raises ContextExceeded when a tokenizer proves that it cannot fit.
        """
        keep, turns = request.keep, request.turns
        n_ctx = self.n_ctx(facts, model)
        budget = window.budget(n_ctx, request)
        rest = window.trimmed(turns, keep, at_least)
        bound = window.at_most(rest)
        if not budget or (bound <= budget and bound + request.sampling.max_tokens <= n_ctx):
            return Fit(at_least, rest, 0, exact=False)
        cuts = [cut for cut in window.cuts(turns, keep, budget // 2) if cut >= at_least] or [at_least]
        low, high, best = 0, len(cuts) - 1, None
        while low < high:  # finds the first cut that fits, or the last one
            middle = (low + high) // 2
            fit = await self._counted(facts, model, request, cuts[middle])
            if fit.tokens <= budget:
                high, best = middle, fit
            else:
                low = middle + 1
        if best is None or best.start != cuts[low]:
            best = await self._counted(facts, model, request, cuts[low])
        # for a limit from a refusal, let the server decide again
        limit = window.longest(_listed(facts, model), request.max_prompt_tokens)
        if limit and low == len(cuts) - 1 and best.exact and best.tokens > limit:
            raise ContextExceeded(prompt_tokens=best.tokens, limit=limit)
        return best

    async def _counted(self, facts: ServerFacts, model: str | None, request: ChatRequest, start: int) -> Fit:
        turns = window.trimmed(request.turns, request.keep, start)
        tokens = await self._count(facts, model, request, turns)
        if tokens is not None:
            return Fit(start, turns, tokens, exact=True)
        return Fit(start, turns, int(window.estimate(turns) * self._ratios.get(model, 1.0)), exact=False)

    async def _count(self, facts: ServerFacts, model: str | None, request: ChatRequest, turns: Sequence[Turn]) -> int | None:
        """Returns the server's token count for these turns; None when it has no tokenizer."""
        named = {"model": model} if model is not None else {}
        clock = asyncio.get_running_loop().time
        if clock() < self._silent_until:
            return None
        try:
            if facts.llama:
                question = {"messages": merge_turns(turns)} | named | template_arguments(request)
                prompt = (await self._questions.ask("POST", "/apply-template", question))["prompt"]
                question = {"content": prompt, "add_special": True, "parse_special": True} | named
                return len((await self._questions.ask("POST", "/tokenize", question))["tokens"])
            if self._tokenizes:
                answer = await self._questions.ask(
                    "POST", "/tokenize", {"messages": merge_turns(turns), "add_generation_prompt": True} | named
                )
                return self._vllm_count(answer)
        except Silent:
            self._silent_until = clock() + SILENT_SECONDS
        except (GenerationError, KeyError, TypeError):
            pass
        return None

    def _vllm_count(self, answer: Any) -> int | None:
        count = answer.get("count") if isinstance(answer, dict) else None
        if isinstance(count, int) and count > 0:
            return count
        self._tokenizes = False
        return None


def _listed(facts: ServerFacts, model: str | None) -> int:
    known = facts.named(model)
    return facts.n_ctx or (known.n_ctx if known and known.n_ctx else 0)


def template_arguments(request: ChatRequest) -> dict[str, Any]:
    return {"chat_template_kwargs": {"enable_thinking": False}} if request.skip_thinking else {}
