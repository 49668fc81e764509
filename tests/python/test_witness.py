"""A witness cosigns what begins with what it knows, and nothing else; the log shows it each checkpoint."""

from __future__ import annotations

import base64
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from go_verifier import Verifier
from support import Service, binary, free_port, run_well, scripted, until, words
from tile_log import Key, TileLog, b64, records

NAME = "witness.example/w1"


class Witness:
    """`forethought witness`, run elsewhere."""

    def __init__(self, folder: Path, *logs: str):
        self.folder, self.logs, self.port = folder, logs, free_port()
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Witness:
        logs = [part for log in self.logs for part in ("--log", log)]
        command = [binary(), "witness", "--name", NAME, "--state", self.folder, "--listen", f"127.0.0.1:{self.port}", *logs]
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("a witness", self.key, 20, 0.05)
        return self

    def key(self) -> str:
        try:
            return urllib.request.urlopen(f"{self.url}/key", timeout=5).read().decode().strip()
        except OSError:
            return ""

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, old: int, proof: list[bytes], checkpoint: str | bytes) -> tuple[int, str]:
        checkpoint = checkpoint if isinstance(checkpoint, bytes) else checkpoint.encode()
        body = f"old {old}\n".encode() + b"".join(b64(piece).encode() + b"\n" for piece in proof) + b"\n" + checkpoint
        return self.post(body)

    def post(self, body: bytes) -> tuple[int, str]:
        request = urllib.request.Request(f"{self.url}/add-checkpoint", body, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def witness_of(tmp_path: Path) -> Iterator:
    made: list[Witness] = []

    def make(*logs: str) -> Witness:
        made.append(Witness(tmp_path / f"witness-{len(made)}", *logs))
        return made[-1].start()

    yield make
    for witness in made:
        witness.kill()


def consistency(log: TileLog, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962, section 2.1.2."""

    def subproof(old: int, start: int, end: int, whole: bool) -> list[bytes]:
        size = end - start
        if old == size:
            return [] if whole else [log.tree.hash(start, end)]
        left = 1 << ((size - 1).bit_length() - 1)
        if old <= left:
            return [*subproof(old, start, start + left, whole), log.tree.hash(start + left, end)]
        return [*subproof(old - left, start + left, end, False), log.tree.hash(start, start + left)]

    return subproof(old, 0, new, True) if 0 < old < new else []


def cosignature_holds(line: str, text: str, vkey: str) -> int:
    """Checks a line of c2sp.org/tlog-cosignature, and gives its time."""
    name, key_id, key = vkey.split("+", 2)
    _, named, signature = line.split(" ")
    raw = base64.b64decode(signature)
    assert named == name and raw[:4].hex() == key_id
    public = base64.b64decode(key)
    assert public[0] == 4
    time = int.from_bytes(raw[4:12], "big")
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[12:], message)
    return time


LOG = Key("example.org/log")


def test_it_cosigns_what_begins_with_what_it_knows(witness_of):
    witness = witness_of(LOG.vkey)
    log = TileLog(records(20), LOG)
    old = 0
    for size in (1, 2, 7, 7, 20):
        checkpoint = log.checkpoint(size)
        status, answer = witness.ask(old, consistency(log, old, size), checkpoint)
        assert status == 200, answer
        time = cosignature_holds(answer.strip(), log.text(size), witness.key())
        assert time > 1_700_000_000
        with pytest.raises(InvalidSignature):
            cosignature_holds(answer.strip(), log.text(size).replace("example", "another"), witness.key())
        old = size


def test_it_never_cosigns_two_histories(witness_of):
    witness = witness_of(LOG.vkey)
    log, fork = TileLog(records(20), LOG), TileLog(records(20, mark="s"), LOG)
    assert witness.ask(0, [], log.checkpoint(9))[0] == 200
    check = [
        ("another root of the same size", 9, [], fork.checkpoint(9), 409, 422),
        ("a larger tree with its own proof", 9, consistency(fork, 9, 20), fork.checkpoint(20), 422, 422),
        ("a larger tree without a proof", 9, [], log.checkpoint(20), 422, 400),
        ("a smaller tree", 5, consistency(log, 5, 7), log.checkpoint(7), 409, 409),
        ("from the beginning", 0, [], fork.checkpoint(20), 409, 409),
        ("an old that is larger", 21, [], log.checkpoint(20), 400, 409),
    ]
    for crash in (False, True):
        if crash:
            witness.kill()
            witness.start()
        for case, old, proof, checkpoint, *expected in check:
            status, answer = witness.ask(old, proof, checkpoint)
            assert status in expected, (case, status, answer)
            if status == 409:
                assert answer == "9\n", case
    assert witness.ask(9, consistency(log, 9, 20), log.checkpoint(20))[0] == 200, "and goes on"


def test_it_knows_its_logs_only(witness_of):
    witness = witness_of(LOG.vkey)
    other, thief = Key("example.org/other"), Key(LOG.name)
    assert witness.ask(0, [], TileLog(records(3), other).checkpoint())[0] == 404
    assert witness.ask(0, [], TileLog(records(3), thief).checkpoint())[0] == 403
    for body in (b"", b"old", b"old 0\n", b"old 1\n\n", b"x" * 100_000, b"old 0\n\nno checkpoint\n"):
        status, _ = witness.post(body)
        assert status in (400, 413), (body[:20], status)
    assert witness.ask(0, [], TileLog(records(3), LOG).checkpoint())[0] == 200


def test_state_that_is_damaged_is_not_forgotten(witness_of):
    witness = witness_of(LOG.vkey)
    log = TileLog(records(20), LOG)
    assert witness.ask(0, [], log.checkpoint(9))[0] == 200
    (state,) = witness.folder.glob("log-*")
    state.write_text(state.read_text()[:-10])
    assert witness.ask(0, [], log.checkpoint(20))[0] == 500


def test_the_log_shows_each_checkpoint_to_its_witnesses(install, witness_of, verifier: Verifier, tmp_path: Path):
    service: Service = install(scripted(answers=[{"text": words(3)}]))
    auditor = run_well("key", "create", "default", "--role", "auditor", "--policy", service.policy, "--quiet").strip()
    service.start()
    vkey = service.send("GET", "/v1/audit/log", None, auditor).json["keys"][0]
    assert service.stop() == 0
    witness = witness_of(vkey)
    service.config["audit"] = {"witnesses": [{"url": witness.url, "key": witness.key()}]}

    def cosigned() -> list[str]:
        body = service.send("GET", "/audit/log/checkpoint", None, auditor).body.decode()
        text, lines = body.rsplit("\n\n", 1)
        found = [line for line in lines.splitlines() if line.startswith(f"— {NAME} ")]
        for line in found:
            cosignature_holds(line, text + "\n", witness.key())
        return found

    service.start()
    until("a cosignature", cosigned, 20, 0.1)
    for _ in range(12):
        assert service.chat().status == 200
    # A stop signs once more, and a start does not know what the witness knows.
    service.restart()
    until("a cosignature again", cosigned, 20, 0.1)
    record = service.audit_json("list")[0]["admission"]["record_id"]
    proof = service.send("GET", f"/v1/audit/records/{record}/proof", None, auditor).json["data"][0]
    assert NAME in proof["receipt"], "the receipt has the cosignature with it"
    (tmp_path / "receipt").write_text(proof["receipt"])
    (tmp_path / "entry").write_text(proof["entry"])
    verifier.well("receipt", tmp_path / "receipt", vkey, tmp_path / "entry")
    # A witness that is gone is told, and nothing waits for it.
    witness.kill()
    service.restart()
    assert service.chat().status == 200
    assert "does not cosign" in service.log_text()
