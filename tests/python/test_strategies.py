"""Every strategy, every verifier and structured answers, on the real model."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import Service, real_model, scripted, texts

PERSON = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "age"],
    "properties": {"name": {"type": "string", "maxLength": 40}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    service = Service(tmp_path_factory.mktemp("strategies"), real_model()).start()
    yield service
    service.kill()


def ask(service: Service, strategy: str, question: str = "What is 7 + 5? Reply with the number.", **fields: object) -> dict:
    deliberation = {"strategy": strategy, "answer": "number", "include_samples": True, **fields}
    answer = service.chat(question, seed=11, max_completion_tokens=120, deliberation=deliberation)
    assert answer.status == 200, answer.body
    return answer.json


def spent(answer: dict) -> dict:
    return answer["usage"]["deliberation"]


@pytest.mark.parametrize(
    ("strategy", "fields"),
    [
        ("single", {}),
        ("best_of_n", {"max_samples": 4}),
        ("best_of_n", {"max_samples": 4, "weighted": True, "verifier": "arithmetic"}),
        ("self_consistency", {"max_samples": 8, "esc_window": 5}),
        ("confidence_vote", {"max_samples": 8, "window": 4}),
        ("self_correct", {"max_samples": 3, "verifier": "arithmetic"}),
        ("beam_search", {"max_samples": 4, "width": 2, "verifier": "arithmetic"}),
        ("auto", {"max_samples": 8}),
    ],
)
def test_each_strategy_answers_within_its_budget_and_repeats(service: Service, strategy: str, fields: dict) -> None:
    answer, again = ask(service, strategy, **fields), ask(service, strategy, **fields)
    told = spent(answer)
    assert told["strategy"] == strategy and told["status"] == "answered", told
    samples = answer["deliberation"]["samples"]
    assert sum(sample["tokens"] for sample in samples) == told["generated_tokens"] <= told["budget"]["total_tokens"]
    assert all(sample["tokens"] <= 120 for sample in samples) and len(samples) <= told["budget"]["max_samples"]
    counted = [sample for sample in samples if sample["counted"]]
    assert counted and answer["choices"][0]["message"]["content"] in [sample["text"] for sample in counted]
    same = ("answer", "votes", "stop")
    assert [told[key] for key in same] == [spent(again)[key] for key in same], "the same seed, the same deliberation"
    assert answer["choices"] == again["choices"]


def test_unsure_traces_are_cut_while_they_run(service: Service) -> None:
    """These answers are about 15 tokens long, so a window of 4 fills; half of the warm-up is kept."""
    cut = 0
    for number in range(6):
        question = f"What is {17 + number} * {23 - number}? Reply with the number."
        answer = ask(service, "confidence_vote", question, max_samples=16, warm_up=4, window=4, keep_percent=50, consensus=1.0)
        samples = answer["deliberation"]["samples"]
        weak = [sample for sample in samples if sample["index"] >= 4 and sample["state"] == "finished" and sample["weak"]]
        cut += len(weak)
        assert not any(sample["weak"] for sample in samples[:4]), "the warm-up runs to its end"
    assert cut >= 2, f"only {cut} traces were cut"


def test_n_answers_are_distinct_and_best_first(service: Service) -> None:
    question = "What is 7 * 8? Reply with the number."
    fields = {"strategy": "self_consistency", "max_samples": 12, "answer": "number", "early_stop": False}
    answer = service.chat(question, seed=3, n=3, max_completion_tokens=60, deliberation={**fields, "include_samples": True}).json
    by_text = {sample["text"]: sample["answer"] for sample in answer["deliberation"]["samples"]}
    given = [by_text[choice["message"]["content"]] for choice in answer["choices"]]
    votes = [vote["answer"] for vote in spent(answer)["votes"]]
    assert given[: len(votes)] == votes[:3] and len(set(given)) == min(3, len(votes)), (given, votes)


def test_verifiers_are_told_and_weigh(service: Service) -> None:
    answer = ask(service, "self_consistency", "What is 7 + 5?", max_samples=8, verifier="arithmetic", early_stop=False)
    told = spent(answer)
    checks = {sample["index"]: sample["check"]["outcome"] for sample in answer["deliberation"]["samples"] if sample["check"]}
    assert sum(told["checks"].values()) == told["samples"]["counted"] == len(checks)
    weights = {"passed": 3, "unchecked": 1, "broken": 1, "refuted": 0}
    for vote in told["votes"]:
        of = [s for s in answer["deliberation"]["samples"] if s["counted"] and s["answer"] == vote["answer"]]
        assert vote["weight"] == sum(weights[checks[sample["index"]]] for sample in of), vote


def test_a_judge_is_asked_and_counted(service: Service) -> None:
    judge = {"type": "judge", "rubric": "The number is right."}
    answer = ask(service, "best_of_n", max_samples=3, verifiers=[judge])
    told = spent(answer)
    assert 0 < told["judge_tokens"] <= 3 * 24
    assert told["generated_tokens"] == told["answer_tokens"] + told["judge_tokens"]
    assert sum(told["checks"].values()) == 3


def test_self_correct_without_a_verifier_warns(service: Service) -> None:
    told = spent(ask(service, "self_correct", max_samples=2))
    assert any("lowers accuracy" in warning for warning in told["warnings"]), told["warnings"]


def test_answers_fit_their_schema(service: Service) -> None:
    count = int(os.environ.get("FORETHOUGHT_SCHEMAS", "40"))
    names = ["Ana Silva", "Bo Chen", "Chloe Reed", "Dmitri Orlov", "Esi Mensah"]

    def one(number: int) -> dict:
        name, age = names[number % len(names)], 20 + number % 60
        answer = service.chat(
            f"{name} is {age} years old. Return a JSON object with the keys name and age.",
            seed=number,
            max_completion_tokens=120,
            response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}},
            deliberation={"strategy": "single"},
        )
        assert answer.status == 200, answer.body
        return answer.json

    with ThreadPoolExecutor(2) as pool:
        for answer in pool.map(one, range(count)):
            value = json.loads(answer["choices"][0]["message"]["content"])
            assert set(value) == {"name", "age"} and isinstance(value["age"], int) and 0 <= value["age"] <= 150, value
            assert len(value["name"]) <= 40 and spent(answer)["checks"]["passed"] == 1


def test_what_cannot_be_used_is_refused_with_the_mend(service: Service) -> None:
    def refused(told: str, response_format: dict | None = None, **deliberation: object) -> None:
        fields = {"response_format": response_format} if response_format else {}
        answer = service.chat("What is 1 + 1?", deliberation=deliberation, **fields)
        assert answer.status == 400 and told in answer.error["message"], answer.body

    refused("unknown variant `magic`", verifier="magic")
    refused("cannot be used", verifier={"type": "regex", "pattern": "("})
    refused("takes no judge", strategy="beam_search", verifier={"type": "judge", "rubric": "x"})
    judge = {"type": "judge", "rubric": "x", "model": "nobody"}
    answer = service.chat("What is 1 + 1?", deliberation={"verifier": judge})
    assert answer.status == 404 and "there is no model `nobody`" in answer.error["message"], answer.body
    external = {"type": "object", "properties": {"a": {"$ref": "https://no.where/x"}}}
    refused("no JSON Schema", {"type": "json_schema", "json_schema": {"schema": external}})
    refused("step by step and cannot keep to `response_format`", {"type": "json_object"}, strategy="beam_search")


def test_without_a_constraint_an_answer_is_verified_and_revised_or_refused(tmp_path) -> None:
    """The scripted engine says what it likes: mostly what does not fit, and what fits not always alone."""
    good, bad, worse = '{"name": "Bo", "age": 4}', '{"name": "Bo", "age": "four"}', "I would rather not."
    fenced, prose, both = f"```json\n{good}\n```", f"Here it is: {good} Have fun!", f"Not {bad} but {good}"
    odds = {good: 1, fenced: 1, prose: 1, bad: 4, worse: 1, both: 1}
    answers = [{"text": text, "odds": often} for text, often in odds.items()]
    service = Service(tmp_path, scripted(answers=answers)).start()
    try:
        statuses, streamed = [], []
        schema = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
        for seed in range(200):
            answer = service.chat("Who?", seed=seed, response_format=schema, reasoning_effort="low")
            statuses.append(answer.status)
            if answer.status == 200:
                assert json.loads(answer.text) == {"name": "Bo", "age": 4} and answer.deliberation["strategy"] == "self_correct"
            else:
                assert (answer.status, answer.error["code"]) == (422, "schema_not_met"), answer.body
        assert statuses.count(200) > 100 and statuses.count(422) > 5, (statuses.count(200), statuses.count(422))
        for seed in range(60):
            events = list(service.stream("Who?", seed=seed, response_format=schema, deliberation={"strategy": "single"}))
            content = "".join(texts([event for event in events if "choices" in event]))
            if "error" in events[-1]:
                assert (events[-1]["error"]["code"], content) == ("schema_not_met", ""), "nothing of it was shown"
            else:
                assert json.loads(content) == {"name": "Bo", "age": 4}
            streamed.append("error" in events[-1])
        assert 5 < streamed.count(True) < 55
        several = [service.chat("Who?", seed=seed, n=3, response_format=schema, deliberation={"max_samples": 3}) for seed in range(40)]
        given = [[choice["message"]["content"] for choice in answer.json["choices"]] for answer in several if answer.status == 200]
        assert all(json.loads(content) == {"name": "Bo", "age": 4} for contents in given for content in contents)
        assert {len(contents) for contents in given} >= {1, 2}, "those that fit are given, however few"
    finally:
        service.kill()


def test_a_search_of_a_model_that_thinks_keeps_its_cap_and_answers(tmp_path) -> None:
    recipe = {"begin": "<think>\nLet me work it out step by step.", "closing": "\n</think>\n\nThe answer is"}
    service = Service(tmp_path, {**real_model(), "thinking": recipe}).start()
    try:
        fields = {"strategy": "beam_search", "max_samples": 2, "width": 2, "step_tokens": 8, "verifier": "arithmetic"}
        for number in range(6):
            question = f"A shop has {number + 3} boxes with 4 pens each. How many pens are there?"
            capped = {**fields, "thinking_tokens": 10, "include_samples": True}
            answer = service.chat(question, seed=number, max_completion_tokens=40, deliberation=capped)
            assert answer.status == 200, answer.body
            told, message = spent(answer.json), answer.json["choices"][0]["message"]
            assert message["reasoning_content"].startswith("Let me work it out step by step."), message
            assert message["content"].startswith("The answer is") and message["content"] != "The answer is", message
            # What a text holds of thoughts is capped; a beam may have drawn those of two texts.
            assert 0 < told["thinking_tokens"] <= 2 * 2 * 10, told
            parts = ("thinking_tokens", "answer_tokens", "lost_tokens", "judge_tokens")
            assert told["generated_tokens"] == sum(told[part] for part in parts), told
        answer = service.chat(question, reasoning_effort="none", max_completion_tokens=40, deliberation=fields)
        assert answer.status == 200, answer.body
        assert spent(answer.json)["thinking_tokens"] == 0
        assert "reasoning_content" not in answer.json["choices"][0]["message"], answer.body
    finally:
        service.kill()


def test_a_stop_sequence_holds_in_a_search(service: Service) -> None:
    fields = {"strategy": "beam_search", "max_samples": 2, "width": 2, "verifier": "arithmetic", "answer": "number"}
    question = "What is 7 + 5? Reply with the number."
    whole = service.chat(question, seed=11, max_completion_tokens=60, deliberation=fields)
    assert whole.status == 200 and len(whole.text) > 2, whole.body
    stop = whole.text[1:3]
    cut = service.chat(question, seed=11, max_completion_tokens=60, stop=[stop], deliberation=fields)
    assert cut.status == 200 and stop not in cut.text, (whole.text, cut.text)


def test_answers_that_a_pattern_finds_are_counted(tmp_path) -> None:
    texts = {"The order AB-12 is ready.": 2, "It is called AB-12": 2, "I take it to be XY-9!": 1, "There is none.": 1}
    service = Service(tmp_path, scripted(answers=[{"text": text, "odds": odds} for text, odds in texts.items()])).start()
    try:
        fields = {"strategy": "best_of_n", "max_samples": 24, "answer_pattern": "[A-Z]{2}-[0-9]+"}
        told = service.chat("Which order?", seed=4, deliberation=fields).deliberation
        assert [vote["answer"] for vote in told["votes"]] == ["AB-12", "XY-9"] and told["samples"]["without_answer"] > 0, told
        for wrong, mend in ({"answer_pattern": "(a"}, "cannot be used"), ({"answer": "regex"}, "answer_pattern"):
            refused = service.chat("Which order?", deliberation=wrong)
            assert refused.status == 400 and mend in refused.error["message"], refused.body
    finally:
        service.kill()
