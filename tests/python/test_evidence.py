"""Evidence that is taken away: a folder that is checked offline, by us and by others, while the service goes on."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from go_verifier import Verifier
from support import Service, run, run_well, scripted, until, words


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    made = Service(tmp_path_factory.mktemp("evidence"), scripted(answers=[{"text": words(3)}]))
    made.add_tenant("other")
    made.auditor = run_well("key", "create", "default", "--role", "auditor", "--policy", made.policy, "--quiet").strip()
    made.start()
    for number in range(140):
        answer = made.chat(f"question {number}", key=made.keys["other" if number % 5 == 0 else "default"])
        assert answer.status == 200, answer.body
    sign(made)
    try:
        yield made
    finally:
        made.kill()


def sign(service: Service) -> bytes:
    """Has the whole log signed, and gives the checkpoint."""
    answer = service.send("GET", "/audit/log/checkpoint", None, service.auditor)
    assert answer.status == 200, answer.body
    return answer.body


def vkey(service: Service) -> str:
    return service.send("GET", "/v1/audit/log", None, service.auditor).json["keys"][0]


def export(service: Service, to: Path, *more: object) -> Path:
    run_well("audit", "export", "--data-dir", service.data, "--out", to, *more)
    return to


def verified(folder: Path, key: str, *more: object) -> str:
    done = run("audit", "verify-export", folder, "--key", key, *more)
    assert done.returncode in (0, 1), done.stderr
    assert (done.returncode == 0) == done.stdout.startswith("PASSED"), done.stdout
    return done.stdout


def traces(folder: Path) -> list[ExportTraceServiceRequest]:
    """The traces of an export, read by the protocol's own library. Its JSON has ids in base64, where OTLP/JSON has hexadecimal digits."""

    def to_base64(value: object) -> object:
        if isinstance(value, list):
            return [to_base64(one) for one in value]
        if not isinstance(value, dict):
            return value
        ids = ("traceId", "spanId", "parentSpanId")
        return {key: base64.b64encode(bytes.fromhex(one)).decode() if key in ids else to_base64(one) for key, one in value.items()}

    with (folder / "traces.jsonl").open(newline="\n") as lines:
        # A field that the protocol does not have is an error.
        return [json_format.ParseDict(to_base64(json.loads(line)), ExportTraceServiceRequest()) for line in lines]


def attributes(of: object) -> dict[str, object]:
    """Attributes by their keys, each of which stands there once."""
    found = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in of.attributes}
    assert len(found) == len(of.attributes)
    return found


def assert_traces(folder: Path, records: list[dict], rows: list[dict]) -> None:
    """That the traces of an export, all of whose requests were answered, say what its records and its table say."""
    outcomes = {line["record"]["body"]["request_id"]: line["record"]["body"] for line in records if "samples" in line["record"]["body"]}
    rows = {row["request_id"]: row for row in rows}
    found = traces(folder)
    assert len(found) == len(rows) == len(outcomes)
    for trace in found:
        (resource,) = trace.resource_spans
        (scope,) = resource.scope_spans
        assert resource.schema_url == scope.schema_url == "https://opentelemetry.io/schemas/1.41.0"
        assert attributes(resource.resource)["service.name"] == "forethought"
        span, *samples = scope.spans
        said = attributes(span)
        request = said["gen_ai.response.id"]
        row, outcome = rows.pop(request), outcomes[request]
        assert span.name == f"chat {row['model']}" and span.kind == Span.SPAN_KIND_CLIENT
        assert span.trace_id == hashlib.sha256(request.encode()).digest()[:16]
        assert span.span_id == hashlib.sha256(outcome["admission"].encode()).digest()[:8] and span.parent_span_id == b""
        assert span.end_time_unix_nano - span.start_time_unix_nano == outcome["spent"]["wall_ms"] * 1_000_000
        assert (said["gen_ai.operation.name"], said["gen_ai.request.model"]) == ("chat", row["model"])
        assert (said["forethought.tenant"], said["forethought.principal"]) == (row["tenant"], row["principal"])
        assert said["gen_ai.usage.input_tokens"] == int(row["prompt_tokens"])
        assert said["gen_ai.usage.output_tokens"] == int(row["generated_tokens"])
        assert [leaf.int_value for leaf in said["forethought.record.leaves"].values] == [int(leaf) for leaf in row["leaves"].split("; ")]
        assert (said["forethought.status"], span.status.code) == (row["status"], 0) and "error.type" not in said
        assert [attributes(one)["forethought.sample.tokens"] for one in samples] == [one["tokens"] for one in outcome["samples"]]
        assert all(one.parent_span_id == span.span_id and one.trace_id == span.trace_id for one in samples)
    assert not rows


