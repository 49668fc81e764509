"""llama.cpp's own server on the test model, in a process of its own: `python llama_server.py MODEL PORT SLOTS`."""

from __future__ import annotations

import sys
import time

import xllamacpp


def main(model: str, port: str, slots: str) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames, params.port = ["127.0.0.1"], int(port)
    params.n_parallel, params.n_ctx = int(slots), 2048 * int(slots)
    params.endpoint_slots, params.warmup, params.verbosity = True, False, 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
