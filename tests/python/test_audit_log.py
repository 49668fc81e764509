"""The audit log as a sceptic checks it: over HTTP, with a program that is not ours, and with copies that were tampered with."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from go_verifier import Verifier
from support import Service, run_well, scripted, words
from tile_log import WIDTH, TileLog, bundle, entries_of, place, write

#: How often the service is killed.
KILLS = int(os.environ.get("FORETHOUGHT_KILLS", "12"))
#: Requests that fill more than two tiles: each has two records.
REQUESTS = 300
Files = dict[str, bytes]


def prepare(service: Service) -> str:
    """Gives the key of an auditor of the whole installation."""
    service.add_tenant("house")
    text = service.policy.read_text()
    service.policy.write_text(text.replace("    name: house\n", "    name: house\n    scope: installation\n"))
    return run_well("key", "create", "house", "--role", "auditor", "--policy", service.policy, "--quiet").strip()


def ask(service: Service, count: int, threads: int = 8) -> list[str]:
    """Asks so often, and gives the records of the admissions."""
    found: list[str] = []

    def some(number: int) -> None:
        for _ in range(count // threads + (number < count % threads)):
            answer = service.chat(deliberation={"strategy": "single"})
            assert answer.status == 200, answer.body
            found.append(answer.record)

    workers = [threading.Thread(target=some, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == count
    return found


class Log:
    """What the service serves of its log."""

    def __init__(self, service: Service, auditor: str):
        self.service, self.auditor = service, auditor
        about = self.json("/v1/audit/log")
        self.origin, (self.vkey,) = about["origin"], about["keys"]

    def fetch(self, path: str, key: str | None = None):
        return self.service.send("GET", path, None, self.auditor if key is None else key)

    def json(self, path: str) -> dict:
        answer = self.fetch(path)
        assert answer.status == 200, answer.body
        return answer.json

    def options(self) -> tuple:
        return ("-token", self.auditor)

    @property
    def url(self) -> str:
        return f"{self.service.url}/audit/log"

    def files(self) -> Files:
        """A copy of the whole log."""
        checkpoint = self.fetch("/audit/log/checkpoint").body
        size = int(checkpoint.split(b"\n")[1])
        wanted, level, count = [], 0, size
        for index in range(0, size, WIDTH):
            wanted.append(place("entries", index // WIDTH, min(WIDTH, size - index)))
        while count > 0:
            wanted += [place(str(level), at // WIDTH, min(WIDTH, count - at)) for at in range(0, count, WIDTH)]
            level, count = level + 1, count // WIDTH
        found = {"checkpoint": checkpoint}
        for path in wanted:
            answer = self.fetch(f"/audit/log/{path}")
            assert answer.status == 200, (path, answer.body)
            found[path] = answer.body
        return found


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    service = Service(tmp_path_factory.mktemp("audited"), scripted(answers=[{"text": words(3)}]))
    auditor = prepare(service)
    service.start()
    try:
        ask(service, REQUESTS)
        yield Log(service, auditor)
    finally:
        service.kill()


def test_a_verifier_that_is_not_ours_takes_the_log_over_http(verifier: Verifier, audited: Log, tmp_path: Path):
    kept = tmp_path / "kept"
    report = verifier.well("verify", *audited.options(), "-save", kept, audited.url, audited.vkey)
    assert report["origin"] == audited.origin
    # A policy came into force, too.
    assert report["size"] >= 2 * REQUESTS + 1
    ask(audited.service, 9)
    more = verifier.well("verify", *audited.options(), "-known", kept, audited.url, audited.vkey)
    assert more["known"] == report["size"]
    assert more["size"] == report["size"] + 18
    for index in (0, 255, 256, more["size"] - 1):
        verifier.well("prove", *audited.options(), audited.url, audited.vkey, index)


def test_the_tree_is_the_one_of_the_specification(audited: Log):
    """The same as a tree in plain Python over the same entries."""
    files = audited.files()
    entries = [entry for path in sorted(files) if "entries" in path for entry in entries_of(files, path)]
    size = int(files["checkpoint"].split(b"\n")[1])
    assert len(entries) == size
    theirs = TileLog(entries, None, audited.origin)
    assert files["checkpoint"].decode().startswith(theirs.text(size) + "\n")
    kinds = [json.loads(entry)["body"]["type"] for entry in entries]
    assert kinds.count("admission") == kinds.count("outcome")


def change_an_entry(files: Files) -> None:
    entries = entries_of(files, place("entries", 1))
    entries[9] = entries[9].replace(b'"tenant":"default"', b'"tenant":"another"')
    files[place("entries", 1)] = bundle(entries)


def remove_an_entry(files: Files) -> None:
    entries = entries_of(files, place("entries", 0))
    del entries[17]
    files[place("entries", 0)] = bundle(entries)


def swap_two_entries(files: Files) -> None:
    entries = entries_of(files, place("entries", 0))
    entries[3], entries[4] = entries[4], entries[3]
    files[place("entries", 0)] = bundle(entries)


@pytest.mark.parametrize("tamper", [change_an_entry, remove_an_entry, swap_two_entries])
def test_whoever_tampers_is_found(verifier: Verifier, audited: Log, tmp_path: Path, tamper: Callable[[Files], None]):
    files = audited.files()
    verifier.well("verify", "-root", write(files, tmp_path / "right"), audited.vkey)
    tamper(files)
    outcome = verifier.run("verify", "-root", write(files, tmp_path / "wrong"), audited.vkey)
    assert outcome.status == 1, outcome


@pytest.mark.parametrize("tamper", [change_an_entry, remove_an_entry, swap_two_entries])
def test_a_fork_by_whoever_has_the_key_is_found_by_an_earlier_checkpoint(
    verifier: Verifier, audited: Log, tmp_path: Path, tamper: Callable[[Files], None]
):
    """The whole log is written anew, with every hash right and signed by the log's own key."""
    kept = tmp_path / "kept"
    verifier.well("verify", *audited.options(), "-save", kept, audited.url, audited.vkey)
    files = audited.files()
    tamper(files)
    entries = [entry for path in sorted(files) if "entries" in path for entry in entries_of(files, path)]
    forged = TileLog([*entries, b'{"record_id":"more"}', b'{"record_id":"and more"}'], stolen_key(audited.service))
    folder = write(forged.files(), tmp_path / "forged")
    assert verifier.run("verify", "-root", folder, audited.vkey).status == 0, "in itself it is right"
    outcome = verifier.run("verify", "-known", kept, "-root", folder, audited.vkey)
    assert outcome.status == 1, outcome


