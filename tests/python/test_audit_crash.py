"""The audit log when its process is killed, and when its disk fails or is full, all of it under load."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from audit_log import Log, prepare
from faulty_disk import FaultyDisk
from go_verifier import Verifier
from support import Service, scripted, until, words
from tile_log import entries_of

#: How often the service is killed.
KILLS = int(os.environ.get("FORETHOUGHT_KILLS", "12"))
#: What fails before a kill; most often nothing.
FAULTS = ["", "", "sync", "full"]


class Load:
    """Eight clients that ask until they are told to stop, or the service is gone."""

    def __init__(self, service: Service):
        self.service, self.acknowledged, self.refused = service, [], 0
        self.stopped = threading.Event()
        self.workers: list[threading.Thread] = []

    def __enter__(self) -> Load:
        self.stopped.clear()
        self.workers = [threading.Thread(target=self.ask) for _ in range(8)]
        for worker in self.workers:
            worker.start()
        return self

    def ask(self) -> None:
        while not self.stopped.is_set():
            try:
                answer = self.service.chat(deliberation={"strategy": "single"})
            except (OSError, AssertionError, ValueError, http.client.HTTPException):
                return
            if answer.status == 200:
                self.acknowledged.append(answer.record)
            else:
                assert answer.status in (429, 503), answer.body
                self.refused += 1
                time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for worker in self.workers:
            worker.join()


def watch(log: Log, seconds: float, seen: list[bytes]) -> None:
    """Takes checkpoints; while the log is opened anew there is none."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            checkpoint = log.fetch("/audit/log/checkpoint")
        except (OSError, http.client.HTTPException):
            # A log that cannot be kept open ends the service: that is not the worst that a disk can do to it.
            assert log.service.process.wait(10) == 3, log.service.log_text()
            return
        assert checkpoint.status in (200, 500, 503), checkpoint.body
        if checkpoint.status == 200:
            seen.append(checkpoint.body)


def test_no_served_checkpoint_is_ever_contradicted(install, verifier: Verifier, tmp_path: Path):
    """Every checkpoint that was served must be a beginning of the last log, and every acknowledged record must be in it."""
    service = install(scripted(answers=[{"text": words(3)}], token_ms=1))
    auditor = prepare(service)
    disk = FaultyDisk(tmp_path / "faults", service.data)
    service.start(env=disk.environment)
    log, load, seen = Log(service, auditor), Load(service), []
    luck = random.Random(5)
    for _ in range(KILLS):
        with load:
            watch(log, luck.uniform(0.1, 0.4), seen)
            with disk.fault(luck.choice(FAULTS)):
                watch(log, luck.uniform(0.05, 0.3), seen)
            watch(log, luck.uniform(0, 0.3), seen)
            service.kill()
        service.start(env=disk.environment)
    assert len(set(seen)) > KILLS
    assert load.refused > 0, "no fault was felt"
    every = sorted(set(seen), key=lambda body: int(body.split(b"\n")[1]))
    # Each proof reads the whole log: some from everywhere, and the last ones.
    for body in [*every[:: len(every) // 12], *every[-3:]]:
        known = tmp_path / "known"
        known.write_bytes(body)
        verifier.well("verify", *log.options(), "-known", known, log.url, log.vkey)
    files = log.files()
    ids = {json.loads(entry)["record_id"] for path in files if "entries" in path for entry in entries_of(files, path)}
    assert len(load.acknowledged) > KILLS
    assert not set(load.acknowledged) - ids, "an acknowledged record is lost"
    report = service.audit_json("verify")
    assert report["passed"], report


@pytest.mark.parametrize("fault", ["sync", "full"])
def test_the_service_goes_on_by_itself_when_the_disk_does(install, tmp_path: Path, fault: str):
    service = install(scripted(answers=[{"text": words(3)}]))
    disk = FaultyDisk(tmp_path / "faults", service.data)
    service.start(env=disk.environment)
    with Load(service) as load:
        until("answers", lambda: len(load.acknowledged) > 20)
        with disk.fault(fault):
            until("refusals", lambda: load.refused > 0)
        until("answers again", lambda count=len(load.acknowledged): len(load.acknowledged) > count + 20, 60)
    assert service.stop() == 0
    # What the log took while nobody could tell whether it did gets its end at the next start.
    service.start()
    assert service.stop() == 0
    report = service.audit_json("verify")
    assert report["passed"] and report["under_way"] == 0, report
    listed = {one["admission"]["record_id"] for one in service.audit_json("list", "--limit", "1000")}
    assert set(load.acknowledged[-100:]) <= listed


@pytest.mark.parametrize("garbled", [False, True])
def test_all_that_is_made_from_the_journal_is_made_anew(install, garbled: bool):
    """Every file of sled is deleted, or garbled, while the service is down: nothing is lost, and the start says what it did."""
    service = install(scripted(answers=[{"text": words(3)}]))
    auditor = prepare(service)
    service.start()
    records = [service.chat(f"question {number}").record for number in range(300)]
    before = service.send("GET", "/v1/usage", None, service.key).body
    checkpoint = service.send("GET", "/audit/log/checkpoint", None, auditor).body
    assert service.stop() == 0
    index = service.data / "index"
    files = [path for path in index.rglob("*") if path.is_file()]
    assert any(path.stat().st_size for path in files), files
    if garbled:
        for path in files:
            path.write_bytes(os.urandom(max(path.stat().st_size, 100)))
    else:
        shutil.rmtree(index)
    service.log.unlink()
    service.start()
    assert "the audit index was rebuilt" in service.log_text()
    listed = service.send("GET", "/v1/audit/records?limit=1000", None, auditor).json["data"]
    assert {one["admission"]["record_id"] for one in listed} == set(records)
    assert service.send("GET", "/v1/usage", None, service.key).body == before
    after = service.send("GET", "/audit/log/checkpoint", None, auditor).body
    assert after.split(b"\n")[:3] == checkpoint.split(b"\n")[:3] or int(after.split(b"\n")[1]) > int(checkpoint.split(b"\n")[1])
    assert service.chat().status == 200
    assert service.stop() == 0
    assert service.audit_json("verify")["passed"]
