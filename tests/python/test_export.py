"""`forethought export`: training data of those who consent, as the `datasets` library reads it."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest
from support import MODEL, Service, real_model, run, run_well

OURS, THEIRS = "zebra-crossing", "quokka-island"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    """Two tenants ask the same kinds of things; one of them consents."""
    service = Service(tmp_path_factory.mktemp("export"), real_model())
    keys = {tenant: service.add_tenant(tenant) for tenant in ("open", "closed")}
    run_well("tenant", "consent", "open", "yes", "--policy", service.policy)
    service.start()
    vote = {"strategy": "self_consistency", "max_samples": 6, "early_stop": False, "answer": "number"}
    for tenant, mark in (("open", OURS), ("closed", THEIRS)):
        for a in range(2, 8):
            question = f"At {mark}: what is {a} + 3? Reply with the number."
            answer = service.chat(question, keys[tenant], seed=a, max_completion_tokens=32, deliberation=vote)
            assert answer.status == 200, answer.body
        checked = {"strategy": "best_of_n", "max_samples": 4, "verifier": "arithmetic", "answer": "number"}
        for seed in (1, 1, 2):
            question = f"At {mark}: what is 2 + 3? Write it as an equation."
            assert service.chat(question, keys[tenant], seed=seed, max_completion_tokens=32, deliberation=checked).status == 200
    yield service
    service.kill()


def export(service: Service, out: Path, *more: object) -> Path:
    run_well("export", "--data-dir", service.data, "--policy", service.policy, "--out", out, *more)
    return out


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_nothing_of_a_tenant_that_did_not_consent_is_exported(service: Service, tmp_path: Path) -> None:
    out = export(service, tmp_path / "out")
    files = [file for file in out.rglob("*") if file.is_file()]
    assert {file.name for file in files} >= {"sft.jsonl", "preferences.jsonl", "README.md"}
    everything = b"".join(file.read_bytes() for file in files)
    assert OURS.encode() in everything
    assert THEIRS.encode() not in everything and b'"closed"' not in everything
    refused = run("export", "--data-dir", service.data, "--policy", service.policy, "--tenant", "closed", "--out", tmp_path / "no")
    assert refused.returncode != 0 and "consent" in refused.stderr, refused.stderr
    assert not (tmp_path / "no").exists()


def test_consent_that_is_taken_back_counts_from_then_on(service: Service, tmp_path: Path) -> None:
    run_well("tenant", "consent", "open", "no", "--policy", service.policy)
    try:
        done = run("export", "--data-dir", service.data, "--policy", service.policy, "--out", tmp_path / "out")
        exported = (tmp_path / "out").exists() and OURS in "".join(f.read_text() for f in (tmp_path / "out").iterdir())
        assert not exported, done.stdout
    finally:
        run_well("tenant", "consent", "open", "yes", "--policy", service.policy)


def test_it_loads_in_the_datasets_library(service: Service, tmp_path: Path) -> None:
    out = export(service, tmp_path / "out")
    cache = str(tmp_path / "cache")
    sft = datasets.load_dataset(str(out), "sft", split="train", cache_dir=cache)
    pairs = datasets.load_dataset(str(out), "preferences", split="train", cache_dir=cache)
    assert len(sft) == len(lines(out / "sft.jsonl")) > 0
    assert [message["role"] for message in sft[0]["messages"]] == ["user", "assistant"]
    assert len(pairs) == len(lines(out / "preferences.jsonl")) > 0
    pair = pairs[0]
    assert pair["chosen"] != pair["rejected"] and OURS in json.dumps(pair["prompt"]), pair


def test_the_card_says_where_it_comes_from(service: Service, tmp_path: Path) -> None:
    out = export(service, tmp_path / "out")
    card = (out / "README.md").read_text()
    models = json.loads(service.send("GET", "/v1/models", None).body)["data"]
    weights = models[0]["forethought"]["engine"]["weights"]
    for part in (MODEL, weights, "self_consistency", "best_of_n", str(len(lines(out / "sft.jsonl")))):
        assert part in card, f"{part} is not in the card:\n{card}"


def test_filters_leave_out_what_they_say(service: Service, tmp_path: Path) -> None:
    all_of_it = lines(export(service, tmp_path / "all") / "sft.jsonl")
    agreed = lines(export(service, tmp_path / "agreed", "--min-agreement", "0.45") / "sft.jsonl")
    verified = lines(export(service, tmp_path / "verified", "--verified-only") / "sft.jsonl")
    twice = lines(export(service, tmp_path / "twice", "--keep-duplicates") / "sft.jsonl")
    assert len(agreed) < len(all_of_it) < len(twice), "the same seed gave the same text twice"
    assert all("Write it as an equation" in json.dumps(line) for line in verified), verified
    texts = [json.dumps(line["messages"]) for line in all_of_it]
    assert len(set(texts)) == len(texts)


def test_results_of_an_evaluation_become_pairs_of_right_and_wrong(service: Service, tmp_path: Path) -> None:
    file, results = tmp_path / "q.jsonl", tmp_path / "r.jsonl"
    file.write_text("".join(json.dumps({"id": str(a), "question": f"What is {a} + 4? Reply with the number.", "answer": a + 4}) + "\n" for a in range(1, 7)))
    way = "vote6=self_consistency,max_samples=6,early_stop=false,max_completion_tokens=24"
    done = run("eval", "--url", service.url, "--key", service.key, "--questions", file, "--results", results, "--way", way, timeout=300)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    run_well("export", "--results", results, "--out", out)
    assert lines(out / "sft.jsonl") and lines(out / "preferences.jsonl")
    cache = str(tmp_path / "cache")
    assert len(datasets.load_dataset(str(out), "sft", split="train", cache_dir=cache)) == len(lines(out / "sft.jsonl"))
