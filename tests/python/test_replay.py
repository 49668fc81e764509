"""Deliberations carried out again: token by token the same, or it is said why that cannot be."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import Service, model_path, real_model, run, scripted, words

#: How many deliberations are carried out again.
DELIBERATIONS = 50
THINKER = "thinker"
PERSON = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 6}, "age": {"type": "integer", "minimum": 0, "maximum": 99}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    },
}
#: One of each kind: strategies, verifiers, schemas, stop sequences, penalties, thoughts.
WAYS: list[dict] = [
    {"deliberation": {"strategy": "single"}, "temperature": 0},
    {"deliberation": {"strategy": "single"}, "stop": [".", "\n"], "frequency_penalty": 0.7},
    {"deliberation": {"strategy": "self_consistency", "max_samples": 6, "answer": "number"}, "temperature": 0.9},
    {"deliberation": {"strategy": "self_consistency", "max_samples": 4, "answer": "number", "early_stop": False}},
    {"deliberation": {"strategy": "best_of_n", "max_samples": 4, "answer": "number", "verifiers": [{"type": "arithmetic"}]}},
    {"deliberation": {"strategy": "best_of_n", "max_samples": 3, "answer": "number", "verifiers": [{"type": "judge", "rubric": "The number is right."}]}, "max_completion_tokens": 64},
    {"deliberation": {"strategy": "self_correct", "max_samples": 3, "answer": "number", "verifiers": [{"type": "range", "max": 10}]}},
    {"deliberation": {"strategy": "confidence_vote", "max_samples": 4, "answer": "number"}},
    {"deliberation": {"strategy": "auto", "max_samples": 6, "answer": "number"}, "top_p": 0.9},
    {"deliberation": {"strategy": "beam_search", "max_samples": 4, "answer": "number", "verifiers": [{"type": "arithmetic"}]}},
    {"deliberation": {"strategy": "self_consistency", "max_samples": 3}, "response_format": PERSON},
    {"deliberation": {"strategy": "single", "thinking_tokens": 8}, "model": THINKER},
    {"deliberation": {"strategy": "self_consistency", "max_samples": 4, "answer": "number", "thinking_tokens": 6}, "model": THINKER},
]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory):
    """Fifty deliberations of every kind, several at once."""
    thinking = {"begin": "<think>\nLet me see.", "closing": "\n</think>\n\nThe answer is", "system": "Think first."}
    one = {"lanes": 1}
    models = [{**real_model(), **one}, {**real_model(), **one, "id": THINKER, "thinking": thinking}]
    service = Service(tmp_path_factory.mktemp("replay"), *models).start()

    def ask(number: int) -> str:
        way = WAYS[number % len(WAYS)]
        question = f"A box holds {number + 3} pens, and there are {number % 5 + 2} boxes. How many pens are there?"
        answer = service.chat(question, **{"max_completion_tokens": 16, **way})
        assert answer.status == 200, (way, answer.body)
        return answer.record

    with ThreadPoolExecutor(6) as pool:
        service.records = list(pool.map(ask, range(DELIBERATIONS)))
    assert service.stop() == 0
    try:
        yield service
    finally:
        service.kill()


def replay(service: Service, *args: object, config: Path | None = None) -> tuple[int, list[dict]]:
    command = ["audit", "replay", *args, "--config", config or service.config_file, "--json"]
    done = run(*command, timeout=600)
    assert done.returncode in (0, 1, 4), done.stderr
    return done.returncode, json.loads(done.stdout)


def configured(service: Service, folder: Path, **changes: object) -> Path:
    """The same configuration, with the file of the first model changed."""
    config = json.loads(service.config_file.read_text())
    config["models"][0].update(changes)
    file = folder / "config.yaml"
    file.write_text(json.dumps(config))
    return file


def test_all_come_again_token_by_token(audited: Service):
    code, replayed = replay(audited, *audited.records)
    told = [one for one in replayed if one["result"] != "identical"]
    assert code == 0 and not told, told
    assert [one["record_id"] for one in replayed] == audited.records
    assert len(replayed) == DELIBERATIONS and all(one["samples"] >= 1 and one["tokens"] >= 1 for one in replayed)
    assert sum(one["tokens"] for one in replayed) > 20 * DELIBERATIONS


def test_one_changed_byte_of_the_weights_is_refused(audited: Service, tmp_path: Path):
    changed = tmp_path / "changed.gguf"
    shutil.copyfile(model_path(), changed)
    with changed.open("r+b") as file:
        file.seek(-1000, 2)
        byte = file.read(1)[0]
        file.seek(-1000, 2)
        file.write(bytes([byte ^ 1]))
    record = audited.records[0]
    code, [one] = replay(audited, record, config=configured(audited, tmp_path, path=str(changed)))
    assert (code, one["result"]) == (4, "cannot_be_told"), one
    assert "the weights are others: sha256:" in one["why"], one


def test_what_cannot_be_told_says_why(install, tmp_path: Path):
    slow = {"text": words(400)}
    service = install(scripted(answers=[slow], token_ms=20)).start()
    ended = service.chat(max_completion_tokens=400, deliberation={"deadline_ms": 300, "strategy": "self_consistency", "max_samples": 2})
    short = service.chat(max_completion_tokens=5, deliberation={"strategy": "single"})
    assert short.status == 200, short.body
    stream = service.stream(max_completion_tokens=400)
    next(iter(stream))
    service.kill()
    service.start()
    assert service.stop() == 0
    statuses = {one["record_id"] if "record_id" in one else one["admission"]["record_id"]: one for one in service.audit_json("list")}
    assert len(statuses) == 3
    code, [one] = replay(service, stream.record)
    assert code == 4 and "the process ended before" in one["why"], one
    code, [one] = replay(service, short.record)
    assert (code, one["result"]) == (0, "identical"), one
    late = next(name for name in statuses if name not in (stream.record, short.record))
    code, [one] = replay(service, late)
    assert code == 4 and "depended on timing" in one["why"], (one, ended.body)
    config = configured(service, tmp_path, id="another")
    code, [one] = replay(service, short.record, config=config)
    assert code == 4 and "no model `scripted`" in one["why"], one


def test_contents_that_are_gone_cannot_be_asked_again(install):
    service = install(scripted(answers=[{"text": "4"}])).start()
    record = service.chat().record
    assert service.stop() == 0
    shutil.rmtree(service.data / "vault")
    code, [one] = replay(service, record)
    assert code == 4 and "`prompt` cannot be read" in one["why"], one


def test_without_ids_the_latest_that_were_answered(install):
    service = install(scripted(answers=[{"text": "4"}])).start()
    records = [service.chat(f"question {number}").record for number in range(5)]
    code, replayed = replay(service, "--limit", "3")
    assert code == 0 and [one["record_id"] for one in replayed] == records[:1:-1]
    done = run("audit", "replay", "req_1", "--config", service.config_file)
    assert done.returncode == 2 and "there is no request or record `req_1`" in done.stderr
    done = run("audit", "replay", records[0], "--config", service.config_file)
    assert done.returncode == 0 and "1 request identical" in done.stdout, done.stdout


def test_another_script_is_another_model(install, tmp_path: Path):
    """The script is the weights of a scripted engine."""
    service = install(scripted(answers=[{"text": "It is 4 today"}])).start()
    record = service.chat(max_completion_tokens=50).record
    assert service.stop() == 0
    config = configured(service, tmp_path, scripted={"answers": [{"text": "It is 5 today"}]})
    code, [one] = replay(service, record, config=config)
    assert code == 4 and "the weights are others: scripted:" in one["why"], one
