"""Asks Forethought, optillm and a plain vote the same questions, over the same llama.cpp server.

Prints one JSON object on stdout: `rows` sums up each side of each set of questions, `questions` tells each answer, and
`paired` sets each side beside each of ours, over the same questions: points of accuracy that the latter has more, how many times their tokens and their time the side took. Intervals are at 95 %: of points Newcombe's for paired shares (1998,
Statistics in Medicine 17:2635, method 10), of ratios the percentiles of a bootstrap over questions. A question on which
either side failed is left out of both, and failures are told.
Every side asks one and the same llama.cpp server, only one side at a time, and the sides take turns at being first.

- `forethought`: strategy `self_consistency`, with its own wave; `forethought, wave N`: with another one.
- `forethought, auto, wave N`: strategy `auto`, a vote in which samples with wrong equations do not count.
- `forethought, schema`: the same with `response_format`, for the questions that have a schema.
- `plain vote`: all samples at once, straight to llama.cpp, each run to its end; the answer that most of them give.
- `optillm majority_voting`: its plugin; all samples in one request (`n`); votes by the normalized text of the answer.
  optillm is given `response_format`, too, where a question has a schema; neither approach passes it on.
- `optillm self_consistency`: one sample after the other; samples that were cut at their cap are dropped, texts of which
  0.8 is alike make a group, and the first text of the largest group is the answer. No setting reaches its number of
  samples (5) or its temperature (1). This program sets the first, and leaves the second; nothing else of it is changed.
- `optillm self_consistency as shipped`: the same with its 5 samples.

optillm writes `User: ` before the question and has no seed. No side but Forethought is told anything of `top_p`,
`top_k` and `min_p`: the server's own apply. Where those are not Forethought's, that is told on stderr.

Tokens are the growth of llama.cpp's counter of generated tokens, so those of cancelled samples count. An answer is read
from each side's final text in one way: its last number, or its first JSON object.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import hashlib
import http.client
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

TOLERANCE = 1e-6
#: How often a bootstrap draws the questions anew.
DRAWS = 10_000
#: The 97.5 % point of the normal distribution.
Z = 1.959963984540054
OURS = "forethought"
#: Only for questions that have a schema.
WITH_SCHEMA = "forethought, schema"
#: Of an answer, in seconds. Also the deadline that Forethought is given, so that it never decides.
LIMIT = 600
START_LIMIT = 120
#: What Forethought draws with when it is not told otherwise.
SAMPLING = {"top_k": 0, "top_p": 1.0, "min_p": 0.05}
#: The system prompt of the test model's template. optillm sends an empty one where there is none.
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
#: Starts optillm's own program; the one thing that is set is the number of samples, where it is not optillm's.
OPTILLM = """
import sys, optillm
from optillm.self_consistency import AdvancedSelfConsistency as Votes
samples = int(sys.argv.pop(1))
defaults = Votes.__init__.__defaults__
assert defaults[0] == 5, f"not the optillm that is known here: {defaults}"
Votes.__init__.__defaults__ = (samples, *defaults[1:])
optillm.main()
"""
NUMBER = re.compile(r"(?<![\d.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\d.])-?\.\d+")


class Failed(Exception):
    """A side gave no answer; the text tells why."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forethought-url", required=True)
    parser.add_argument("--forethought-key", default=os.environ.get("FORETHOUGHT_KEY"), help="or FORETHOUGHT_KEY")
    parser.add_argument("--forethought-model", required=True)
    parser.add_argument("--llama-url", required=True, help="with /metrics and /slots, and a slot for each sample")
    parser.add_argument("--questions", action="append", required=True, metavar="FILE", type=pathlib.Path)
    parser.add_argument("--limit", type=int, metavar="N", help="only the first so many questions of each file")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=96, help="of one sample")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=1, help="more than 1: tokens are known per set only")
    parser.add_argument("--wave", type=int, default=16, help="of the Forethought sides that tell one")
    parser.add_argument("--system", default=SYSTEM, help="the system prompt that all sides are given")
    parser.add_argument("--side", action="append", metavar="NAME", help="only this side; may be given often")
    args = parser.parse_args()
    if not args.forethought_key:
        parser.error("no key: give --forethought-key, or set FORETHOUGHT_KEY")
    return args


# HTTP


