"""Files that tenants upload: what comes and goes is in the log, whoever leaves and whatever fails."""

from __future__ import annotations

import http.client
import resource
import signal
import time

from support import Service, read_answer, scripted, until
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
