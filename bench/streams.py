"""Scenarios of many streams at once, each with a reader of its own: what a token, a request and a stream cost."""

from contextlib import AsyncExitStack
from typing import Any

from contestants import CONTESTANTS, Contestant
from load import Load, Script
from msgspec import Struct
from processes import machine_seconds
from results import Figures, medians

WARM = 24
PEERS = ("LiteLLM", "Open WebUI")


class Streams(Struct, frozen=True):
    """`pace_us`, `lock`: see `Script`. `stagger_us`: between the beginnings of two streams. `peer_share`: the part of the requests
    or of the tokens that suffices for a contestant which costs a hundred times as much. `short`: the part for the short set.
    `fresh`: started anew for each round, because memory is asked for. `together`: all wait for the last one, and flow at once; that
    takes so long that a peer does it once."""

    question: str
    streams: int
    tokens: int
    pace_us: int = 0
    lock: bool = False
    connections: int = 0
    stagger_us: int = 0
    contestants: tuple[str, ...] = ("direct", "nginx", "minimal", "LAM", "LAM /v1")
    peers: tuple[str, ...] = PEERS
    peer_share: float = 1
    short: float = 1
    fresh: bool = False
    together: bool = False

    def scripts(self, streams: int, tokens: int) -> list[Script]:
        waits = [0] * streams
        if self.together:
            whole = streams * self.stagger_us
            waits = [whole - number * self.stagger_us + number * self.pace_us // streams for number in range(streams)]
        return [Script(number, tokens, self.pace_us, self.lock, waits[number]) for number in range(streams)]

    def for_(self, name: str, short: bool) -> tuple[int, int]:
        """Streams and tokens of each."""
        share = (self.peer_share if name in PEERS else 1) * (self.short if short else 1)
        if self.tokens > 1:
            return self.streams, max(1, round(self.tokens * share))
        return max(1, round(self.streams * share)), self.tokens


STREAMS = {
    "lock-step": Streams(
        "What does a token cost that is a read and a write of its own?", 16, 4000, lock=True, peer_share=0.05, short=0.25
    ),
    "paced": Streams("The same at the pace of a model, 50 tokens a second each?", 50, 200, pace_us=20_000, stagger_us=20_000),
    "saturated": Streams("And when tokens come faster than they are handled?", 16, 2000, peer_share=0.1),
    "small": Streams(
        "What does a request cost that brings one token?", 600, 1, connections=4, peer_share=0.25, short=0.5, peers=PEERS
    ),
    "many": Streams(
        "A thousand streams at 10 tokens a second: do they flow, in how much memory?",
        1000,
        40,
        pace_us=100_000,
        stagger_us=12_000,
        fresh=True,
        together=True,
        contestants=("direct", "minimal", "LAM"),
        peers=("LiteLLM",),
    ),
    "mqtt": Streams(
        "What does the way through broker and worker cost?",
        20,
        400,
        pace_us=20_000,
        stagger_us=50_000,
        contestants=("LAM", "LAM mqtt"),
        peers=(),
    ),
}


async def measure(scenario: Streams, load: Load, names: tuple[str, ...], rounds: int, short: bool) -> tuple[Figures, Figures]:
    """Medians by contestant, and every round."""
    all_rounds: dict[str, list[Figures]] = {name: [] for name in names}
    async with AsyncExitStack() as stack:
        opened = {} if scenario.fresh else {name: await stack.enter_async_context(CONTESTANTS[name](load)) for name in names}
        for name, contestant in opened.items():
            await _warm(contestant, load, name)
        for number in range(rounds):
            for name in names:
                if number and scenario.together and name in PEERS:
                    continue
                if scenario.fresh:
                    async with CONTESTANTS[name](load) as contestant:
                        await _warm(contestant, load, name)
                        all_rounds[name].append(await once(scenario, load, contestant, *scenario.for_(name, short)))
                else:
                    all_rounds[name].append(await once(scenario, load, opened[name], *scenario.for_(name, short)))
                _insist(name, all_rounds[name][-1])
    return {name: medians(found) for name, found in all_rounds.items()}, all_rounds


async def _warm(contestant: Contestant, load: Load, name: str) -> None:
    count = 4 if name in PEERS else WARM
    await once(Streams("", count, 10, connections=8), load, contestant, count, 10)


async def once(scenario: Streams, load: Load, contestant: Contestant, streams: int, tokens: int) -> Figures:
    requests = await contestant.requests(scenario.scripts(streams, tokens))
    await load.expect(streams, tokens)
    processes = contestant.processes
    for process in processes.values():
        process.forget_peak()
    memory = sum(process.memory_mib() for process in processes.values())
    cpu = {name: process.cpu_seconds() for name, process in processes.items()}
    steal, whole = machine_seconds()
    found = await load.run(contestant.port, requests, connections=scenario.connections or streams, stagger_us=scenario.stagger_us)
    after = machine_seconds()
    spent = {name: 1e6 * (process.cpu_seconds() - cpu[name]) for name, process in processes.items()}
    peak = sum(process.peak_mib() for process in processes.values())
    figures: dict[str, Any] = {
        "cpu_us_per_token": sum(spent.values()) / (streams * tokens),
        "cpu_ms_per_request": sum(spent.values()) / streams / 1000,
        "tokens_per_second": found["tokens"] / found["seconds"],
        "errors": _errors(found),
        "peak_mib": peak,
        "kib_per_stream": 1024 * (peak - memory) / streams,
        "load_cpu_us_per_token": 1e6 * found["own_cpu_seconds"] / (streams * tokens),
        "steal_percent": 100 * (after[0] - steal) / max(after[1] - whole, 0.01),
    }
    if len(spent) > 1:
        figures |= {f"cpu_us_per_token_{name}": value / (streams * tokens) for name, value in spent.items()}
    return figures | {name: found[name] for name in ("first_token_ms", "gap_ms", "behind_ms") if name in found}


def _errors(found: dict[str, Any]) -> int:
    errors: dict[str, int] = found["errors"]
    incomplete: int = found["requests"] - found["whole"]
    return max(sum(errors.values()), incomplete)


def _insist(name: str, figures: Figures) -> None:
    if figures["errors"] and name not in PEERS:
        raise SystemExit(f"{name}: {figures['errors']} streams lost, doubled or disordered a token")
