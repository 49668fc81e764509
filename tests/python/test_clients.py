"""Clients that leave, that stall and that come at a bad time: each costs only itself."""

from __future__ import annotations

import os
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import Service, scripted, texts, until, words

SLOW_CLIENT_SECONDS = float(os.environ.get("SLOW_CLIENT_SECONDS", "30"))
ENDLESS = [{"kind": "endless"}]
TOKEN_MS = 50


def outcome(service: Service, record: str) -> dict:
    """The outcome of an admission, waited for."""

    def end() -> dict | None:
        return service.audit_json("show", record)["end"]

    return until(f"outcome of {record}", end, every=0.2)["record"]["body"]


def sample_tokens(outcome: dict) -> list[int]:
    return [sample["tokens"] for sample in outcome["samples"]]


@pytest.fixture
def endless(install) -> Service:
    return install(scripted(token_ms=TOKEN_MS, context_tokens=1_000_000, faults=ENDLESS)).start()


def test_a_client_that_leaves_a_stream_stops_its_sample(endless: Service):
    stream = endless.stream(deliberation={"strategy": "single", "total_tokens": 10_000})
    read = []
    for event in stream:
        read += texts([event])
        if len(read) == 10:
            break
    stream.leave()
    body = outcome(endless, stream.record)
    assert body["status"] == "cancelled"
    # The service may be a token ahead of what was read.
    assert sum(sample_tokens(body)) <= 10 + 1 + 2, body


@pytest.mark.parametrize("streaming", [True, False])
def test_a_client_that_leaves_stops_all_its_samples(endless: Service, streaming: bool):
    thinking = {"strategy": "best_of_n", "max_samples": 8, "wave": 8, "total_tokens": 80_000}
    connection = endless.connect(30)
    started = time.monotonic()
    body = endless.body(deliberation=thinking, **({"stream": True} if streaming else {}))
    connection.request("POST", "/v1/chat/completions", body, endless.headers())
    time.sleep(1)
    connection.sock.close()
    left = time.monotonic()

    def listed() -> dict | None:
        found = endless.audit_json("list")
        return found[0] if found and found[0]["end"] else None

    ended = until("outcome", listed, every=0.2)
    assert ended["status"] == "cancelled"
    tokens = sample_tokens(ended["end"]["body"])
    # A scripted token never takes less than its time, so this is the most that 2 tokens after the end allow.
    most = (left - started) * 1000 / TOKEN_MS + 2
    assert len(tokens) == 8
    assert 5 < max(tokens) <= most, (tokens, most)
    assert endless.get("/readyz").status == 200


def test_the_model_is_free_when_its_client_has_left(real: Service):
    thinking = {"strategy": "best_of_n", "max_samples": 16, "wave": 16}
    stream = real.stream("Tell me a long story.", max_completion_tokens=500, deliberation=thinking)
    time.sleep(1)
    stream.leave()
    started = time.monotonic()
    answer = real.chat("Say yes.", max_completion_tokens=2, reasoning_effort="none")
    # 16 samples of 500 tokens take minutes.
    assert answer.status == 200 and time.monotonic() - started < 10
    body = outcome(real, stream.record)
    assert body["status"] == "cancelled"
    assert sum(sample_tokens(body)) < 400, body


def test_a_client_that_leaves_gets_back_what_was_not_used(install):
    service = install(scripted(token_ms=TOKEN_MS, context_tokens=1_000_000, faults=ENDLESS))
    key = service.add_tenant("small", tokens_per_minute=10_000)
    service.start()
    fields = {"deliberation": {"strategy": "single", "total_tokens": 9000}, "max_completion_tokens": 9000}
    for _ in range(3):
        stream = service.stream(key=key, **fields)
        next(iter(stream))
        stream.leave()
        # A minute would have to pass if the reservation were kept.
        assert outcome(service, stream.record)["status"] == "cancelled"


def latencies(service: Service, seconds: float, clients: int = 4) -> list[float]:
    """How long requests take that so many clients send one after the other."""
    end = time.monotonic() + seconds

    def ask() -> list[float]:
        took = []
        while time.monotonic() < end:
            started = time.monotonic()
            answer = service.chat(model="quick", deliberation={"strategy": "single"})
            assert answer.status == 200, answer.body
            took.append(time.monotonic() - started)
        return took

    with ThreadPoolExecutor(clients) as pool:
        return [each for future in [pool.submit(ask) for _ in range(clients)] for each in future.result()]


