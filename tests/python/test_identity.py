"""Tokens of a real OpenID Connect issuer: whom they let in, and which are refused."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from support import Service, free_port, run_well, scripted, until, words

AUDIENCE = "forethought"
CLAIMS = [
    {"sub": "jane", "org": "default", "groups": ["ft-users"], "teams": ["claims"]},
    {"sub": "adam", "org": "default", "groups": ["ft-auditors", "ft-users", "chess"]},
    {"sub": "eve", "org": "nowhere", "groups": ["ft-users"]},
    {"sub": "mallory", "org": "other", "groups": ["ft-users"]},
    {"sub": "nobody", "groups": ["ft-users"]},
    {"sub": "guest", "org": "default", "groups": ["chess"]},
]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


class Issuer:
    """`oidc-provider-mock` on loopback: a provider that signs what it is asked for."""

    def __init__(self, folder: Path, port: int | None = None, seconds: int = 600):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        program = Path(sys.executable).parent / "oidc-provider-mock"
        users = [argument for claims in CLAIMS for argument in ("--user-claims", json.dumps(claims))]
        command = [str(program), "--port", str(self.port), "--token-max-age", str(seconds), *users]
        self.log = (folder / f"issuer-{self.port}.log").open("ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env={**os.environ, "PYTHONWARNINGS": "ignore"})
        self.found = until("the issuer is there", self.discover, 60)

    def discover(self) -> dict | None:
        try:
            with urllib.request.urlopen(f"{self.url}/.well-known/openid-configuration", timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            assert self.process.poll() is None, "the issuer ended"
            return None

    def token(self, subject: str, audience: str = AUDIENCE) -> str:
        """What somebody gets who logs in."""
        back = "http://127.0.0.1/back"
        query = urllib.parse.urlencode({"client_id": audience, "redirect_uri": back, "response_type": "code", "scope": "openid"})
        login = urllib.request.Request(f"{self.found['authorization_endpoint']}?{query}", urllib.parse.urlencode({"sub": subject}).encode())
        with pytest.raises(urllib.error.HTTPError) as sent:
            urllib.request.build_opener(NoRedirect).open(login)
        assert sent.value.code == 302, sent.value.read()
        code = urllib.parse.parse_qs(urllib.parse.urlparse(sent.value.headers["location"]).query)["code"][0]
        ask = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "client_id": audience, "client_secret": "x"}
        with urllib.request.urlopen(self.found["token_endpoint"], urllib.parse.urlencode(ask).encode()) as answer:
            return json.load(answer)["id_token"]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    yield issuer
    issuer.stop()


def house(install, issuer: Issuer, **more: object) -> Service:
    trusted = {
        "issuer": issuer.url,
        "audiences": [AUDIENCE],
        "tenant_claim": "org",
        "tenants": ["default", "nowhere"],
        "roles_claim": "groups",
        "roles": {"ft-users": "user", "ft-auditors": "auditor"},
        "teams_claim": "teams",
        "leeway_s": 0,
        "min_interval_s": 1,
        **more,
    }
    service = install(scripted(answers=[{"text": words(4)}]), identity=[trusted])
    service.add_tenant("other")
    return service.start()


def part(token: str, at: int) -> dict:
    text = token.split(".")[at]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def coded(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_who_logs_in_at_the_issuer_may_ask_and_stands_in_the_log_under_a_pseudonym(install, issuer: Issuer):
    service = house(install, issuer)
    answer = service.chat(key=issuer.token("jane"))
    assert answer.status == 200, answer.body
    body = service.audit_json("show", answer.record)["admission"]["record"]["body"]
    assert body["tenant"] == "default" and body["key_id"].startswith("u_") and "jane" not in json.dumps(body)
    again = service.chat(key=issuer.token("jane"))
    assert service.audit_json("show", again.record)["admission"]["record"]["body"]["key_id"] == body["key_id"]
    me = service.send("GET", "/v1/me", None, issuer.token("jane")).json
    assert (me["role"], me["teams"], me["tenant"]) == ("user", ["claims"], "default")
    # Keys go on beside it.
    assert service.chat().status == 200


def test_who_has_several_roles_acts_in_one_at_a_time(install, issuer: Issuer):
    service = house(install, issuer)
    token = issuer.token("adam")
    assert service.chat(key=token).error["code"] == "role_not_chosen"

    def me(role: str) -> dict:
        connection = service.connect(10)
        connection.request("GET", "/v1/me", None, {**service.headers(token), "x-forethought-role": role})
        return json.loads(connection.getresponse().read())

    assert "read_contents" in me("auditor")["may"] and "deliberate" not in me("auditor")["may"]
    assert "deliberate" in me("user")["may"] and "read_contents" not in me("user")["may"]
    assert me("admin")["error"]["code"] == "role_not_granted"


def test_who_asked_does_not_approve_the_answer_in_another_role(install, tmp_path: Path, issuer: Issuer):
    service = house(install, issuer, roles={"ft-users": "user", "ft-auditors": "reviewer"})
    service.policy.write_text(service.policy.read_text() + 'safeguards: { output: { deny: [{ id: all, action: hold, phrases: [w0] }] } }\n')
    service.restart()
    token = issuer.token("adam")

    def act(role: str, method: str, path: str, body: bytes | None) -> tuple[int, dict]:
        connection = service.connect(10)
        connection.request(method, path, body, {**service.headers(token), "x-forethought-role": role})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    status, held = act("user", "POST", "/v1/chat/completions", service.body())
    if status == 200:
        pytest.fail(f"the scripted answer was to be held: {held}")
    url = held["usage"]["deliberation"]["review"]["url"]
    decision = b'{"decision": "approve", "reason": "it is mine"}'
    status, refused = act("reviewer", "POST", url, decision)
    assert (status, refused["error"]["code"]) == (403, "own_answer"), refused
    reviewer = run_well("key", "create", "default", "--role", "reviewer", "--policy", service.policy, "--quiet").strip()
    service.restart()
    assert service.send("POST", url, decision, reviewer).status == 200


@pytest.mark.parametrize(("subject", "status", "code"), [
    ("eve", 401, "invalid_api_key"),  # a tenant that the policy does not have
    ("mallory", 401, "invalid_token"),  # a tenant that this issuer may not name
    ("nobody", 401, "invalid_token"),  # no tenant at all
    ("guest", 403, "token_without_standing"),  # no role of ours
])
def test_who_has_no_standing_here_is_refused(install, issuer: Issuer, subject: str, status: int, code: str):
    answer = house(install, issuer).chat(key=issuer.token(subject))
    assert (answer.status, answer.error["code"]) == (status, code), answer.body


def test_doubtful_tokens_are_refused(install, issuer: Issuer):
    service = house(install, issuer)
    good = issuer.token("jane")
    assert service.chat(key=good).status == 200
    claims, header = part(good, 1), part(good, 0)
    head, body, signature = good.split(".")
    stranger = RSAKey.generate_key(2048)

    def signed(key: object, **changed: object) -> str:
        return jwt.encode(header, {**claims, **changed}, key)

    doubtful = {
        "another audience": issuer.token("jane", "somebody-else"),
        "no algorithm": f"{coded({**header, 'alg': 'none'})}.{body}.",
        "no algorithm, signed": f"{coded({**header, 'alg': 'none'})}.{body}.{signature}",
        "a shared secret": f"{coded({**header, 'alg': 'HS256'})}.{body}.{signature}",
        "another's key": signed(stranger),
        "claims exchanged": f"{head}.{coded({**claims, 'sub': 'adam'})}.{signature}",
        "another issuer": signed(stranger, iss="http://127.0.0.1:1"),
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "rubbish": "a.b.c",
    }
    for what, token in doubtful.items():
        answer = service.chat(key=token)
        assert (answer.status, answer.error["code"]) == (401, "invalid_token"), (what, answer.body)
    assert service.chat(key=good).status == 200


def test_an_expired_token_is_refused_and_told(install, tmp_path: Path):
    short = Issuer(tmp_path, seconds=2)
    try:
        service = house(install, short)
        token = short.token("jane")
        assert service.chat(key=token).status == 200
        time.sleep(2.1)
        answer = service.chat(key=token)
        assert (answer.status, answer.error["code"]) == (401, "invalid_token")
        assert "expired" in answer.error["message"]
    finally:
        short.stop()


def test_keys_that_change_are_fetched_and_old_tokens_are_refused_then(install, tmp_path: Path):
    first = Issuer(tmp_path)
    try:
        service = house(install, first, refresh_s=1)
        old = first.token("jane")
        assert service.chat(key=old).status == 200
        first.stop()
        # The issuer is away: its keys serve on.
        assert service.chat(key=old).status == 200
        second = Issuer(tmp_path, first.port)
        try:
            new = second.token("jane")
            until("the new key is known", lambda: service.chat(key=new).status == 200, 30, 0.2)
            swapped = service.chat(key=old)
            assert (swapped.status, swapped.error["code"]) == (401, "invalid_token")
        finally:
            second.stop()
    finally:
        first.stop()


def test_a_service_whose_issuer_was_never_there_says_that_it_is_not_the_tokens_fault(install, issuer: Issuer):
    nowhere = f"http://127.0.0.1:{free_port()}"
    service = install(scripted(), identity=[{"issuer": nowhere, "audiences": [AUDIENCE], "tenant": "default", "roles_claim": "groups", "roles": {"ft-users": "user"}}]).start()
    token = issuer.token("jane")
    forged = f"{token.split('.')[0]}.{coded({**part(token, 1), 'iss': nowhere})}.{token.split('.')[2]}"
    answer = service.chat(key=forged)
    assert (answer.status, answer.error["code"]) == (503, "identity_unavailable"), answer.body
    assert service.chat().status == 200


def test_a_wrong_issuer_is_told_at_the_start(install):
    service = install(scripted(), identity=[{"issuer": "http://example.org", "audiences": [], "tenant": "default"}])
    code, said = service.start_and_fail()
    assert code == 2 and "identity" in said, said
    service = install(scripted(), identity=[{"issuer": "https://example.org", "audiences": ["a"], "tenant": "default", "roles_claim": "r", "roles": {"x": "emperor"}}])
    code, said = service.start_and_fail()
    assert code == 2 and "emperor" in said and "policy_owner" in said, said