def test_the_whole_log_is_taken_by_us_and_by_others(service: Service, verifier: Verifier, tmp_path: Path):
    folder = export(service, tmp_path / "whole")
    assert "PASSED" in verified(folder, vkey(service))
    report = verifier.well("verify", "-root", folder, vkey(service))
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert report["size"] == len(records) >= 280
    with (folder / "records.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 140
    assert_traces(folder, records, rows)
    assert json.loads((folder / "data-card.json").read_text())["figures"]["requests"] == 140
    known = tmp_path / "known"
    known.write_bytes((folder / "checkpoint").read_bytes())
    service.chat()
    sign(service)
    later = export(service, tmp_path / "later")
    assert "it begins with" in verified(later, vkey(service), "--known", known)
    assert verifier.well("verify", "-known", known, "-root", later, vkey(service))["known"] == report["size"]


def test_one_tenant_sees_nothing_of_another(service: Service, verifier: Verifier, tmp_path: Path):
    folder = export(service, tmp_path / "part", "--tenant", "other")
    assert "a part" in verified(folder, vkey(service))
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            assert b'"tenant":"default"' not in path.read_bytes(), path
    receipts = sorted((folder / "receipts").glob("*.txt"))
    assert len(receipts) == 2 * 28
    for receipt in receipts[:3]:
        verifier.well("receipt", receipt, vkey(service), receipt.with_suffix(".json"))


def test_whoever_changes_an_export_is_found(service: Service, tmp_path: Path):
    key = vkey(service)
    for number, (name, change) in enumerate(
        {
            "records.jsonl": lambda data: data.replace(b'"tenant":"default"', b'"tenant":"another"', 1),
            "records.csv": lambda data: data.replace(b"answered", b"refused!", 1),
            "traces.jsonl": lambda data: data.replace(b"answered", b"refused!", 1),
            "data-card.json": lambda data: data.replace(b'"name": "answered"', b'"name": "refused"', 1),
            "data-card.md": lambda data: data.replace(b"| answered |", b"| refused |", 1),
            "checkpoint": lambda data: data.replace(b"\n", b"\n1", 1),
            "tile/entries/000": lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
            "tile/0/000": lambda data: bytes([data[0] ^ 1]) + data[1:],
        }.items()
    ):
        folder = export(service, tmp_path / f"export-{number}")
        path = folder / name
        before = path.read_bytes()
        path.write_bytes(change(before))
        assert path.read_bytes() != before
        assert name.split("/")[0] in verified(folder, key), name
    folder = export(service, tmp_path / "export-more")
    (folder / "more.txt").write_text("more")
    assert "FAILED" in verified(folder, key)
    other = "other" + key[key.index("+") :]
    done = run("audit", "verify-export", export(service, tmp_path / "fine"), "--key", other)
    assert done.returncode != 0


def test_an_export_never_goes_over_another(service: Service, tmp_path: Path):
    folder = export(service, tmp_path / "once")
    before = sorted(folder.rglob("*"))
    done = run("audit", "export", "--data-dir", service.data, "--out", folder)
    assert done.returncode != 0 and "is there already" in done.stderr, done.stderr
    assert sorted(folder.rglob("*")) == before


def test_a_newer_data_directory_is_refused_and_left_alone(install):
    service = install(scripted()).start()
    service.chat()
    assert service.stop() == 0
    (service.data / "STORE").write_text('{"version":3}')
    code, log = service.start_and_fail()
    assert code != 0 and "version 3" in log and "newer" in log, log


def restored(service: Service, install, backup: Path, keys: Path | None) -> Service:
    """Another installation with the backup's log, this one's keys and policy, and the copy of the key table, if there is one."""
    other = install(scripted(answers=[{"text": words(3)}]))
    run_well("restore", "--from", backup, "--to", other.data)
    for name in ("log.key", "master.key"):
        (other.data / name).write_bytes((service.data / name).read_bytes())
        (other.data / name).chmod(0o600)
    other.policy.write_bytes(service.policy.read_bytes())
    other.keys = dict(service.keys)
    if keys:
        run_well("vault", "import", "--data-dir", other.data, "--from", keys)
    return other


def test_a_backup_of_a_running_service_goes_on_elsewhere(install, verifier: Verifier, tmp_path: Path):
    keys = tmp_path / "keys.table"
    service = install(scripted(answers=[{"text": words(3)}]), audit={"keys_copy": str(keys)})
    service.officer = run_well("key", "create", "default", "--role", "privacy_officer", "--policy", service.policy, "--quiet").strip()
    service.auditor = run_well("key", "create", "default", "--role", "auditor", "--policy", service.policy, "--quiet").strip()
    service.start()
    ada = service.chat("Is Ada ill?", user="ada").record
    bob = service.chat("Is Bob ill?", user="bob").record
    sign(service)
    backup = tmp_path / "backup"
    run_well("backup", "--data-dir", service.data, "--to", backup)
    first = sum(path.stat().st_size for path in backup.rglob("*") if path.is_file())
    for path in backup.rglob("*"):
        assert "key" not in path.name.lower(), path
    # Ada is forgotten after the backup was made; the copy of the key table follows.
    before = keys.read_bytes() if keys.exists() else b""
    body = json.dumps({"subject": "ada", "reason": "she asks"}).encode()
    assert service.send("POST", "/v1/erasures", body, service.officer).json["keys_destroyed"] == 1
    until("a new copy", lambda: keys.exists() and keys.read_bytes() != before, 20, 0.05)
    other = restored(service, install, backup, keys)
    assert other.audit_json("verify")["passed"]
    readable = lambda record: all("text" in one for one in other.audit_json("show", record, "--contents")["contents"])
    assert (readable(ada), readable(bob)) == (False, True)
    other.start()
    record = other.chat().record
    assert readable(record)
    # What was seen of the log before is how the restored one begins.
    assert other.audit_json("verify")["passed"]
    # A second backup copies what is new.
    for _ in range(5):
        service.chat()
    run_well("backup", "--data-dir", service.data, "--to", backup)
    assert sum(path.stat().st_size for path in backup.rglob("*") if path.is_file()) > first
    assert restored(service, install, backup, keys).audit_json("verify")["passed"]


def test_a_backup_without_the_key_table_has_no_contents(install, tmp_path: Path):
    service = install(scripted(answers=[{"text": words(3)}])).start()
    record = service.chat().record
    backup = tmp_path / "backup"
    run_well("backup", "--data-dir", service.data, "--to", backup)
    other = restored(service, install, backup, None)
    assert other.audit_json("verify")["passed"]
    assert all("error" in one for one in other.audit_json("show", record, "--contents")["contents"])


def test_a_damaged_backup_is_told_and_restores_nothing(install, tmp_path: Path):
    service = install(scripted(answers=[{"text": words(3)}])).start()
    service.chat()
    backup = tmp_path / "backup"
    run_well("backup", "--data-dir", service.data, "--to", backup)
    for number, path in enumerate(sorted(path for path in backup.rglob("*") if path.is_file() and path.name != "LOCK")):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if whole else b"x")
        done = run("restore", "--from", backup, "--to", tmp_path / f"to-{number}")
        assert done.returncode != 0, path
        assert not any((tmp_path / f"to-{number}").rglob("journal-*")), path
        path.write_bytes(whole)
    run_well("restore", "--from", backup, "--to", tmp_path / "to")
    done = run("restore", "--from", backup, "--to", tmp_path / "to")
    assert done.returncode != 0, "never over another"


