"""Tools that the client runs: the official client's examples, and an agent framework, unchanged but for the address."""

from __future__ import annotations

import json

import openai
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from support import MODEL, Service, scripted

# OpenAI's own example of function calling.
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get current temperature for a given location.",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string", "description": "City and country e.g. Bogotá, Colombia"}},
            "required": ["location"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}
QUESTION = [{"role": "user", "content": "What is the weather like in Paris today?"}]


def connect(service: Service) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key=service.key, max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def client(real: Service) -> openai.OpenAI:
    return connect(real)


def ask(client: openai.OpenAI, **fields: object):
    fields = {"model": MODEL, "messages": QUESTION, "max_completion_tokens": 60, "seed": 3, "tools": [WEATHER], **fields}
    return client.chat.completions.create(**fields)


def call_of(completion) -> object:
    choice = completion.choices[0]
    assert choice.finish_reason == "tool_calls", choice
    assert choice.message.content is None
    (call,) = choice.message.tool_calls
    assert call.type == "function" and call.id.startswith("call_")
    return call


def test_the_real_model_calls_a_function_and_answers_from_its_result(client: openai.OpenAI):
    call = call_of(ask(client, tool_choice="required", reasoning_effort="none"))
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"location"}
    messages = [
        *QUESTION,
        {"role": "assistant", "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "14 degrees"},
    ]
    answer = ask(client, messages=messages, reasoning_effort="none")
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.choices[0].message.content.strip()


def test_a_named_function_is_called_whatever_is_asked(client: openai.OpenAI):
    named = {"type": "function", "function": {"name": "get_time"}}
    call = call_of(ask(client, tools=[WEATHER, TIME], tool_choice=named, reasoning_effort="none"))
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_time", {})


def test_a_stream_says_the_same_call(client: openai.OpenAI):
    whole = call_of(ask(client, tool_choice="required", reasoning_effort="none"))
    chunks = list(ask(client, tool_choice="required", reasoning_effort="none", stream=True))
    pieces = [piece for chunk in chunks for choice in chunk.choices for piece in choice.delta.tool_calls or []]
    assert pieces[0].function.name == "get_weather" and pieces[0].id
    assert all(piece.index == 0 for piece in pieces)
    assert "".join(piece.function.arguments or "" for piece in pieces) == whole.function.arguments
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert reasons == ["tool_calls"]
    assert not "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_calls_are_voted_on(client: openai.OpenAI, real: Service):
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=QUESTION, tools=[WEATHER], tool_choice="required", max_completion_tokens=60, seed=3, temperature=0.7,
        extra_body={"deliberation": {"strategy": "self_consistency", "max_samples": 6, "early_stop": False}},
    )
    call = call_of(raw.parse())
    told = json.loads(raw.text)["usage"]["deliberation"]
    best = max(told["votes"], key=lambda vote: vote["count"])
    assert json.loads(best["answer"]) == [["get_weather", json.loads(call.function.arguments)]]
    assert best["count"] >= 1 and sum(vote["count"] for vote in told["votes"]) >= 3


def test_none_calls_nothing(client: openai.OpenAI):
    answer = ask(client, tool_choice="none", reasoning_effort="none")
    assert answer.choices[0].message.tool_calls is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tool_choice": {"type": "function", "function": {"name": "rm"}}}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [], "tool_choice": "auto"}, "tool_choice"),
        ({"messages": [*QUESTION, {"role": "tool", "tool_call_id": "x", "content": "y"}]}, "messages[1].role"),
        ({"extra_body": {"deliberation": {"tools": ["rm"]}}}, "deliberation.tools[0]"),
        ({"extra_body": {"deliberation": {"strategy": "beam_search"}}, "tool_choice": "auto"}, "deliberation.strategy"),
    ],
)
def test_wrong_tools_say_the_mend(client: openai.OpenAI, fields: dict, param: str):
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **fields)
    assert refused.value.param == param, refused.value


def test_what_safeguards_redact_leaves_in_no_argument(install):
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"location": "ask jane.doe@example.org"}}\n</tool_call>'
    service = install(scripted(answers=[{"text": call}]))
    service.policy.write_text(f'{service.policy.read_text()}\nsafeguards: {{output: {{kinds: {{email: redact}}}}}}\n')
    service.start()
    body = service.body("?", tools=[WEATHER])
    answer = service.send("POST", "/v1/chat/completions", body)
    assert answer.status == 200 and b"jane.doe" not in answer.body, answer.body
    (told,) = answer.json["choices"][0]["message"]["tool_calls"]
    assert "ask" in json.loads(told["function"]["arguments"])["location"]


def test_what_was_redacted_comes_back_in_arguments_as_json(install):
    lines = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 3)
    private = f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"location": "[PRIVATE_KEY_1] of [EMAIL_1]"}}\n</tool_call>'
    service = install(scripted(answers=[{"text": call}]))
    rules = {"input": {"groups": {"pii": "redact", "secret": "redact"}}, "restore": True}
    service.policy.write_text(f"{service.policy.read_text()}\nsafeguards: {json.dumps(rules)}\n")
    service.start()
    asked, fields = f"Send {private} to jane@example.org.", {"tools": [WEATHER], "reasoning_effort": "none"}
    answer = service.chat(asked, **fields)
    assert answer.status == 200, answer.body
    (told,) = answer.json["choices"][0]["message"]["tool_calls"]
    wanted = {"location": f"{private} of jane@example.org"}
    assert json.loads(told["function"]["arguments"]) == wanted
    deltas = [choice["delta"] for event in service.stream(asked, **fields) for choice in event["choices"]]
    pieces = [call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", [])]
    assert json.loads("".join(pieces)) == wanted


class Weather(BaseModel):
    """What the agent is to give."""

    city: str
    degrees: int


def test_an_agent_framework_runs_its_loop(install):
    # A model of a script: it calls the framework's own tool, reads what came of it, and fills in the answer's form.
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    final = '<tool_call>\n{"name": "final_result", "arguments": {"city": "Paris", "degrees": 14}}\n</tool_call>'
    when = [{"all_of": ["14 degrees"], "answers": [{"text": final}]}]
    service = install(scripted(answers=[{"text": call}], when=when)).start()
    provider = OpenAIProvider(base_url=f"{service.url}/v1", api_key=service.key)
    agent = Agent(OpenAIChatModel(service.model, provider=provider), output_type=Weather)
    asked: list[str] = []

    @agent.tool_plain
    def get_weather(city: str) -> str:
        asked.append(city)
        return "14 degrees"

    result = agent.run_sync("What is the weather like in Paris?")
    assert asked == ["Paris"]
    assert result.output == Weather(city="Paris", degrees=14)


def test_an_agent_framework_drives_the_real_model(real: Service):
    provider = OpenAIProvider(base_url=f"{real.url}/v1", api_key=real.key)
    agent = Agent(OpenAIChatModel(MODEL, provider=provider), output_type=Weather, retries=3)
    settings = {"max_tokens": 80, "seed": 1, "extra_body": {"reasoning_effort": "none"}}
    result = agent.run_sync("It is 14 degrees in Paris.", model_settings=settings)
    assert isinstance(result.output, Weather)
