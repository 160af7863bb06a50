"""Measures the gateway beside what people would use instead, in one run, in turns (A B C A B C …); prints medians and ratios.

`make bench` runs the short set beside the model server directly, nginx and the minimal gateway; `make bench-full` adds the other
products and the long scenarios, and keeps the results.
"""

import argparse
import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Any, Final

import readers
import tables
from load import Load, load
from msgspec.structs import asdict
from results import Figures, about, commit, keep, kept
from soak import soak

from streams import STREAMS, measure

Measured = tuple[Figures, Figures]
SHORT: Final = ("lock-step", "paced", "saturated", "small", "many", "fan-out")
OWN: Final[dict[str, tuple[str, Callable[[Load, int], Awaitable[Measured]], dict[str, Any]]]] = {
    "fan-out": ("One stream, 200 readers: what does a reader cost?", readers.fan_out, readers.FAN_OUT),
    "resume storm": ("500 readers are cut at once: when does each go on?", readers.resume_storm, readers.STORM),
    "idle watchers": ("5 000 readers of a stream that is silent: what do they cost?", readers.watchers, readers.WATCHERS),
}
SOAK: Final = "Half an hour of streams: does memory stay where it was?"
ALL: Final = (*STREAMS, *OWN, "soak")


async def one(name: str, load: Load, rounds: int, *, full: bool) -> Figures:
    """The result of one scenario."""
    repeat = f"python bench/run.py --full --rounds {rounds} '{name}'" if full else f"python bench/run.py '{name}'"
    if name in STREAMS:
        scenario = STREAMS[name]
        if scenario.together and not full:
            rounds = 1  # it takes a minute
        names = (*scenario.contestants, *(scenario.peers if full else ()))
        settings = {key: value for key, value in asdict(scenario).items() if key not in ("question", "contestants", "peers")}
        figures, all_rounds = await measure(scenario, load, names, rounds, not full)
        question = scenario.question
    elif name in OWN:
        question, measured, settings = OWN[name]
        figures, all_rounds = await measured(load, rounds)
    else:
        question, settings, rounds = SOAK, {}, 1
        figures, all_rounds = await soak(load)
    return about(name, question, repeat, settings | {"rounds": rounds}) | {"contestants": figures, "rounds": all_rounds}


async def run(names: list[str], rounds: int, *, full: bool, keeping: bool) -> None:
    before = kept()
    commit()  # as it is before anything is measured
    async with load() as loaded:
        for name in names:
            result = await one(name, loaded, rounds, full=full)
            print(tables.scenario(result), flush=True)
            if keeping:
                keep(result)
    if not full and before:
        print("The last results of the full set\n================================\n")
        for result in before.values():
            print(tables.scenario(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[*ALL, []], help="which; all of the set when none is named")
    parser.add_argument("--full", action="store_true", help="beside the other products too, at full length; results are kept")
    parser.add_argument("--rounds", type=int, help="medians of that many; 3, with --full 5")
    args = parser.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # children inherit it: a stream is two sockets
    names = args.scenarios or list(ALL if args.full else SHORT)
    asyncio.run(run(names, args.rounds or (5 if args.full else 3), full=args.full, keeping=args.full))


if __name__ == "__main__":
    main()