def test_another_master_key_and_the_old_one_opens_nothing(install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    service = install(scripted(answers=[{"text": words(3)}])).start()
    record = service.chat().record
    readable = lambda: all("text" in one for one in service.audit_json("show", record, "--contents")["contents"])
    assert readable() and service.stop() == 0
    new = tmp_path / "new.key"
    for _ in range(2):
        assert "wrapped anew" in run_well("vault", "rewrap", "--data-dir", service.data, "--new", new)
    assert not readable()
    monkeypatch.setenv("FORETHOUGHT_MASTER_KEY_FILE", str(new))
    assert readable()
    service.start()
    assert service.chat().status == 200
    assert service.audit_json("acts")[0]["body"]["what"] == "keys.rewrapped"


def test_what_needs_the_log_alone_says_so(install, tmp_path: Path):
    service = install(scripted()).start()
    for verb in (["vault", "export", "--to", tmp_path / "t"], ["vault", "rewrap", "--new", tmp_path / "n"]):
        done = run(*verb, "--data-dir", service.data)
        assert done.returncode != 0 and "another process" in done.stderr, done.stderr


def test_policies_and_a_report_lie_beside_the_log(service: Service, tmp_path: Path):
    (tmp_path / "dpia.txt").write_text("assessed")
    folder = export(service, tmp_path / "bundle", "--report", "--annex", tmp_path / "dpia.txt")
    told = verified(folder, vkey(service))
    assert "policies/" in told and "named by the log as sha256:" in told, told
    assert (folder / "annex" / "report" / "report.html").is_file() and (folder / "annex" / "dpia.txt").is_file()
    assert not list(tmp_path.glob(".report*"))
    policy = next((folder / "annex" / "policies").iterdir())
    policy.write_bytes(policy.read_bytes() + b"# more")
    assert "FAILED" in verified(folder, vkey(service))
