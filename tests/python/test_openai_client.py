"""The official OpenAI client talks to the service, unchanged."""

from __future__ import annotations

import openai
import pytest

from support import MODEL, Service

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


def connect(service: Service, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def client(real: Service) -> openai.OpenAI:
    return connect(real, real.key)


def ask(client: openai.OpenAI, **fields: object):
    fields = {"model": MODEL, "messages": QUESTION, "max_completion_tokens": 12, "seed": 1, **fields}
    return client.chat.completions.create(**fields)


def test_models_are_listed(client: openai.OpenAI):
    models = client.models.list().data
    assert [(model.id, model.object) for model in models] == [(MODEL, "model")]


def test_a_chat_is_answered_with_usage_and_ids(real: Service, client: openai.OpenAI):
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=QUESTION, max_completion_tokens=12, seed=1, reasoning_effort="none"
    )
    answer = raw.parse()
    choice = answer.choices[0]
    assert (answer.object, answer.model, choice.message.role) == ("chat.completion", MODEL, "assistant")
    assert choice.message.content.strip()
    assert choice.finish_reason in ("stop", "length")
    usage = answer.usage
    assert 0 < usage.completion_tokens <= 12
    assert usage.prompt_tokens + usage.completion_tokens == usage.total_tokens
    assert raw.headers["x-request-id"]
    assert raw.headers["x-ratelimit-limit-requests"] == "1000000"
    assert real.audit_json("show", raw.headers["x-audit-record"])["status"] == "answered"


def test_a_stream_says_what_the_whole_answer_says(client: openai.OpenAI):
    whole = ask(client, reasoning_effort="none")
    chunks = list(ask(client, reasoning_effort="none", stream=True, stream_options={"include_usage": True}))
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len([piece for piece in pieces if piece]) >= 5
    last = chunks[-1]
    assert (last.choices, last.usage.prompt_tokens) == ([], whole.usage.prompt_tokens)
    assert last.usage.completion_tokens == whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert reasons == [whole.choices[0].finish_reason]


@pytest.mark.parametrize("effort", ["none", "minimal"])
def test_reasoning_effort_sets_the_budget(client: openai.OpenAI, effort: str):
    spent = ask(client, reasoning_effort=effort, max_completion_tokens=8).usage.deliberation
    assert spent["effort"] == effort
    assert 1 <= spent["samples"]["started"] <= spent["budget"]["max_samples"]
    assert spent["generated_tokens"] <= spent["budget"]["total_tokens"]
    assert effort != "none" or spent["samples"]["started"] == 1


def test_n_gives_that_many_choices(client: openai.OpenAI):
    more = {"deliberation": {"strategy": "best_of_n", "max_samples": 4}}
    answer = ask(client, n=2, temperature=1.5, extra_body=more)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].message.content != answer.choices[1].message.content


@pytest.mark.parametrize("key", ["wrong", "ft-k_0011223344556677-" + "A" * 43])
def test_a_wrong_key_is_an_authentication_error(real: Service, key: str):
    with pytest.raises(openai.AuthenticationError) as raised:
        connect(real, key).models.list()
    with pytest.raises(openai.AuthenticationError):
        ask(connect(real, key))
    assert raised.value.status_code == 401
    assert key not in raised.value.message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"extra_body": {"deliberation": {"strategy": "guess"}}}, "deliberation.strategy"),
        ({"extra_body": {"frobnicate": 1}}, "frobnicate"),
    ],
)
def test_a_wrong_parameter_is_a_bad_request_that_names_it(client: openai.OpenAI, fields: dict, param: str):
    with pytest.raises(openai.BadRequestError) as raised:
        ask(client, **fields)
    assert raised.value.param == param
    assert raised.value.type == "invalid_request_error"


def test_an_unknown_model_is_not_found(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError) as raised:
        ask(client, model="gpt-5")
    assert raised.value.param == "model"


def test_a_limit_is_a_rate_limit_error_that_says_when_to_come_back(real: Service):
    client = connect(real, real.keys["hurried"])
    for _ in range(2):
        ask(client, max_completion_tokens=1, reasoning_effort="none")
    with pytest.raises(openai.RateLimitError) as raised:
        ask(client, max_completion_tokens=1, reasoning_effort="none")
    headers = raised.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("2", "0")
    assert "hurried" in raised.value.message
