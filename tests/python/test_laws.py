"""Rules of laws around the model: what they forbid, hold and disclose, when, and what the log tells of it."""

from __future__ import annotations

import json

import pytest

from support import Service, run, run_well, scripted

PACKS = [{"pack": "eu-ai-act"}, {"pack": "texas-hb-149"}, {"pack": "colorado-sb-26-189"}]


def house(install, packs: list[dict] = PACKS, facts: dict | None = None, answer: str = "Very well.") -> Service:
    service = install(scripted(answers=[{"text": answer}]))
    policy = service.policy.read_text()
    if facts:
        policy = policy.replace("    name: default\n", f"    name: default\n    facts: {json.dumps(facts)}\n")
    service.policy.write_text(f"{policy}\npacks: {json.dumps(packs)}\n")
    return service.start()


def laws(service: Service, record: str) -> list[dict]:
    return service.audit_json("show", record)["admission"]["record"]["body"].get("laws", [])


def test_what_a_law_forbids_is_refused_with_rule_and_citation_and_recorded(install):
    service = house(install)
    refused = service.chat(deliberation={"purpose": "social_scoring", "regions": ["DE"]})
    assert (refused.status, refused.error["code"]) == (403, "forbidden_by_rule"), refused.body
    assert "eu-ai-act/" in refused.error["message"] and "Art. 5(1)(c)" in refused.error["message"]
    [listed] = service.audit_json("list")
    record = listed["admission"]["record_id"] if "record_id" in listed["admission"] else listed["admission"]["record"]["record_id"]
    shown = service.audit_json("show", record)
    assert shown["status"] == "refused"
    body = shown["admission"]["record"]["body"]
    assert body["facts"] == {"purpose": "social_scoring", "regions": ["DE"]}
    assert {"enforced"} <= {law["state"] for law in body["laws"]}
    # Elsewhere, and for something else, the same is asked.
    assert service.chat(deliberation={"purpose": "social_scoring", "regions": ["JP"]}).status == 200
    assert service.chat(deliberation={"purpose": "assistance", "regions": ["DE"]}).status == 200


def test_a_request_does_not_talk_itself_out_of_what_its_tenant_is(install):
    service = house(install, facts={"purpose": "social_scoring", "regions": ["DE"]})
    assert service.chat().error["code"] == "forbidden_by_rule"
    assert service.chat(deliberation={"regions": ["JP"]}).error["code"] == "forbidden_by_rule"
    other = service.chat(deliberation={"purpose": "assistance"})
    assert (other.status, other.error["code"], other.error["param"]) == (403, "fact_not_allowed", "deliberation.purpose")
    ground = service.chat(deliberation={"grounds": ["statutory_exception"]})
    assert ground.status == 400, "what is on file the policy alone says"


def test_a_notice_and_a_mark_go_with_the_answer_before_its_first_word(install):
    service = house(install)
    about = {"purpose": "assistance", "regions": ["DE"], "interaction": "consumer"}
    answer = service.chat(deliberation=about)
    assert answer.status == 200, answer.body
    told = answer.json["disclosures"]
    assert told and all(one["rules"] and one["rules"][0]["citation"] for one in told), told
    assert any(one["notice"] for one in told) and any(one["mark"] for one in told)
    marks = answer.headers["x-forethought-disclosure"]
    assert all(f"{key}={value}" in marks for one in told for key, value in one["mark"].items())
    stream = service.stream(deliberation=about)
    events = list(stream)
    assert stream.headers["x-forethought-disclosure"] == marks
    first = next(at for at, event in enumerate(events) if event.get("disclosures"))
    text = next(at for at, event in enumerate(events) if any(choice["delta"].get("content") for choice in event["choices"]))
    assert first < text and events[first]["disclosures"] == told
    assert "disclosures" not in service.chat(deliberation={"purpose": "assistance", "regions": ["JP"]}).json


def test_a_rule_that_is_to_come_only_tells(install):
    service = house(install)
    answer = service.chat(deliberation={"purpose": "employment", "regions": ["US-CO"], "interaction": "consumer", "decision": "assists"})
    assert answer.status == 200, answer.body
    found = laws(service, answer.record)
    assert any(law["rule"].startswith("colorado-sb-26-189/") and law["state"] == "shadow" for law in found), found


def test_a_pack_in_shadow_decides_nothing_and_one_that_is_strict_wants_to_know(install):
    shadow = house(install, packs=[{"pack": "eu-ai-act", "mode": "shadow"}])
    answer = shadow.chat(deliberation={"purpose": "social_scoring", "regions": ["DE"]})
    assert answer.status == 200 and "disclosures" not in answer.json
    assert {law["state"] for law in laws(shadow, answer.record)} <= {"shadow", "undetermined"}
    strict = house(install, packs=[{"pack": "eu-ai-act", "when_unknown": "forbid"}])
    assert strict.chat().error["code"] == "forbidden_by_rule"


