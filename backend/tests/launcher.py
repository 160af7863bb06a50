"""Starts our programs for the tests of the page: forks them from a process that has imported what they need, which takes seconds.

Each line of the input is a program, `{"id": 1, "code": "…", "words": […], "env": {…}, "output": PATH}`: Python, its arguments, its
whole environment and the file for what it says. Lines of the output: `{"id": 1, "pid": 2}` when it has begun, and
`{"id": 1, "ended": true}`.
"""

import json
import os
import select
import signal
import sys
from importlib import import_module
from typing import Any

from .forked import PRELOADED


def main() -> None:
    for name in PRELOADED:
        import_module(name)
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    running: dict[int, int] = {}
    lines = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            while running and (pid := os.waitpid(-1, os.WNOHANG)[0]):
                print(json.dumps({"id": running.pop(pid), "ended": True}), flush=True)
        if 0 in ready:
            piece = os.read(0, 1 << 16)
            if not piece:
                for pid in running:  # what a test has left
                    os.kill(pid, signal.SIGKILL)
                return
            *whole, lines = (lines + piece).split(b"\n")
            for line in whole:
                request = json.loads(line)
                if (pid := os.fork()) == 0:
                    run(request)
                running[pid] = request["id"]
                print(json.dumps({"id": request["id"], "pid": pid}), flush=True)


def run(request: dict[str, Any]) -> None:
    """What the new process does; it does not return."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        said = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.closerange(3, 100)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(os.path.dirname(request["output"]))
        sys.argv = ["-c", *request["words"]]
        exec(compile(request["code"], "<program>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
