"""Streams carry text as it is generated, and at their end what was spent."""

from __future__ import annotations

import time

import pytest

from support import Service, scripted, texts, words


@pytest.fixture
def slow_model(install) -> Service:
    answers = [{"text": words(20), "odds": 1}]
    return install(scripted(answers=answers, token_ms=50)).start()


def test_tokens_arrive_one_by_one(slow_model: Service):
    stream = slow_model.stream(deliberation={"strategy": "single"}, stream_options={"include_usage": True})
    times, events = [], []
    for event in stream:
        events.append(event)
        if texts([event]):
            times.append(time.monotonic())
    assert stream.done
    assert "".join(texts(events)) == words(20)
    assert len(times) >= 15
    # 20 tokens, 50 ms each: what is sent at the end comes at once.
    assert times[-1] - times[0] > 0.7
    assert max(later - sooner for sooner, later in zip(times, times[1:], strict=False)) < 0.5
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert events[-1]["usage"]["completion_tokens"] == 20
    assert events[-1]["usage"]["deliberation"]["samples"]["started"] == 1


def test_usage_and_deliberation_come_only_when_asked_for(slow_model: Service):
    events = list(slow_model.stream(deliberation={"strategy": "single"}))
    assert not any(event.get("usage") or "deliberation" in event for event in events)
    assert all(event["choices"] for event in events)


def test_a_vote_shows_its_samples_while_they_run(slow_model: Service):
    options = {"include_usage": True, "include_deliberation": True}
    thinking = {"strategy": "self_consistency", "max_samples": 4, "answer": "text"}
    started = time.monotonic()
    first, events = None, []
    for event in slow_model.stream(deliberation=thinking, stream_options=options):
        events.append(event)
        if "deliberation" in event:
            assert event["choices"] == []
            first = first or time.monotonic()
    assert first is not None and first - started < 0.9, "the first sample takes a second"
    assert "".join(texts(events)) == words(20)
    spent = events[-1]["usage"]["deliberation"]
    assert spent["strategy"] == "self_consistency"
    assert sum(vote["count"] for vote in spent["votes"]) == spent["samples"]["counted"]


def test_every_choice_of_a_stream_names_its_role_first(install):
    service = install(scripted(answers=[{"text": "one", "odds": 1}, {"text": "two", "odds": 1}])).start()
    thinking = {"strategy": "best_of_n", "max_samples": 16, "answer": "text"}
    events = list(service.stream(n=2, deliberation=thinking))
    for index in (0, 1):
        deltas = [choice["delta"] for event in events for choice in event["choices"] if choice["index"] == index]
        assert [delta.get("role") for delta in deltas[:2]] == ["assistant", None], deltas


def test_each_of_several_single_answers_streams_as_its_own_choice(slow_model: Service):
    times, said = {0: [], 1: [], 2: []}, {0: "", 1: "", 2: ""}
    for event in slow_model.stream(n=3, deliberation={"strategy": "single", "wave": 3}):
        for choice in event["choices"]:
            if choice["delta"].get("content"):
                times[choice["index"]].append(time.monotonic())
                said[choice["index"]] += choice["delta"]["content"]
    assert set(said.values()) == {words(20)}, said
    assert all(moments[-1] - moments[0] > 0.7 for moments in times.values()), "20 tokens, 50 ms each"


def test_all_that_happens_in_a_vote_is_told(install):
    answers = [{"text": f"{words(30)} The answer is {number}.", "odds": odds} for number, odds in ((1, 12), (2, 1))]
    service = install(scripted(answers=answers, token_ms=2))
    key = service.add_tenant("broad", max_samples=300)
    service.start()
    options = {"include_usage": True, "include_deliberation": True}
    thinking = {"strategy": "self_consistency", "max_samples": 300, "wave": 300, "answer": "number", "include_samples": True}
    events = list(service.stream(key=key, stream_options=options, deliberation=thinking, seed=1, max_completion_tokens=60))
    told = [event["deliberation"] for event in events if "event" in event.get("deliberation", {})]
    of = {name: [event for event in told if event["event"] == name] for name in {event["event"] for event in told}}
    spent, samples = events[-1]["usage"]["deliberation"], events[-1]["deliberation"]["samples"]
    indexes = lambda name: sorted(event["index"] for event in of[name])  # noqa: E731
    assert indexes("sample_started") == list(range(300)), "not one is missing"
    assert sorted(indexes("sample_finished") + indexes("sample_cancelled")) == list(range(300))
    assert len(of["sample_finished"]) == spent["samples"]["finished"]
    for event in of["sample_finished"]:
        sample = samples[event["index"]]
        assert (event["tokens"], event["answer"]) == (sample["tokens"], sample["answer"])
    order = {name: {event["index"]: told.index(event) for event in of[name]} for name in ("sample_started", "sample_finished")}
    assert all(order["sample_started"][index] < at for index, at in order["sample_finished"].items())
    votes = of["votes"]
    assert [vote["finished"] for vote in votes] == sorted(vote["finished"] for vote in votes)
    assert [vote["tokens_left"] for vote in votes] == sorted((vote["tokens_left"] for vote in votes), reverse=True)
    assert votes[-1]["tokens_left"] <= spent["budget"]["total_tokens"] - sum(event["tokens"] for event in of["sample_finished"])
    assert {vote["answer"] for vote in votes[-1]["votes"]} <= {"1", "2"} and votes[-1]["planned"] == 300
    assert "".join(texts([event for event in events if event["choices"]])) == f"{words(30)} The answer is 1."


def test_a_failure_in_a_stream_is_told_in_the_stream(install):
    faults = [{"after_tokens": 3, "kind": "error"}]
    service = install(scripted(answers=[{"text": words(20)}], token_ms=5, faults=faults)).start()
    stream = service.stream(deliberation={"strategy": "single"})
    events = list(stream)
    assert events[-1]["error"]["type"] == "server_error", events
    assert "failed" in service.audit("show", stream.record).stdout