def test_how_long_laws_have_a_record_stay_stands_in_it(install):
    service = house(install, packs=[{"pack": "eu-gdpr"}])
    about = {"purpose": "assistance", "regions": ["DE"], "data_classes": ["personal"]}
    answer = service.chat(deliberation=about)
    assert answer.status == 200, answer.body
    kept = service.audit_json("show", answer.record)["admission"]["record"]["body"]["retention"]
    assert kept["erase"]["rule"].startswith("eu-gdpr/"), kept
    elsewhere = service.chat(deliberation={**about, "regions": ["JP"]})
    assert "retention" not in service.audit_json("show", elsewhere.record)["admission"]["record"]["body"]


def test_words_that_are_not_known_are_told(install):
    service = house(install)
    for field, value in [("purpose", "emploiment"), ("regions", ["Germany"]), ("data_classes", ["helth"]), ("sectors", "finance"), ("decision", "maybe")]:
        answer = service.chat(deliberation={field: value})
        assert (answer.status, answer.error["param"]) == (400, f"deliberation.{field}"), answer.body
    assert "did you mean `employment`" in service.chat(deliberation={"purpose": "emploiment"}).error["message"]
    assert service.chat(deliberation={"purpose": "x-chess", "regions": ["de"]}).status == 200


def test_a_policy_is_explained_tested_compared_and_tried(install):
    service = house(install)
    assert service.chat(deliberation={"purpose": "assistance", "regions": ["DE"]}).status == 200
    for _ in range(3):
        assert service.chat(deliberation={"purpose": "x-loans", "regions": ["DE"], "strategy": "single"}).status == 200
    policy = service.policy
    told = run_well("policy", "explain", policy, "--tenant", "default", "--purpose", "social_scoring", "--region", "DE")
    assert "eu-ai-act/" in told and "Art. 5(1)(c)" in told and "http" in told
    later = json.loads(run_well("policy", "explain", policy, "--tenant", "default", "--purpose", "employment", "--region", "DE", "--decision", "assists", "--at", "2027-12-03", "--json"))
    applied = {one["rule"]["id"]: one["state"] for one in later["judgement"]["applied"]}
    assert applied["eu-ai-act/hr-14"] == "enforced" and later["judgement"]["review"]["reviewers"] == 1, applied
    sooner = json.loads(run_well("policy", "explain", policy, "--tenant", "default", "--purpose", "employment", "--region", "DE", "--decision", "assists", "--at", "2027-12-01", "--json"))
    assert sooner["judgement"]["review"] is None
    assert "ok: 1 tenant, 3 packs" in run_well("policy", "check", policy)
    proposed = policy.with_name("proposed.yaml")
    rule = '\nauthorization: |\n  permit (principal, action, resource);\n  @id("no-loans")\n  forbid (principal, action == Forethought::Action::"deliberate", resource)\n  when { context.facts has purpose && context.facts.purpose == "x-loans" };\n'
    proposed.write_text(policy.read_text() + rule)
    diff = run("policy", "diff", policy, proposed)
    assert diff.returncode == 1 and diff.stdout.startswith("+ authorization:"), diff
    assert run("policy", "diff", policy, policy).returncode == 0
    tried = json.loads(run_well("policy", "try", proposed, "--data-dir", service.data, "--json"))
    assert (tried["tried"], tried["unchanged"]) == (4, 1), tried
    [change] = tried["changes"]
    assert (change["was"], change["would_be"], change["requests"]) == ("let in", "refused: forbidden_by_rule", 3)
    assert "as before" in run_well("policy", "try", policy, "--data-dir", service.data)
    tests = proposed.with_name("proposed.tests.yaml")
    tests.write_text("version: 1\ntests:\n  - { name: no loans, tenant: default, facts: { purpose: x-loans }, expect: { decision: refused, rule: no-loans } }\n")
    assert "1 passed, 0 failed" in run_well("policy", "test", proposed)
    failed = run("policy", "test", policy, "--tests", tests)
    assert failed.returncode == 1 and "expected refused, found allowed" in failed.stdout
    for of, said in [("policy", "Forethought policy file"), ("tests", "policy tests"), ("pack", "pack"), ("cedar", "namespace Forethought")]:
        assert said in run_well("policy", "schema", of)


