"""Another server as the engine: the real llama.cpp server, and what is done when it fails."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from llama import Llama
from support import Service, until
from test_thinking import LEAD, RECIPE, question

SLOTS = 4


@pytest.fixture(scope="module")
def llama():
    server = Llama(SLOTS).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def service(llama: Llama, tmp_path_factory: pytest.TempPathFactory):
    models = [
        {"id": "there", "upstream": {"url": llama.url}},
        {"id": "thinker", "upstream": {"url": llama.url}, "thinking": RECIPE},
    ]
    service = Service(tmp_path_factory.mktemp("upstream"), *models).start()
    yield service
    service.kill()


def test_what_the_server_can_do_is_found_and_told(service: Service) -> None:
    models = json.loads(service.send("GET", "/v1/models", None).body)["data"]
    engine = models[0]["forethought"]["engine"]
    assert engine["backend"] == "upstream" and engine["parallel"] == SLOTS and engine["context_tokens"] == 2048
    assert all(engine["can"].values()), engine
    assert engine["weights"].startswith("claimed:SmolLM2"), engine


@pytest.mark.parametrize(
    "fields",
    [
        {"strategy": "single"},
        {"strategy": "self_consistency", "max_samples": 8},
        {"strategy": "confidence_vote", "max_samples": 8, "window": 4},
        {"strategy": "beam_search", "max_samples": 4, "width": 2, "verifier": "arithmetic"},
        {"strategy": "self_correct", "max_samples": 3, "verifier": "arithmetic"},
    ],
)
def test_strategies_work_on_it(service: Service, fields: dict) -> None:
    answer = service.chat("What is 7 + 5? Reply with the number.", seed=3, max_completion_tokens=60, deliberation={"answer": "number", **fields})
    assert answer.status == 200, answer.body
    told = answer.deliberation
    assert told["status"] == "answered" and 0 < told["generated_tokens"] <= told["budget"]["total_tokens"], told
    assert told["prompt_tokens"] > 20


def test_a_capped_thought_still_ends_in_an_answer(service: Service) -> None:
    cap, hit, asked = 12, 0, int(os.environ.get("FORETHOUGHT_THOUGHTS", "60"))

    def ask(number: int) -> dict:
        deliberation = {"strategy": "single", "thinking_tokens": cap}
        body = service.body(question(number), max_completion_tokens=32, seed=number, deliberation=deliberation)
        answer = service.send("POST", "/v1/chat/completions", body.replace(b'"there"', b'"thinker"'))
        assert answer.status == 200, answer.body
        return answer.json

    with ThreadPoolExecutor(SLOTS) as pool:
        for answer in pool.map(ask, range(asked)):
            thought = answer["usage"]["completion_tokens_details"]["reasoning_tokens"]
            assert thought <= cap and answer["usage"]["completion_tokens"] <= 32, answer["usage"]
            content = answer["choices"][0]["message"]["content"]
            assert content.startswith(LEAD) and content.removeprefix(LEAD).strip(), content
            hit += thought == cap
    assert hit >= 0.75 * asked, f"only {hit} of {asked} thoughts came to the cap"


def test_answers_fit_their_schema(service: Service) -> None:
    schema = {"type": "object", "required": ["n"], "additionalProperties": False, "properties": {"n": {"type": "integer"}}}
    for seed in range(10):
        fields = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}
        answer = service.chat("Give a number.", seed=seed, max_completion_tokens=60, deliberation={"strategy": "single"}, **fields)
        assert answer.status == 200 and isinstance(json.loads(answer.text)["n"], int), answer.body


def test_what_is_no_longer_wanted_is_stopped_there(service: Service, llama: Llama) -> None:
    stream = service.stream("Count from 1 to 1000.", max_completion_tokens=1500, deliberation={"strategy": "single"})
    next(iter(stream))
    until("a slot is at work", lambda: llama.busy() > 0)
    stream.leave()
    until("the slot is free again", lambda: llama.busy() == 0, limit=15)


def test_a_prompt_that_is_too_long_is_refused(service: Service) -> None:
    answer = service.chat("one two three " * 2000)
    assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded"), answer.body


def test_a_server_that_comes_later_is_used_and_one_that_goes_is_told(tmp_path: Path) -> None:
    llama = Llama()
    model = {"id": "late", "upstream": {"url": llama.url}}
    service = Service(tmp_path, model)
    try:
        service.spawn()
        time.sleep(2)
        assert not service.is_ready()
        llama.start()
        until("the service found the server", service.is_ready, limit=60)
        assert service.chat("What is 1 + 1?", max_completion_tokens=20).status == 200
        llama.kill()
        answer = service.chat("What is 1 + 1?", max_completion_tokens=20)
        assert answer.status == 503 and "127.0.0.1" not in answer.error["message"], answer.body
        llama.start()
        assert service.chat("What is 1 + 1?", max_completion_tokens=20).status == 200, "it is used again by itself"
    finally:
        service.kill()
        llama.kill()


def test_what_cannot_be_an_upstream_is_told(tmp_path: Path) -> None:
    def told(text: str, **upstream: object) -> None:
        service = Service(tmp_path / text.split()[0], {"id": "m", "upstream": upstream})
        code, log = service.start_and_fail()
        assert code != 0 and text in log, log

    told("url", model="x")
    told("unknown key", url="http://127.0.0.1:1", key="secret")
