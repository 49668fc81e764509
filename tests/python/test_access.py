"""Every endpoint, for every role: what is allowed, what is denied, and what nobody is known for."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from support import Answer, Service, run_well, scripted, until

ROLES = ["user", "operator", "policy_owner", "reviewer", "auditor", "privacy_officer", "admin"]
#: Who may use each endpoint of the API. `None` is everybody, with a key or without.
MATRIX: dict[tuple[str, str], set[str] | None] = {
    ("POST", "/v1/chat/completions"): {"user"},
    ("GET", "/v1/models"): {"user", "operator", "policy_owner", "admin"},
    ("GET", "/v1/models/{id}"): {"user", "operator", "policy_owner", "admin"},
    ("GET", "/v1/me"): set(ROLES),
    ("GET", "/v1/admin/keys"): {"admin"},
    ("POST", "/v1/admin/keys"): {"admin"},
    ("POST", "/v1/admin/keys/{id}/rotate"): {"admin"},
    ("DELETE", "/v1/admin/keys/{id}"): {"admin"},
    ("GET", "/v1/admin/policy"): {"operator", "policy_owner", "auditor", "admin"},
    ("PUT", "/v1/admin/policy"): {"policy_owner"},
    ("POST", "/v1/admin/policy/check"): {"policy_owner"},
    ("GET", "/v1/admin/policy/versions"): {"operator", "policy_owner", "auditor", "admin"},
    ("POST", "/v1/admin/policy/rollback"): {"policy_owner"},
    ("GET", "/v1/admin/usage"): {"operator", "policy_owner", "auditor", "admin"},
    ("GET", "/v1/audit/records"): {"operator", "auditor", "privacy_officer"},
    ("GET", "/v1/audit/acts"): {"operator", "auditor", "privacy_officer"},
    ("GET", "/v1/audit/records/{id}"): {"operator", "auditor", "privacy_officer"},
    ("GET", "/v1/audit/records/{id}?contents=true"): {"auditor"},
    ("GET", "/v1/audit/records/{id}/proof"): {"operator", "auditor", "privacy_officer"},
    ("GET", "/v1/audit/log"): {"operator", "auditor", "privacy_officer"},
    ("GET", "/audit/log/checkpoint"): {"operator", "auditor", "privacy_officer"},
    ("GET", "/audit/log/tile/{path}"): {"operator", "auditor", "privacy_officer"},
    ("POST", "/v1/erasures"): {"privacy_officer"},
    ("GET", "/v1/holds"): {"privacy_officer"},
    ("POST", "/v1/holds"): {"privacy_officer"},
    ("DELETE", "/v1/holds/{id}"): {"privacy_officer"},
    ("GET", "/v1/reviews"): {"reviewer"},
    ("GET", "/v1/reviews/{id}"): {"reviewer"},
    ("POST", "/v1/reviews/{id}"): {"reviewer"},
    ("GET", "/v1/files"): {"user"},
    ("POST", "/v1/files"): {"user"},
    ("GET", "/v1/files/{id}"): {"user"},
    ("DELETE", "/v1/files/{id}"): {"user"},
    ("GET", "/v1/files/{id}/content"): {"user"},
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/metrics"): None,
    ("GET", "/openapi.json"): None,
}


@dataclass
class House:
    """A service whose tenant `house` acts for every tenant, and `other` for itself only; each has a key of every role."""

    service: Service
    everywhere: dict[str, str]
    at_home: dict[str, str]
    #: A record of `default`.
    record: str

    def call(self, endpoint: tuple[str, str], key: str | None) -> Answer:
        method, path = endpoint
        body = {
            "/v1/chat/completions": self.service.body,
            "/v1/admin/keys": lambda: json.dumps({"tenant": "other", "role": "user"}).encode(),
            "/v1/admin/policy": self.service.policy.read_bytes,
            "/v1/admin/policy/check": self.service.policy.read_bytes,
            "/v1/admin/policy/rollback": lambda: b'{"version": 1}',
            "/v1/erasures": lambda: b'{"tenant": "default", "subject": "nobody", "reason": "x"}',
            "/v1/holds": lambda: b'{"tenant": "other", "subject": "nobody", "reason": "x"}',
        }.get(path, lambda: b"")()
        path = path.replace("/v1/models/{id}", f"/v1/models/{self.service.model}")
        path = path.replace("/v1/audit/records/{id}", f"/v1/audit/records/{self.record}")
        if "reviews" in path:
            # There is none: who may decide is told so, everybody else nothing.
            path, body = path.replace("{id}", "rec_none"), b'{"decision": "approve", "reason": "x"}'
        path = path.replace("/audit/log/tile/{path}", "/audit/log/tile/entries/000.p/1")
        if "{id}" in path:
            path = path.replace("{id}", self.spare_key() if method != "GET" else "x")
        return self.service.send(method, path, body if method != "GET" else None, key="" if key is None else key)

    def spare_key(self) -> str:
        """A key that may be rotated and revoked."""
        made = self.service.send("POST", "/v1/admin/keys", b'{"tenant": "other", "role": "user"}', self.everywhere["admin"])
        assert made.status == 200, made.body
        return made.json["id"]


def make_key(service: Service, tenant: str, role: str) -> str:
    return run_well("key", "create", tenant, "--role", role, "--policy", service.policy, "--quiet").strip()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory):
    service = Service(tmp_path_factory.mktemp("access"), scripted(), tools={"files": {}})
    for tenant in ("house", "other"):
        service.add_tenant(tenant)
    text = service.policy.read_text()
    service.policy.write_text(text.replace("    name: house\n", "    name: house\n    scope: installation\n"))
    everywhere, at_home = ({role: make_key(service, tenant, role) for role in ROLES} for tenant in ("house", "other"))
    service.start()
    answer = service.chat()
    assert answer.status == 200, answer.body
    try:
        yield House(service, everywhere, at_home, answer.record)
    finally:
        service.kill()


def test_the_matrix_has_every_endpoint(house: House):
    paths = house.service.get("/openapi.json").json["paths"]
    known = {(method.upper(), path) for path, methods in paths.items() for method in methods if method != "parameters"}
    assert known == {(method, path.split("?")[0]) for method, path in MATRIX}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("endpoint", MATRIX, ids=" ".join)
def test_each_role_may_what_the_matrix_says_and_nothing_else(house: House, endpoint: tuple[str, str], role: str):
    answer = house.call(endpoint, house.everywhere[role])
    if MATRIX[endpoint] is None or role in MATRIX[endpoint]:
        # What is missing of a request is told only to whoever may make it.
        files = {"/v1/files/{id}", "/v1/files/{id}/content"}
        missing = {"/v1/admin/policy", "/v1/reviews/{id}", "/v1/holds/{id}", *files}
        expected = {"PUT": 400, "POST": 404, "GET": 404, "DELETE": 404} if endpoint[1] in missing else {}
        if endpoint == ("POST", "/v1/files"):
            expected = {"POST": 400}
        assert answer.status in (200, expected.get(endpoint[0])), (answer.status, answer.body)
        if answer.status != 200:
            assert answer.error["code"] in {"missing_if_match", "not_found", "invalid_form"}, answer.body
    else:
        assert answer.status == 403, (answer.status, answer.body)
        assert answer.error["code"] == "not_allowed", answer.body


@pytest.mark.parametrize("endpoint", MATRIX, ids=" ".join)
def test_who_is_not_known_may_nothing(house: House, endpoint: tuple[str, str]):
    wrong = house.everywhere["admin"][:-4] + "AAAA"
    for key in (None, wrong, "ft-k_0011223344556677-" + "A" * 43, "sk-whatever", "a.b.c", "\u00e9".encode().decode("latin-1")):
        answer = house.call(endpoint, key)
        if MATRIX[endpoint] is None:
            assert answer.status == 200
        else:
            assert answer.status == 401, (key, answer.status, answer.body)


@pytest.mark.parametrize("endpoint", MATRIX, ids=" ".join)
def test_a_method_that_is_not_known_is_refused(house: House, endpoint: tuple[str, str]):
    _, path = endpoint
    answer = house.service.send("PATCH", path.split("?")[0].replace("{id}", "x"), b"", house.everywhere["admin"])
    assert answer.status in (404, 405), (answer.status, answer.body)


#: What an endpoint does to another tenant's things, for the roles that may do it at home.
ABROAD: dict[str, tuple[str, str, bytes | None]] = {
    "keys are listed": ("GET", "/v1/admin/keys?tenant=default", None),
    "a key is made": ("POST", "/v1/admin/keys", b'{"tenant": "default", "role": "auditor"}'),
    "the policy is replaced": ("PUT", "/v1/admin/policy", b""),
    "the policy is rolled back": ("POST", "/v1/admin/policy/rollback", b'{"version": 1}'),
    "usage is read": ("GET", "/v1/admin/usage?tenant=default", None),
    "records are listed": ("GET", "/v1/audit/records?tenant=default", None),
    "acts are listed": ("GET", "/v1/audit/acts?tenant=default", None),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", ABROAD)
def test_nobody_reaches_another_tenant(house: House, what: str, role: str):
    method, path, body = ABROAD[what]
    answer = house.service.send(method, path, body, house.at_home[role])
    assert answer.status == 403, (answer.status, answer.body)


def test_another_tenants_records_and_keys_are_not_there(house: House):
    key = house.everywhere["user"].split("-")[1]
    for method, path, role in [
        ("GET", f"/v1/audit/records/{house.record}", "auditor"),
        ("GET", f"/v1/audit/records/{house.record}?contents=true", "auditor"),
        ("DELETE", f"/v1/admin/keys/{key}", "admin"),
        ("POST", f"/v1/admin/keys/{key}/rotate", "admin"),
    ]:
        there = house.service.send(method, path, b"", house.at_home[role])
        nowhere = house.service.send(method, path.replace(house.record, "rec_none").replace(key, "k_00112233"), b"", house.at_home[role])
        assert (there.status, nowhere.status) == (404, 404), (there.body, nowhere.body)
        assert there.error["code"] == nowhere.error["code"]
    assert house.service.chat(key=house.everywhere["user"]).status == 200
    own = house.service.send("GET", "/v1/audit/records", None, house.at_home["auditor"]).json["data"]
    assert all(row["admission"]["body"]["tenant"] == "other" for row in own)


LISTS = ["/v1/audit/records", "/v1/audit/records?limit=1000&status=held", "/v1/audit/acts", "/v1/reviews", "/v1/admin/usage", "/v1/admin/keys", "/v1/admin/policy"]
#: What each tenant has of each list, if the role may see it at all.
HAS = {"/v1/audit/records": 2, "/v1/audit/records?limit=1000&status=held": 1, "/v1/reviews": 1, "/v1/admin/usage": 1}


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory):
    """Two tenants that each asked twice, one answer of each waiting, and made a key; and one that acts for both."""
    service = Service(tmp_path_factory.mktemp("neighbours"), scripted())
    names = ("quillmoor", "brackwater", "house")
    for tenant in names:
        service.add_tenant(tenant)
    text = service.policy.read_text().replace("    name: house\n", "    name: house\n    scope: installation\n")
    rules = {"input": {"deny": [{"id": "claims", "action": "hold", "phrases": ["deny the claim"]}]}}
    service.policy.write_text(f"{text}\nsafeguards: {json.dumps(rules)}\n")
    keys = {tenant: {role: make_key(service, tenant, role) for role in ROLES} for tenant in names}
    service.start()
    for tenant in names[:2]:
        assert service.chat(key=keys[tenant]["user"]).status == 200
        assert service.chat("Please deny the claim.", key=keys[tenant]["user"]).status == 202
        made = service.send("POST", "/v1/admin/keys", b'{"role": "user"}', keys[tenant]["admin"])
        assert made.status == 200, made.body
    # A change in the file, which nobody of a tenant made, is nobody's but the installation's.
    service.policy.write_text(service.policy.read_text().replace("name: brackwater\n", "name: brackwater mill\n"))
    service.process.send_signal(signal.SIGHUP)
    until("the change is in force", lambda: "brackwater mill" in service.send("GET", "/v1/admin/policy", None, keys["house"]["operator"]).body.decode())
    try:
        yield service, keys
    finally:
        service.kill()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", LISTS)
def test_lists_without_a_tenant_have_the_callers_own_alone(neighbours, path: str, role: str):
    service, keys = neighbours
    allowed = role in MATRIX[("GET", path.split("?")[0])]
    for own, other in [("quillmoor", "brackwater"), ("brackwater", "quillmoor")]:
        answer = service.send("GET", path, None, keys[own][role])
        assert answer.status == (200 if allowed else 403), answer.body
        text = answer.body.decode()
        assert other not in text and "house" not in text, "nothing of another tenant, not even its name"
        if allowed and path in HAS:
            assert len(answer.json["data"]) == HAS[path], answer.body
    if allowed:
        everything = service.send("GET", path, None, keys["house"][role]).body.decode()
        if path != "/v1/admin/keys":
            assert "quillmoor" in everything and "brackwater" in everything, "who acts everywhere sees all"


def records_of(service: Service, key: str, what: str) -> list[dict]:
    acts = service.send("GET", "/v1/audit/acts?limit=1000", None, key).json["data"]
    return [act["body"] for act in acts if act["body"]["what"] == what]


def test_contents_are_read_by_auditors_and_that_is_recorded(house: House):
    service, auditor = house.service, house.everywhere["auditor"]
    before = len(records_of(service, auditor, "contents.read"))
    whole = service.send("GET", f"/v1/audit/records/{house.record}?contents=true", None, auditor).json
    assert "6 times 7" in json.dumps(whole["contents"])
    assert "6 times 7" not in json.dumps(service.send("GET", f"/v1/audit/records/{house.record}", None, auditor).json)
    acts = records_of(service, auditor, "contents.read")
    assert len(acts) == before + 1
    assert (acts[0]["by"]["role"], acts[0]["object"]) == ("auditor", house.record)


def test_keys_are_made_rotated_and_revoked_at_once_and_recorded(house: House):
    service, admin = house.service, house.everywhere["admin"]

    def ask(method: str, path: str, **body: object) -> Answer:
        return service.send(method, path, json.dumps(body).encode(), admin)

    made = ask("POST", "/v1/admin/keys", tenant="other", role="user", note="desk 4", team="claims", expires="2099-01-01T00:00:00Z").json
    assert service.chat(key=made["key"]).status == 200
    rotated = ask("POST", f"/v1/admin/keys/{made['id']}/rotate", overlap_s=3600).json
    assert rotated["replaces"]["id"] == made["id"]
    assert [service.chat(key=one["key"]).status for one in (made, rotated)] == [200, 200], "both are good"
    short = ask("POST", f"/v1/admin/keys/{rotated['id']}/rotate", overlap_s=0).json
    assert [service.chat(key=one["key"]).status for one in (made, rotated, short)] == [200, 401, 200]
    assert "expired" in service.chat(key=rotated["key"]).error["message"]
    assert ask("DELETE", f"/v1/admin/keys/{short['id']}").status == 200
    assert service.chat(key=short["key"]).status == 401
    again = ask("DELETE", f"/v1/admin/keys/{short['id']}")
    assert (again.status, again.error["code"]) == (400, "already_revoked")
    listed = {key["id"]: key for key in ask("GET", "/v1/admin/keys?tenant=other").json["data"]}
    assert (listed[made["id"]]["note"], listed[short["id"]]["team"], listed[short["id"]]["good"]) == ("desk 4", "claims", False)
    assert "hash" not in json.dumps(listed) and "sha256" not in json.dumps(listed)
    for what, key in [("key.create", made), ("key.rotate", rotated), ("key.revoke", short)]:
        acts = records_of(service, house.everywhere["auditor"], what)
        mine = [act for act in acts if act["object"] == key["id"]]
        assert len(mine) == 1 and mine[0]["changes"], acts
        assert key["key"] not in json.dumps(acts)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"role": "emperor"}, "invalid_value", "role"),
        ({}, "missing_required_parameter", "role"),
        ({"role": "user", "expires": "2001-01-01T00:00:00Z"}, "invalid_value", "expires"),
        ({"role": "user", "expires": "soon"}, "invalid_value", "expires"),
        ({"role": "user", "team": "A B"}, "invalid_policy", None),
        ({"role": "user", "note": "x" * 201}, "invalid_value", "note"),
        ({"role": "user", "zebra": 1}, "unknown_parameter", "zebra"),
        ({"role": "user", "tenant": "nobody"}, "not_found", None),
    ],
)
def test_a_wrong_key_is_told_and_not_made(house: House, body: dict, code: str, param: str | None):
    before = house.service.policy.read_bytes()
    answer = house.service.send("POST", "/v1/admin/keys", json.dumps(body).encode(), house.everywhere["admin"])
    assert (answer.error["code"], answer.error["param"]) == (code, param), answer.body
    assert house.service.policy.read_bytes() == before


def policy_of(service: Service, key: str) -> dict:
    return service.send("GET", "/v1/admin/policy", None, key).json


def put(service: Service, text: str, digest: str | None, key: str) -> Answer:
    connection = service.connect(30)
    headers = {**service.headers(key), **({"If-Match": f'"{digest}"'} if digest else {})}
    connection.request("PUT", "/v1/admin/policy", text.encode(), headers)
    response = connection.getresponse()
    return Answer(response.status, dict(response.getheaders()), response.read())


def test_a_policy_is_checked_replaced_and_rolled_back(house: House):
    service, owner = house.service, house.everywhere["policy_owner"]
    before = policy_of(service, owner)
    assert "hash" not in json.dumps(before)
    text = service.policy.read_text()
    forbids = 'authorization: |\n  permit (principal, action, resource);\n  @id("no-votes")\n  @reason("votes are not for us")\n  @citation("House rule 7")\n  forbid (principal, action == Forethought::Action::"deliberate", resource)\n  when { context.strategy == "self_consistency" };\n'
    checked = service.send("POST", "/v1/admin/policy/check", (text + forbids).encode(), owner).json
    assert checked["changes"] == [change for change in checked["changes"] if change.startswith("+ authorization")]
    assert policy_of(service, owner)["digest"] == before["digest"]
    assert put(service, text + forbids, None, owner).json["error"]["code"] == "missing_if_match"
    assert put(service, text + forbids, "sha256:00", owner).json["error"]["code"] == "policy_changed"
    done = put(service, text + forbids, before["digest"], owner)
    assert done.status == 200, done.body
    assert done.json["version"] == before["version"] + 1
    vote = {"deliberation": {"strategy": "self_consistency", "max_samples": 3}}
    refused = service.chat(**vote)
    assert (refused.status, refused.error["code"]) == (403, "forbidden_by_rule")
    assert "no-votes" in refused.error["message"] and "House rule 7" in refused.error["message"]
    assert service.chat().status == 200
    # A key that is made now stays when the policy goes back.
    key = service.send("POST", "/v1/admin/keys", b'{"tenant": "other", "role": "user"}', house.everywhere["admin"]).json
    back = service.send("POST", "/v1/admin/policy/rollback", json.dumps({"version": before["version"], "reason": "votes are wanted"}).encode(), owner)
    assert back.status == 200, back.body
    assert service.chat(**vote).status == 200
    assert service.chat(key=key["key"]).status == 200
    act = records_of(service, house.everywhere["auditor"], "policy.rollback")[0]
    assert act["reason"] == "votes are wanted" and any(change.startswith("- authorization") for change in act["changes"])
    versions = service.send("GET", "/v1/admin/policy/versions", None, owner).json
    assert versions["in_force"] == back.json["version"] and before["version"] in versions["versions"]


def test_a_policy_owner_makes_no_key(house: House):
    service, owner = house.service, house.everywhere["policy_owner"]
    text, digest = service.policy.read_text(), policy_of(service, owner)["digest"]
    key = house.everywhere["policy_owner"].split("-")[1]
    for changed in (text.replace("role: policy_owner", "role: admin", 1), text.replace(key, "k_0011223344556677")):
        assert changed != text
        answer = put(service, changed, digest, owner)
        assert (answer.status, answer.json["error"]["code"]) == (403, "keys_are_apart"), answer.body
    assert service.policy.read_text() == text


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda text: text + "zebra: 1\n", "zebra: unknown key"),
        (lambda text: text + "authorization: |\n  permit (principal, action, resource);\n\n  forbid (principal, actoin, resource);\n", "authorization: "),
        (lambda text: text + 'authorization: |\n  forbid (principal, action == Forethought::Action::"deliberate", resource)\n  when { context.efort == "high" };\n', "efort"),
        (lambda text: "tenants: [", "policy:"),
    ],
)
def test_a_broken_policy_never_takes_effect(house: House, break_it: Callable[[str], str], said: str):
    service, owner = house.service, house.everywhere["policy_owner"]
    text, before = service.policy.read_text(), policy_of(service, owner)
    answer = put(service, break_it(text), before["digest"], owner)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_policy"), answer.body
    assert said in answer.json["error"]["message"], answer.body
    assert policy_of(service, owner) == before
    assert service.policy.read_text() == text