def call(url, path, body=None, key=None, limit=LIMIT):
    """The reply's bytes; an error of any kind is a `Failed`."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=limit)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    try:
        connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
        reply = connection.getresponse()
        data = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{url}{path}: {error!r}") from error
    finally:
        connection.close()
    if reply.status != 200:
        raise Failed(f"{url}{path}: status {reply.status}: {data[:300].decode(errors='replace')}")
    return data


def chat(url, body, key=None):
    """The text of the first choice."""
    data = call(url, "/v1/chat/completions", body, key)
    try:
        return json.loads(data)["choices"][0]["message"]["content"] or ""
    except (ValueError, LookupError, TypeError) as error:
        raise Failed(f"{url}: no completion: {data[:300].decode(errors='replace')}") from error


def generated(llama):
    """Tokens that llama.cpp has generated since it started, those of cancelled requests included."""
    end = time.monotonic() + LIMIT
    while any(slot["is_processing"] for slot in json.loads(call(llama, "/slots"))):
        if time.monotonic() > end:
            sys.exit(f"llama.cpp at {llama} is still at work after {LIMIT} s, though nothing is asked")
        time.sleep(0.02)
    found = re.search(r"^llamacpp:tokens_predicted_total (\S+)$", call(llama, "/metrics").decode(), re.MULTILINE)
    if not found:
        sys.exit(f"llama.cpp at {llama} tells no `llamacpp:tokens_predicted_total`")
    return round(float(found[1]))


# Answers


def read_answer(text, wanted):
    """What is read from a text: an object where an object is wanted, else a number; None where there is none."""
    if not isinstance(wanted, dict):
        numbers = NUMBER.findall(text.replace("\u2212", "-"))
        return float(numbers[-1].replace(",", "")) if numbers else None
    decoder = json.JSONDecoder()
    for start in (found.start() for found in re.finditer("{", text)):
        with contextlib.suppress(ValueError, RecursionError):
            return decoder.raw_decode(text, start)[0]
    return None


def is_right(answer, wanted):
    if answer is None or isinstance(wanted, dict):
        return answer == wanted
    return abs(answer - wanted) <= TOLERANCE * max(1.0, abs(wanted))


def ballot(answer):
    """The same text for answers that are the same; 42 and 42.0 are."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    return json.dumps(plain(answer), sort_keys=True)


# Sides: each takes a question and gives a text


def messages(args, question):
    system = [{"role": "system", "content": args.system}] if args.system else []
    return [*system, {"role": "user", "content": question["question"]}]


def seed(args, question):
    """Other questions have other ones, and the same in every run."""
    return int.from_bytes(hashlib.sha256(f"{args.seed} {question['id']}".encode()).digest()[:3], "big") << 7


def schema_of(question):
    """`response_format` of a question that has a schema."""
    if "schema" not in question:
        return {}
    schema = {"name": "answer", "strict": True, "schema": question["schema"]}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def forethought(args, wave=None, schema=False, strategy="self_consistency"):
    def ask(question):
        deliberation = {
            "strategy": strategy, "max_samples": args.samples, "deadline_ms": LIMIT * 1000,
            "answer": "json" if isinstance(question["answer"], dict) else "number", **({"wave": wave} if wave else {}),
        }
        body = {
            "model": args.forethought_model, "messages": messages(args, question), "seed": seed(args, question),
            "temperature": args.temperature, "max_completion_tokens": args.max_tokens, "deliberation": deliberation,
            **(schema_of(question) if schema else {}),
        }
        return chat(args.forethought_url, body, args.forethought_key)

    return ask


def plain_vote(args):
    def sample(question, number):
        body = {
            "model": "model", "messages": messages(args, question), "seed": seed(args, question) + number,
            "temperature": args.temperature, "max_tokens": args.max_tokens,
        }
        return chat(args.llama_url, body)

    def ask(question):
        with concurrent.futures.ThreadPoolExecutor(args.samples) as pool:
            texts = list(pool.map(lambda number: sample(question, number), range(args.samples)))
        answers = [(ballot(answer), text) for text in texts
                   if (answer := read_answer(text, question["answer"])) is not None]
        if not answers:
            return texts[0]
        # Of answers with as many votes the earliest wins.
        winner = collections.Counter(vote for vote, _ in answers).most_common(1)[0][0]
        return next(text for vote, text in answers if vote == winner)

    return ask


def optillm(args, url, approach):
    def ask(question):
        body = {
            "model": "model", "messages": messages(args, question), "temperature": args.temperature,
            "max_tokens": args.max_tokens, "optillm_approach": approach, "k": args.samples, **schema_of(question),
        }
        return chat(url, body)

    return ask


