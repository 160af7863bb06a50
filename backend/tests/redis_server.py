"""A real redis-server of our own, on a free port."""

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .ports import free_port

NUMBERS = 4096  # databases on one server


class RedisServer:
    """A server that tests can kill, freeze and start again; it comes back empty. `password`: of its clients, None for none."""

    def __init__(self, program: str, folder: Path, password: str | None = None, *, cluster: bool = False) -> None:
        self.port = free_port()
        secret = f":{password}@" if password else ""
        self._address = f"redis://{secret}127.0.0.1:{self.port}"
        self._numbers: dict[Path, int] = {}
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "dir": str(folder)}
        options |= {"cluster-enabled": "yes", "cluster-port": str(free_port())} if cluster else {"databases": str(NUMBERS)}
        if password:
            options["requirepass"] = password
        self._command = [program, *(word for name, value in options.items() for word in (f"--{name}", value))]
        self._process: subprocess.Popen[bytes] | None = None

    def url_for(self, data: Path) -> str:
        """The URL of the database for the gateways whose folders are in `data`, on the server that all tests share."""
        number = self._numbers.setdefault(data, len(self._numbers))
        return f"{self._address}/{number}"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.kill()
        raise AssertionError("redis-server did not come up")

    def command(self, *words: str, number: int = 0) -> bytes:
        """Sends a command to the database `number` and returns the answer as it is on the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(f"SELECT {number}\r\n{' '.join(words)}\r\nPING\r\n".encode())
            answer = b""
            while not answer.endswith(b"+PONG\r\n") and (more := connection.recv(65536)):
                answer += more
        return answer.removeprefix(b"+OK\r\n").removesuffix(b"+PONG\r\n")

    def freeze(self) -> None:
        """Stops the process; its connections stay open."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running_redis(program: str, password: str | None = None) -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="lam-redis-") as folder:
        server = RedisServer(program, Path(folder), password)
        server.start()
        try:
            yield server
        finally:
            server.kill()
