"""Checks of whole texts: classifier models, languages, lengths, topics and contracts, on what is asked and on answers."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import Answer, Service, real_model, run, run_well, scripted, texts, until
from test_safeguards import called, guard

ANSWER = "The quick brown fox jumps over the lazy dog near the river bank."
GERMAN = "Wie beende ich einen hängenden Prozess unter Windows?"
ENGLISH = [{"role": "user", "content": "How do I kill a process that hangs on my machine?"}]


def classifier(**more: object) -> dict:
    return {"id": "guard", "model": "guard", "protocol": "llama_guard_3", "action": "block", **more}


def says(install, verdict: str, rules: dict, answer: str = ANSWER, token_ms: int = 0, **script: object) -> Service:
    """A service whose model gives one answer, and whose classifier model one verdict."""
    model = scripted(answers=[{"text": answer}], token_ms=token_ms)
    judge = scripted("guard", answers=[{"text": verdict}], **script)
    return guard(install(model, judge), rules).start()


def judged(service: Service) -> list[tuple[str, str]]:
    """How each request ended, and its records as text, the latest first."""
    return [(request["status"], json.dumps(request)) for request in service.audit_json("list")]


def metric(service: Service, name: str) -> dict[str, float]:
    lines = service.get("/metrics").body.decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"forethought_{name}")}


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_classifier_finds_in_a_request_reaches_no_model(install, stream: bool):
    service = says(install, "unsafe\nS9", {"input": {"classifiers": [classifier()]}})
    answer = service.chat(messages=ENGLISH, stream=stream)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "blocked_by_safeguard", "messages")
    assert "S9" in answer.error["message"], answer.error
    [(status, record)] = judged(service)
    assert status == "refused"
    assert '"verdict": "violated"' in record and '"stage": "input"' in record and '"categories": ["S9"]' in record, record
    assert '"generated_tokens": 0' in record, "the tenant is charged for nothing"
    assert metric(service, "classifier_calls_total")['forethought_classifier_calls_total{id="guard",verdict="violated"}'] == 1


def test_what_passes_is_told_nowhere_but_in_the_record(install):
    rules = {"input": {"classifiers": [classifier()]}, "output": {"classifiers": [classifier()]}}
    service = says(install, "safe", rules)
    answer = service.chat(messages=ENGLISH)
    assert (answer.status, answer.text, answer.deliberation["safeguards"]) == (200, ANSWER, [])
    [(status, record)] = judged(service)
    assert status == "answered" and record.count('"verdict": "passed"') == 2, record


@pytest.mark.parametrize("side", ["input", "output"])
def test_a_flag_passes_and_is_told(install, side: str):
    service = says(install, "unsafe\nS1,S2", {side: {"classifiers": [classifier(action="flag", on_failure="flag")]}}, token_ms=20)
    answer = service.chat(messages=ENGLISH)
    assert (answer.status, answer.text) == (200, ANSWER)
    assert answer.deliberation["safeguards"] == [
        {"stage": side, "kind": "classifier", "list": "guard", "action": "flag", "count": 1}
    ]
    single = {"strategy": "single"}
    events = list(service.stream(messages=ENGLISH, stream_options={"include_usage": True}, deliberation=single))
    assert len(texts(events)) > 5, "what can only be flagged streams"
    assert "classifier" in json.dumps(events[-1]), events[-1]


@pytest.mark.parametrize("side", ["input", "output"])
def test_what_is_held_waits_for_a_person(install, side: str):
    service = says(install, "unsafe\nS1", {side: {"classifiers": [classifier(action="hold")]}})
    answer = service.chat(messages=ENGLISH)
    assert answer.status == 202, answer.body
    assert ANSWER not in answer.body.decode()
    assert "guard" in json.dumps(answer.deliberation["review"]["because"]), answer.deliberation["review"]
    events = list(service.stream(messages=ENGLISH, stream_options={"include_usage": True, "include_deliberation": True}))
    assert "fox" not in json.dumps(events)


def test_an_answer_that_violates_is_not_given(install):
    service = says(install, "unsafe\nS1", {"output": {"classifiers": [classifier()]}})
    for way in ({}, {"n": 2}, {"deliberation": {"strategy": "self_consistency", "max_samples": 4, "answer": "text", "include_samples": True}}):
        answer = service.chat(messages=ENGLISH, **way)
        assert answer.status == 200, answer.body
        assert {choice["finish_reason"] for choice in answer.json["choices"]} == {"content_filter"}
        assert b"fox" not in answer.body and b"FOX" not in answer.body.upper(), answer.body
        assert service.audit_json("show", answer.record)["status"] == "refused"


FAULTS = {
    "garbage": {"verdict": "I would rather not say."},
    "timeout": {"faults": [{"kind": "hang"}]},
    "death": {"faults": [{"kind": "die"}]},
    "error": {"faults": [{"kind": "error"}]},
    "endless": {"faults": [{"kind": "endless"}], "verdict": "safe or not "},
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("side", ["input", "output"])
def test_what_is_not_judged_is_not_let_through(install, fault: str, side: str):
    script = {"verdict": "safe", **FAULTS[fault]}
    rules = {side: {"classifiers": [classifier(timeout_ms=700)]}}
    service = says(install, script.pop("verdict"), rules, **script)
    answer = service.chat(messages=ENGLISH)
    if side == "input":
        assert (answer.status, answer.error["code"]) == (503, "classifier_failed"), answer.body
        assert int(answer.headers["retry-after"]) > 0
    else:
        assert (answer.status, answer.json["choices"][0]["finish_reason"]) == (200, "content_filter"), answer.body
        assert answer.text == "" and answer.deliberation["safeguards"][0]["kind"] == "classifier_failed"
    assert b"fox" not in answer.body
    [(status, record)] = judged(service)
    assert status == "refused" and '"verdict": "classifier_failed"' in record and "violated" not in record, record
    assert metric(service, "classifier_calls_total") == {'forethought_classifier_calls_total{id="guard",verdict="classifier_failed"}': 1}


@pytest.mark.parametrize("fault", ["garbage", "timeout", "death"])
@pytest.mark.parametrize("side", ["input", "output"])
def test_a_policy_may_let_through_what_is_not_judged_and_it_is_recorded(install, fault: str, side: str):
    script = {"verdict": "safe", **FAULTS[fault]}
    rules = {side: {"classifiers": [classifier(timeout_ms=700, on_failure="flag")]}}
    service = says(install, script.pop("verdict"), rules, **script)
    answer = service.chat(messages=ENGLISH)
    assert answer.status == 200, answer.body
    found = answer.deliberation["safeguards"]
    assert [(one["stage"], one["kind"], one["action"]) for one in found] == [(side, "classifier_failed", "flag")]
    if side == "input":
        assert answer.text == ANSWER
    [(_, record)] = judged(service)
    assert '"verdict": "classifier_failed"' in record, record


def test_nothing_leaves_before_the_verdict(install):
    service = says(install, "safe", {"output": {"classifiers": [classifier()]}}, token_ms=20, start_ms=1000)
    since = time.monotonic()
    first, pieces = None, []
    options = {"include_usage": True, "include_deliberation": True}
    for event in service.stream(messages=ENGLISH, stream_options=options, deliberation={"strategy": "single"}):
        told = json.dumps(event)
        if "fox" in told and first is None:
            first = time.monotonic() - since
        pieces += texts([event])
    assert "".join(pieces) == ANSWER and first >= 1.0, (first, pieces)
    blocked = says(install, "unsafe\nS1", {"output": {"classifiers": [classifier()]}}, token_ms=5)
    events = list(blocked.stream(messages=ENGLISH, stream_options=options))
    assert "fox" not in json.dumps(events)
    assert [c["finish_reason"] for e in events for c in e["choices"] if c["finish_reason"]] == ["content_filter"]


def leave(service: Service) -> None:
    """Asks, and goes away before there is an answer."""
    connection = service.connect(30)
    connection.request("POST", "/v1/chat/completions", service.body(messages=ENGLISH), service.headers())
    time.sleep(1)
    connection.close()


@pytest.mark.parametrize("side", ["input", "output"])
def test_who_leaves_stops_the_classifier(install, side: str):
    rules = {side: {"classifiers": [classifier(timeout_ms=60_000)]}}
    service = says(install, "safe", rules, faults=[{"kind": "hang"}], parallel=1)
    leave(service)
    until("the place is free", lambda: metric(service, "deliberations_running") == {"forethought_deliberations_running": 0}, 10)
    until("it is recorded", lambda: [request["status"] for request in service.audit_json("list")] == ["cancelled"], 10)


def test_a_tenant_cannot_weaken_what_stands_for_everybody(install):
    rules = {
        "input": {"languages": {"allow": ["en"], "action": "block"}, "lengths": {"message_characters": 60, "action": "block"}},
        "output": {"classifiers": [classifier()]},
    }
    own = {
        "input": {"languages": {"allow": ["en", "de"], "action": "flag"}, "lengths": {"message_characters": 6000, "action": "flag"}},
        "output": {"classifiers": [classifier(id="own", action="flag", on_failure="flag")]},
    }
    service = guard(install(scripted(answers=[{"text": ANSWER}]), scripted("guard", answers=[{"text": "unsafe\nS1"}])), rules, own).start()
    ask = lambda text: service.chat(messages=[{"role": "user", "content": text}])
    assert ask(GERMAN).status == 403
    assert ask("x " * 40).status == 403
    assert ask("How are you?").json["choices"][0]["finish_reason"] == "content_filter"


def test_languages_lengths_and_topics_of_requests(install):
    rules = {
        "input": {
            "languages": {"allow": ["en"], "action": "block"},
            "lengths": {"request_bytes": 400, "messages": 3, "action": "block"},
            "topics": [{"id": "law", "words": {"lawsuit*": 60, "sue": 50}, "threshold": 100, "action": "hold"}],
        }
    }
    service = guard(install(scripted(answers=[{"text": ANSWER}])), rules).start()
    said = lambda *texts: [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
    refused = service.chat(messages=said("How are you?", "Fine.", GERMAN))
    assert (refused.status, refused.error["param"]) == (403, "messages[2].content"), refused.body
    assert "language" in refused.error["message"] and "Prozess" not in refused.error["message"]
    assert service.chat(messages=said("1 " * 250)).status == 403
    assert service.chat(messages=said("a", "b", "c", "d", "e")).status == 403
    held = service.chat(messages=said("May I sue, or is a lawsuit too much?"))
    assert held.status == 202 and "the topic `law`" in json.dumps(held.deliberation["review"]["because"]), held.body
    assert service.chat(messages=said("May I sue?")).text == ANSWER
    notes = [record for _, record in judged(service)]
    assert sum('"kind": "language"' in note for note in notes) == 1 and sum('"kind": "topic"' in note for note in notes) == 1
    assert [called(service, {"to": text}).status for text in (GERMAN, "1 " * 250, "May I sue?")] == [403, 403, 200]
    assert called(service, {"to": ["May I sue, or is", "a lawsuit too much?"]}).status == 202, "calls are read as texts are"


CONTRACT = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("answer", "given"),
    [('{"ok": true}', True), ('{"ok": 1}', False), ('Sure: {"ok": true}', False), ('{"ok": true, "ok": false}', False)],
)
def test_an_answer_keeps_its_contract_or_is_not_given(install, answer: str, given: bool):
    service = install(scripted(answers=[{"text": answer}], token_ms=5))
    (service.policy.parent / "answer.json").write_text(json.dumps(CONTRACT))
    guard(service, {"output": {"contract": {"file": "answer.json", "action": "block"}}}).start()
    told = service.chat(deliberation={"strategy": "single"})
    assert told.json["choices"][0]["finish_reason"] == ("stop" if given else "content_filter"), told.body
    assert told.text == (answer if given else "")
    events = list(service.stream(deliberation={"strategy": "single"}))
    assert "".join(texts(events)) == (answer if given else "")


def test_answers_are_checked_for_languages_topics_and_lengths(install):
    rules = {
        "output": {
            "languages": {"allow": ["en"], "action": "block"},
            "topics": [{"id": "beasts", "words": {"fox": 100}, "threshold": 100, "action": "flag"}],
            "lengths": {"message_characters": 1000, "action": "block"},
        }
    }
    says_it = lambda text: guard(install(scripted(answers=[{"text": text}])), rules).start().chat(deliberation={"strategy": "single"})
    assert says_it(GERMAN).json["choices"][0]["finish_reason"] == "content_filter"
    assert says_it("word " * 300).json["choices"][0]["finish_reason"] == "content_filter"
    flagged = says_it(ANSWER)
    assert flagged.text == ANSWER and flagged.deliberation["safeguards"][0]["list"] == "beasts"


def test_a_reviewers_answer_is_checked_too(install):
    rules = {
        "input": {"topics": [{"id": "law", "words": {"sue": 100}, "threshold": 100, "action": "hold"}]},
        "output": {"languages": {"allow": ["en"], "action": "block"}, "classifiers": [classifier(action="block")]},
    }
    model, judge = scripted(answers=[{"text": ANSWER}]), scripted("guard", answers=[{"text": "safe"}])
    service = guard(install(model, judge), rules)
    reviewer = run_well("key", "create", "default", "--role", "reviewer", "--policy", service.policy, "--quiet").strip()
    service.start()
    held = service.chat("May I sue?")
    assert held.status == 202, held.body
    path = held.deliberation["review"]["url"]

    def decide(answer: str) -> Answer:
        decision = {"decision": "edit", "reason": "better", "answer": answer}
        return service.send("POST", path, json.dumps(decision).encode(), reviewer)

    refused = decide(GERMAN)
    assert (refused.status, refused.error["code"]) == (400, "blocked_by_safeguard"), refused.body
    passed = 'forethought_classifier_calls_total{id="guard",verdict="passed"}'
    assert metric(service, "classifier_calls_total") == {passed: 1}, "what is refused without a model is shown to none"
    assert decide("Ask a lawyer about it, please.").status == 200
    assert metric(service, "classifier_calls_total") == {passed: 2}


WRONG = {
    "unknown model": ({"input": {"classifiers": [classifier(model="nobody")]}}, "nobody"),
    "redact": ({"input": {"classifiers": [classifier(action="redact")]}}, "no place to redact"),
    "language": ({"input": {"languages": {"allow": ["klingon"], "action": "block"}}}, "klingon"),
    "schema": ({"output": {"contract": {"schema": {"type": "nothing"}, "action": "block"}}}, "no JSON Schema"),
    "file": ({"output": {"contract": {"file": "gone.json", "action": "block"}}}, "gone.json"),
    "odds": ({"input": {"classifiers": [classifier(protocol="granite_guardian_4_1", threshold=50)]}}, "no odds"),
    "category": ({"input": {"classifiers": [classifier(categories=["S99"])]}}, "S99"),
}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_policy_that_cannot_be_kept_is_refused_with_its_line(install, wrong: str):
    rules, told = WRONG[wrong]
    service = guard(install(scripted(), scripted("guard")), rules)
    code, log = service.start_and_fail()
    assert code != 0 and told in log and "policy.yaml:" in log, log
    checked = run("check", "--config", service.config_file)
    assert checked.returncode != 0 and told in checked.stderr, checked.stderr


def test_a_policy_with_a_model_that_is_not_there_does_not_come_into_force(install):
    service = guard(install(scripted(answers=[{"text": ANSWER}])), {}).start()
    good = service.policy.read_text()
    service.policy.write_text(good.replace("safeguards: {}", f"safeguards: {json.dumps(WRONG['unknown model'][0])}"))
    service.process.send_signal(1)
    until("it is told", lambda: "nobody" in service.log_text(), 10)
    assert service.chat(messages=ENGLISH).text == ANSWER


def test_a_model_that_is_no_classifier_fails_closed(install):
    """SmolLM2 was never trained for this: what it answers is garbage, which is a failure and no verdict."""
    service = guard(install(real_model()), {"input": {"classifiers": [classifier(model="smollm2-135m", timeout_ms=60_000)]}}).start()
    answer = service.chat(messages=ENGLISH)
    assert (answer.status, answer.error["code"]) == (503, "classifier_failed"), answer.body
    [(status, record)] = judged(service)
    assert status == "refused" and '"verdict": "classifier_failed"' in record
    [run_of_it] = json.loads(record)["end"]["body"]["classifiers"]
    assert run_of_it["generated_tokens"] > 0 and run_of_it["prompt_tokens"] > 100, run_of_it
    assert any("a classifier could not judge a text" in line for line in service.log_text().splitlines())
    assert "kill a process" not in service.log_text()


def test_a_full_classifier_fails_closed_and_lets_go(install):
    rules = {"input": {"classifiers": [classifier(timeout_ms=1500)]}}
    service = says(install, "safe", rules, start_ms=600, parallel=1)
    ask = lambda number: service.chat(f"Question {number}?", deliberation={"strategy": "single"})
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    statuses = [answer.status for answer in answers]
    # The slot judges one in 600 ms, so some come in time and some do not.
    assert 1 <= statuses.count(200) < 8 and statuses.count(503) == 8 - statuses.count(200), statuses
    assert {answer.error["code"] for answer in answers if answer.status == 503} == {"classifier_failed"}
    until("all places are free", lambda: metric(service, "deliberations_running") == {"forethought_deliberations_running": 0}, 5)
    assert ask("later").status == 200


def test_a_crash_while_it_is_judged_leaves_a_record_and_no_answer(install):
    service = says(install, "safe", {"output": {"classifiers": [classifier(timeout_ms=60_000)]}}, faults=[{"kind": "hang"}])
    asking = ThreadPoolExecutor(1).submit(lambda: service.chat(messages=ENGLISH))
    until("it is admitted", lambda: service.audit_json("list"))
    time.sleep(0.5)
    service.kill()
    assert asking.exception(30) is not None, "no answer"
    service.start()
    assert [request["status"] for request in service.audit_json("list")] == ["interrupted"]
    assert service.audit("verify").returncode == 0


def test_a_deadline_counts_for_classifiers_too(install):
    service = says(install, "safe", {"output": {"classifiers": [classifier(timeout_ms=60_000)]}}, start_ms=60_000)
    since = time.monotonic()
    answer = service.chat(messages=ENGLISH, deliberation={"strategy": "single", "deadline_ms": 1500})
    assert time.monotonic() - since < 30
    assert (answer.status, answer.json["choices"][0]["finish_reason"]) == (200, "content_filter"), answer.body
    assert answer.deliberation["safeguards"][0]["kind"] == "classifier_failed"