# optillm's server


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def optillm_server(args, samples):
    """optillm in a process and an empty folder of its own; gives its address."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("OPTILLM_", "CEREBRAS_", "AZURE_", "OPENAI_"))}
    environment = {**kept, "OPENAI_API_KEY": "none", "NO_PROXY": "127.0.0.1,localhost"}
    command = [sys.executable, "-c", OPTILLM, str(samples), "--approach", "self_consistency", "--model", "model",
               "--base-url", f"{args.llama_url.rstrip('/')}/v1", "--port", str(port), "--log", "error"]
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "log"), "w+b") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(process, url, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(process, url, log):
    end = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(Failed):
            call(url, "/health", limit=5)
            return
        time.sleep(0.1)
    log.seek(0)
    sys.exit(f"optillm did not start:\n{log.read()[-3000:].decode(errors='replace')}")


# The measurement


def read_questions(args):
    sets = {}
    for file in args.questions:
        lines = [line for line in file.read_text().splitlines() if line.strip()]
        sets[file.stem] = [json.loads(line) for line in lines[: args.limit]]
    return sets


def sides(args, stack):
    """Every side that is asked for by its name. optillm's servers run only where they are needed."""
    votes, shipped = "optillm self_consistency", "optillm self_consistency as shipped"
    made = {
        OURS: lambda: forethought(args),
        f"forethought, wave {args.wave}": lambda: forethought(args, wave=args.wave),
        f"forethought, auto, wave {args.wave}": lambda: forethought(args, wave=args.wave, strategy="auto"),
        WITH_SCHEMA: lambda: forethought(args, schema=True),
        "plain vote": lambda: plain_vote(args),
        "optillm majority_voting": lambda: optillm(args, server(args.samples), "majority_voting"),
        votes: lambda: optillm(args, server(args.samples), "self_consistency"),
        shipped: lambda: optillm(args, server(5), "self_consistency"),
    }
    unknown = set(args.side or ()) - set(made)
    if unknown:
        sys.exit(f"no side is called {sorted(unknown)}; there are {list(made)}")
    servers = {}

    def server(samples):
        if samples not in servers:
            servers[samples] = stack.enter_context(optillm_server(args, samples))
        return servers[samples]

    return {name: make() for name, make in made.items() if not args.side or name in args.side}


def timed(ask, question):
    begin = time.perf_counter()
    try:
        text, error = ask(question), None
    except Failed as failed:
        text, error = "", str(failed)
    return text, error, time.perf_counter() - begin


def turn(names, number):
    """The order of the sides: each is first as often as the others, and runs as often before as after another."""
    at = number // 2 % len(names)
    order = names[at:] + names[:at]
    return order[::-1] if number % 2 else order


def measure(args, asks, sets):
    rows = {}
    told, number, done, total = [], 0, 0, sum(map(len, sets.values()))
    for name, questions in sets.items():
        schemas = all("schema" in question for question in questions)
        names = [side for side in asks if side != WITH_SCHEMA or schemas]
        for side in names:
            rows[name, side] = {"set": name, "side": side, "questions": 0, "right": 0, "errors": 0, "tokens": 0,
                                "seconds": 0.0}
        for start in range(0, len(questions), args.in_flight):
            batch = questions[start : start + args.in_flight]
            for side in turn(names, number):
                row, before, begin = rows[name, side], generated(args.llama_url), time.perf_counter()
                with concurrent.futures.ThreadPoolExecutor(len(batch)) as pool:
                    outcomes = list(pool.map(lambda question, ask=asks[side]: timed(ask, question), batch))
                row["seconds"] += time.perf_counter() - begin
                tokens = generated(args.llama_url) - before
                row["tokens"] += tokens
                for question, (text, error, seconds) in zip(batch, outcomes):
                    answer = read_answer(text, question["answer"])
                    right = error is None and is_right(answer, question["answer"])
                    row["questions"] += 1
                    row["right"] += right
                    row["errors"] += error is not None
                    told.append({"set": name, "id": question["id"], "side": side, "right": right,
                                 "tokens": tokens if len(batch) == 1 else None, "seconds": round(seconds, 3),
                                 "answer": answer, "text": text, **({"error": error} if error else {})})
            number, done = number + 1, done + len(batch)
            progress(rows, name, done, total)
    for row in rows.values():
        row["seconds"] = round(row["seconds"], 3)
    return list(rows.values()), told


