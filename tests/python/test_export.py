"""`forethought export`: training data of those who consent, as the `datasets` library reads it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import datasets
import pytest
from support import MODEL, Service, binary, real_model, run, run_well

# Words that stand nowhere else, so that one of them anywhere in an export is found.
OURS, THEIRS = "zebra-crossing", "quokka-island"
WILLING, SILENT = "wombat-bank", "numbat-clinic"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    """Two tenants ask the same kinds of things; one of them consents."""
    service = Service(tmp_path_factory.mktemp("export"), real_model())
    keys = {tenant: service.add_tenant(tenant) for tenant in (WILLING, SILENT)}
    run_well("tenant", "consent", WILLING, "yes", "--policy", service.policy)
    service.start()
    vote = {"strategy": "self_consistency", "max_samples": 6, "early_stop": False, "answer": "number"}
    for tenant, mark in ((WILLING, OURS), (SILENT, THEIRS)):
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
    assert THEIRS.encode() not in everything and SILENT.encode() not in everything
    assert WILLING.encode() in everything, "a tenant that is in it is named"
    refused = run("export", "--data-dir", service.data, "--policy", service.policy, "--tenant", SILENT, "--out", tmp_path / "no")
    assert refused.returncode != 0 and "consent" in refused.stderr, refused.stderr
    assert not (tmp_path / "no").exists()


def test_what_was_asked_before_the_consent_is_not_exported(service: Service, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(service.policy.read_text())
    told = run_well("tenant", "consent", SILENT, "yes", "--policy", policy)
    assert f"tenant {SILENT} consents to training with what it asks since 20" in told
    assert "as before" in run_well("tenant", "consent", SILENT, "yes", "--policy", policy), "the time is that of the first yes"
    out = tmp_path / "out"
    run_well("export", "--data-dir", service.data, "--policy", policy, "--out", out)
    assert THEIRS.encode() not in b"".join(file.read_bytes() for file in out.iterdir())
    run_well("tenant", "consent", SILENT, "yes", "--since", "1d", "--policy", policy)
    run_well("export", "--data-dir", service.data, "--policy", policy, "--out", out, "--force")
    assert THEIRS.encode() in b"".join(file.read_bytes() for file in out.iterdir())
    refused = run("tenant", "consent", SILENT, "no", "--since", "1d", "--policy", policy)
    assert refused.returncode == 2 and "--since" in refused.stderr


def test_consent_that_is_taken_back_counts_from_then_on(service: Service, tmp_path: Path) -> None:
    run_well("tenant", "consent", WILLING, "no", "--policy", service.policy)
    try:
        done = run("export", "--data-dir", service.data, "--policy", service.policy, "--out", tmp_path / "out")
        exported = (tmp_path / "out").exists() and OURS in "".join(f.read_text() for f in (tmp_path / "out").iterdir())
        assert not exported, done.stdout
    finally:
        run_well("tenant", "consent", WILLING, "yes", "--since", "1d", "--policy", service.policy)


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
    out = tmp_path / "out"
    for tenant, told in ((SILENT, f"tenant `{SILENT}`, whose key asked, does not consent"), (WILLING, None)):
        key = service.keys[tenant]
        done = run("eval", "--url", service.url, "--key", key, "--questions", file, "--results", results, "--way", way, timeout=300)
        assert done.returncode == 0, done.stderr
        assert key not in results.read_text() and f'"key":"{key[3:21]}"' in results.read_text()
        refused = run("export", "--results", results, "--out", out)
        assert refused.returncode == 2 and "--policy" in refused.stderr, refused.stderr
        if told:
            refused = run("export", "--results", results, "--policy", service.policy, "--out", out)
            assert refused.returncode == 2 and told in refused.stderr and not out.exists(), refused.stderr
            results.unlink()
    run_well("export", "--results", results, "--policy", service.policy, "--out", out)
    assert lines(out / "sft.jsonl") and lines(out / "preferences.jsonl")
    cache = str(tmp_path / "cache")
    assert len(datasets.load_dataset(str(out), "sft", split="train", cache_dir=cache)) == len(lines(out / "sft.jsonl"))


def made_results(folder: Path, rows: int, sample, policy: Path) -> Path:
    """Results as `forethought eval` keeps them, asked by the tenant `maker`; `sample(row, right)` says what stands in a sample."""
    limits = {"requests_per_minute": 1, "tokens_per_minute": 1, "concurrent_requests": 1}
    budget = {"max_samples": 1, "total_tokens": 1, "deadline_ms": 1, "effort": "low"}
    key = {"id": "k_00112233", "hash": "sha256:" + "a" * 64, "role": "user", "created": "2026-01-01T00:00:00Z"}
    tenant = {"id": "maker", "name": "Maker", "training_consent": True, "limits": limits, "budget": budget, "keys": [key]}
    policy.write_text(json.dumps({"version": 1, "tenants": [tenant]}))
    way = {"name": "vote2", "strategy": "self_consistency"}
    header = {
        "type": "header", "version": 1, "program": "made", "begun": "2026-11-01T00:00:00Z", "seed": 1, "repeats": 1, "digest": "",
        "model": {"id": "m", "weights": "sha256:1", "repeatable": True}, "ways": [way],
        "sets": [{"name": "s", "questions": rows, "digest": ""}],
    }
    lines = [header]
    for row in range(rows):
        asked = [{"role": "user", "content": f"question {row}: " + "what day is it? " * 20}]
        lines.append({"type": "question", "set": "s", "id": str(row), "messages": asked, "answer": "text", "right": sample(row, True)["answer"]})
    lines.append({"type": "session", "begun": "2026-11-01T00:00:00Z", "weights": "sha256:1", "key": "k_00112233"})
    for row in range(rows):
        samples = [{"thinking": "", "tokens": 5, "state": "finished", "finish_reason": "stop", **sample(row, right)} for right in (True, False)]
        reply = {"text": samples[0]["text"], "answer": samples[0]["answer"], "strategy": "self_consistency", "stop": "decided", "tokens": 10, "prompt_tokens": 5, "samples": samples}
        lines.append({"type": "outcome", "set": "s", "id": str(row), "way": "vote2", "repeat": 0, "seed": row, "right": True, "wall_ms": 1, "reply": reply})
    file = folder / "made.jsonl"
    file.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    return file


def load(folder: Path, name: str, cache: Path) -> datasets.Dataset:
    return datasets.load_dataset(str(folder), name, split="train", cache_dir=str(cache))


def test_columns_that_are_empty_at_first_load_from_large_files(tmp_path: Path) -> None:
    rows = 24_000

    def sample(row: int, right: bool) -> dict:
        # What nobody sees in the first 10 MB: verdicts of verifiers, and answers that are no dates.
        late = row >= rows - 5
        answer = (f"day {row}" if late else f"2024-05-{1 + row % 28:02}") if right else "never"
        return {"text": answer + "." * (0 if right else 1), "answer": answer, **({"check": "passed" if right else "refuted"} if late else {})}

    results, policy, out = made_results(tmp_path, rows, sample, tmp_path / "policy.yaml"), tmp_path / "policy.yaml", tmp_path / "out"
    run_well("export", "--results", results, "--policy", policy, "--out", out)
    for name in ("sft", "preferences"):
        file = out / f"{name}.jsonl"
        assert file.stat().st_size > 12 * 2**20, "what is read first has nothing but what is empty"
        loaded, written = load(out, name, tmp_path / "cache"), lines(file)
        assert len(loaded) == rows and set(loaded.column_names) == set(written[0])
        for at in (0, rows // 2, rows - 1):
            assert {key: loaded[at][key] for key in written[at]} == written[at], "every value is as it was written"
        assert [loaded[0]["check"], loaded[rows - 1]["check"]] == [None, "passed"]
        assert [loaded[0]["answer"], loaded[rows - 1]["answer"]] == ["2024-05-01", f"day {rows - 1}"]


def test_texts_that_are_all_dates_stay_as_they_were_written(tmp_path: Path) -> None:
    def sample(row: int, right: bool) -> dict:
        answer = f"202{4 if right else 3}-05-{1 + row % 28:02}"
        return {"text": answer, "answer": answer, "thinking": "let me see"}

    results, policy, out = made_results(tmp_path, 40, sample, tmp_path / "policy.yaml"), tmp_path / "policy.yaml", tmp_path / "out"
    for more in ([], ["--thoughts", "--force"]):
        run_well("export", "--results", results, "--policy", policy, "--out", out, *more)
        for name in ("sft", "preferences"):
            loaded, written = load(out, name, tmp_path / f"cache{len(more)}"), lines(out / f"{name}.jsonl")
            last = "messages" if name == "sft" else "chosen"
            assert [row[last][-1] for row in loaded] == [row[last][-1] for row in written]
            assert [row["answer"] for row in loaded] == [row["answer"] for row in written]
            assert written[0][last][-1].get("reasoning_content") == ("let me see" if more else None)


def test_an_export_that_is_told_to_stop_or_killed_leaves_nothing_for_long(tmp_path: Path) -> None:
    def sample(row: int, right: bool) -> dict:
        return {"text": "secret " * 40 + str(right), "answer": str(right)}

    results, policy = made_results(tmp_path, 20_000, sample, tmp_path / "policy.yaml"), tmp_path / "policy.yaml"
    place = tmp_path / "place"
    place.mkdir()
    command = [str(part) for part in (binary(), "export", "--results", results, "--policy", policy, "--out", place / "out")]

    def begun() -> list[Path]:
        return [file for file in place.rglob("sft.jsonl") if file.parent.name.startswith(".out.part-") and file.stat().st_size > 0]

    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 60
        while not begun():
            assert time.monotonic() < end and process.poll() is None, "it ended too early, or is too slow"
        process.send_signal(how)
        told = process.communicate(timeout=60)[1].decode()
        assert process.returncode != 0
        if how == signal.SIGKILL:
            assert begun(), "a killed process cannot remove what it made"
        else:
            assert process.returncode == 3 and "nothing was written" in told, told
            assert list(place.iterdir()) == []
    run_well(*command[1:])
    assert [file.name for file in place.iterdir()] == ["out"], "the next one removes it"