@pytest.mark.parametrize(("lines", "said"), [
    ("packs: [{ pack: eu-ai-akt }]\n", "packs[0]: there is no pack `eu-ai-akt`; did you mean `eu-ai-act`?"),
    ("packs: [{ pack: eu-ai-act }, { pack: eu-ai-act }]\n", "named twice"),
    ("packs: [{ pack: ./none.yaml }]\n", "none.yaml"),
    ("packs: [{ pack: eu-ai-act, mode: maybe }]\n", "enforce, shadow"),
])
def test_a_wrong_pack_is_told_with_its_place(install, lines: str, said: str):
    service = install(scripted())
    service.policy.write_text(service.policy.read_text() + lines)
    checked = run("policy", "check", service.policy)
    assert checked.returncode == 2 and said in checked.stderr, checked.stderr


OWN = """
version: 1
id: house-law
title: House law
law: { name: House law, citation: House law, source: "https://example.org/law" }
regions: [US-XX]
timezone: UTC
checked_on: 2026-11-26
rules:
  - id: people-look
    title: people look at loans
    citation: House law, § 1
    status: in_force
    effective: { from: 2026-01-01 }
    confidence: statute
    when: { purposes: [credit] }
    then:
      review: { reason: an officer looks at each loan }
      disclose: { notice: A person has looked at this., mark: { house-law: "1" } }
    examples:
      - { at: 2026-06-01T12:00:00Z, facts: { regions: [US-XX], purpose: credit }, expect: enforced, outcome: review }
      - { at: 2026-06-01T12:00:00Z, facts: { regions: [US-XX], purpose: housing }, expect: silent }
  - id: two-look
    title: two people look at flats
    citation: House law, § 2
    status: in_force
    effective: { from: 2026-01-01 }
    confidence: statute
    when: { purposes: [housing] }
    then: { review: { reason: two officers look, reviewers: 2 } }
    examples:
      - { at: 2026-06-01T12:00:00Z, facts: { regions: [US-XX], purpose: housing }, expect: enforced, outcome: review }
      - { at: 2026-06-01T12:00:00Z, facts: { regions: [US-XX], purpose: credit }, expect: silent }
  - id: no-accounts
    title: no account numbers in finance
    citation: House law, § 3
    status: in_force
    effective: { from: 2026-01-01 }
    confidence: statute
    when: { sectors: [finance] }
    then: { safeguards: { output: { kinds: { iban: redact } } } }
    examples:
      - { at: 2026-06-01T12:00:00Z, facts: { regions: [US-XX], sectors: [finance] }, expect: enforced }
      - { at: 2026-06-01T12:00:00Z, facts: { regions: [US-XX], sectors: [media] }, expect: silent }
"""


def test_a_law_of_ones_own_has_people_look_and_redacts_and_its_change_is_another_policy(install):
    service = install(scripted(answers=[{"text": "Pay to DE89 3704 0044 0532 0130 00."}]))
    own = service.folder / "own.yaml"
    own.write_text(OWN)
    service.policy.write_text(service.policy.read_text() + "packs: [{ pack: ./own.yaml }]\n")
    reviewer = run_well("key", "create", "default", "--role", "reviewer", "--policy", service.policy, "--quiet").strip()
    service.start()
    here = {"regions": ["US-XX"]}
    held = service.chat(deliberation={**here, "purpose": "credit", "sectors": ["finance"]})
    assert held.status == 202, held.body
    assert "house-law/people-look" in held.deliberation["review"]["because"][0]
    seen = service.send("GET", held.deliberation["review"]["url"], None, reviewer).json
    assert seen["answers"] == ["Pay to [IBAN]."]
    url = held.deliberation["review"]["url"]
    done = service.send("POST", url, b'{"decision": "approve", "reason": "looked at"}', reviewer)
    assert done.status == 200, done.body
    given = service.send("GET", url, None).json["completion"]
    assert given["choices"][0]["message"]["content"] == "Pay to [IBAN]."
    assert given["disclosures"][0]["notice"] == "A person has looked at this.", given
    # One person is not two.
    two = service.chat(deliberation={**here, "purpose": "housing"})
    assert (two.status, two.error["code"]) == (403, "forbidden_by_rule") and "house-law/two-look" in two.error["message"]
    assert service.chat(deliberation={**here, "sectors": ["finance"]}).text == "Pay to [IBAN]."
    assert service.chat(deliberation={**here, "sectors": ["media"]}).text == "Pay to DE89 3704 0044 0532 0130 00."
    digest = run_well("policy", "check", service.policy).split()[-1]
    own.write_text(OWN.replace("2026-11-26", "2026-11-27"))
    assert run_well("policy", "check", service.policy).split()[-1] != digest
