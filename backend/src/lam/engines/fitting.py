"""Fits a conversation into a model's context: counts tokens, cuts turns, and learns from a server's refusals.

It remembers limits for one server and must not know messages or sessions.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from lam.engines.http_questions import Questions, Silent
from lam.engines.openai_messages import messages, tool_fields
from lam.engines.server_facts import ServerFacts
from lam.errors import ContextExceeded, GenerationError
from lam.protocol import window
from lam.protocol.chat import ChatRequest, Picture, Turn, left_out, newest_of_user, pictures_of, with_pictures
from lam.protocol.documents import apart, written_form
from lam.protocol.places import Excerpt, beginning, shares

SHORT_REPLY: Final = 256  # tokens of the reply when nothing else can be shortened
SILENT_SECONDS: Final = 30
LEAST_SHOWN: Final = 200  # characters of documents that are worth sending
SHORTENED_MARK: Final = 90  # characters of the line that says what is left out
SHORTENED_TRIES: Final = 6
SHORTENED_STEP: Final = 0.95
_LARGEST_RATIO: Final = 8.0
_LEAST_PICTURE_RATIO: Final = 1 / 256


class Fit(Struct, frozen=True, kw_only=True):
    """The result of fitting. `start`: the first turn after the kept ones. `tokens` of the prompt, 0 when unknown; `exact`: a
    tokenizer counted them. `texts`: its part without pictures, 0 when unknown. `excerpts`: how much of each document in the newest
    turn is in it, where one did not fit whole. `pictures_left_out`: ids of the pictures that are not in it."""

    start: int
    turns: tuple[Turn, ...]
    tokens: int
    exact: bool
    texts: int = 0
    excerpts: tuple[Excerpt, ...] = ()
    pictures_left_out: tuple[str, ...] = ()

    @property
    def has_older_pictures(self) -> bool:
        """Whether turns before the user's newest one have pictures."""
        return window.newest_pictures(self.turns).start > 0


