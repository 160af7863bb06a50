"""`/metrics` in Prometheus' format: the present load, and how runs ended. It only counts."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lam.background import Background, failures
from lam.errors import BudgetExceeded
from lam.generation.run import Run
from lam.protocol.budget import Bar
from lam.protocol.events import Usage

LAG_EVERY_SECONDS: Final = 0.5
MOST_MODELS: Final = 100
MOST_OWNERS: Final = 500  # of budgets
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_SPEEDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_LAGS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """An async context manager: it owns the task that measures the event loop's lag. `after(run)`: call it at the end of each
    run."""

    def __init__(
        self,
        *,
        running: Callable[[], int],
        waiting: Callable[[], int],
        open_streams: Callable[[], int],
        connections: Callable[[], int],
    ) -> None:
        self._registry = registry = CollectorRegistry()
        self._models = set[str]()
        self._generations = Counter("lam_generations", "Generations that ended, by outcome", ["outcome"], registry=registry)
        self._tokens = Counter("lam_tokens", "Tokens, those that the gateway estimated included", ["kind"], registry=registry)
        self._by_model = Counter(
            "lam_model_tokens", "Tokens by model, those that the gateway estimated included", ["model", "kind"], registry=registry
        )
        self._refusals = Counter("lam_budget_refusals", "Requests that a budget refused", ["of", "limit"], registry=registry)
        self._reserved = Counter("lam_budget_reserved_tokens", "Tokens that runs have reserved", ["of"], registry=registry)
        owned = ["owner", "limit"]
        self._allowed = Gauge("lam_budget_allowed", "What a key (key:ID), an account or a group may use", owned, registry=registry)
        self._used = Gauge("lam_budget_used", "What of it is used or reserved at present", owned, registry=registry)
        self._first = Histogram(
            "lam_first_token_seconds", "From the request to the first token", buckets=_SECONDS, registry=registry
        )
        self._speed = Histogram(
            "lam_tokens_per_second", "Speed of a generation, as the server says it", buckets=_SPEEDS, registry=registry
        )
        self._lag = Histogram(
            "lam_event_loop_lag_seconds", "How late the event loop comes to a task", buckets=_LAGS, registry=registry
        )
        for name, about, value in (
            ("lam_generations_running", "Generations that have begun and not ended", running),
            ("lam_queue_length", "Generations that wait for a place", waiting),
            ("lam_open_streams", "Event streams that are being read", open_streams),
            ("lam_connections", "Open connections to the gateway", connections),
        ):
            self.watch(name, about, value)
        self._failures = Gauge(
            "lam_background_failures", "How often a task that must go on has failed", ["task"], registry=registry
        )
        self._ends = Counter(
            "lam_connections_ended", "Connections that the gateway ended by itself, by reason", ["reason"], registry=registry
        )

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("loop-lag", self._measure_lag)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    def watch(self, name: str, about: str, value: Callable[[], int]) -> None:
        """Adds a figure; `value()` returns it whenever somebody reads the metrics."""
        Gauge(name, about, registry=self._registry).set_function(value)

    def after(self, run: Run) -> None:
        outcome = run.outcome
        if outcome is None or run.droppable:
            return
        self._generations.labels(outcome.status).inc()
        usage, timings = outcome.facts.usage, outcome.facts.timings
        if usage is not None:
            self._tokens.labels("prompt").inc(usage.prompt_tokens)
            self._count_model(outcome.facts.model or "", usage)
            self._tokens.labels("completion").inc(usage.completion_tokens)
            self._tokens.labels("cached").inc(usage.cached_tokens or 0)
        if timings is not None and timings.first_token_ms is not None:
            self._first.observe(timings.first_token_ms / 1000)
        if timings is not None and timings.tokens_per_second is not None:
            self._speed.observe(timings.tokens_per_second)

    def _count_model(self, model: str, usage: Usage) -> None:
        """Counts the tokens of a model; of the first ones only, because anybody may name many."""
        if model not in self._models:
            if len(self._models) >= MOST_MODELS:
                model = "others"
            self._models.add(model)
        self._by_model.labels(model, "prompt").inc(usage.prompt_tokens)
        self._by_model.labels(model, "completion").inc(usage.completion_tokens)

    def refused(self, error: BudgetExceeded) -> None:
        self._refusals.labels(error.of, error.limit).inc()

    def reserved(self, of: str, tokens: int) -> None:
        self._reserved.labels(of).inc(tokens)

    def count_end(self, reason: str) -> None:
        self._ends.labels(reason).inc()

    def text(self, budgets: Mapping[str, Sequence[Bar]]) -> bytes:
        """Returns the metrics. `budgets`: by owner."""
        self._allowed.clear()
        self._used.clear()
        for owner, limits in budgets.items():
            for bar in limits:
                self._allowed.labels(owner, bar.limit).set(bar.allowed)
                self._used.labels(owner, bar.limit).set(bar.used)
        for name, times in failures.items():
            self._failures.labels(name).set(times)
        return generate_latest(self._registry)

    async def _measure_lag(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LAG_EVERY_SECONDS
            await asyncio.sleep(LAG_EVERY_SECONDS)
            self._lag.observe(max(0, clock() - due))
