#!/usr/bin/env python3
"""Sends sets of prompts to a Forethought service, and tells what passed, by set and endpoint.

    run.py --start target/debug/forethought            # a service of its own, with every safeguard on
    run.py --url http://127.0.0.1:8080 --key fk-…      # one that runs

Sets are `own:benign`, `own:attacks`, `own:variants` and files of `garak_prompts.py` or of one's own: a JSON object a line with
`prompt` or `messages`, and `probe`, `disguise` or `group` to count by. Nothing may be found in a benign prompt: whatever is, is
a false alarm, flags included. Exits with 1 when a promised disguise passes, or more than `--alarms` of the benign ones alarm.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "python")]
import variants  # noqa: E402

HERE = pathlib.Path(__file__).parent
OUTPUT_RULES = {
    "groups": {"pii": "redact", "secret": "redact", "hidden": "block"},
    "deny": [{"id": "suite", "action": "block", "phrases": variants.PHRASES}],
}
#: What signs of injection say is flagged, so that it is counted and everything else is as without.
FLAGGED = {"injection": "flag"}
RULES = {**OUTPUT_RULES, "groups": {**OUTPUT_RULES["groups"], **FLAGGED}}
#: From the mildest to the strictest.
OUTCOMES = ["passed", "flagged", "redacted", "held", "blocked", "failed"]
BY_ACTION = {"flag": "flagged", "redact": "redacted", "hold": "held", "block": "blocked"}
BY_CODE = {"blocked_by_safeguard": "blocked", "held_by_safeguard": "held", "held_for_review": "held"}
TIMEOUT = 60


@dataclass(frozen=True)
class Case:
    """One request, and what it is counted by."""

    name: str
    label: str
    messages: list[dict]


@dataclass(frozen=True)
class Result:
    """What became of a case."""

    case: Case
    outcome: str
    found: tuple[str, ...]


# --- endpoints: what another one needs stands here ---------------------------------------------------------------------


@dataclass(frozen=True)
class Endpoint:
    """A way to ask: where, with what body, and how the answer is read."""

    name: str
    path: str
    body: Callable[[str, list[dict]], dict]
    read: Callable[[int, bytes], tuple[str, tuple[str, ...]]]


def chat_body(stream: bool) -> Callable[[str, list[dict]], dict]:
    extra = {"stream": True, "stream_options": {"include_usage": True, "include_deliberation": True}} if stream else {}
    return lambda model, messages: {"model": model, "messages": messages, "max_completion_tokens": 16, **extra}


def refused(status: int, body: bytes) -> tuple[str, tuple[str, ...]]:
    """An answer that is an error."""
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        code = None
    return BY_CODE.get(code, "failed"), (f"{status} {code}",)


def strictest(answers: Iterable[dict]) -> tuple[str, tuple[str, ...]]:
    """What whole answers or events tell of safeguards."""
    outcome, found = "passed", set()
    for answer in answers:
        if "error" in answer:
            return BY_CODE.get(answer["error"].get("code"), "failed"), (str(answer["error"].get("code")),)
        usage = answer.get("usage") or {}
        for one in (usage.get("deliberation") or {}).get("safeguards") or []:
            found.add(":".join(filter(None, (one["stage"], one["kind"], one["list"]))))
            outcome = max(outcome, BY_ACTION.get(one["action"], "failed"), key=OUTCOMES.index)
        if any(choice.get("finish_reason") == "content_filter" for choice in answer.get("choices") or []):
            outcome = max(outcome, "blocked", key=OUTCOMES.index)
    return outcome, tuple(sorted(found))


def read_whole(status: int, body: bytes) -> tuple[str, tuple[str, ...]]:
    return strictest([json.loads(body)]) if status == 200 else refused(status, body)


def read_events(status: int, body: bytes) -> tuple[str, tuple[str, ...]]:
    if status != 200:
        return refused(status, body)
    lines = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
    if not lines or lines[-1] != "[DONE]":
        return "failed", ("the stream has no end",)
    return strictest(json.loads(line) for line in lines[:-1])


ENDPOINTS = [
    Endpoint("chat", "/v1/chat/completions", chat_body(False), read_whole),
    Endpoint("chat, streamed", "/v1/chat/completions", chat_body(True), read_events),
]


# --- sets --------------------------------------------------------------------------------------------------------------


def lines(path: pathlib.Path) -> Iterator[dict]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            yield json.loads(line)


def case(name: str, row: dict) -> Case:
    messages = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    label = row.get("probe") or row.get("disguise") or row.get("group") or "all"
    return Case(name, label, messages)


def cases(which: str, seed: int) -> list[Case]:
    if which == "own:variants":
        return [case(row["group"], row) for row in variants.variants(variants.PHRASES, seed)]
    if which.startswith("own:"):
        which = str(HERE / f"{which.removeprefix('own:')}.jsonl")
    path = pathlib.Path(which)
    return [case(path.stem, row) for row in lines(path)]


# --- asking ------------------------------------------------------------------------------------------------------------


class Asker:
    """Keeps one connection a thread."""

    def __init__(self, url: str, key: str, model: str):
        self.url, self.key, self.model = urllib.parse.urlsplit(url), key, model
        self.local = threading.local()

    def connection(self) -> http.client.HTTPConnection:
        if not hasattr(self.local, "connection"):
            kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
            self.local.connection = kind(self.url.netloc, timeout=TIMEOUT)
        return self.local.connection

    def ask(self, endpoint: Endpoint, one: Case) -> Result:
        body = json.dumps(endpoint.body(self.model, one.messages)).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        try:
            connection = self.connection()
            connection.request("POST", endpoint.path, body, headers)
            response = connection.getresponse()
            outcome, found = endpoint.read(response.status, response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.local.__dict__.pop("connection", None)
            outcome, found = "failed", (repr(error),)
        return Result(one, outcome, found)


def ask_all(asker: Asker, endpoint: Endpoint, all_cases: list[Case], workers: int) -> list[Result]:
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda one: asker.ask(endpoint, one), all_cases))


# --- telling -----------------------------------------------------------------------------------------------------------


def table(results: dict[str, list[Result]]) -> Iterator[str]:
    """Outcomes by set and probe, an endpoint a column: those that are not zero."""
    yield "| set | probe | prompts | " + " | ".join(results) + " |"
    yield "|---|---|---:|" + "---|" * len(results)
    rows: dict[tuple[str, str], dict[str, collections.Counter]] = {}
    for endpoint, told in results.items():
        for result in told:
            for label in (result.case.label, ""):
                counts = rows.setdefault((result.case.name, label), {}).setdefault(endpoint, collections.Counter())
                counts[result.outcome] += 1
    for (name, label), by_endpoint in sorted(rows.items()):
        size = max(counts.total() for counts in by_endpoint.values())
        cells = [", ".join(f"{c[o]} {o}" for o in OUTCOMES if c[o]) for c in (by_endpoint[e] for e in results)]
        shown = f"**{name}** | **all**" if not label else f"{name} | {label}"
        yield f"| {shown} | {size} | " + " | ".join(cells) + " |"


def listing(results: dict[str, list[Result]], wanted: Callable[[Result], bool], title: str) -> Iterator[str]:
    for endpoint, told in results.items():
        chosen = [result for result in told if wanted(result)]
        if chosen:
            yield f"\n## {title} ({endpoint}): {len(chosen)}\n"
            for result in chosen:
                said = " / ".join(str(message["content"]) for message in result.case.messages)
                yield f"- {result.case.label}: {result.outcome} {list(result.found)} `{said[:300]!r}`"


def slipped(result: Result) -> bool:
    return result.case.name == "promised" and result.outcome not in ("held", "blocked")


def alarmed(result: Result) -> bool:
    return result.case.name == "benign" and result.outcome not in ("passed", "failed")


def verdict(results: dict[str, list[Result]], alarms: float) -> Iterator[str]:
    """What must not be."""
    for endpoint, told in results.items():
        if failed := [result for result in told if result.outcome == "failed"]:
            yield f"{endpoint}: {len(failed)} requests failed, such as {failed[0].found}"
        if through := sorted({result.case.label for result in told if slipped(result)}):
            yield f"{endpoint}: promised disguises pass: {', '.join(through)}"
        benign = [result for result in told if result.case.name == "benign"]
        share = sum(map(alarmed, benign)) / max(len(benign), 1)
        if share > alarms:
            yield f"{endpoint}: {share:.1%} of the benign prompts alarm, more than {alarms:.0%}"


def for_output(rules: dict) -> dict:
    """The same rules without what is only looked for in what is asked."""
    return {**rules, "groups": {group: action for group, action in rules.get("groups", {}).items() if group != "injection"}}


def own_service(binary: str, folder: str, rules: dict) -> object:
    """A service with a scripted model and these safeguards."""
    os.environ["FORETHOUGHT_BIN"] = str(pathlib.Path(binary).resolve())
    from support import Service, scripted  # noqa: PLC0415 - only where a service is started

    service = Service(pathlib.Path(folder), scripted(answers=[{"text": "Fine."}]))
    service.policy.write_text(f"{service.policy.read_text()}\nsafeguards: {json.dumps({'input': rules, 'output': for_output(rules)})}\n")
    return service.start()


def run(url: str, key: str, model: str, options: argparse.Namespace) -> int:
    all_cases = [one for which in options.sets for one in cases(which, options.seed)]
    asker = Asker(url, key, model)
    results = {one.name: ask_all(asker, one, all_cases, options.workers) for one in ENDPOINTS}
    told = [*table(results), *listing(results, alarmed, "False alarms"), *listing(results, slipped, "Promised, and passed")]
    if options.all_passed:
        told += listing(results, lambda result: result.outcome == "passed" and result.case.name != "benign", "Passed")
    text = "\n".join(told) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    wrong = list(verdict(results, options.alarms))
    print("\n".join(wrong) or "as promised", file=sys.stderr)
    return 1 if wrong else 0


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = arguments.add_mutually_exclusive_group(required=True)
    where.add_argument("--start", metavar="PROGRAM", help="start a service of its own with this program")
    where.add_argument("--url", help="the base URL of a service that runs")
    arguments.add_argument("--key", default=os.environ.get("FORETHOUGHT_KEY", ""), help="its key; or FORETHOUGHT_KEY")
    arguments.add_argument("--model", default="scripted", help="the model to ask")
    arguments.add_argument("--rules", type=pathlib.Path, help="safeguards for --start, as JSON, in place of all of them")
    arguments.add_argument("--seed", type=int, default=1, help="of the disguises")
    arguments.add_argument("--workers", type=int, default=4)
    arguments.add_argument("--alarms", type=float, default=0.05, help="the share of benign prompts that may alarm")
    arguments.add_argument("--all-passed", action="store_true", help="list every prompt that passed, the benign ones apart")
    arguments.add_argument("--out", type=pathlib.Path, help="the Markdown file to write; standard output without it")
    arguments.add_argument("sets", nargs="*", default=["own:benign", "own:attacks", "own:variants"])
    options = arguments.parse_args()
    if options.url:
        return run(options.url, options.key, options.model, options)
    rules = json.loads(options.rules.read_text()) if options.rules else RULES
    with tempfile.TemporaryDirectory() as folder:
        service = own_service(options.start, f"{folder}/service", rules)
        try:
            return run(service.url, service.key, service.model, options)
        finally:
            service.kill()


if __name__ == "__main__":
    sys.exit(main())
