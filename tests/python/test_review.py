"""Answers that wait for a person: seen, edited, released or not, by a reviewer alone, and given up when nobody decides."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import Answer, Service, run_well, scripted, until

ANSWER = "The claim of jane.doe@example.org is denied under Project Falcon."
RULES = {
    "input": {"deny": [{"id": "claims", "action": "hold", "phrases": ["deny the claim"]}]},
    "output": {
        "kinds": {"email": "redact"},
        "deny": [
            {"id": "projects", "action": "hold", "phrases": ["Project Falcon"]},
            {"id": "weapons", "action": "block", "phrases": ["build a bomb"]},
        ],
    },
}


def house(install, answer: str = ANSWER, review: dict | None = None, **script: object) -> Service:
    service = install(scripted(answers=[{"text": answer}], **script))
    for role in ("reviewer", "auditor", "operator"):
        key = run_well("key", "create", "default", "--role", role, "--policy", service.policy, "--quiet").strip()
        service.keys[role] = key
    service.add_tenant("other")
    service.keys["stranger"] = run_well("key", "create", "other", "--role", "reviewer", "--policy", service.policy, "--quiet").strip()
    policy = service.policy.read_text()
    service.policy.write_text(f"{policy}\nsafeguards: {json.dumps(RULES)}\nreview: {json.dumps(review or {})}\n")
    return service.start()


def held(service: Service, question: str = "Well?", **fields: object) -> str:
    """Asks a question whose answer waits; gives the id under which it does."""
    answer = service.chat(question, **fields)
    assert answer.status == 202, (answer.status, answer.body)
    assert b"Falcon" not in answer.body and b"denied" not in answer.body, answer.body
    for choice in answer.json["choices"]:
        assert choice["message"]["content"] is None and choice["message"]["refusal"]
    told = answer.deliberation["review"]
    assert told["state"] == "pending" and told["because"], told
    return told["url"].rsplit("/", 1)[1]


def ask(service: Service, method: str, path: str, who: str, **body: object) -> Answer:
    return service.send(method, path, json.dumps(body).encode() if body else None, service.keys[who])


def state(service: Service, review: str) -> dict:
    return ask(service, "GET", f"/v1/reviews/{review}", "default").json


def test_a_held_answer_is_seen_by_a_reviewer_edited_released_and_audited(install):
    service = house(install)
    review = held(service)
    assert state(service, review)["state"] == "pending"
    listed = ask(service, "GET", "/v1/reviews", "reviewer").json["data"]
    assert [row["id"] for row in listed] == [review]
    seen = ask(service, "GET", f"/v1/reviews/{review}", "reviewer").json
    # What is redacted stays so, also for a reviewer.
    assert seen["answers"] == [ANSWER.replace("jane.doe@example.org", "[EMAIL]")]
    assert "Well?" in json.dumps(seen["asked"]) and "projects" in " ".join(seen["because"])
    done = ask(service, "POST", f"/v1/reviews/{review}", "reviewer", decision="edit", reason="no project names", answer="It is denied.")
    assert done.status == 200, done.body
    told = state(service, review)
    assert (told["state"], told["reason"]) == ("edited", "no project names")
    assert told["completion"]["choices"][0]["message"]["content"] == "It is denied."
    assert ask(service, "GET", "/v1/reviews", "reviewer").json["data"] == []
    shown = service.audit_json("show", review, "--contents")
    assert shown["status"] == "answered"
    body = shown["review"]["record"]["body"]
    assert (body["decision"], body["by"]["role"], body["reason"]) == ("edited", "reviewer", "no project names")
    texts = [content["text"] for content in shown["contents"] if content["name"] == "answer"]
    assert "Project Falcon" in texts[0] and texts[1] == '["It is denied."]'
    acts = [act["body"]["what"] for act in ask(service, "GET", "/v1/audit/acts", "auditor").json["data"]]
    assert acts.count("review.read") == 1
    assert "PASSED" in service.audit("verify").stdout
    assert "as `reviewer`, gave another answer in its place" in " ".join(service.audit("show", review).stdout.split())


@pytest.mark.parametrize(("decision", "content"), [("approve", ANSWER.replace("jane.doe@example.org", "[EMAIL]")), ("reject", None)])
def test_an_answer_is_given_as_it_is_or_not_at_all_also_after_a_crash(install, decision: str, content: str | None):
    service = house(install)
    review = held(service)
    service.kill()
    service.start()
    assert ask(service, "POST", f"/v1/reviews/{review}", "reviewer", decision=decision, reason="looked at").status == 200
    service.kill()
    service.start()
    told = state(service, review)
    assert told["state"] == {"approve": "approved", "reject": "rejected"}[decision]
    given = told.get("completion")
    assert (given["choices"][0]["message"]["content"] if given else None) == content
    again = ask(service, "POST", f"/v1/reviews/{review}", "reviewer", decision="approve", reason="twice")
    assert (again.status, again.error["code"]) == (404, "decided")


def test_a_timeout_rejects(install):
    service = house(install, review={"timeout_s": 1})
    review = held(service)
    until("given up", lambda: state(service, review)["state"] == "timed_out", 10)
    assert "completion" not in state(service, review)
    late = ask(service, "POST", f"/v1/reviews/{review}", "reviewer", decision="approve", reason="late")
    assert (late.status, late.error["code"]) == (404, "decided")
    body = service.audit_json("show", review)["review"]["record"]["body"]
    assert body["decision"] == "timed_out" and "by" not in body
    # What waits while nobody is there is given up at the next start.
    review = held(service)
    service.kill()
    service.start()
    until("given up", lambda: state(service, review)["state"] == "timed_out", 10)


def test_what_is_held_of_a_request_is_asked_and_its_answer_waits(install):
    service = house(install, answer="Very well.")
    review = held(service, "Please deny the claim.")
    seen = ask(service, "GET", f"/v1/reviews/{review}", "reviewer").json
    assert seen["answers"] == ["Very well."] and "deny the claim" in json.dumps(seen["asked"])
    events = list(service.stream("Please deny the claim."))
    assert "Very" not in json.dumps(events)
    assert events[-1]["usage"]["deliberation"]["review"]["state"] == "pending"
    assert service.chat("Please pay the claim.").text == "Very well."


@pytest.mark.parametrize("way", [
    {"n": 2, "deliberation": {"strategy": "single"}},
    {"deliberation": {"strategy": "self_consistency", "max_samples": 4, "answer": "text", "include_samples": True}},
    {"deliberation": {"strategy": "best_of_n", "max_samples": 3, "answer": "text", "include_samples": True}},
])
def test_nothing_of_what_waits_is_told_in_any_way(install, way: dict):
    service = house(install, token_ms=2)
    held(service, **way)
    events = json.dumps(list(service.stream(stream_options={"include_usage": True, "include_deliberation": True}, **way)))
    # Not even what stands before the phrase that holds it.
    assert "Falcon" not in events and "denied" not in events and "claim of" not in events, events


def test_nothing_of_what_waits_for_what_was_asked_is_told_either(install):
    service = house(install, answer="The answer is yes.", token_ms=2)
    options = {"include_usage": True, "include_deliberation": True}
    way = {"deliberation": {"strategy": "self_consistency", "max_samples": 4, "answer": "text"}}
    events = json.dumps(list(service.stream("Please deny the claim.", stream_options=options, **way)))
    assert '"pending"' in events and "yes" not in events, events
    # What does not wait comes whole, if late.
    assert "".join(piece for event in service.stream("Well?", **way) for choice in event["choices"] if (piece := choice["delta"].get("content"))) == "The answer is yes."


@pytest.mark.parametrize("way", [{}, {"n": 2, "deliberation": {"strategy": "single"}}])
@pytest.mark.parametrize("question", ["Well?", "Please deny the claim."])
def test_what_had_to_wait_and_is_blocked_is_not_given_by_halves(install, way: dict, question: str):
    service = house(install, answer="It is denied. Project Falcon tells how to build a bomb.")
    answer = service.chat(question, **way)
    assert answer.status == 200 and b"denied" not in answer.body, answer.body
    assert all(choice["finish_reason"] == "content_filter" for choice in answer.json["choices"]), answer.body
    assert service.audit_json("show", answer.record)["status"] == "refused"
    events = json.dumps(list(service.stream(question, **way)))
    assert "denied" not in events, events


def test_what_a_reviewer_writes_passes_the_safeguards(install):
    service = house(install)
    review = held(service)
    for text in ("Write to joe@example.org.", "Here is how to build a bomb."):
        wrong = ask(service, "POST", f"/v1/reviews/{review}", "reviewer", decision="edit", reason="better", answer=text)
        assert (wrong.status, wrong.error["param"]) == (400, "answer"), wrong.body
    # What was to be held is what a person decides on.
    done = ask(service, "POST", f"/v1/reviews/{review}", "reviewer", decision="edit", reason="better", answer="Ask Project Falcon.")
    assert done.status == 200, done.body
    assert state(service, review)["completion"]["choices"][0]["message"]["content"] == "Ask Project Falcon."


def test_what_is_blocked_does_not_wait(install):
    service = house(install, answer="Project Falcon tells how to build a bomb.")
    answer = service.chat("Well?")
    assert answer.status == 200 and answer.json["choices"][0]["finish_reason"] == "content_filter"
    assert answer.deliberation["review"] is None


def test_only_a_reviewer_of_the_tenant_sees_and_decides(install):
    service = house(install)
    review = held(service)
    other = run_well("key", "create", "default", "--policy", service.policy, "--quiet").strip()
    service.restart()
    for who, status in [("auditor", 403), ("operator", 403), ("other", 403), ("stranger", 404)]:
        assert ask(service, "GET", f"/v1/reviews/{review}", who).status == status, who
        posted = ask(service, "POST", f"/v1/reviews/{review}", who, decision="approve", reason="mine")
        assert posted.status == status, (who, posted.body)
    # Another key of the tenant did not ask.
    assert service.send("GET", f"/v1/reviews/{review}", None, other).status == 403
    assert ask(service, "GET", "/v1/reviews", "stranger").json["data"] == []
    assert ask(service, "POST", f"/v1/reviews/{review}", "default", decision="approve", reason="mine").status == 403
    assert ask(service, "GET", "/v1/reviews/rec_none", "reviewer").status == 404
    assert state(service, review)["state"] == "pending"


@pytest.mark.parametrize(("body", "param"), [
    ({"decision": "approve"}, "reason"),
    ({"reason": "x"}, "decision"),
    ({"decision": "maybe", "reason": "x"}, "decision"),
    ({"decision": "edit", "reason": "x"}, "answer"),
    ({"decision": "approve", "reason": "x", "answer": "y"}, "answer"),
    ({"decision": "approve", "reason": "x", "zebra": 1}, "zebra"),
    ({"decision": "approve", "reason": "x" * 2001}, "reason"),
])
def test_a_wrong_decision_is_told_and_not_made(install, body: dict, param: str):
    service = house(install)
    review = held(service)
    answer = ask(service, "POST", f"/v1/reviews/{review}", "reviewer", **body)
    assert (answer.status, answer.error["param"]) == (400, param), answer.body
    assert state(service, review)["state"] == "pending"


def test_of_many_who_decide_at_once_one_does(install):
    service = house(install)
    review = held(service)
    with ThreadPoolExecutor(16) as pool:
        ways = ["approve", "reject"] * 8
        answers = list(pool.map(lambda way: ask(service, "POST", f"/v1/reviews/{review}", "reviewer", decision=way, reason=way), ways))
    won = [way for way, answer in zip(ways, answers, strict=True) if answer.status == 200]
    assert len(won) == 1, [answer.status for answer in answers]
    assert all(answer.error["code"] == "decided" for answer in answers if answer.status != 200)
    assert state(service, review)["reason"] == won[0]
    assert "PASSED" in service.audit("verify").stdout
