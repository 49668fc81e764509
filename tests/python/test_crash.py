"""What a client was given is in the log, however hard the service is stopped."""

from __future__ import annotations

import http.client
import random
import threading
import time
from dataclasses import dataclass, field

import pytest

from support import Service, scripted, words

ROUNDS = 20
CLIENTS = 8


@dataclass
class Seen:
    """What the clients have seen in one round, by admission record."""

    admitted: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    refused: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, record: str, answered: bool) -> None:
        with self.lock:
            self.admitted.add(record)
            if answered:
                self.answered.add(record)


def ask_until(service: Service, stop: threading.Event, seen: Seen, streaming: bool) -> None:
    thinking = {"strategy": "self_consistency", "max_samples": 4}
    while not stop.is_set():
        try:
            if not streaming:
                answer = service.chat(deliberation=thinking)
                if answer.status == 200:
                    seen.add(answer.record, answered=True)
                else:
                    seen.refused.append(answer.body)
                continue
            stream = service.stream(deliberation={"strategy": "single"})
            seen.add(stream.record, answered=False)
            for _ in stream:
                pass
            if stream.done:
                seen.add(stream.record, answered=True)
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)  # Killed while it was asked.


def load_and_kill(service: Service, moment: float) -> Seen:
    seen, stop = Seen(), threading.Event()
    clients = [threading.Thread(target=ask_until, args=(service, stop, seen, at % 2 == 0)) for at in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(moment)
    service.kill()
    stop.set()
    for client in clients:
        client.join()
    return seen


def test_nothing_that_a_client_was_given_is_lost_by_a_kill(install):
    service = install(scripted(answers=[{"text": words(20)}, {"text": words(15)}], token_ms=2))
    moments = random.Random(20)
    admitted = answered = interrupted = 0
    service.start()
    for round_ in range(ROUNDS):
        seen = load_and_kill(service, moments.uniform(0.05, 0.8))
        service.start()
        assert not seen.refused, f"round {round_}"
        report = service.audit_json("verify")
        assert report["passed"], f"round {round_}: {report}"
        status = {
            listed["admission"]["record_id"]: listed["status"] for listed in service.audit_json("list", "--limit", 1000)
        }
        assert seen.admitted <= set(status), f"round {round_}: given to a client, but not admitted"
        assert {status[record] for record in seen.answered} <= {"answered"}, f"round {round_}"
        assert "open" not in status.values(), f"round {round_}: not closed at the start"
        assert report["admissions"] >= admitted + len(seen.admitted)
        admitted += len(seen.admitted)
        answered += len(seen.answered)
        interrupted = report["interrupted"]
    print(f"{admitted} admitted, {answered} answered, {interrupted} interrupted")
    assert answered >= ROUNDS and interrupted >= ROUNDS // 2, "the load shows nothing"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A stopped service with some records."""
    made = Service(tmp_path_factory.mktemp("log"), scripted()).start()
    for _ in range(5):
        assert made.chat().status == 200
    assert made.stop() == 0
    assert made.audit_json("verify")["passed"]
    return made


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_one_flipped_byte_is_found_and_its_record_named(log: Service, share: float):
    segment = log.journal()[0]
    whole = segment.read_bytes()
    damaged = bytearray(whole)
    damaged[int(share * (len(whole) - 1))] ^= 0x40
    try:
        segment.write_bytes(damaged)
        done = log.audit("verify")
        assert done.returncode == 1, (done.stdout, done.stderr)
        printed = done.stdout + done.stderr
        assert segment.name in printed
        assert "rec_" in printed or "entry" in printed, printed
    finally:
        segment.write_bytes(whole)
