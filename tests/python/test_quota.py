"""Quotas of a day: never exceeded, whoever leaves and whatever is killed, and nothing of them is lost."""

from __future__ import annotations

import concurrent.futures
import json
import os
import random
import time

import pytest

from support import Service, scripted, words

QUOTA = 1000
RUNS = int(os.environ.get("FORETHOUGHT_QUOTA_RUNS", "100"))


def limit(service: Service, quotas: dict, prices: dict | None = None) -> Service:
    """Gives the tenant `default` quotas."""
    policy = service.policy.read_text().replace("    name: default\n", f"    name: default\n    quotas: {json.dumps(quotas)}\n")
    assert "quotas" in policy, policy
    service.policy.write_text(f"{policy}\nprices: {json.dumps(prices or {})}\n")
    return service


def records(service: Service) -> list[dict]:
    """Admissions and outcomes of all requests, in the order in which they were written."""
    listed = service.audit_json("list", "--limit", 1000)
    found = [one[which] for one in listed for which in ("admission", "end") if one.get(which)]
    return sorted(found, key=lambda record: record["record_id"])


def most_taken(service: Service) -> tuple[int, int]:
    """The most that was spent and reserved at any time, and what was spent in the end."""
    log = records(service)
    prompts = {r["body"]["spent"]["prompt_tokens"] for r in log if r["body"]["type"] == "outcome"} or {0}
    [prompt] = prompts
    spent, held, most = 0, {}, 0
    for record in log:
        body = record["body"]
        if body["type"] == "admission":
            held[record["record_id"]] = body["budget"]["total_tokens"] + prompt
        else:
            held.pop(body["admission"])
            if body["type"] == "outcome":
                spent += body["spent"]["prompt_tokens"] + body["spent"]["generated_tokens"]
        most = max(most, spent + sum(held.values()))
    return most, spent


def left(service: Service) -> int:
    """What the service says is left of the day's quota."""
    refused = service.chat(max_completion_tokens=5000, deliberation={"strategy": "single"})
    assert refused.status == 429 and refused.error["code"] == "quota_exceeded", refused.body
    return int(refused.headers["x-quota-remaining-tokens-day"])


def client(service: Service, seed: int) -> None:
    """Asks until nothing is left, and sometimes leaves in the middle."""
    chance = random.Random(seed)
    for _ in range(6):
        fields = {"max_completion_tokens": chance.randint(5, 60), "deliberation": {"strategy": "single"}}
        try:
            if chance.random() < 0.4:
                stream = service.stream(**fields)
                time.sleep(chance.random() / 50)
                stream.leave()
            elif service.chat(**fields).status == 429:
                return
        except (OSError, AssertionError, ValueError, json.JSONDecodeError):
            # It was refused, or the service was killed.
            return


@pytest.mark.parametrize("part", range(4))
def test_64_clients_and_a_kill_take_no_more_than_the_quota(install, part: int):
    taken = []
    for run in range(part, RUNS, 4):
        service = limit(install(scripted(answers=[{"text": words(60)}], token_ms=1)), {"day": {"tokens": QUOTA}}).start()
        with concurrent.futures.ThreadPoolExecutor(64) as clients:
            asked = [clients.submit(client, service, 1000 * run + at) for at in range(64)]
            if run % 2:
                time.sleep(random.Random(run).random() / 5)
                service.kill()
            concurrent.futures.wait(asked)
        if run % 2:
            service.start()
        most, spent = most_taken(service)
        assert most <= QUOTA, f"run {run}"
        taken.append(most)
        assert left(service) == QUOTA - spent, f"run {run}: the ledger and the log differ"
        service.restart()
        assert left(service) == QUOTA - spent, f"run {run}: after a restart"
        service.kill()
    assert max(taken) > 0.9 * QUOTA, f"they never came near the quota: {taken}"


def test_what_fits_is_let_in_and_what_does_not_is_told_why(install):
    service = limit(install(scripted(answers=[{"text": words(10)}])), {"day": {"tokens": 200}, "warn_percent": 50}).start()
    ask = {"max_completion_tokens": 50, "deliberation": {"strategy": "single"}}
    spent = 0
    while spent <= 130:
        answer = service.chat(**ask)
        assert answer.status == 200, answer.body
        spent += answer.deliberation["generated_tokens"] + answer.json["usage"]["prompt_tokens"]
        assert answer.headers["x-quota-remaining-tokens-day"] == str(200 - spent)
        assert ("x-quota-warning" in answer.headers) == (spent >= 100)
    room = 200 - spent - answer.json["usage"]["prompt_tokens"]
    refused = service.chat(**{**ask, "max_completion_tokens": room + 1})
    assert (refused.status, refused.error["code"]) == (429, "quota_exceeded")
    assert "quotas.day.tokens" in refused.error["message"]
    assert 1 <= int(refused.headers["retry-after"]) <= 86_400
    assert service.chat(**{**ask, "max_completion_tokens": room}).status == 200, "what fits exactly is let in"


def test_units_are_counted_by_the_models_price(install):
    prices = {"scripted": {"prompt": 0, "generated": 100}}
    service = limit(install(scripted(answers=[{"text": words(10)}])), {"month": {"units": 6}}, prices).start()
    ask = {"max_completion_tokens": 40, "deliberation": {"strategy": "single"}}
    answer = service.chat(**ask)
    assert answer.status == 200 and answer.deliberation["generated_tokens"] == 10
    assert answer.headers["x-quota-remaining-units-month"] == "5"
    shown = service.audit_json("show", answer.record)
    assert shown["end"]["record"]["body"]["cost"] == 1000, shown
    refused = service.chat(**{**ask, "max_completion_tokens": 60})
    assert (refused.status, refused.error["code"]) == (429, "quota_exceeded"), refused.body
    assert "quotas.month.units" in refused.error["message"]
