"""Three servers behind one name, of which one is killed, one hangs and one answers 500."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from llama import Llama, Sick
from support import Service, until

ASKED = 200
DEADLINE_MS = 60_000


@pytest.fixture(scope="module")
def servers():
    # More threads than cores would wait for each other.
    servers = [Llama(threads=1).start() for _ in range(3)]
    yield servers
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def sick(servers: list[Llama]) -> Sick:
    return Sick(servers[2].url)


@pytest.fixture(scope="module")
def service(servers: list[Llama], sick: Sick, tmp_path_factory: pytest.TempPathFactory):
    urls = {"killed": servers[0].url, "hangs": servers[1].url, "errs": sick.url}
    members = [{"name": name, "upstream": {"url": url}} for name, url in urls.items()]
    pool = {"members": members, "check_every_ms": 300, "check_within_ms": 1500, "failover_after_ms": 5000}
    service = Service(tmp_path_factory.mktemp("pool"), {"id": "pool", "pool": pool}).start()
    yield service
    service.kill()


def members(service: Service) -> dict[str, dict]:
    models = json.loads(service.send("GET", "/v1/models", None).body)["data"]
    return {member["name"]: member for member in models[0]["forethought"]["members"]}


def up(service: Service) -> list[str]:
    return [name for name, member in members(service).items() if member["state"] == "up"]


def ask(service: Service, number: int) -> tuple[int, dict, float]:
    deliberation = {"strategy": "self_consistency", "max_samples": 3, "answer": "number", "deadline_ms": DEADLINE_MS}
    start = time.monotonic()
    answer = service.chat(f"What is {number % 10} + 5? Reply with the number.", seed=number, max_completion_tokens=10, deliberation=deliberation)
    return answer.status, answer.json, time.monotonic() - start


def trouble(servers: list[Llama], sick: Sick, over: threading.Event) -> None:
    """Each fault for a while, two of them at once, and for a moment all three."""
    while not over.is_set():
        sick.sick = True
        time.sleep(2)
        servers[0].kill()
        time.sleep(2)
        sick.sick = False
        servers[1].hang()
        time.sleep(3)
        servers[0].start()
        time.sleep(2)
        sick.sick = True
        servers[0].kill()
        time.sleep(1)
        servers[1].go_on()
        servers[0].start()
        sick.sick = False
        time.sleep(1)


def test_a_pool_tells_what_it_is_made_of(service: Service) -> None:
    until("all are up", lambda: len(up(service)) == 3)
    engine = json.loads(service.send("GET", "/v1/models", None).body)["data"][0]["forethought"]["engine"]
    assert engine["backend"] == "pool" and engine["parallel"] == 12 and all(engine["can"].values()), engine
    assert set(members(service)) == {"killed", "hangs", "errs"}


def test_every_deliberation_ends_rightly_whatever_fails(service: Service, servers: list[Llama], sick: Sick) -> None:
    over = threading.Event()
    with ThreadPoolExecutor(9) as threads:
        troubled = threads.submit(trouble, servers, sick, over)
        done = list(threads.map(lambda number: ask(service, number), range(ASKED)))
        over.set()
        troubled.result()
    for status, body, seconds in done:
        assert status == 200, body
        told = body["usage"]["deliberation"]
        # So small a model does not always name a number.
        assert told["status"] in ("answered", "unextracted") and body["choices"][0]["message"]["content"], body
        assert seconds < DEADLINE_MS / 1000 + 1 and told["generated_tokens"] <= told["budget"]["total_tokens"]
    assert sick.refused >= 3, "the fault was met"
    assert sum(body["usage"]["deliberation"]["status"] == "answered" for _, body, _ in done) > ASKED / 2
    until("the dead ones came back by themselves", lambda: len(up(service)) == 3, 60)
    for number in range(12):
        assert ask(service, number)[0] == 200
    print(f"slowest {max(seconds for *_, seconds in done):.1f} s")


def test_a_server_with_another_model_is_not_used(service: Service, servers: list[Llama], tmp_path) -> None:
    other = {"name": "other", "upstream": {"url": servers[1].url, "weights": "sha256:other"}}
    pool = {"members": [{"name": "first", "upstream": {"url": servers[0].url}}, other], "check_every_ms": 100}
    mixed = Service(tmp_path, {"id": "pool", "pool": pool}).start()
    try:
        told = until("it is judged", lambda: [m for m in members(mixed).values() if m["state"] == "unfit"])
        assert told[0]["name"] == "other" and "why" not in told[0], told
        assert "set `weights`" in mixed.log_text(), "the mend is the operator's to read"
        assert ask(mixed, 1)[0] == 200
    finally:
        mixed.kill()
