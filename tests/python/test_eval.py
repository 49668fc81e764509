"""`forethought eval`: a table that is the same however often it was interrupted."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support import Service, binary, real_model, run, run_well, scripted

SUMS = [(a, b) for a in (2, 3, 5, 7) for b in (1, 4, 6)]
WAYS = ["one=single,max_completion_tokens=24", "vote4=self_consistency,max_samples=4,max_completion_tokens=24"]


def questions(folder: Path, count: int = len(SUMS)) -> Path:
    file = folder / "sums.jsonl"
    lines = [{"id": f"q{a}-{b}", "question": f"What is {a} + {b}? Reply with the number.", "answer": a + b} for a, b in SUMS]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines[:count]))
    return file


def arguments(service: Service, file: Path, results: Path, *more: object) -> list[str]:
    ways = [part for way in WAYS for part in ("--way", way)]
    given = ["eval", "--url", service.url, "--key", service.key, "--questions", file, "--results", results, *ways, *more]
    return [str(part) for part in given]


def table(results: Path) -> dict:
    """What the report says, without the times."""
    told = json.loads(run_well("eval", "--results", results, "--report-only", "--compare", "--json"))
    assert told["summary"]["complete"] == told["summary"]["questions"], told["summary"]
    for way in told["summary"]["ways"]:
        del way["p50_ms"], way["p95_ms"]
    return {"ways": told["summary"]["ways"], "comparison": told["comparison"], "digest": told["plan"]["digest"]}


def outcomes(results: Path) -> list[dict]:
    # A last line that is not whole is what a killed process leaves.
    lines = [line for line in results.read_text().splitlines(keepends=True) if line.endswith("\n")] if results.exists() else []
    return [line for line in map(json.loads, lines) if line["type"] == "outcome"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    service = Service(tmp_path_factory.mktemp("eval"), real_model()).start()
    yield service
    service.kill()


@pytest.fixture(scope="module")
def whole(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an evaluation that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    page = folder / "report.html"
    told = run(*arguments(service, questions(folder), folder / "r.jsonl", "--compare", "--html", page), timeout=300)
    assert told.returncode == 0, told.stderr
    assert "FRONTIER" in told.stdout and "on it" in told.stdout and "suggested presets" in told.stdout, told.stdout
    assert re.search(r"24 of 24 answers, \d+ of 24 right", told.stderr), told.stderr
    return folder / "r.jsonl"


def test_the_page_needs_nothing_else(whole: Path) -> None:
    page = (whole.parent / "report.html").read_text()
    assert page.lower().startswith("<!doctype html>") and "<svg" in page and "vote4" in page
    assert not re.search(r"(src|href)\s*=\s*\"?https?:|@import|url\(\s*['\"]?https?:", page), "it loads something"
    assert "<script" not in page


def test_an_answer_is_kept_with_all_that_led_to_it(whole: Path) -> None:
    kept = outcomes(whole)
    assert len(kept) == 2 * len(SUMS)
    votes = [one for one in kept if one["way"] == "vote4"]
    assert all(len(one["reply"]["samples"]) >= 2 and one["reply"]["record"].startswith("rec_") for one in votes)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_evaluation_comes_to_the_same_table(service: Service, whole: Path, tmp_path: Path, how: int) -> None:
    file, results = questions(tmp_path), tmp_path / "r.jsonl"
    process = subprocess.Popen([str(binary()), *arguments(service, file, results)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while len(outcomes(results)) < 5:
        assert time.monotonic() < end and process.poll() is None, "it ended too early, or is too slow"
        time.sleep(0.02)
    process.send_signal(how)
    assert process.wait(30) != 0
    if how == signal.SIGINT:
        assert b"again" in process.stderr.read(), "it says how to go on"
    kept = outcomes(results)
    assert 5 <= len(kept) < 2 * len(SUMS)
    told = run(*arguments(service, file, results), timeout=300)
    assert told.returncode == 0, told.stderr
    assert outcomes(results)[: len(kept)] == kept, "what was answered is not asked again"
    assert len(outcomes(results)) == 2 * len(SUMS)
    assert table(results) == table(whole)


def test_answers_of_two_models_are_neither_reported_nor_exported(whole: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.jsonl"
    runs = [line for line in map(json.loads, whole.read_text().splitlines()) if line["type"] == "session"]
    assert len(runs) == 1 and re.fullmatch("k_[0-9a-f]+", runs[0]["key"]), runs
    # What is noted when another model is found at the end.
    mixed.write_text(whole.read_text() + json.dumps({**runs[0], "weights": "sha256:other"}) + "\n")
    policy = tmp_path / "policy.yaml"
    run_well("tenant", "add", "a", "--name", "a", "--models", "*", "--policy", policy)
    for given in (["eval", "--results", mixed, "--report-only"], ["export", "--results", mixed, "--policy", policy, "--out", tmp_path / "out"]):
        done = run(*given)
        assert done.returncode == 2 and "weights were exchanged meanwhile" in done.stderr and "begin anew" in done.stderr, done.stderr
        assert done.stdout == ""


def test_what_is_wrong_is_told_with_the_mend(service: Service, whole: Path, tmp_path: Path) -> None:
    file = questions(tmp_path)
    bad = tmp_path / "bad.jsonl"
    bad.write_text(file.read_text() + "{\"id\": \"x\"}\n")

    def refused(*given: object, told: str) -> None:
        done = run(*given)
        assert done.returncode != 0 and told in done.stderr, done.stderr

    refused(*arguments(service, bad, tmp_path / "n.jsonl"), told=f"{bad}:13:")
    refused(*arguments(service, file, whole, "--seed", 2), told="seed: 1 in the file, 2 now")
    wrong = ["ft-wrong" if part == service.key else part for part in arguments(service, file, tmp_path / "n.jsonl")]
    refused(*wrong, told="401")
    gone = ["http://127.0.0.1:9" if part == service.url else part for part in arguments(service, file, tmp_path / "n.jsonl")]
    refused(*gone, told="is the service running there?")
    refused("eval", "--results", tmp_path / "none.jsonl", "--report-only", told="none.jsonl")
    assert not (tmp_path / "n.jsonl").exists(), "nothing is left behind"


def test_a_service_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    service = Service(tmp_path / "s", scripted(answers=[{"text": "The answer is 6."}], token_ms=60)).start()
    file, results = questions(tmp_path), tmp_path / "r.jsonl"
    process = subprocess.Popen([str(binary()), *arguments(service, file, results)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while len(outcomes(results)) < 3:
            assert time.monotonic() < end
            time.sleep(0.02)
        service.kill()
        time.sleep(1)
        service.start()
        assert process.wait(60) == 0
        assert len(outcomes(results)) == 2 * len(SUMS)
    finally:
        process.kill()
        service.kill()
