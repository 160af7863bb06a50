"""The child process: llama.cpp's own HTTP server. It ends when its standard input does, so it never outlives its parent.

Prints its address on standard output once it listens. `n_batch` is small so that a stop is seen while a long prompt is read: the
server looks at its connections between batches.
"""

import argparse
import os
import sys
import threading


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--ctx", type=int, default=4096, help="tokens in each slot")
    args = parser.parse_args()

    import xllamacpp  # slow to import: the parser's errors should not wait for it

    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.model_alias = {args.name}
    params.n_ctx = args.ctx * args.slots
    params.n_parallel = args.slots
    params.n_batch = 128
    params.hostnames = ["127.0.0.1"]
    params.port = args.port
    params.cpuparams.n_threads = max(1, min(8, os.cpu_count() or 1))
    params.endpoint_slots = True
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)

    def until_parent_ends() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    watch = threading.Thread(target=until_parent_ends, name="parent")
    watch.start()
    watch.join()


if __name__ == "__main__":
    main()
