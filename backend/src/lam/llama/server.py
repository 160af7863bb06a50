"""The child process: llama.cpp's own HTTP server. It ends when its standard input does, so it never outlives its parent.

Prints its address on standard output once it listens. `n_batch` is small so that a stop is seen while a long prompt is read: the
server looks at its connections between batches.
"""

import argparse
import contextlib
import os
import select
import sys
import threading
from pathlib import Path
from typing import Final

KEY: Final = "LAM_LLAMA_KEY"
"""The variable with the key that clients must send."""

CACHE_MB: Final = 256
"""Bound of what the server keeps of earlier prompts beside the places; its own default is 8 GiB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--ctx", type=int, default=4096, help="tokens in each slot")
    parser.add_argument("--eye", type=Path, help="a file with the vision part")
    parser.add_argument("--chat-template", type=Path, help="a file with the template to use instead of the model's")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are processors but one, up to 8")
    parser.add_argument("--speculate", action="store_true", help="guess the next tokens from repetitions in the text")
    parser.add_argument("--cache", type=int, default=CACHE_MB, help="MB for earlier prompts")
    parser.add_argument(
        "--at-once", type=int, default=0, help="tokens of a prompt that are computed at once; 0: as the library does"
    )
    args = parser.parse_args()
    end_with_parent()

    import xllamacpp  # slow to import: the parser's errors should not wait for it

    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.model_alias = {args.name}
    params.n_ctx = args.ctx * args.slots
    params.n_parallel = args.slots
    params.n_batch = 128
    if args.at_once:
        params.n_ubatch = args.at_once
    if args.speculate:
        params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    if args.chat_template is not None:
        params.chat_template = args.chat_template.read_text(encoding="utf-8")
    if args.eye is not None:
        params.mmproj.path = str(args.eye)
    params.hostnames = ["127.0.0.1"]
    params.port = args.port
    params.cpuparams.n_threads = args.threads or default_threads()
    params.endpoint_slots = True
    params.cache_ram_mib = args.cache
    params.ui = False
    if key := os.environ.pop(KEY, None):
        params.api_keys = [key]
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)

    def until_parent_ends() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    watch = threading.Thread(target=until_parent_ends, name="parent")
    watch.start()
    watch.join()


def default_threads() -> int:
    """Returns how many threads compute: one processor is left to all others, up to 8 compute.

    The threads of llama.cpp spin until the last of them has done its share, so that one that has to wait for its processor holds
    them all. Three servers beside six busy programs on two processors (29 November 2026): 2 tokens/s each with two threads, 22 with
    one.
    """
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        processors = os.cpu_count() or 1
    return max(1, min(8, processors - 1))


def end_with_parent() -> None:
    """Has the system end this process when its standard input ends: while a model loads, no Python code runs that could look."""
    with contextlib.suppress(ImportError, AttributeError, OSError):  # without it, the model loads to its end first
        import fcntl

        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([0], [], [], 0)[0]:  # it ended before; nobody writes into it
            os._exit(0)


if __name__ == "__main__":
    main()
