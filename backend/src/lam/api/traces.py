"""OpenTelemetry: one span for each run, over OTLP, after its end. Off unless LAM_TRACES_URL names a collector.

Names follow the GenAI semantic conventions. A span has times, counts and names, and never a text. The library is an extra of the
package (`lam-studio[traces]`) and is imported only where traces are on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import lam
from lam.errors import ConfigError
from lam.generation.run import Run
from lam.protocol.outcome import Outcome

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

NANOSECONDS: Final = 1_000_000_000
PER_MILLISECOND: Final = 1_000_000
CLOSE_MILLISECONDS: Final = 3000  # for the last spans, when the gateway stops
PATH: Final = "/v1/traces"


class Traces:
    """`after(run)`: call it at the end of each run. It only queues; another thread sends."""

    def __init__(self, provider: "TracerProvider") -> None:
        self._tracer = provider.get_tracer("lam", lam.__version__)

    def after(self, run: Run) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        outcome = run.outcome
        if outcome is None:
            return
        began = nanoseconds(run.began_at)
        timings = outcome.facts.timings
        model = outcome.facts.model
        span = self._tracer.start_span(
            f"chat {model}" if model else "chat", kind=SpanKind.CLIENT, start_time=began, attributes=attributes(run, outcome)
        )
        total = timings.total_ms if timings and timings.total_ms is not None else 0
        moments = (("prompt", timings.queued_ms), ("first_token", timings.first_token_ms)) if timings else ()
        for name, after in moments:
            if after is not None:
                span.add_event(f"lam.{name}", timestamp=began + after * PER_MILLISECOND)
        if outcome.facts.failure is not None:
            span.set_status(Status(StatusCode.ERROR, outcome.facts.failure.code))
        span.end(began + total * PER_MILLISECOND)


def attributes(run: Run, outcome: Outcome) -> dict[str, Any]:
    """Returns what a span says about a run. In seconds: the queue, the prompt until the first token, the text."""
    facts = outcome.facts
    usage, timings, failure = facts.usage, facts.timings, facts.failure
    queue, first, total = (timings.queued_ms, timings.first_token_ms, timings.total_ms) if timings else (None, None, None)
    reason = facts.finish_reason
    values: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": facts.server or "lam",
        "gen_ai.request.model": facts.model,
        "gen_ai.response.model": facts.model,
        "gen_ai.response.finish_reasons": None if reason is None else [reason],
        "gen_ai.conversation.id": run.key,
        "gen_ai.usage.input_tokens": usage and usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage and usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage and usage.cached_tokens,
        "error.type": failure and failure.code,
        "user.id": str(run.user_id),
        "lam.run.id": run.id,
        "lam.run.kind": run.kind,
        "lam.run.status": outcome.status,
        "lam.mode": facts.mode,
        "lam.usage.estimated": usage.estimated is True if usage else None,
        "lam.queue.seconds": _seconds(0, queue),
        "lam.prompt.seconds": _seconds(queue, first),
        "lam.first_token.seconds": _seconds(0, first),
        "lam.text.seconds": _seconds(first, total),
        "lam.tokens_per_second": timings and timings.tokens_per_second,
    }
    return {name: value for name, value in values.items() if value is not None}


@asynccontextmanager
async def traces(url: str | None) -> AsyncIterator[Traces | None]:
    """Yields the traces to a collector, None without an address. Raises ConfigError when the library is not installed."""
    if not url:
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError("LAM_TRACES_URL needs a library that is not installed: pip install 'lam-studio[traces]'.") from error
    resource = Resource.create({"service.name": "lam-studio", "service.version": lam.__version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    endpoint = url if url.rstrip("/").endswith(PATH) else url.rstrip("/") + PATH
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    try:
        yield Traces(provider)
    finally:
        await _close(provider)


async def _close(provider: "TracerProvider") -> None:
    """Sends the last spans, for a few seconds at most, and ends the sender's thread."""
    await asyncio.to_thread(provider.force_flush, CLOSE_MILLISECONDS)
    await asyncio.to_thread(provider.shutdown)


def nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * NANOSECONDS)


def _seconds(since: int | None, until: int | None) -> float | None:
    return None if since is None or until is None else max(0, until - since) / 1000
