"""Fits a conversation into a model's context: counts, cuts, and learns from a server's refusals."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from lam.engines.http_questions import Questions, Silent
from lam.engines.server_facts import ServerFacts
from lam.errors import ContextExceeded, GenerationError
from lam.protocol import window
from lam.protocol.chat import ChatRequest, Turn, joined

SHORT_REPLY: Final = 256  # tokens that are asked for when nothing else can be shortened
SILENT_SECONDS: Final = 30
_LARGEST_RATIO: Final = 8.0


class Fit(Struct, frozen=True):
    """`start`: where the conversation begins after the kept turns. `tokens` of the prompt, 0: unknown; `exact`: by a tokenizer."""

    start: int
    turns: tuple[Turn, ...]
    tokens: int
    exact: bool


class Fitter:
    """What is known about the contexts of one server's models, beside what the server lists."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._limits: dict[str | None, int] = {}  # tokens, as refusals stated them
        self._ratios: dict[str | None, float] = {}  # real tokens to estimated ones
        self._tokenizes = True  # whether a server that is not llama.cpp counts tokens; until it is asked
        self._silent_until = 0.0  # a question that was not answered in time is not asked again before

    def n_ctx(self, facts: ServerFacts, model: str | None) -> int:
        """Tokens the context of the model holds; 0 where nobody says."""
        listed = _listed(facts, model)
        stated = self._limits.get(model, 0)
        return min(listed, stated) if listed and stated else listed or stated

    def forget(self) -> None:
        """The server is another one than before, or says other things of itself."""
        self._limits.clear()
        self._ratios.clear()
        self._tokenizes = True

    def accepted(self, model: str | None, fit: Fit) -> bool:
        """The server took this prompt: a limit below it no longer holds. Whether there was one."""
        if fit.tokens > self._limits.get(model, fit.tokens):
            del self._limits[model]
            return True
        return False

    def learn(self, facts: ServerFacts, model: str | None, refusal: ContextExceeded, fit: Fit) -> None:
        """Remembers the limit that a refusal states, and how wrong the estimate was."""
        if refusal.limit is not None:
            self._limits[model] = refusal.limit
        if refusal.prompt_tokens is not None and not fit.exact:
            ratio = refusal.prompt_tokens / max(1, window.estimate(fit.turns))
            self._ratios[model] = min(_LARGEST_RATIO, max(1.0, ratio))

    async def fit(self, facts: ServerFacts, model: str | None, request: ChatRequest, at_least: int) -> Fit:
        """The longest conversation that fits, beginning at turn `at_least` or later; the newest turn alone in any case, unless a
        tokenizer proves that it cannot fit: then ContextExceeded is raised."""
        keep, turns = request.keep, request.turns
        n_ctx = self.n_ctx(facts, model)
        budget = window.budget(n_ctx, request)
        rest = window.trimmed(turns, keep, at_least)
        bound = window.at_most(rest)
        if not budget or (bound <= budget and bound + request.sampling.max_tokens <= n_ctx):
            return Fit(at_least, rest, 0, exact=False)
        cuts = [cut for cut in window.cuts(turns, keep, budget // 2) if cut >= at_least] or [at_least]
        low, high, found = 0, len(cuts) - 1, None
        while low < high:  # the first cut that fits, the last one if none does
            middle = (low + high) // 2
            fit = await self._counted(facts, model, request, cuts[middle])
            if fit.tokens <= budget:
                high, found = middle, fit
            else:
                low = middle + 1
        if found is None or found.start != cuts[low]:
            found = await self._counted(facts, model, request, cuts[low])
        limit = window.longest(_listed(facts, model), request.max_prompt_tokens)  # what a refusal stated the server may judge anew
        if limit and low == len(cuts) - 1 and found.exact and found.tokens > limit:
            raise ContextExceeded(prompt_tokens=found.tokens, limit=limit)
        return found

    async def _counted(self, facts: ServerFacts, model: str | None, request: ChatRequest, start: int) -> Fit:
        turns = window.trimmed(request.turns, request.keep, start)
        tokens = await self._count(facts, model, request, turns)
        if tokens is not None:
            return Fit(start, turns, tokens, exact=True)
        return Fit(start, turns, int(window.estimate(turns) * self._ratios.get(model, 1.0)), exact=False)

    async def _count(self, facts: ServerFacts, model: str | None, request: ChatRequest, turns: Sequence[Turn]) -> int | None:
        """Tokens of the prompt that the server would make of these turns; None where it has no tokenizer."""
        named = {"model": model} if model is not None else {}
        clock = asyncio.get_running_loop().time
        if clock() < self._silent_until:
            return None
        try:
            if facts.llama:
                question = {"messages": joined(turns)} | named | template_arguments(request)
                prompt = (await self._questions.ask("POST", "/apply-template", question))["prompt"]
                question = {"content": prompt, "add_special": True, "parse_special": True} | named
                return len((await self._questions.ask("POST", "/tokenize", question))["tokens"])
            if self._tokenizes:
                answer = await self._questions.ask(
                    "POST", "/tokenize", {"messages": joined(turns), "add_generation_prompt": True} | named
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
