"""Measures what a program pays: a token and a request of `/v1/chat/completions`, beside LiteLLM's proxy and the minimal gateway.

All take turns in one run, with the same load program as `run.py`. Goals: at most 1.25 times the minimal gateway for a token, with
log and accounting; at most a fifth of LiteLLM's request. `python bench/peers.py` installs LiteLLM; `--without-peers` leaves it out.
"""

import argparse
import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import contestants
import tables
from contestants import Contestant
from load import Load, load
from msgspec.structs import asdict
from results import Figures, about, commit, keep

from streams import Streams, measure

LAM = "LAM /v1"
BESIDE = ("minimal", "LAM", LAM)
PEERS = ("LiteLLM",)
SCENARIOS = {
    "program lock-step": Streams(
        "What does a token cost a program, where each is a read and a write of its own?",
        16,
        2000,
        lock=True,
        peer_share=0.05,
        contestants=BESIDE,
        peers=PEERS,
    ),
    "program paced": Streams(
        "The same at the pace of a model, 50 tokens a second each?",
        50,
        200,
        pace_us=20_000,
        stagger_us=20_000,
        contestants=BESIDE,
        peers=PEERS,
    ),
    "program request": Streams(
        "What does a program's request cost that brings one token?",
        600,
        1,
        connections=4,
        peer_share=0.25,
        contestants=BESIDE,
        peers=PEERS,
    ),
}


@asynccontextmanager
async def programs(load: Load) -> AsyncIterator[Contestant]:
    """This gateway, as a program sees it."""
    async with contestants.lam(load) as lam:
        yield Contestant(lam.port, lam.processes, key=lam.token)


async def one(name: str, loaded: Load, rounds: int, names: tuple[str, ...]) -> Figures:
    scenario = SCENARIOS[name]
    settings = {key: value for key, value in asdict(scenario).items() if key not in ("question", "contestants", "peers")}
    figures, all_rounds = await measure(scenario, loaded, names, rounds, False)
    repeat = f"python bench/{Path(__file__).name} --rounds {rounds} --keep '{name}'"
    described = about(name, scenario.question, repeat, settings | {"rounds": rounds})
    return described | {"contestants": figures, "rounds": all_rounds}


async def run(chosen: list[str], rounds: int, names: tuple[str, ...], *, keeping: bool) -> None:
    contestants.CONTESTANTS[LAM] = programs
    commit()  # as it is before anything is measured
    async with load() as loaded:
        for name in chosen:
            result = await one(name, loaded, rounds, names)
            print(tables.scenario(result), flush=True)
            if keeping:
                keep(result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="which; all when none is named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--keep", action="store_true", help="write the results to bench/results/")
    args = parser.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    names = BESIDE if args.without_peers else (*BESIDE, *PEERS)
    asyncio.run(run(args.scenarios or list(SCENARIOS), args.rounds, names, keeping=args.keep))


if __name__ == "__main__":
    main()
