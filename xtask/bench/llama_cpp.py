"""Measures llama.cpp (through xllamacpp): tokens a second for each model file and number of samples at once.

Prints one JSON object on stdout. A rate is all generated tokens divided by the time from the first request to the
last answer. Each slot has read the prompt before the clock runs and keeps it, as our lanes do. The wheel of xllamacpp is built to run on any CPU: a llama.cpp that is
built for this machine may be faster.
"""

import argparse
import concurrent.futures
import json
import os
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", required=True, metavar="FORM=PATH")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--n-predict", type=int, default=64)
    parser.add_argument("--counts", default="1,2,8,32", help="samples at once, comma separated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slot-tokens", type=int, default=512, help="room for prompt and answer of one sample")
    return parser.parse_args()


def start(xllamacpp, path, slots, args):
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_parallel = slots
    params.n_ctx = slots * args.slot_tokens
    params.cpuparams.n_threads = args.threads
    params.cpuparams_batch.n_threads = args.threads
    params.n_gpu_layers = 0
    params.warmup = True
    params.verbosity = 0
    return xllamacpp.Server(params)


def complete(server, args, n_predict, seed):
    answer = server.handle_completions(
        {
            "prompt": args.prompt,
            "max_tokens": n_predict,
            # As ours: one temperature, and all tokens.
            "temperature": 0.7,
            "top_k": 0,
            "top_p": 1.0,
            "min_p": 0.0,
            "seed": seed,
            "ignore_eos": True,
            "cache_prompt": True,
        }
    )
    if "usage" not in answer:
        sys.exit(f"llama.cpp answered no completion: {answer}")
    return answer["usage"]


def measure(server, args, count, n_predict):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        begin = time.perf_counter()
        usages = list(pool.map(lambda seed: complete(server, args, n_predict, seed), range(count)))
        seconds = time.perf_counter() - begin
    tokens = sum(usage["completion_tokens"] for usage in usages)
    if tokens != count * n_predict:
        sys.exit(f"{count} samples gave {tokens} tokens in place of {count * n_predict}")
    return usages[0]["prompt_tokens"], tokens, seconds


def main():
    args = arguments()
    counts = [int(count) for count in args.counts.split(",")]
    slots = max(16, *counts)
    # llama.cpp writes to the process's stdout; ours carries only the result.
    result_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import xllamacpp

    rows = []
    for model in args.model:
        form, path = model.split("=", 1)
        server = start(xllamacpp, path, slots, args)
        measure(server, args, slots, 4)
        for count in counts:
            prompt_tokens, tokens, seconds = measure(server, args, count, args.n_predict)
            rate = round(tokens / seconds, 2)
            print(f"llama.cpp {form}: {count} at once: {rate} tokens/s", file=sys.stderr)
            rows.append({"form": form, "count": count, "tokens": tokens, "seconds": round(seconds, 4),
                         "tokens_per_second": rate})
        del server
    report = {"engine": "llama.cpp", "xllamacpp": xllamacpp.__version__, "threads": args.threads, "slots": slots,
              "n_predict": args.n_predict, "prompt_tokens": prompt_tokens, "rows": rows}
    json.dump(report, result_to, indent=1)
    result_to.write("\n")
    result_to.close()


if __name__ == "__main__":
    main()
