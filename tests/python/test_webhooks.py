"""Webhooks: signed, told to whom it concerns, told again until they are heard, and in nobody's way."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from support import Answer, Service, free_port, run, run_well, scripted, until, words

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD6wqRd9Sx0K0="
ANSWER = "The claim of Jane Doe is denied under Project Falcon."
RULES = {"output": {"deny": [{"id": "projects", "action": "hold", "phrases": ["Project Falcon"]}]}}
TLS = Path(__file__).parent / "tls"
Reply = Callable[[int], tuple[int, dict]]


class Receiver:
    """Listens on loopback, verifies every signature, and keeps what came."""

    def __init__(self, reply: Reply = lambda _: (204, {}), secret: str = SECRET, port: int | None = None, delay: float = 0, tls: bool = False):
        self.port, self.got, self.wrong, self.paths = port or free_port(), [], [], []
        receiver, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with lock:
                    count = len(receiver.got)
                    receiver.paths.append(self.path)
                    receiver.keep(body, dict(self.headers.items()), secret)
                time.sleep(delay)
                status, headers = reply(count)
                self.send_response(status)
                for name, value in {"content-length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keep(self, body: bytes, headers: dict, secret: str) -> None:
        headers = {name.lower(): value for name, value in headers.items()}
        try:
            Webhook(secret).verify(body, headers)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it fails the test
            self.wrong.append(repr(error))
        self.got.append({"id": headers["webhook-id"], "at": time.monotonic(), "raw": body, **json.loads(body)})

    def types(self) -> list[str]:
        return [event["type"] for event in self.got]

    def of(self, kind: str) -> list[dict]:
        return [event for event in self.got if event["type"] == kind]

    def wait(self, kind: str, count: int = 1, limit: float = 30) -> list[dict]:
        until(f"{count} of {kind}, got {self.types()}", lambda: len(self.of(kind)) >= count, limit)
        assert self.wrong == []
        return self.of(kind)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def listening(*args: object, **options: object) -> Iterator[Receiver]:
    receiver = Receiver(*args, **options)
    try:
        yield receiver
    finally:
        receiver.close()


def hook(port: int, name: str = "desk", **more: object) -> dict:
    return {"id": name, "url": f"http://127.0.0.1:{port}/hook", "secret_env": "HOOK_SECRET", **more}


def add(service: Service, own: list[dict], tenants: dict[str, list[dict]] | None = None, quotas: dict | None = None) -> None:
    """Writes webhooks, what is held, and the quotas of `default` into a policy."""
    policy = service.policy.read_text()
    for tenant, hooks in (tenants or {}).items():
        policy = policy.replace(f"    name: {tenant}\n", f"    name: {tenant}\n    webhooks: {json.dumps(hooks)}\n")
    if quotas:
        policy = policy.replace("    name: default\n", f"    name: default\n    quotas: {json.dumps(quotas)}\n")
    service.policy.write_text(f"{policy}\nwebhooks: {json.dumps(own)}\nsafeguards: {json.dumps(RULES)}\n")


def house(install, own: list[dict], tenants: dict | None = None, answer: str = ANSWER, quotas: dict | None = None, scope: str = "tenant") -> Service:
    service = install(scripted(answers=[{"text": answer}]))
    for role in ("reviewer", "policy_owner"):
        service.keys[role] = run_well("key", "create", "default", "--role", role, "--policy", service.policy, "--quiet").strip()
    service.add_tenant("other")
    add(service, own, tenants, quotas)
    service.policy.write_text(service.policy.read_text().replace("    name: default\n", f"    name: default\n    scope: {scope}\n"))
    return start(service)


def start(service: Service, **secrets: str) -> Service:
    return service.start(env={**os.environ, "HOOK_SECRET": SECRET, "OTHER_SECRET": OTHER, **secrets})


def held(service: Service, tenant: str = "default") -> str:
    answer = service.chat("Tell me of Jane Doe", key=service.keys[tenant])
    assert answer.status == 202, (answer.status, answer.body)
    return answer.deliberation["review"]["url"].rsplit("/", 1)[1]


def decide(service: Service, review: str) -> Answer:
    body = json.dumps({"decision": "approve", "reason": "Jane agrees"}).encode()
    return service.send("POST", f"/v1/reviews/{review}", body, service.keys["reviewer"])


def metric(service: Service, name: str) -> float:
    found = [line for line in service.get("/metrics").body.decode().splitlines() if line.startswith(name)]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0


def test_each_is_told_what_concerns_it_signed_and_without_anybodys_words(install):
    with listening() as house_hook, listening(secret=OTHER) as own, listening() as others:
        tenants = {"default": [hook(own.port, secret_env="OTHER_SECRET")], "other": [hook(others.port)]}
        service = house(install, [hook(house_hook.port)], tenants)
        review, stranger = held(service), held(service, "other")
        decided = decide(service, review).json
        everything = house_hook.wait("review.waiting", 2) + house_hook.wait("review.decided") + own.wait("review.decided") + others.wait("review.waiting")
        assert house_hook.types()[0] == "policy.in_force" and house_hook.got[0]["data"]["version"] == 1
        assert own.types() == ["review.waiting", "review.decided"] and others.types() == ["review.waiting"]
        assert [event["data"]["id"] for event in own.got] == [review, review] and others.got[0]["data"]["id"] == stranger
        told = own.of("review.decided")[0]
        assert told["id"] == decided["record"] and told["data"]["decision"] == "approved"
        assert service.send("GET", told["data"]["url"], None, "").status == 401
        fetched = service.send("GET", told["data"]["url"], None, service.key).json
        assert fetched["completion"]["choices"][0]["message"]["content"] == ANSWER
        assert own.got[0]["data"]["because"] == ["the deny list `projects`"]
        assert own.got[0]["id"] == house_hook.of("review.waiting")[0]["id"], "one event has one id, whoever is told"
        for event in everything:
            assert not any(word in event["raw"].decode() for word in ("Jane", "Falcon", "denied", "agrees", "Tell"))
        until("counted", lambda: metric(service, 'forethought_webhook_deliveries_total{event="review.waiting",outcome="delivered"}') == 4)
        until("nothing waits", lambda: metric(service, "forethought_webhook_pending") == 0)


def test_a_receiver_that_comes_up_later_gets_everything_in_order(install):
    port = free_port()
    service = house(install, [hook(port, events=["review.waiting", "review.decided"])])
    reviews = [held(service) for _ in range(3)]
    until("it was tried", lambda: metric(service, 'forethought_webhook_deliveries_total{event="review.waiting",outcome="failed"}') >= 1)
    until("all wait", lambda: metric(service, "forethought_webhook_pending") == 3)
    with listening(port=port) as receiver:
        got = receiver.wait("review.waiting", 3)
        assert [event["data"]["id"] for event in got] == reviews


@pytest.mark.parametrize("down", [True, False])
def test_what_is_not_delivered_survives_a_kill(install, down: bool):
    """With `down` the event is in the outbox; without, the process mostly dies before it is."""
    port = free_port()
    service = house(install, [], {"default": [hook(port)]})
    chance, reviews = random.Random(4), []
    for _ in range(4):
        reviews.append(held(service))
        if down:
            until("it was tried", lambda: metric(service, 'forethought_webhook_deliveries_total{event="review.waiting",outcome="failed"}') >= 1)
        else:
            time.sleep(chance.random() * 0.05)
        service.kill()
        start(service)
    with listening(port=port) as receiver:
        receiver.wait("review.waiting", 4)
        until("nothing waits", lambda: metric(service, "forethought_webhook_pending") == 0)
        seen = [event["data"]["id"] for event in receiver.got]
        assert list(dict.fromkeys(seen)) == reviews, seen
        # The same id however often it comes.
        assert len({event["id"] for event in receiver.got}) == 4
        service.kill()
        start(service)
        review = held(service)
        until("the next", lambda: receiver.got[-1]["data"]["id"] == review)


def test_a_slow_or_dead_receiver_slows_nobody(install):
    hang = socket.create_server(("127.0.0.1", 0))
    with listening(delay=8) as slow, listening() as quick:
        own = [hook(hang.getsockname()[1], "hangs"), hook(slow.port, "slow"), hook(quick.port, "quick")]
        service = house(install, own)
        times = []
        for _ in range(10):
            begun = time.monotonic()
            held(service)
            times.append(time.monotonic() - begun)
        quick.wait("review.waiting", 10, limit=6)
        assert max(times) < 2, times
        begun = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - begun < 8
        assert metric_after_restart(service) >= 20
    hang.close()


def metric_after_restart(service: Service) -> float:
    start(service)
    return until("what waits", lambda: metric(service, "forethought_webhook_pending"))


def test_redirects_are_not_followed(install):
    with listening() as elsewhere:
        with listening(lambda _: (307, {"location": f"http://127.0.0.1:{elsewhere.port}/"})) as receiver:
            service = house(install, [hook(receiver.port, events=["review.waiting"])])
            held(service)
            receiver.wait("review.waiting", 2)
            assert elsewhere.got == []
            assert "redirects are not followed" in service.log_text()


def test_a_receiver_that_asks_for_time_gets_it(install):
    replies = [(429, {"retry-after": "4"}), (503, {"retry-after": "0"})]
    with listening(lambda count: replies[count] if count < 2 else (200, {})) as receiver:
        service = house(install, [hook(receiver.port, events=["review.waiting"])])
        held(service)
        first, second, third = receiver.wait("review.waiting", 3)
        assert second["at"] - first["at"] >= 4
        assert third["at"] - second["at"] >= 1, "at least the usual delay"
        assert (first["id"], first["raw"]) == (second["id"], second["raw"]) == (third["id"], third["raw"])
        until("nothing waits", lambda: metric(service, "forethought_webhook_pending") == 0)


def test_an_event_that_is_refused_holds_up_none_behind_it(install):
    with listening(lambda count: (400, {}) if count == 0 else (200, {})) as receiver:
        service = house(install, [hook(receiver.port, events=["review.waiting"])])
        first = held(service)
        receiver.wait("review.waiting")
        second = held(service)
        got = receiver.wait("review.waiting", 3)
        assert [event["data"]["id"] for event in got] == [first, second, first]


def test_a_quota_is_told_of_once_in_its_period(install):
    with listening() as receiver:
        quotas = {"day": {"tokens": 1000}, "warn_percent": 50}
        service = house(install, [], {"default": [hook(receiver.port)]}, words(60), quotas)
        spent = 0
        while spent < 500:
            assert receiver.got == [], spent
            answer = service.chat(max_completion_tokens=60, deliberation={"strategy": "single"})
            assert answer.status == 200, answer.body
            spent += answer.json["usage"]["total_tokens"]
        [told] = receiver.wait("quota.threshold")
        data = told["data"]
        assert (data["tenant"], data["period"], data["of"], data["limit"]) == ("default", "day", "tokens", 1000)
        assert data["used"] == spent and data["percent"] == spent // 10, (data, spent)
        assert data["resets_at"].endswith("T00:00:00Z")
        until("nothing waits", lambda: metric(service, "forethought_webhook_pending") == 0)
        # That it was delivered is kept a moment later.
        time.sleep(1)
        for end in (service.kill, service.stop):
            end()
            start(service)
            service.chat(max_completion_tokens=60, deliberation={"strategy": "single"})
            time.sleep(1.5)
        assert receiver.types() == ["quota.threshold"]


def test_the_owner_is_told_of_policies(install):
    with listening() as receiver, listening() as tenants:
        service = house(install, [hook(receiver.port)], {"default": [hook(tenants.port)]}, scope="installation")
        [first] = receiver.wait("policy.in_force")
        good = service.policy.read_text()
        service.policy.write_text(good + "zebra: 1\n")
        service.process.send_signal(signal.SIGHUP)
        [refused] = receiver.wait("policy.refused")
        assert refused["data"] == {"version": 1, "digest": first["data"]["digest"], "what": "policy.in_force", "code": "invalid_policy"}
        service.policy.write_text(good + "review: { timeout_s: 77 }\n")
        service.process.send_signal(signal.SIGHUP)
        second = receiver.wait("policy.in_force", 2)[1]
        assert second["data"]["version"] == 2 and second["data"]["digest"] != first["data"]["digest"]
        owner = service.keys["policy_owner"]
        back = service.send("POST", "/v1/admin/policy/rollback", b'{"version": 1, "reason": "Jane said so"}', owner)
        assert back.status == 200, back.body
        third = receiver.wait("policy.in_force", 3)[2]
        assert (third["data"]["version"], third["data"]["what"], third["data"]["by"]["role"]) == (3, "policy.rollback", "policy_owner")
        connection = service.connect(30)
        connection.request("PUT", "/v1/admin/policy", b"version: 1", {**service.headers(owner), "If-Match": third["data"]["digest"]})
        assert connection.getresponse().status == 400
        connection.close()
        again = receiver.wait("policy.refused", 2)[1]["data"]
        assert (again["version"], again["what"], again["code"], again["by"]["tenant"]) == (3, "policy.replace", "invalid_policy", "default")
        # Who may not change the policy causes nothing.
        assert service.send("POST", "/v1/admin/policy/rollback", b'{"version": 99}', service.key).status == 403
        time.sleep(1)
        assert len(receiver.of("policy.refused")) == 2 and tenants.got == []
        assert not any(b"Jane" in event["raw"] for event in receiver.got)


def test_an_outbox_that_cannot_be_used_stops_no_request_and_loses_nothing(install):
    with listening() as receiver:
        service = install(scripted(answers=[{"text": ANSWER}]))
        add(service, [hook(receiver.port, events=["review.waiting"])])
        service.data.mkdir()
        (service.data / "webhooks").write_text("in the way")
        start(service)
        review = held(service)
        until("told in the metrics", lambda: metric(service, "forethought_webhook_outbox_failures_total") >= 1)
        assert "webhooks are not told for now" in service.log.read_text()
        assert receiver.got == []
        (service.data / "webhooks").unlink()
        assert receiver.wait("review.waiting")[0]["data"]["id"] == review


def test_webhooks_come_go_and_move_with_the_policy(install):
    with listening() as old, listening() as new:
        service = house(install, [hook(old.port, events=["review.waiting"])])
        held(service)
        old.wait("review.waiting")
        before = service.policy.read_text()
        service.policy.write_text(before.replace(str(old.port), str(new.port)))
        service.process.send_signal(signal.SIGHUP)
        until("in force", lambda: metric(service, "forethought_policy_version") == 2)
        review = held(service)
        assert [event["data"]["id"] for event in new.wait("review.waiting")] == [review]
        service.policy.write_text(before.replace('webhooks: [{"id"', 'webhooks: []\nprices: {}\n#'))
        service.process.send_signal(signal.SIGHUP)
        until("in force", lambda: metric(service, "forethought_policy_version") == 3)
        held(service)
        time.sleep(1.5)
        assert len(old.got) == len(new.got) == 1


def test_a_webhook_without_its_secret_is_told_nothing_until_it_has_one(install):
    with listening() as receiver:
        service = house(install, [hook(receiver.port, events=["review.waiting"], secret_env="MISSING")])
        held(service)
        until("it is said", lambda: "the environment has no `MISSING`" in service.log.read_text())
        until("it waits", lambda: metric(service, "forethought_webhook_pending") == 1)
        assert receiver.got == []
        service.stop()
        start(service, MISSING=SECRET)
        receiver.wait("review.waiting")


def test_two_secrets_sign_while_one_is_changed(install):
    with listening(secret=OTHER) as receiver:
        service = install(scripted(answers=[{"text": ANSWER}]))
        add(service, [hook(receiver.port, events=["review.waiting"])])
        start(service, HOOK_SECRET=f"{SECRET} {OTHER}")
        held(service)
        receiver.wait("review.waiting")


def test_the_command_line_tries_a_webhook_and_warns_of_a_missing_secret(install, monkeypatch):
    with listening(lambda count: (204, {}) if count == 0 else (500, {})) as receiver:
        service = install(scripted())
        add(service, [hook(receiver.port)], {"default": [hook(receiver.port, "own")]})
        monkeypatch.delenv("HOOK_SECRET", raising=False)
        checked = run("policy", "check", service.policy)
        assert checked.returncode == 0 and "webhooks[0].secret_env: the environment has no `HOOK_SECRET`" in checked.stderr
        missing = run("webhook", "test", "--policy", service.policy, "--id", "desk")
        assert missing.returncode == 2 and "HOOK_SECRET" in missing.stderr, missing.stderr
        monkeypatch.setenv("HOOK_SECRET", SECRET)
        good = run("webhook", "test", "--policy", service.policy, "--id", "desk")
        assert (good.returncode, good.stdout) == (0, "ok: desk: it answered 204\n"), good
        [event] = receiver.wait("webhook.test")
        assert event["data"] == {"webhook": "desk"}
        bad = run("webhook", "test", "--policy", service.policy, "--tenant", "default", "--id", "own")
        assert bad.returncode == 1 and "default/own: it answered 500" in bad.stderr
        unknown = run("webhook", "test", "--policy", service.policy, "--id", "own")
        assert unknown.returncode == 2 and "it has: desk, default/own" in unknown.stderr
        monkeypatch.setenv("HOOK_SECRET", "hunter2")
        weak = run("webhook", "test", "--policy", service.policy, "--id", "desk")
        assert weak.returncode == 2 and "hunter2" not in weak.stderr and "openssl" in weak.stderr


def test_over_https_only_whom_this_machine_trusts(install, monkeypatch):
    with listening(tls=True) as receiver:
        service = install(scripted())
        add(service, [{**hook(receiver.port), "url": f"https://127.0.0.1:{receiver.port}/hook"}])
        monkeypatch.setenv("HOOK_SECRET", SECRET)
        strange = run("webhook", "test", "--policy", service.policy, "--id", "desk")
        assert strange.returncode == 1 and "certificate" in strange.stderr, strange.stderr
        assert receiver.got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "certificate.pem"))
        trusted = run("webhook", "test", "--policy", service.policy, "--id", "desk")
        assert trusted.returncode == 0, trusted.stderr
        receiver.wait("webhook.test")


def test_what_the_installation_tells_is_no_tenants_to_know(install):
    service = house(install, [hook(free_port(), "secretive")], {"default": [hook(free_port(), "own")]})
    shown = service.send("GET", "/v1/admin/policy", None, service.keys["policy_owner"])
    assert shown.status == 200 and b"own" in shown.body and b"secretive" not in shown.body