class Fitter:
    """Learned facts about the contexts of one server's models, beyond what the server lists."""

    def __init__(self, questions: Questions, arranged: Callable[[str | None, Sequence[Turn]], Sequence[Turn]]) -> None:
        """`arranged`: returns the turns as they are sent to a model."""
        self._questions = questions
        self._arranged = arranged
        self._limits: dict[str | None, int] = {}  # tokens, from refusals
        self._ratios: dict[str | None, float] = {}  # actual tokens divided by estimated tokens
        self._picture_ratios: dict[str | None, float] = {}  # the same of pictures alone
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
        self._picture_ratios.clear()
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
        if refusal.prompt_tokens is not None and pictures_of(fit.turns):
            self.learn_pictures(model, refusal.prompt_tokens, fit)
        elif refusal.prompt_tokens is not None and not fit.exact:
            ratio = refusal.prompt_tokens / max(1, window.estimate(fit.turns))
            self._ratios[model] = min(_LARGEST_RATIO, max(1.0, ratio))

    def learn_pictures(self, model: str | None, prompt_tokens: int, fit: Fit) -> None:
        """Learns from the tokens of a whole prompt how many a picture takes at this model."""
        expected = window.estimate_pictures(pictures_of(fit.turns))
        if expected:
            texts = fit.texts or window.estimate_texts(fit.turns)
            ratio = max(0, prompt_tokens - texts) / expected
            self._picture_ratios[model] = min(_LARGEST_RATIO, max(_LEAST_PICTURE_RATIO, ratio))

    async def fit(
        self, facts: ServerFacts, model: str | None, request: ChatRequest, at_least: int, pictures: Literal["all", "newest", "none"]
    ) -> Fit:
        """Returns the longest conversation that fits and begins at turn `at_least` or later.

        The newest turn always stays. If its documents do not fit, their beginnings do. `pictures`: of which turns they may be in
        it; those of older turns are when the texts leave room and their bytes are not too many. Raises ContextExceeded when a
        tokenizer proves that it cannot fit.
        """
        count = len(pictures_of(request.turns))
        if not count:
            return await self._fit(facts, model, request, at_least)
        asked = request.turns
        newest = window.newest_pictures(asked) if pictures != "none" else range(count, count)
        if pictures == "all":
            affordable, _ = with_pictures(asked, window.affordable_pictures(asked))
            request = msgspec.structs.replace(request, turns=affordable)
            newest = window.newest_pictures(affordable)
            if self._surely_fits(facts, model, request, at_least):
                return _reported(await self._fit(facts, model, request, at_least), asked)
        bare, _ = with_pictures(request.turns, newest)
        fit = await self._fit(facts, model, msgspec.structs.replace(request, turns=bare), at_least)
        if pictures == "all":
            fit = self._with_older(facts, model, request, fit, newest.start)
        return _reported(fit, asked)

    def _with_older(self, facts: ServerFacts, model: str | None, request: ChatRequest, fit: Fit, older: int) -> Fit:
        """Returns the fit with as many of the pictures before number `older` as there is room for, the newest of them first."""
        begin = len(pictures_of(request.turns[: fit.start]))
        everything = pictures_of(request.turns)
        budget = window.budget(self.n_ctx(facts, model), request)
        first, tokens = older, fit.tokens or self._estimated(model, fit.turns)
        while first > begin:
            more = self._of_pictures(model, everything[first - 1 : first])
            if budget and tokens + more > budget:
                break
            first, tokens = first - 1, tokens + more
        if first == older:
            return fit
        # the newest turn may have been shortened: only the turns before it get their pictures back
        bounded, _ = with_pictures(request.turns, range(first, len(everything)))
        newest = newest_of_user(request.turns) or 0
        front = window.trimmed(bounded[:newest], request.keep, fit.start)
        turns = (*front, *fit.turns[len(front) :])
        return msgspec.structs.replace(fit, turns=turns, tokens=tokens, exact=False)

    def _surely_fits(self, facts: ServerFacts, model: str | None, request: ChatRequest, at_least: int) -> bool:
        """Returns whether no tokenizer need be asked: there is no known limit, or it is far away."""
        n_ctx = self.n_ctx(facts, model)
        budget = window.budget(n_ctx, request)
        bound = window.at_most(window.trimmed(request.turns, request.keep, at_least)) + window.most_of_tools(request.tools)
        return not budget or (bound <= budget and bound + request.sampling.max_tokens <= n_ctx)

    async def _fit(self, facts: ServerFacts, model: str | None, request: ChatRequest, at_least: int) -> Fit:
        """Returns the fit of turns whose pictures all stay."""
        keep, turns = request.keep, request.turns
        n_ctx = self.n_ctx(facts, model)
        budget = window.budget(n_ctx, request)
        rest = window.trimmed(turns, keep, at_least)
        if self._surely_fits(facts, model, request, at_least):
            return Fit(start=at_least, turns=rest, tokens=0, exact=False)
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
        too_long = best.tokens > limit if best.exact else best.tokens > budget and self._was_refused(model)
        if low == len(cuts) - 1 and too_long and (shorter := await self._shortened(facts, model, request, best, budget)):
            return shorter
        if limit and low == len(cuts) - 1 and best.exact and best.tokens > limit:
            raise ContextExceeded(prompt_tokens=best.tokens, limit=limit)
        return best

    def _was_refused(self, model: str | None) -> bool:
        return model in self._limits or model in self._ratios

    async def _shortened(self, facts: ServerFacts, model: str | None, request: ChatRequest, whole: Fit, budget: int) -> Fit | None:
        """Returns the newest turn with the beginnings of its documents; None without any, or if the question alone is too long."""
        turns = list(request.turns)
        at = max((place for place, turn in enumerate(turns) if turn.role == "user"), default=-1)
        before = turns[at]
        documents, question = apart(before.content) if at >= 0 else ([], "")
        if not documents:
            return None
        size = sum(len(document.text) for document in documents)
        room = size - math.ceil((whole.tokens - budget) * size / whole.tokens) - SHORTENED_MARK * len(documents)
        for _ in range(SHORTENED_TRIES):
            if room < LEAST_SHOWN:
                return None
            pieces, excerpts = zip(
                *(
                    beginning(document, share)
                    for document, share in zip(documents, shares([len(document.text) for document in documents], room), strict=True)
                ),
                strict=True,
            )
            content = "".join(map(written_form, pieces)) + question
            turns[at] = Turn("user", content, _moved(before, len(content) - len(before.content)))
            fit = await self._counted(facts, model, msgspec.structs.replace(request, turns=tuple(turns)), whole.start)
            if fit.tokens <= budget:
                return msgspec.structs.replace(fit, excerpts=excerpts)
            room = min(int(room * budget / fit.tokens), int(room * SHORTENED_STEP))
        return None

    async def _counted(self, facts: ServerFacts, model: str | None, request: ChatRequest, start: int) -> Fit:
        turns = window.trimmed(request.turns, request.keep, start)
        pictures = pictures_of(turns)
        texts = await self._count(facts, model, request, turns)
        if texts is not None:
            return Fit(start=start, turns=turns, tokens=texts + self._of_pictures(model, pictures), exact=not pictures, texts=texts)
        tokens = self._estimated(model, turns) + window.estimate_tools(request.tools)
        return Fit(start=start, turns=turns, tokens=tokens, exact=False)

    async def count(self, facts: ServerFacts, model: str | None, request: ChatRequest) -> int | None:
        """Returns the tokens of the whole prompt: its texts as the server's tokenizer counts them, and an estimate of its
        pictures. None when the server has none."""
        texts = await self._count(facts, model, request, request.turns)
        return None if texts is None else texts + self._of_pictures(model, pictures_of(request.turns))

    def _estimated(self, model: str | None, turns: Sequence[Turn]) -> int:
        return int(window.estimate_texts(turns) * self._ratios.get(model, 1.0)) + self._of_pictures(model, pictures_of(turns))

    def _of_pictures(self, model: str | None, pictures: Sequence[Picture]) -> int:
        return math.ceil(window.estimate_pictures(pictures) * self._picture_ratios.get(model, 1.0))

    async def _count(self, facts: ServerFacts, model: str | None, request: ChatRequest, turns: Sequence[Turn]) -> int | None:
        """Returns the server's token count for the texts of these turns; None when it has no tokenizer."""
        turns, _ = with_pictures(turns, ())
        named = {"model": model} if model is not None else {}
        clock = asyncio.get_running_loop().time
        if clock() < self._silent_until:
            return None
        try:
            if facts.llama and request.raw:
                question = {"content": turns[-1].content, "add_special": True, "parse_special": True} | named
                return len((await self._questions.ask("POST", "/tokenize", question))["tokens"])
            if facts.llama:
                question = {"messages": messages(self._arranged(model, turns), {})} | named | template_arguments(request)
                question |= tool_fields(request, llama=True)
                prompt = (await self._questions.ask("POST", "/apply-template", question))["prompt"]
                question = {"content": prompt, "add_special": True, "parse_special": True} | named
                return len((await self._questions.ask("POST", "/tokenize", question))["tokens"])
            if self._tokenizes and not request.raw:
                question = {"messages": messages(self._arranged(model, turns), {}), "add_generation_prompt": True} | named
                if request.tools:
                    question["tools"] = tool_fields(request, llama=False)["tools"]
                answer = await self._questions.ask("POST", "/tokenize", question)
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


def _moved(turn: Turn, further: int) -> tuple[Picture, ...]:
    """Returns the pictures of a turn whose documents became longer or shorter by so many characters: they stand behind them."""
    return tuple(msgspec.structs.replace(picture, at=max(0, picture.at + further)) for picture in turn.pictures)


def _reported(fit: Fit, asked: Sequence[Turn]) -> Fit:
    """Returns the fit, which then says which pictures of these turns are not in it."""
    return msgspec.structs.replace(fit, pictures_left_out=left_out(asked, fit.turns))


def _listed(facts: ServerFacts, model: str | None) -> int:
    known = facts.named(model)
    return facts.n_ctx or (known.n_ctx if known and known.n_ctx else 0)


def template_arguments(request: ChatRequest) -> dict[str, Any]:
    return {"chat_template_kwargs": {"enable_thinking": False}} if request.skip_thinking else {}