def paired(told, seed):
    """Each side beside each of ours that is a measure for others, over the questions of a set."""
    by_side = collections.defaultdict(dict)
    for one in told:
        by_side[one["set"], one["side"]][one["id"]] = one
    beside = []
    pairs_of_sides = [(base, name, side) for name, base in by_side if base.startswith(OURS)
                      for of, side in by_side if of == name and side != base]
    for base, name, side in pairs_of_sides:
        ours, theirs = by_side.get((name, base)), by_side[name, side]
        if not ours:
            continue
        pairs = [(ours[id], theirs[id]) for id in theirs]
        pairs = [pair for pair in pairs if not any("error" in one for one in pair)]
        if not pairs:
            continue
        row = {"set": name, "side": side, "beside": base, "questions": len(pairs), "points": [100 * value for value in newcombe(pairs)]}
        for key in ("tokens", "seconds"):
            if all(one[key] is not None for pair in pairs for one in pair):
                row[key] = interval(pairs, lambda drawn, key=key: total(drawn, 1, key) / max(total(drawn, 0, key), 1e-9), seed)
        beside.append(row)
    return beside


def newcombe(pairs):
    """How much more often the first of each pair is right."""

    def wilson(share, n):
        spread = Z * Z / n
        middle = (share + spread / 2) / (1 + spread)
        half = Z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
        return share, middle - half, middle + half

    count = collections.Counter((bool(ours["right"]), bool(theirs["right"])) for ours, theirs in pairs)
    both, first, second, none = count[True, True], count[True, False], count[False, True], count[False, False]
    n = len(pairs)
    (p1, low1, high1), (p2, low2, high2) = wilson((both + first) / n, n), wilson((both + second) / n, n)
    alike = both * none - first * second
    alike = max(alike - n / 2, 0) if alike > 0 else alike
    margins = (both + first) * (second + none) * (both + second) * (first + none)
    phi = alike / math.sqrt(margins) if margins else 0.0

    def reach(a, b):
        return math.sqrt(max(a * a - 2 * phi * a * b + b * b, 0))

    return p1 - p2, p1 - p2 - reach(p1 - low1, high2 - p2), p1 - p2 + reach(high1 - p1, p2 - low2)


def total(pairs, side, key):
    return sum(pair[side][key] for pair in pairs)


def interval(pairs, value, seed):
    """A value of all pairs, and between which ends it lies."""
    draw = random.Random(seed)
    drawn = sorted(value(draw.choices(pairs, k=len(pairs))) for _ in range(DRAWS))
    return [value(pairs), drawn[round(0.025 * (DRAWS - 1))], drawn[round(0.975 * (DRAWS - 1))]]


def progress(rows, name, done, total):
    shares = ", ".join(f"{side} {row['right']}/{row['questions']}" for (of, side), row in rows.items() if of == name)
    print(f"\r\x1b[K{done}/{total} {name}: {shares}", end="", file=sys.stderr, flush=True)


def server_told(args):
    """llama.cpp's build, its slots, and what it draws with where a request does not say."""
    props = json.loads(call(args.llama_url, "/props"))
    params = props["default_generation_settings"]["params"]
    sampling = {name: round(params[name], 4) for name in SAMPLING}
    if sampling != SAMPLING:
        print(f"llama.cpp draws with {sampling} where it is not told; Forethought with {SAMPLING}", file=sys.stderr)
    slots = props.get("total_slots", 0)
    if slots < args.samples * args.in_flight:
        print(f"llama.cpp has {slots} slots for {args.samples * args.in_flight} samples at once", file=sys.stderr)
    return {"build": props.get("build_info"), "slots": slots, "sampling": sampling}


def main():
    args = arguments()
    # So that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sets = read_questions(args)
    try:
        server = server_told(args)
        with contextlib.ExitStack() as stack:
            rows, told = measure(args, sides(args, stack), sets)
    except Failed as failed:
        sys.exit(f"llama.cpp does not answer: {failed}")
    print(file=sys.stderr)
    versions = {name: importlib.metadata.version(name) for name in ("optillm", "openai")}
    settings = {name: getattr(args, name) for name in
                ("samples", "max_tokens", "temperature", "seed", "in_flight", "wave", "limit", "system")}
    report = {"rows": rows, "paired": paired(told, args.seed), "questions": told, "settings": {**settings, "server": server},
              "versions": {**versions, "llama.cpp": server["build"], "python": platform.python_version()}}
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