def test_a_client_that_reads_nothing_slows_nobody_else(install):
    wide = scripted("wide", answers=[{"text": "x" * 250 + " "}], token_ms=1, context_tokens=1_000_000, faults=ENDLESS)
    quick = scripted("quick", answers=[{"text": words(20)}], token_ms=5)
    service = install(wide, quick).start()
    baseline = latencies(service, 3)
    fields = {"max_completion_tokens": 200_000, "deliberation": {"strategy": "single"}, "stream": True}
    connection = service.connect(60)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.request("POST", "/v1/chat/completions", service.body(model="wide", **fields), service.headers())
    stalled = connection.getresponse()
    beside = latencies(service, SLOW_CLIENT_SECONDS)
    assert b"forethought_deliberations_running 1\n" in service.get("/metrics").body
    connection.sock.close()
    stalled.close()
    # Measured before and after, so that a machine that got busy in between is not taken for a slow client's doing.
    halves = [baseline, latencies(service, 3)]
    usual = max(statistics.median(half) for half in halves)
    worst = max(statistics.quantiles(half, n=20)[-1] for half in halves)
    assert len(beside) > 20
    assert statistics.median(beside) <= 2 * usual, (statistics.median(beside), usual)
    assert statistics.quantiles(beside, n=20)[-1] <= 2 * worst + 0.1
    assert outcome(service, stalled.getheader("x-audit-record"))["status"] == "cancelled"


def test_a_sample_that_panics_costs_a_retry(install):
    faults = [{"call": 0, "after_tokens": 2, "kind": "panic"}]
    service = install(scripted(answers=[{"text": words(6)}], token_ms=2, faults=faults)).start()
    answer = service.chat(deliberation={"strategy": "single"})
    assert (answer.status, answer.text) == (200, words(6)), answer.body
    assert service.chat().status == 200
    assert service.audit_json("verify")["passed"]


def test_a_sample_that_always_panics_fails_its_request_only(install):
    broken = scripted("broken", faults=[{"after_tokens": 2, "kind": "panic"}])
    service = install(broken, scripted("sound")).start()
    answer = service.chat()
    assert answer.status in (500, 503), answer.body
    assert answer.error["message"]
    assert service.chat(model="sound").status == 200


def test_an_engine_that_dies_is_rebuilt(install):
    faults = [{"call": 3, "after_tokens": 2, "kind": "die"}]
    service = install(scripted(answers=[{"text": words(6)}], token_ms=2, faults=faults)).start()
    for number in range(8):
        answer = service.chat(deliberation={"strategy": "single"})
        if answer.status == 503:
            assert number == 3, "only the request that met the end may fail"
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.error["message"]
            until("rebuilt", service.is_ready)
        else:
            assert (answer.status, answer.text) == (200, words(6)), answer.body
    assert service.audit_json("verify")["passed"]


def test_a_stop_lets_running_requests_end(install):
    service = install(scripted(answers=[{"text": words(60)}], token_ms=50), grace_ms=15_000).start()
    with ThreadPoolExecutor(2) as pool:
        whole = pool.submit(service.chat, deliberation={"strategy": "single"})
        stream = service.stream(deliberation={"strategy": "single"})
        until("two requests", lambda: len(service.audit_json("list")) == 2)
        service.process.terminate()
        refused = until("refusal", lambda: refusal(service), limit=2.5)
        assert refused.status == 503
        assert refused.error["message"]
        assert "".join(texts(list(stream))) == words(60)
        assert stream.done
        assert (whole.result().status, whole.result().text) == (200, words(60))
    assert service.process.wait(10) == 0
    assert {listed["status"] for listed in service.audit_json("list")} == {"answered"}


def refusal(service: Service):
    """The answer to a request that is not let in; none while requests still are."""
    answer = service.get("/readyz")
    return service.chat() if answer.status == 503 else None


def test_a_stop_ends_what_outlasts_the_grace_period(install):
    service = install(scripted(token_ms=20, context_tokens=1_000_000, faults=ENDLESS), grace_ms=1000).start()
    stream = service.stream(deliberation={"strategy": "single", "total_tokens": 100_000})
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert service.stop(20) == 0
    assert time.monotonic() - started < 6
    reader.join(10)
    assert outcome(service, stream.record)["type"] == "outcome", "it must not need the next start to be closed"
    assert service.audit_json("verify")["passed"]
