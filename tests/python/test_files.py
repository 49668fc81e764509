"""Files that tenants upload: what comes and goes is in the log, whoever leaves and whatever fails."""

from __future__ import annotations

import hashlib
import http.client
import json
import resource
import signal
import time
from pathlib import Path

from support import Answer, Service, read_answer, scripted, until
from test_erasure import officer, post
from test_tools_soak import upload

BOUNDARY = "0123456789boundary"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
#: Uploads that a tenant may have under way at once.
AT_ONCE = 8


def keeping(install) -> Service:
    return install(scripted(), tools={"files": {}})


def files(service: Service) -> list[dict]:
    answer = service.send("GET", "/v1/files", None)
    assert answer.status == 200, answer.body
    return answer.json["data"]


def told(service: Service, what: str) -> list[str]:
    return [act["body"]["object"].split()[0] for act in service.audit_json("acts", "--what", what)]


def begin(service: Service, body: bytes, length: int) -> http.client.HTTPConnection:
    """Sends a part of a form, and waits with the rest."""
    connection = service.connect(90)
    connection.putrequest("POST", "/v1/files")
    headers = {**service.headers(), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": str(length)}
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    return connection


def test_a_file_is_in_the_log_although_its_sender_has_left(install):
    service = keeping(install).start()
    body = f"{HEAD}some words\r\n--{BOUNDARY}--\r\n".encode()
    for _ in range(10):
        begin(service, body, len(body)).close()
    time.sleep(1)
    # Of those that came whole, all are in the log, and no other.
    until("as many as are there", lambda: set(told(service, "file.uploaded")) == {file["id"] for file in files(service)})
    for file in files(service):
        connection = service.connect(60)
        connection.request("DELETE", f"/v1/files/{file['id']}", None, service.headers())
        connection.close()
    time.sleep(1)
    until("what is gone is told", lambda: {file["id"] for file in files(service)} == set(told(service, "file.uploaded")) - set(told(service, "file.deleted")))


def test_what_cannot_be_recorded_is_not_done(install):
    service = keeping(install).start(preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    assert service.chat("why? " * 1000).status == 200
    first = upload(service, "first.txt", "words")
    # The journal cannot grow any more; a small file can be written.
    size = service.journal()[-1].stat().st_size
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    body = f"{HEAD}other words\r\n--{BOUNDARY}--\r\n".encode()
    refused = read_answer(begin(service, body, len(body)))
    assert (refused.status, refused.error["code"]) == (503, "audit_unavailable"), refused.body
    assert [file["id"] for file in files(service)] == [first["id"]]
    refused = service.send("DELETE", f"/v1/files/{first['id']}", None)
    assert (refused.status, refused.error["code"]) == (503, "audit_unavailable"), refused.body
    assert [file["id"] for file in files(service)] == [first["id"]]
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until("it can be deleted", lambda: service.send("DELETE", f"/v1/files/{first['id']}", None).status == 200)
    assert files(service) == []


def test_few_files_are_sent_at_once_and_none_for_ever(install):
    service = keeping(install)
    other = service.add_tenant("other")
    service.start()
    body = f"{HEAD}some wo".encode()
    slow = [begin(service, body, 10_000) for _ in range(AT_ONCE)]

    def ninth(key: str | None = None):
        whole = f"{HEAD}some words\r\n--{BOUNDARY}--\r\n".encode()
        connection = service.connect(60)
        headers = {**service.headers(key), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", "/v1/files", whole, headers)
        return read_answer(connection)

    # They are taken up soon; a ninth that comes too early has a disk to wait for.
    time.sleep(1)
    refused = until("there is no room", lambda: (got := ninth()).status != 200 and got)
    assert (refused.status, refused.error["code"]) == (429, "too_many_uploads") and refused.headers["retry-after"], refused.body
    assert ninth(other).status == 200, "another tenant has room of its own"
    before = len(files(service))
    ended = read_answer(slow.pop())
    assert (ended.status, ended.error["code"]) == (408, "body_too_slow"), ended.body
    for connection in slow:
        connection.close()
    until("there is room again", lambda: ninth().status == 200)
    assert len(files(service)) == before + 1, "what did not come whole is not there"


def got_by(service: Service, path: str) -> Answer:
    connection = service.connect(60)
    connection.request("GET", path, None, service.headers())
    return read_answer(connection)


def form(service: Service, *parts: tuple[str, str]) -> Answer:
    """Sends a form whose parts stand in this order."""
    def part(name: str, text: str) -> str:
        more = '; filename="a.txt"' if name == "file" else ""
        return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{text}\r\n'

    body = "".join(part(*one) for one in parts) + f"--{BOUNDARY}--\r\n"
    connection = service.connect(60)
    headers = {**service.headers(), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection.request("POST", "/v1/files", body, headers)
    return read_answer(connection)


def test_what_stands_behind_a_file_in_a_form_is_read(install):
    service = keeping(install).start()
    refused = form(service, ("file", "words"), ("subject", "eve"))
    assert (refused.status, refused.error["param"]) == (400, "subject") and "before the file" in refused.error["message"], refused.body
    refused = form(service, ("file", "words"), ("file", "more"))
    assert (refused.status, refused.error["param"]) == (400, "file"), refused.body
    refused = form(service, ("file", "words"), ("colour", "red"))
    assert (refused.status, refused.error["param"]) == (400, "colour"), refused.body
    assert files(service) == [] and told(service, "file.uploaded") == [], "what was refused is not there"
    taken = form(service, ("subject", "eve"), ("file", "words"), ("purpose", "user_data"))
    assert taken.status == 200 and taken.json["subject"] == "eve", taken.body


def test_contents_are_sent_as_fast_as_they_are_taken(install):
    service = keeping(install).start()
    text = "".join(f"{number:09}\n" for number in range(3_000_000))
    big, small = upload(service, "big.txt", text), upload(service, "empty.txt", "")
    path = f"/v1/files/{big['id']}/content"
    whole = got_by(service, path)
    assert (whole.status, whole.headers["content-length"]) == (200, str(len(text)))
    assert hashlib.sha256(whole.body).hexdigest() == big["sha256"] == whole.headers["x-content-sha256"]
    empty = got_by(service, f"/v1/files/{small['id']}/content")
    assert (empty.status, empty.body) == (200, b"")

    def memory() -> int:
        lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) // 1024

    before = memory()
    slow = [service.connect(60) for _ in range(AT_ONCE)]
    for connection in slow:
        connection.request("GET", path, None, service.headers())
    answers = [connection.getresponse() for connection in slow]
    refused = until("there is no room", lambda: (got := got_by(service, path)).status != 200 and got)
    assert (refused.status, refused.error["code"]) == (429, "too_many_downloads") and refused.headers["retry-after"], refused.body
    assert memory() < before + 8 * 10, "who does not read holds a part of a file"
    assert all(hashlib.sha256(answer.read()).hexdigest() == big["sha256"] for answer in answers)
    held = service.connect(60)
    held.request("GET", path, None, service.headers())
    answer = held.getresponse()
    assert service.send("DELETE", f"/v1/files/{big['id']}", None).status == 200
    try:
        assert len(answer.read()) < len(text)
    except http.client.IncompleteRead:
        pass
    assert got_by(service, path).status == 404


def test_a_file_that_cannot_be_read_can_be_deleted(install):
    service = keeping(install).start()
    lost, kept = upload(service, "lost.txt", "words", "eve"), upload(service, "kept.txt", "words", "bob")
    service.stop()
    record = next(path for path in (service.data / "files" / "files").iterdir() if lost["id"].removeprefix("file-") in path.name and path.suffix == ".meta")
    record.write_bytes(record.read_bytes()[:-3])
    privacy = officer(service)
    service.start()
    assert [file["id"] for file in files(service)] == [kept["id"]]
    answer = post(service, "/v1/erasures", privacy, subject="eve", reason="she asks")
    assert (answer.json["files_erased"], answer.json["files_unreadable"]) == ([], [lost["id"]]), answer.body
    assert service.send("DELETE", f"/v1/files/{lost['id']}", None).status == 200
    assert not record.exists() and told(service, "file.deleted") == [lost["id"]]
    assert service.send("DELETE", f"/v1/files/{lost['id']}", None).status == 404


def test_files_that_an_erasure_takes_are_told_one_by_one(install):
    service = keeping(install)
    privacy = officer(service)
    service.start()
    hers = [upload(service, f"{number}.txt", "words", "eve")["id"] for number in range(3)]
    his = upload(service, "his.txt", "words", "bob")["id"]
    answer = post(service, "/v1/erasures", privacy, subject="eve", reason="request 17")
    assert set(answer.json["files_erased"]) == set(hers) and answer.json["files_unreadable"] == [], answer.body
    acts = service.audit_json("acts", "--what", "file.deleted")
    assert {act["body"]["object"].split()[0] for act in acts} == set(hers)
    assert all(act["body"]["reason"] == "request 17" and "privacy_officer" in json.dumps(act["body"]["by"]) for act in acts), acts
    answer = post(service, "/v1/erasures", privacy, everything=True, reason="they leave")
    assert answer.json["files_erased"] == [his] and files(service) == [], answer.body


def test_the_key_of_files_is_made_whole_and_only_where_there_is_no_file(install):
    service = keeping(install)
    service.data.mkdir(parents=True, exist_ok=True)
    # What a start leaves that is killed while it makes the key.
    (service.data / "files.key.new").write_bytes(b"half of a k")
    service.start()
    kept = upload(service, "kept.txt", "words")
    assert service.stop() == 0
    key, away = service.data / "files.key", service.data / "away"
    assert len(key.read_bytes()) == 32 and not (service.data / "files.key.new").exists()
    key.rename(away)
    code, said = service.start_and_fail()
    assert code != 0 and "the key to them is missing" in said and not key.exists(), said
    away.rename(key)
    service.start()
    assert [file["id"] for file in files(service)] == [kept["id"]]
