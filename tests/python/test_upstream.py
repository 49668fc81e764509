"""Another server as the engine: the real llama.cpp server, and what is done when it fails."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from llama import Llama, Sick
from support import Service, until
from test_thinking import LEAD, RECIPE, question

SLOTS = 4
#: A certificate that vouches for itself, and its key, which is no secret.
TLS = Path(__file__).parent / "tls"


@pytest.fixture(scope="module")
def llama():
    server = Llama(SLOTS).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def service(llama: Llama, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("upstream")
    with urllib.request.urlopen(f"{llama.url}/props", timeout=30) as reply:
        (folder / "template.jinja").write_text(json.load(reply)["chat_template"])
    # The same server, taken for one that speaks OpenAI's API only.
    raw = {"url": llama.url, "api": "completions", "chat_template": "template.jinja"}
    models = [
        {"id": "there", "upstream": {"url": llama.url}},
        {"id": "thinker", "upstream": {"url": llama.url}, "thinking": RECIPE},
        {"id": "raw", "upstream": raw},
        {"id": "raw-thinker", "upstream": raw, "thinking": RECIPE},
        {"id": "chat", "upstream": {"url": f"{llama.url}/v1", "api": "chat"}},
    ]
    service = Service(folder, *models).start()
    until("every model is there", lambda: len(able(service)) == len(models), limit=60)
    yield service
    service.kill()


def able(service: Service) -> dict[str, dict]:
    """The engines that are there, by the name of their model."""
    models = json.loads(service.send("GET", "/v1/models", None).body)["data"]
    return {model["id"]: model["forethought"]["engine"] for model in models if model["forethought"].get("engine")}


def test_what_the_server_can_do_is_found_and_told(service: Service) -> None:
    engine = able(service)["there"]
    assert engine["backend"] == "upstream" and engine["parallel"] == SLOTS and engine["context_tokens"] == 2048
    assert all(engine["can"].values()), engine
    assert engine["weights"].startswith("claimed:SmolLM2"), engine
    raw, chat = able(service)["raw"], able(service)["chat"]
    assert raw["can"]["continues"] and raw["can"]["logprobs"] and not raw["can"]["tells_stops"], raw
    assert chat["can"]["logprobs"] and not chat["can"]["continues"], chat
    assert raw["weights"] == chat["weights"] == engine["weights"]


BEAMS = {"strategy": "beam_search", "max_samples": 4, "width": 2, "verifier": "arithmetic"}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("there", {"strategy": "single"}),
        ("there", {"strategy": "self_consistency", "max_samples": 8}),
        ("there", {"strategy": "confidence_vote", "max_samples": 8, "window": 4}),
        ("there", BEAMS),
        ("there", {"strategy": "self_correct", "max_samples": 3, "verifier": "arithmetic"}),
        ("raw", {"strategy": "confidence_vote", "max_samples": 4, "window": 4}),
        ("chat", {"strategy": "self_consistency", "max_samples": 4}),
        ("chat", {"strategy": "best_of_n", "max_samples": 2, "verifiers": [{"type": "confidence", "min": -9}]}),
    ],
)
def test_strategies_work_on_it(service: Service, model: str, fields: dict) -> None:
    asked = {"seed": 3, "max_completion_tokens": 60, "deliberation": {"answer": "number", **fields}}
    answer = service.chat("What is 7 + 5? Reply with the number.", model=model, **asked)
    assert answer.status == 200, answer.body
    told = answer.deliberation
    assert told["status"] == "answered" and 0 < told["generated_tokens"] <= told["budget"]["total_tokens"], told
    assert told["prompt_tokens"] > 20


@pytest.mark.parametrize(("model", "lack"), [("raw", "where a step ends"), ("chat", "go on with an answer")])
def test_what_a_way_of_asking_cannot_do_is_refused_with_the_mend(service: Service, model: str, lack: str) -> None:
    answer = service.chat(model=model, max_completion_tokens=60, deliberation={"answer": "number", **BEAMS})
    assert answer.status == 400 and lack in answer.error["message"], answer.body


@pytest.mark.parametrize(("model", "asked"), [("thinker", int(os.environ.get("FORETHOUGHT_THOUGHTS", "60"))), ("raw-thinker", 12)])
def test_a_capped_thought_still_ends_in_an_answer(service: Service, model: str, asked: int) -> None:
    cap, hit = 12, 0

    def ask(number: int) -> dict:
        deliberation = {"strategy": "single", "thinking_tokens": cap}
        answer = service.chat(question(number), model=model, max_completion_tokens=32, seed=number, deliberation=deliberation)
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


@pytest.mark.parametrize(("model", "asked"), [("there", 10), ("chat", 3)])
def test_answers_fit_their_schema(service: Service, model: str, asked: int) -> None:
    schema = {"type": "object", "required": ["n"], "additionalProperties": False, "properties": {"n": {"type": "integer"}}}
    for seed in range(asked):
        fields = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}
        answer = service.chat("Give a number.", model=model, seed=seed, max_completion_tokens=60, deliberation={"strategy": "single"}, **fields)
        assert answer.status == 200 and isinstance(json.loads(answer.text)["n"], int), answer.body


@pytest.mark.parametrize("model", ["there", "raw", "chat"])
def test_what_is_no_longer_wanted_is_stopped_there(service: Service, llama: Llama, model: str) -> None:
    stream = service.stream("Count from 1 to 1000.", model=model, max_completion_tokens=1500, deliberation={"strategy": "single"})
    next(iter(stream))
    until("a slot is at work", lambda: llama.busy() > 0)
    stream.leave()
    until("the slot is free again", lambda: llama.busy() == 0, limit=15)


def test_a_decided_vote_leaves_no_slot_at_work(service: Service, llama: Llama) -> None:
    """A sample that says more than the others runs still when they have decided; its slot is free at once."""
    cancelled = 0
    for seed in range(30):
        fields = {"strategy": "self_consistency", "max_samples": 16, "wave": SLOTS, "answer": "number"}
        question = "What is 2 + 2? Reply with the number."
        answer = service.chat(question, seed=seed, max_completion_tokens=60, deliberation=fields)
        told = answer.deliberation
        if told["stop"] in ("beta", "decided") and told["samples"]["cancelled"] > 0:
            cancelled += 1
            # A step of its batch, and a look.
            until("all slots are free", lambda: llama.busy() == 0, limit=1, every=0.02)
        if cancelled == 3:
            break
    assert cancelled > 0, "no vote was decided while another sample ran"


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


def test_a_server_is_asked_over_https(llama: Llama, tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    front = Sick(llama.url)
    front.server.socket, shut = tls.wrap_socket(front.server.socket, server_side=True), front.server.shutdown_request

    def leave(connection: ssl.SSLSocket) -> None:
        # Over TLS, an answer without a length is only whole when its end is said.
        with suppress(OSError):
            connection.settimeout(1)
            connection.unwrap()
        shut(connection)

    front.server.shutdown_request = leave
    upstream = {"url": front.url.replace("http:", "https:")}
    trusting = Service(tmp_path / "yes", {"id": "m", "upstream": {**upstream, "ca_file": str(TLS / "certificate.pem")}})
    wary = Service(tmp_path / "no", {"id": "m", "upstream": upstream})
    try:
        wary.spawn()
        trusting.start()
        assert trusting.chat("What is 1 + 1?", max_completion_tokens=9, deliberation={"strategy": "single"}).status == 200
        until("the reason stands in the log", lambda: "`ca_file`" in wary.log_text())
    finally:
        trusting.kill()
        wary.kill()


def test_what_cannot_be_an_upstream_is_told(tmp_path: Path) -> None:
    def told(text: str, **upstream: object) -> None:
        service = Service(tmp_path / text.split()[0], {"id": "m", "upstream": upstream})
        code, log = service.start_and_fail()
        assert code != 0 and text in log, log

    told("url", model="x")
    told("unknown key", url="http://127.0.0.1:1", key="secret")
