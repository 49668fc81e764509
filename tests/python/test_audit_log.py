"""The audit log as a sceptic checks it: over HTTP, with a program that is not ours, and with copies that were tampered with."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit_log import Files, Log, prepare
from go_verifier import Verifier
from support import Service, run_well, scripted, words
from tile_log import TileLog, bundle, entries_of, place, write

#: Requests that fill more than two tiles: each has two records.
REQUESTS = 300


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
