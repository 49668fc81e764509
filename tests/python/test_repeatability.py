"""The same request with the same seed gives the same deliberation, whatever else happens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import Answer, Service

QUESTION = "What is 9 + 4? Reply with the number."


BEST = {"strategy": "best_of_n"}
VOTE = {"strategy": "self_consistency", "early_stop": False}
VOTE_THAT_STOPS_EARLY = {"strategy": "self_consistency", "early_stop": True}


def ask(service: Service, strategy: dict, seed: int = 7) -> dict:
    """What must not change: the answer, the vote and the samples that were counted."""
    thinking = {**strategy, "max_samples": 8, "answer": "number", "include_samples": True}
    answer = service.chat(QUESTION, seed=seed, temperature=0.9, max_completion_tokens=16, deliberation=thinking)
    assert answer.status == 200, answer.body
    spent = answer.deliberation
    samples = sorted(answer.json["deliberation"]["samples"], key=lambda sample: sample["index"])
    if strategy == BEST:
        assert len(samples) == spent["samples"]["finished"] == 8
    else:
        # A sample that is no longer needed, because the vote is decided, ends wherever it happens to be.
        samples = [sample for sample in samples if sample["counted"]]
    return {
        "choices": answer.json["choices"],
        "votes": spent["votes"],
        "seed": spent["seed"],
        "stop": spent["stop"],
        "samples": samples,
    }


def others(service: Service) -> list[Answer]:
    """Eight other requests at once, each with another prompt."""
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(service.chat, f"Count to {number}.", max_completion_tokens=16, reasoning_effort="none")
            for number in range(10, 18)
        ]
        return [future.result() for future in asked]


@pytest.mark.parametrize("strategy", [BEST, VOTE, VOTE_THAT_STOPS_EARLY])
def test_a_seed_gives_the_same_deliberation_alone_beside_others_and_after_a_restart(real: Service, strategy: dict):
    alone = ask(real, strategy)
    assert len({sample["text"] for sample in alone["samples"]}) > 1, "samples that are all equal show nothing"
    with ThreadPoolExecutor(1) as pool:
        crowd = pool.submit(others, real)
        beside = ask(real, strategy)
        assert [answer.status for answer in crowd.result()] == [200] * 8
    assert beside == alone
    real.restart()
    assert ask(real, strategy) == alone


def test_another_seed_gives_another_deliberation(real: Service):
    first, second = ask(real, BEST, seed=7), ask(real, BEST, seed=8)
    assert {sample["seed"] for sample in first["samples"]}.isdisjoint(sample["seed"] for sample in second["samples"])
    assert [sample["text"] for sample in first["samples"]] != [sample["text"] for sample in second["samples"]]


def test_a_seed_that_the_service_chose_can_be_asked_for_again(real: Service):
    fields = {"max_completion_tokens": 12, "temperature": 1.0, "reasoning_effort": "none"}
    chosen = real.chat(QUESTION, **fields)
    again = real.chat(QUESTION, seed=chosen.deliberation["seed"], **fields)
    assert again.json["choices"] == chosen.json["choices"]
