"""What a request gets that does not say what it may spend."""

from __future__ import annotations

import pytest

from support import Service, scripted, words


@pytest.fixture
def capped(install) -> Service:
    """A tenant whose cap does not pay for eight long answers, and a model that gives them."""
    service = install(scripted(answers=[{"text": words(900)}]))
    service.add_tenant("capped", max_samples=32, total_tokens=3276, deadline_ms=120_000, effort="high")
    return service.start()


@pytest.mark.parametrize(
    ("fields", "samples", "tokens"),
    [
        ({"max_tokens": 819}, 4, 819),
        ({"max_tokens": 819, "n": 3}, 4, 819),
        ({"max_tokens": 3000}, 1, 900),
        # What the client says itself is kept: its samples are shared out.
        ({"max_tokens": 819, "deliberation": {"max_samples": 8}}, 8, 409),
        ({"max_tokens": 819, "deliberation": {"total_tokens": 816}}, 8, 102),
        ({}, 6, 512),
    ],
)
def test_an_answer_may_be_as_long_as_was_allowed(capped: Service, fields: dict, samples: int, tokens: int):
    answer = capped.chat(key=capped.keys["capped"], **fields)
    assert answer.status == 200, answer.body
    assert answer.deliberation["budget"]["max_samples"] == samples
    assert {len(choice["message"]["content"].split()) for choice in answer.json["choices"]} == {tokens}


def test_a_prompt_that_leaves_little_room_is_answered_in_that_room(install):
    service = install(scripted(answers=[{"text": words(400)}], context_tokens=300)).start()
    answer = service.chat(words(250))
    assert answer.status == 200, answer.body
    room = 300 - answer.json["usage"]["prompt_tokens"]
    assert answer.deliberation["budget"]["sample_tokens"] == room
    assert len(answer.text.split()) == room and answer.json["choices"][0]["finish_reason"] == "length"
    for question, fields in [(words(250), {"max_completion_tokens": 100}), (words(300), {})]:
        refused = service.chat(question, **fields)
        assert (refused.status, refused.error["param"]) == (400, "messages")
        assert refused.error["code"] == "context_length_exceeded"
