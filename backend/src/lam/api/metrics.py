"""`/metrics` in Prometheus' format: the present load, and how runs ended. It only counts."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lam.background import Background, failures
from lam.generation.run import Run

LAG_EVERY_SECONDS: Final = 0.5
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
        self._generations = Counter("lam_generations", "Generations that ended, by outcome", ["outcome"], registry=registry)
        self._tokens = Counter("lam_tokens", "Tokens as the model's server counted them", ["kind"], registry=registry)
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
            Gauge(name, about, registry=registry).set_function(value)
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

    def after(self, run: Run) -> None:
        outcome = run.outcome
        if outcome is None or run.droppable:
            return
        self._generations.labels(outcome.status).inc()
        usage, timings = outcome.facts.usage, outcome.facts.timings
        if usage is not None:
            self._tokens.labels("prompt").inc(usage.prompt_tokens)
            self._tokens.labels("completion").inc(usage.completion_tokens)
            self._tokens.labels("cached").inc(usage.cached_tokens or 0)
        if timings is not None and timings.first_token_ms is not None:
            self._first.observe(timings.first_token_ms / 1000)
        if timings is not None and timings.tokens_per_second is not None:
            self._speed.observe(timings.tokens_per_second)

    def count_end(self, reason: str) -> None:
        self._ends.labels(reason).inc()

    def text(self) -> bytes:
        for name, times in failures.items():
            self._failures.labels(name).set(times)
        return generate_latest(self._registry)

    async def _measure_lag(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LAG_EVERY_SECONDS
            await asyncio.sleep(LAG_EVERY_SECONDS)
            self._lag.observe(max(0, clock() - due))
