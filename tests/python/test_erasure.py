"""Forgetting: whom a request is about is named with it, and a privacy officer has it forgotten; what may not be is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from support import Answer, Service, run_well, scripted, snapshot

SECRET = "the patient in bed four is allergic to penicillin"


def officer(service: Service, tenant: str = "default", role: str = "privacy_officer") -> str:
    return run_well("key", "create", tenant, "--role", role, "--policy", service.policy, "--quiet").strip()


def contents(service: Service, record: str) -> list[dict]:
    return service.audit_json("show", record, "--contents")["contents"]


def readable(service: Service, record: str) -> bool:
    found = ["text" in content for content in contents(service, record)]
    assert found and len(set(found)) == 1, found
    return found[0]


def post(service: Service, path: str, key: str, **body: object) -> Answer:
    return service.send("POST", path, json.dumps(body).encode(), key)


@pytest.fixture
def service(install) -> Service:
    made = install(scripted(answers=[{"text": SECRET}]))
    made.officer = officer(made)
    return made.start()


def test_one_person_is_forgotten_and_nobody_else(service: Service):
    ada = service.chat("Is Ada ill?", safety_identifier="ada").record
    old = service.chat("Is Ada ill?", user="ada").record
    bob = service.chat("Is Bob ill?", user="bob").record
    nobody = service.chat("Is anybody ill?").record
    answer = post(service, "/v1/erasures", service.officer, subject="ada", reason="request 17")
    assert answer.status == 200, answer.body
    # Both were asked on the same day.
    assert answer.json["keys_destroyed"] >= 1 and answer.json["keys_refused"] == 0
    assert [readable(service, record) for record in (ada, old, bob, nobody)] == [False, False, True, True]
    act = service.audit_json("acts")[0]
    assert act["body"]["what"] == "contents.erased"
    assert act["body"]["by"]["role"] == "privacy_officer" and act["body"]["reason"] == "request 17"
    assert "ada" not in json.dumps(act)
    report = service.audit_json("verify")
    assert report["passed"] and report["without_key"] > 0, report
    again = post(service, "/v1/erasures", service.officer, subject="ada", reason="request 17, again")
    assert again.json["keys_destroyed"] == 0
    # Whoever comes back is somebody new.
    assert readable(service, service.chat("Is Ada well?", user="ada").record)
    service.kill()
    service.start()
    assert [readable(service, record) for record in (ada, bob)] == [False, True]


def test_no_file_has_the_name_or_the_words(service: Service):
    service.chat("Is Ada ill?", user="ada.lovelace@example.com")
    post(service, "/v1/holds", service.officer, subject="ada.lovelace@example.com", reason="lawsuit")
    for path in service.data.rglob("*"):
        if path.is_file():
            found = path.read_bytes()
            for words in (b"ada.lovelace", b"Is Ada ill", SECRET.encode()[:12]):
                assert words not in found, (path, words)


def test_a_hold_is_stronger_until_it_is_released(service: Service):
    ada = service.chat("Is Ada ill?", user="ada").record
    hold = post(service, "/v1/holds", service.officer, subject="ada", reason="lawsuit 3")
    assert hold.status == 200, hold.body
    for body in ({"subject": "ada"}, {"everything": True}):
        refused = post(service, "/v1/erasures", service.officer, **body, reason="she asks")
        assert refused.status == 200 and refused.json["keys_refused"] == 1, refused.body
        assert refused.json["refused"][0]["why"] == "hold"
        assert refused.json["refused"][0]["rule"] == hold.json["id"]
    assert readable(service, ada)
    service.restart()
    held = service.send("GET", "/v1/holds", None, service.officer).json["data"]
    assert [(one["tenant"], one["subject"], one["reason"]) for one in held] == [("default", "ada", "lawsuit 3")]
    path = f"/v1/holds/{hold.json['id']}"
    assert service.send("DELETE", path, b"", service.officer).status == 400, "a reason is asked for"
    assert service.send("DELETE", f"{path}?reason={quote('it is over')}", b"", service.officer).status == 200
    assert service.send("DELETE", f"{path}?reason=x", b"", service.officer).status == 404
    assert post(service, "/v1/erasures", service.officer, subject="ada", reason="she asks").json["keys_destroyed"] == 1
    assert not readable(service, ada)
    told = [act["body"]["what"] for act in service.audit_json("acts") if "policy" not in act["body"]["what"]]
    assert told[::-1] == ["hold.placed", "contents.erasure_refused", "contents.erasure_refused", "hold.released", "contents.erased"]
    assert "1 refused" in service.audit("acts").stdout


def test_a_tenant_is_forgotten_and_no_other(install):
    service = install(scripted(answers=[{"text": SECRET}]))
    service.add_tenant("other")
    officers = {tenant: officer(service, tenant) for tenant in ("default", "other")}
    service.start()
    mine = service.chat("Is Ada ill?", user="ada").record
    theirs = service.chat("Is Ada ill?", key=service.keys["other"], user="ada").record
    wrong = post(service, "/v1/erasures", officers["other"], tenant="default", everything=True, reason="x")
    assert wrong.status == 403, wrong.body
    assert post(service, "/v1/erasures", officers["default"], subject="ada", reason="x").json["keys_destroyed"] == 1
    assert [readable(service, record) for record in (mine, theirs)] == [False, True]
    hold = post(service, "/v1/holds", officers["other"], reason="theirs")
    assert service.send("DELETE", f"/v1/holds/{hold.json['id']}?reason=x", b"", officers["default"]).status == 404
    assert service.send("GET", "/v1/holds", None, officers["default"]).json["data"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"reason": "x"}, "subject"),
        ({"subject": "a", "everything": True, "reason": "x"}, "everything"),
        ({"subject": "a", "everything": "yes", "reason": "x"}, "everything"),
        ({"subject": "", "reason": "x"}, "subject"),
        ({"subject": "a" * 257, "reason": "x"}, "subject"),
        ({"subject": "a"}, "reason"),
        ({"subject": "a", "reason": "x" * 501}, "reason"),
        ({"subject": "a", "reason": "x", "who": "b"}, "who"),
    ],
)
def test_wrong_requests_say_the_mend(service: Service, body: dict, param: str):
    answer = post(service, "/v1/erasures", service.officer, **body)
    assert (answer.status, answer.error["param"]) == (400, param), answer.body


def test_a_name_that_is_too_long_is_refused(service: Service):
    answer = service.chat("Is Ada ill?", user="a" * 257)
    assert (answer.status, answer.error["param"]) == (400, "user")
    assert service.chat("Is Ada ill?", user="").status == 200


def test_contents_need_the_master_key_and_nothing_else_does(install, tmp_path: Path):
    """The master key stands elsewhere, as it should."""
    service = install(scripted(answers=[{"text": SECRET}]))
    service.start()
    record = service.chat("Is Ada ill?").record
    assert service.stop() == 0
    key = service.data / "master.key"
    elsewhere = tmp_path / "elsewhere.key"
    key.rename(elsewhere)
    assert service.audit_json("verify")["passed"]
    assert all("error" in content for content in contents(service, record))
    os.environ["FORETHOUGHT_MASTER_KEY_FILE"] = str(elsewhere)
    try:
        assert readable(service, record)
        service.start()
        assert readable(service, service.chat("Is Bob ill?").record)
        assert not key.exists()
        service.stop()
    finally:
        del os.environ["FORETHOUGHT_MASTER_KEY_FILE"]
    # Another key would make contents that the first does not open: the start says so.
    key.write_text(elsewhere.read_text().replace("forethought-master-1 ", "forethought-master-1 00"))
    code, log = service.start_and_fail()
    assert code != 0 and "master" in log, log


def test_a_log_that_is_not_there_is_not_made_by_reading(install):
    service = install(scripted())
    service.start()
    service.chat()
    service.stop()
    before = snapshot(service.data)
    service.audit_json("list")
    service.audit_json("verify")
    assert snapshot(service.data) == before
