"""Tools that the service runs while the model thinks: allowed by policy, recorded, replayed."""

from __future__ import annotations

import hashlib
import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import MODEL, Answer, Service, from_environment, real_model, run, run_well, scripted, until
from test_quota import limit


def tools(service: Service, **rules: object) -> Service:
    """Lets the tenant use tools, by what is said of them in the policy."""
    policy = service.policy.read_text()
    service.policy.write_text(f"{policy}\ntools: {json.dumps(rules)}\n")
    return service


def interpreter() -> dict:
    folder = from_environment("FORETHOUGHT_INTERPRETERS", "fetch the interpreters with `cargo xtask interpreters`")
    (path,) = folder.glob("quickjs-*.wasm")
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def role(service: Service, name: str, tenant: str = "default") -> str:
    key = run_well("key", "create", tenant, "--role", name, "--policy", service.policy, "--quiet").strip()
    service.keys[name] = key
    return key


def call_text(tool: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': tool, 'arguments': arguments})}\n</tool_call>"


def acting(tool: str = "calculator", then: str = "It is done.", **arguments: object) -> dict:
    """A script: it calls a tool, and says something once it has read a result."""
    when = [{"all_of": ["<tool_response>\n"], "answers": [{"text": then}]}]
    return scripted(answers=[{"text": call_text(tool, **arguments)}], when=when)


def ask(service: Service, question: str = "Well?", names: list[str] | None = None, **fields: object) -> Answer:
    inside = {**fields.pop("deliberation", {}), **({"tools": names} if names is not None else {})}
    return service.chat(question, deliberation=inside, reasoning_effort="none", **fields)


def acts(answer: Answer) -> list[dict]:
    assert answer.status == 200, answer.body
    return [act for sample in answer.json["deliberation"]["samples"] for act in sample["tools"]]


SAMPLES = {"include_samples": True}


@pytest.fixture(scope="module")
def calculating(tmp_path_factory: pytest.TempPathFactory):
    """The real model with a calculator."""
    config = {"calculator": "plain"}
    service = tools(Service(tmp_path_factory.mktemp("calculating"), real_model(), tools=config), allow=["calculator"])
    try:
        yield service.start()
    finally:
        service.kill()


def test_the_real_model_calculates_and_it_is_recorded_and_replayed(calculating: Service):
    answer = ask(
        calculating, "What is 5849 + 7213? Reply with the number.", ["calculator"], tool_choice="required", temperature=0,
        max_completion_tokens=60, deliberation={**SAMPLES, "answer": "number"},
    )
    (act,) = acts(answer)
    assert (act["tool"], act["state"], act["round"]) == ("calculator", "done", 0)
    assert answer.deliberation["answer"] == "13062"
    assert answer.deliberation["tools"]["calls"] == 1
    shown = calculating.audit_json("show", answer.record, "--contents")
    text = json.dumps(shown)
    assert act["record"] in text and "5849" in text and "13062" in text
    story = calculating.audit("show", answer.record).stdout
    assert "`calculator`" in story, story
    done = run("audit", "replay", answer.record, "--config", calculating.config_file)
    assert done.returncode == 0 and "identical" in done.stdout + done.stderr, done.stdout + done.stderr


def test_votes_held_refused_and_client_calls_are_replayed(install):
    service = install(real_model(), tools={"calculator": "plain"})
    reviewer, policy = role(service, "reviewer"), service.policy.read_text()
    forbid = '@id("no-sums")\nforbid (principal, action == Forethought::Action::"use_tool", resource == Forethought::Tool::"calculator");'
    cedar = f"permit (principal, action, resource);\n{forbid}"

    def under(rules: dict, authorization: str | None = None) -> None:
        """Puts another policy in force."""
        more = f"\nauthorization: {json.dumps(authorization)}\n" if authorization else ""
        service.policy.write_text(f"{policy}\ntools: {json.dumps({'allow': ['calculator'], **rules})}\n{more}")
        if service.process:
            before = len(service.audit_json("acts", "--what", "policy.in_force"))
            service.process.send_signal(signal.SIGHUP)
            until("it is in force", lambda: len(service.audit_json("acts", "--what", "policy.in_force")) > before)

    def asked(seed: int, **inside: object) -> Answer:
        return ask(
            service, "What is 12 + 7? Reply with the number.", ["calculator"], tool_choice="required", seed=seed, max_completion_tokens=60,
            deliberation={**SAMPLES, "deadline_ms": 100_000, **inside},
        )

    def decided(decision: str) -> Answer:
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(asked, 5)
            (review,) = until("a call waits", lambda: service.send("GET", "/v1/reviews", None, reviewer).json["data"], 60)
            body = json.dumps({"decision": decision, "reason": "because"}).encode()
            assert service.send("POST", f"/v1/reviews/{review['id']}", body, reviewer).status == 200
            return waiting.result()

    under({})
    service.start()
    answers = [asked(1, strategy="self_consistency", max_samples=4, early_stop=False, answer="number")]
    under({"hold": ["calculator"]})
    answers += [decided("approve"), decided("reject")]
    under({"dry_run": ["calculator"]})
    answers.append(asked(2))
    under({}, cedar)
    answers.append(asked(3))
    assert len(acts(answers[0])) >= 2
    assert [acts(answer)[0]["state"] for answer in answers] == ["done", "done", "declined", "dry_run", "refused"]
    parameters = {"type": "object", "properties": {"word": {"enum": ["a", "b"]}}, "required": ["word"], "additionalProperties": False}
    own = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    client = ask(service, "Look up b.", tools=[own], tool_choice="required", max_completion_tokens=60)
    assert client.json["choices"][0]["finish_reason"] == "tool_calls", client.body
    assert service.stop() == 0
    done = run("audit", "replay", "--limit", len(answers) + 1, "--config", service.config_file, "--json", timeout=300)
    replayed = json.loads(done.stdout)
    assert done.returncode == 0 and len(replayed) == len(answers) + 1, done.stdout + done.stderr


def test_samples_of_a_vote_each_have_tools_of_their_own(calculating: Service):
    answer = ask(
        calculating, "What is 37 + 45? Reply with the number.", ["calculator"], tool_choice="required", seed=1, temperature=0.7,
        max_completion_tokens=60,
        deliberation={**SAMPLES, "answer": "number", "strategy": "self_consistency", "max_samples": 4, "early_stop": False},
    )
    assert len(acts(answer)) >= 2
    assert answer.deliberation["answer"] == "82"


def test_a_stream_tells_of_calls(calculating: Service):
    stream = calculating.stream(
        "What is 12 + 30? Reply with the number.", reasoning_effort="none", tool_choice="required", max_completion_tokens=60,
        deliberation={"tools": ["calculator"]}, stream_options={"include_deliberation": True},
    )
    told = [event["deliberation"] for event in stream if "deliberation" in event]
    (acted,) = [event for event in told if event.get("event") == "sample_acted"]
    assert acted["calls"] == [{"tool": "calculator", "state": "done"}]


def test_no_tool_is_there_that_the_policy_does_not_name(install):
    service = tools(install(acting(expression="1+1")), allow=["dates"]).start()
    refused = ask(service, names=["calculator"])
    assert (refused.status, refused.error["code"], refused.error["param"]) == (400, "unknown_tool", "deliberation.tools[0]")
    assert "dates" in refused.error["message"]
    # Nobody offers it, so what the model writes is only text.
    assert "<tool_call>" in ask(service).text


def test_what_is_offered_needs_no_naming(install):
    service = tools(install(acting(expression="1+1")), allow=["*"], offer=["calculator"]).start()
    answer = ask(service, deliberation=SAMPLES)
    assert [act["tool"] for act in acts(answer)] == ["calculator"]
    assert answer.text == "It is done."
    assert 'forethought_tool_calls_total{tool="calculator",state="done"} 1' in service.get("/metrics").body.decode()
    assert acts(ask(service, names=[], deliberation=SAMPLES)) == []


def test_a_call_that_waits_is_made_once_a_reviewer_approves(install):
    service = install(acting(expression="6*7"))
    tools(service, allow=["calculator"], hold=["calculator"])
    reviewer = role(service, "reviewer")
    service.start()

    def decided(decision: str) -> tuple[dict, Answer]:
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(ask, service, "Well?", ["calculator"], deliberation=SAMPLES)
            waiting = until("a call waits", lambda: service.send("GET", "/v1/reviews", None, reviewer).json["data"])
            review = waiting[0]["id"]
            assert waiting[0]["tool"] == "calculator"
            shown = service.send("GET", f"/v1/reviews/{review}", None, reviewer).json
            assert shown["arguments"] == {"expression": "6*7"}
            edit = json.dumps({"decision": "edit", "reason": "x", "answer": "y"}).encode()
            assert service.send("POST", f"/v1/reviews/{review}", edit, reviewer).status == 400
            body = json.dumps({"decision": decision, "reason": "because"}).encode()
            assert service.send("POST", f"/v1/reviews/{review}", body, reviewer).status == 200
            assert service.send("POST", f"/v1/reviews/{review}", body, reviewer).status == 404
            return shown, asked.result()

    shown, answer = decided("approve")
    assert [act["state"] for act in acts(answer)] == ["done"]
    _, answer = decided("reject")
    assert [act["state"] for act in acts(answer)] == ["declined"]
    story = service.audit("show", answer.record).stdout
    assert "`calculator`" in story and "rejected" in story.lower(), story


def test_a_dry_run_runs_nothing(install):
    service = tools(install(acting(expression="6*7")), allow=["calculator"], dry_run=["calculator"]).start()
    answer = ask(service, names=["calculator"], deliberation=SAMPLES)
    assert [act["state"] for act in acts(answer)] == ["dry_run"]
    assert "was not carried out" in service.audit("show", answer.record, "--contents").stdout


def test_rules_see_the_arguments(install):
    service = install(acting(expression="1000000 + 1"))
    rule = (
        'permit (principal, action == Forethought::Action::"use_tool", resource);\n'
        'permit (principal, action == Forethought::Action::"deliberate", resource);\n'
        '@id("no-millions")\nforbid (principal, action == Forethought::Action::"use_tool", resource)\n'
        'when { context.texts.hasTag("expression") && context.texts.getTag("expression") like "1000000*" };\n'
    )
    service.policy.write_text(f"{service.policy.read_text()}\nauthorization: {json.dumps(rule)}\n")
    tools(service, allow=["calculator"]).start()
    answer = ask(service, names=["calculator"], deliberation=SAMPLES)
    assert [act["state"] for act in acts(answer)] == ["refused"]
    story = service.audit("show", answer.record).stdout
    assert "no-millions" in story, story


def test_the_same_call_again_and_again_comes_to_an_end(install):
    service = tools(install(scripted(answers=[{"text": call_text("calculator", expression="1+1")}])), allow=["calculator"]).start()
    answer = ask(service, names=["calculator"], deliberation={**SAMPLES, "tool_rounds": 4})
    assert len(acts(answer)) == 2
    assert answer.json["choices"][0]["finish_reason"] in ("stop", "length")


def test_wrong_arguments_are_told_to_the_model_and_recorded(install):
    service = tools(install(acting(wrong=1)), allow=["calculator"]).start()
    answer = ask(service, names=["calculator"], deliberation=SAMPLES)
    (act,) = acts(answer)
    assert act["state"] == "refused"
    shown = service.audit("show", answer.record, "--contents").stdout
    assert "expression" in shown and "tools/arguments" in shown, shown


def test_tools_cost_what_the_policy_says(install):
    service = tools(install(acting(expression="1+1")), allow=["calculator"], costs={"calculator": 1500}).start()
    answer = ask(service, names=["calculator"])
    assert answer.deliberation["tools"]["cost"] == 1500


def test_what_tools_can_cost_is_reserved(install):
    service = limit(install(acting(expression="1+1")), {"day": {"units": 20}})
    tools(service, allow=["calculator"], costs={"calculator": 2000}, limits={"calls": 16}).start()
    refused = ask(service, names=["calculator"])
    assert (refused.status, refused.error["code"]) == (429, "quota_exceeded") and "units" in refused.error["message"], refused.body
    answer = ask(service, names=["calculator"], deliberation={"tool_calls": 5})
    assert answer.deliberation["tools"]["cost"] == 2000
    # Nine of ten reserved units came back.
    again = ask(service, names=["calculator"], deliberation={"tool_calls": 9})
    assert again.status == 200, again.body


def test_a_key_that_is_revoked_makes_no_further_call(install):
    # The call is held until the policy has changed: then it is judged by the new one.
    service = install(acting(expression="6*7"))
    tools(service, allow=["calculator"], hold=["calculator"])
    reviewer = role(service, "reviewer")
    service.start()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, service, "Well?", ["calculator"], deliberation=SAMPLES)
        (waiting,) = until("a call waits", lambda: service.send("GET", "/v1/reviews", None, reviewer).json["data"])
        text = service.policy.read_text().replace('"allow": ["calculator"]', '"allow": ["dates"]')
        service.policy.write_text(text)
        service.process.send_signal(1)
        until("the policy is taken up", lambda: "it is in force" in service.log_text() or "in force" in service.log_text())
        body = json.dumps({"decision": "approve", "reason": "yes"}).encode()
        assert service.send("POST", f"/v1/reviews/{waiting['id']}", body, reviewer).status == 200
        answer = asked.result()
    assert [act["state"] for act in acts(answer)] == ["refused"]


def test_tools_are_tried_and_listed_by_hand(install):
    service = install(acting(expression="1+1"))
    service.write_config()
    done = run("tool", "call", "calculator", '{"expression": "1/3 + 1/6"}', "--config", service.config_file)
    assert (done.returncode, done.stdout.split()[0]) == (0, "0.5"), done
    listed = json.loads(run_well("tool", "list", "--config", service.config_file, "--json"))
    assert "calculator" in [tool["name"] for tool in listed["tools"]]
    done = run("tool", "call", "rm", "{}", "--config", service.config_file)
    assert done.returncode == 2 and "there are: calculator" in done.stderr
