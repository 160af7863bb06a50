"""A real Mosquitto of our own, on a free port."""

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lam.worker.worker import Beats

from .ports import free_port

mosquitto: "Mosquitto | None" = None  # with `--mode mqtt`: the broker of all gateways under test
beats = Beats()  # of the workers beside them


class Mosquitto:
    """Can be killed and started again. `settings`: more lines of its configuration."""

    def __init__(self, program: str, folder: Path, settings: str = "allow_anonymous true") -> None:
        self._program = program
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nmax_queued_messages 0\n{settings}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [self._program, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("Mosquitto did not come up")

    def freeze(self) -> None:
        """It says and reads nothing more, but its connections stand."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running_mosquitto(program: str, settings: str = "allow_anonymous true") -> Iterator[Mosquitto]:
    with tempfile.TemporaryDirectory(prefix="lam-mosquitto-") as folder:
        broker = Mosquitto(program, Path(folder), settings)
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()
