"""Child processes that are measured: their CPU time and memory, those of their own children included, and the machine's steal."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path


class Process:
    """A process with its descendants."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def _all(self) -> Iterable[Path]:
        waiting = [self.pid]
        while waiting:
            proc = Path(f"/proc/{waiting.pop()}")
            yield proc
            for task in _listed(proc / "task"):
                waiting += [int(child) for child in _text(task / "children").split()]

    def cpu_seconds(self) -> float:
        """Of all threads that live, in user and kernel mode, to the nanosecond."""
        tasks = (task for proc in self._all() for task in _listed(proc / "task"))
        return sum(int((_text(task / "schedstat") or "0").split()[0]) for task in tasks) / 1e9

    def memory_mib(self) -> float:
        return self._status("VmRSS")

    def peak_mib(self) -> float:
        """Since the start, or since `forget_peak`; of several processes the sum of their peaks."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        for proc in self._all():
            (proc / "clear_refs").write_text("5")

    def _status(self, name: str) -> float:
        lines = (line for proc in self._all() for line in _text(proc / "status").splitlines())
        return sum(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile
        return ""


def _listed(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


@asynccontextmanager
async def started(
    *command: str, says: str = "", env: dict[str, str] | None = None, program: str = sys.executable, log: Path | None = None
) -> AsyncIterator[tuple[Process, str]]:
    """A child process, once it has printed a line with `says`; that line. Without `says` at once; what it prints goes to `log`."""
    output = subprocess.PIPE if says else log.open("wb") if log else subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, *command, env=os.environ | (env or {}), stdout=output, stderr=subprocess.STDOUT
    )
    try:
        line = ""
        while says and says not in line:
            assert process.stdout
            raw = await process.stdout.readline()
            if not raw:
                raise SystemExit(f"{program} {' '.join(command)} did not start")
            line = raw.decode()
        yield Process(process.pid), line
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def machine_seconds() -> tuple[float, float]:
    """Processor time that the machine's owner took (steal), and all of it, so far."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return fields[7] / os.sysconf("SC_CLK_TCK"), sum(fields) / os.sysconf("SC_CLK_TCK")
