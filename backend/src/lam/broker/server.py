"""The child process: a broker on loopback for one user name. It ends when its standard input does, so it never outlives its parent.

The first line of standard input is `name:password`, which so stands in no list of processes.
"""

import argparse
import asyncio
import subprocess
import sys
import threading
from pathlib import Path

from lam import logs

HOST = "127.0.0.1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mosquitto", help="path of the program; without it the embedded broker serves")
    args = parser.parse_args()
    login = sys.stdin.readline().strip()
    if args.mosquitto:
        run_mosquitto(args.mosquitto, args.folder, args.port, login)
    else:
        from lam.broker import embedded  # slow to import, and missing in a worker's installation

        logs.start()
        asyncio.run(embedded.serve(HOST, args.port, login))


def run_mosquitto(program: str, folder: Path, port: int, login: str) -> None:
    """Runs until standard input or Mosquitto ends."""
    passwords, config = folder / "passwords", folder / "mosquitto.conf"
    for path in (passwords, config):
        path.touch(mode=0o600)
    passwords.write_text(f"{login}\n")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)  # noqa: S603, S607  # comes with Mosquitto
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous false",
        f"password_file {passwords}",
        "max_queued_messages 0",
        "set_tcp_nodelay true",
        "user root",  # only root can change users: it would give up its rights and lose access to the folder
    ]
    config.write_text("\n".join(lines) + "\n")
    broker = subprocess.Popen([program, "-c", str(config)])  # noqa: S603  # the path that the parent found

    def until_parent_ends() -> None:
        sys.stdin.read()
        broker.terminate()

    threading.Thread(target=until_parent_ends, name="parent", daemon=True).start()
    sys.exit(broker.wait())


if __name__ == "__main__":
    main()
