"""llama.cpp's own server on the test model, in a process of its own: `python llama_server.py MODEL PORT SLOTS [THREADS]`."""

from __future__ import annotations

import sys
import time

import xllamacpp


def main(model: str, port: str, slots: str, threads: str | None = None) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames, params.port = ["127.0.0.1"], int(port)
    params.n_parallel, params.n_ctx = int(slots), 2048 * int(slots)
    params.endpoint_slots, params.endpoint_metrics = True, True
    params.warmup, params.verbosity = False, 0
    # Its cache of prompts that no slot holds any more costs more time the longer it runs.
    params.cache_ram_mib = 0
    # What a request leaves out: as our service draws when it is not told otherwise.
    params.sampling.top_k, params.sampling.top_p, params.sampling.min_p = 0, 1.0, 0.05
    if threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