def stolen_key(service: Service):
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from tile_log import Key

    text = (service.data / "log.key").read_text().strip()
    assert text.startswith("PRIVATE+KEY+")
    name, _, key = text.removeprefix("PRIVATE+KEY+").split("+", 2)
    return Key(name, Ed25519PrivateKey.from_private_bytes(base64.b64decode(key)[1:]))


def test_a_receipt_is_taken_offline(verifier: Verifier, audited: Log, tmp_path: Path):
    record = ask(audited.service, 1)[0]
    proofs = audited.json(f"/v1/audit/records/{record}/proof")["data"]
    assert len(proofs) == 1
    receipt, entry = tmp_path / "receipt", tmp_path / "entry"
    receipt.write_text(proofs[0]["receipt"])
    entry.write_text(proofs[0]["entry"])
    verifier.well("receipt", receipt, audited.vkey, entry)
    assert json.loads(proofs[0]["entry"])["record_id"] == record
    entry.write_text(proofs[0]["entry"].replace("single", "double"))
    assert verifier.run("receipt", receipt, audited.vkey, entry).status == 1
    request = json.loads(proofs[0]["entry"])["body"]["request_id"]
    both = audited.json(f"/v1/audit/records/{request}/proof")["data"]
    assert [json.loads(one["entry"])["body"]["type"] for one in both] == ["admission", "outcome"]


def test_entries_of_all_tenants_are_for_auditors_of_all(audited: Log):
    service = audited.service
    at_home = run_well("key", "create", "default", "--role", "auditor", "--policy", service.policy, "--quiet").strip()
    service.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    for path, status in [("checkpoint", 200), ("tile/0/000", 200), ("tile/entries/000", 403), ("tile/x", 403)]:
        assert audited.fetch(f"/audit/log/{path}", at_home).status == status, path
    for path in ["tile/0/999", "tile/entries/999", "tile/0/1", "tile/0/000.p/256", "tile/64/000", "tile/..%2f..%2flog.key"]:
        assert audited.fetch(f"/audit/log/{path}").status == 404, path


def test_no_served_checkpoint_is_ever_contradicted(install, verifier: Verifier, tmp_path: Path):
    """Kills the service while it is asked, again and again; every checkpoint that was served must be a beginning of the last."""
    service = install(scripted(answers=[{"text": words(3)}], token_ms=1))
    auditor = prepare(service)
    service.start()
    log = Log(service, auditor)
    seen, acknowledged = [], []
    luck = random.Random(5)
    for _ in range(KILLS):
        stop = threading.Event()

        def asking() -> None:
            while not stop.is_set():
                try:
                    answer = service.chat(deliberation={"strategy": "single"})
                except (OSError, AssertionError, ValueError, http.client.HTTPException):
                    return
                if answer.status == 200:
                    acknowledged.append(answer.record)

        workers = [threading.Thread(target=asking) for _ in range(8)]
        for worker in workers:
            worker.start()
        end = time.monotonic() + luck.uniform(0.2, 0.8)
        while time.monotonic() < end:
            checkpoint = log.fetch("/audit/log/checkpoint")
            assert checkpoint.status == 200, checkpoint.body
            seen.append(checkpoint.body)
        service.kill()
        stop.set()
        for worker in workers:
            worker.join()
        service.start()
    assert len(set(seen)) > KILLS
    every = sorted(set(seen), key=lambda body: int(body.split(b"\n")[1]))
    # Each proof reads the whole log: some from everywhere, and the last ones.
    for body in [*every[:: len(every) // 12], *every[-3:]]:
        known = tmp_path / "known"
        known.write_bytes(body)
        verifier.well("verify", *log.options(), "-known", known, log.url, log.vkey)
    files = log.files()
    entries = [entry for path in files if "entries" in path for entry in entries_of(files, path)]
    ids = {json.loads(entry)["record_id"] for entry in entries}
    assert len(acknowledged) > KILLS
    assert not set(acknowledged) - ids, "an acknowledged record is lost"
    report = service.audit_json("verify")
    assert report["passed"], report
