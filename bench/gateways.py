"""Processes that are measured, and the results that are kept."""

import asyncio
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


class Process:
    """A measured process."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")

    def cpu_seconds(self) -> float:
        """Of all its threads, in user and kernel mode."""
        return sum(int((task / "schedstat").read_text().split()[0]) for task in (self._proc / "task").iterdir()) / 1e9

    def peak_mib(self) -> float:
        line = next(line for line in (self._proc / "status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


@asynccontextmanager
async def started(*command: str, says: str, env: dict[str, str] | None = None) -> AsyncIterator[tuple[Process, str]]:
    """A child process, once it has printed a line with `says`; its last word is the URL or what stands in its place."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=os.environ | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout
    try:
        line = ""
        while says not in line:
            raw = await process.stdout.readline()
            if not raw:
                raise SystemExit(f"{' '.join(command)} did not start")
            line = raw.decode()
        yield Process(process.pid), line
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def served(folder: str, env: dict[str, str]) -> AsyncIterator[tuple[Process, str, str]]:
    """A gateway with its data in the folder: its process, its URL, the local account's token. It asks for no titles."""
    ours = {"LAM_DATA_DIR": folder, "LAM_PORT": "0", "LAM_TITLES": "false"}
    async with started("-c", "from lam.cli import main; main()", "serve", says="serves", env=ours | env) as (gateway, _):
        yield gateway, (Path(folder) / "url").read_text().strip(), (Path(folder) / "token").read_text().strip()


@contextmanager
def measured(scenario: str, *, keep: bool) -> Iterator[dict[str, Any]]:
    """Give it the figures: it prints them and, if they are to be kept, writes them down with date, machine and commit."""
    figures: dict[str, Any] = {}
    before = steal_seconds()
    yield figures
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    about = {
        "scenario": scenario,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "steal_seconds": round(steal_seconds() - before, 1),
    }
    print(f"{'scenario':36} {scenario}")
    for name, value in figures.items():
        print(f"{name:36} {value}")
    if keep:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{about['date'][:10]}-{scenario}.json"
        path.write_text(json.dumps(about | figures, indent=2) + "\n")
        print(f"{'kept in':36} {path.name}")


def steal_seconds() -> float:
    """Processor time that the machine's owner took, so far."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / os.sysconf("SC_CLK_TCK")
