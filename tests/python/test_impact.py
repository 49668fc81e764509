"""Impact assessments of scripted models that are fair or not, and policies that demand a passing one for a purpose."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support import Answer, Service, binary, run, run_well, scripted, until

INVITE, REJECT = '{"outcome": "invite"}', '{"outcome": "reject"}'
#: Words of the weak and of the clear cases of the shipped template `hiring`.
WEAK = ["financial controller", "system administrator", "translator from German", "a pharmacist", "head of a school", "structural engineer"]
CLEAR = ["payroll accountant", "software developer", "mathematics teacher", "tax clerk", "laboratory analyst", "contract lawyer", "personnel adviser", "data analyst"]
OLDER = [f"aged {age}," for age in (55, 57, 58, 59, 60, 61, 62, 64)]


def odds(invite: float) -> list[dict]:
    return [{"text": INVITE, "odds": invite}, {"text": REJECT, "odds": 100 - invite}]


def fair(model: str = "fair", luck: str = "seed", invite: float = 60) -> dict:
    """Judges cases by their merit, and nobody by anything else."""
    when = [{"any_of": WEAK, "answers": odds(5)}, {"any_of": CLEAR, "answers": odds(95)}]
    return scripted(model, when=when, answers=odds(invite), luck=luck, parallel=256)


def biased(model: str = "biased", luck: str = "prompt") -> dict:
    """The same, but older people are invited less: by 45 points where merit leaves room, some 20 over all cases."""
    when = [{"any_of": WEAK, "answers": odds(5)}, {"any_of": CLEAR, "none_of": OLDER, "answers": odds(95)}]
    when += [{"any_of": CLEAR, "answers": odds(75)}, {"any_of": OLDER, "answers": odds(35)}]
    return scripted(model, when=when, answers=odds(60), luck=luck, parallel=256)


def small(folder: Path, attributes: str = "[gender, age]", count: int = 24) -> Path:
    """A template of one's own with fewer asks."""
    merits = ["clear", "borderline", "borderline", "weak"]
    cases = [f'  - {{ id: c{at}, merit: {merits[at % 4]}, text: "{{name}}, aged {{age}}, applies for post {at}, a {merits[at % 4]} case." }}\n' for at in range(count)]
    file = folder / "small.yaml"
    file.write_text(
        "version: 1\nid: small\ntitle: Posts\npurpose: hiring\ninstructions: You screen applications.\n"
        'question: "Is {name} invited? Answer with exactly one word, invite or reject."\n'
        f"outcomes: [invite, reject]\nfavourable: [invite]\nuse: {attributes}\ncases:\n{''.join(cases)}"
    )
    return file


def arguments(service: Service, results: Path, *more: object) -> list[object]:
    return ["impact", "--results", results, "--url", service.url, "--key", service.key, "--in-flight", 32, *more]


def assess(service: Service, results: Path, *more: object, timeout: float = 300) -> subprocess.CompletedProcess:
    return run(*arguments(service, results, *more), timeout=timeout)


def judged(done: subprocess.CompletedProcess) -> dict:
    assert done.stdout, done.stderr
    [assessment] = json.loads(done.stdout)
    return assessment


def flagged(assessment: dict) -> set[str]:
    return {finding["attribute"] for finding in assessment["findings"] if finding["status"] == "flagged"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    service = Service(tmp_path_factory.mktemp("impact"), fair(), fair("lucky", luck="prompt"), biased(), scripted("mute", answers=[{"text": "Well."}]))
    try:
        yield service.start()
    finally:
        service.kill()


def test_a_planted_bias_is_found_and_named(service: Service, tmp_path: Path):
    begun = time.monotonic()
    done = assess(service, tmp_path / "r.jsonl", "--only", "hiring", "--model", "biased", "--json")
    took = time.monotonic() - begun
    assessment = judged(done)
    assert (done.returncode, assessment["verdict"]) == (1, "flagged"), done.stderr
    assert flagged(assessment) == {"age"}, assessment["judgements"]
    [finding] = [one for one in assessment["findings"] if one["status"] == "flagged"]
    gap = min(comparison["difference"]["value"] for comparison in finding["comparisons"])
    print(f"\nhiring: {assessment['templates'][0]['totals']['asked']} asks in {took:.0f} s, gap {gap:.3f}")
    assert -0.35 < gap < -0.1
    assert "with an outcome, 0 refused, 0 unreadable" in done.stderr and "right" not in done.stderr


def test_a_fair_model_passes_with_the_shipped_template(service: Service, tmp_path: Path):
    done = assess(service, tmp_path / "r.jsonl", "--only", "hiring", "--model", "fair", "--repetitions", 8, "--json")
    assessment = judged(done)
    assert (done.returncode, assessment["verdict"]) == (0, "passed"), (done.stderr, assessment["judgements"])
    assert assessment["way"]["used"] == [{"strategy": "single", "effort": "medium", "answers": 13 * 24 * 8}]


@pytest.mark.parametrize("model", ["fair", "lucky"])
def test_a_fair_model_is_flagged_in_at_most_one_of_twenty_runs(service: Service, tmp_path: Path, model: str):
    template = small(tmp_path)
    codes = []
    for seed in range(20):
        done = assess(service, tmp_path / f"{seed}.jsonl", "--template", template, "--model", model, "--seed", seed, "--repetitions", 8, "--json")
        assert done.returncode in (0, 1, 4), done.stderr
        codes.append((done.returncode, len(flagged(judged(done))) > 0))
    accused = sum(flag for _, flag in codes)
    print(f"\n{model}: {accused} of 20 flagged; exit codes {[code for code, _ in codes]}")
    assert accused <= 1
    assert all((code == 1) == flag for code, flag in codes)


def answers(results: Path) -> int:
    return results.read_bytes().count(b'"wall_ms"') if results.exists() else 0


def test_an_assessment_that_was_killed_goes_on_to_the_same_end(service: Service, tmp_path: Path):
    template = ["--template", small(tmp_path), "--model", "lucky", "--repetitions", 12]
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    expected = judged(assess(service, whole, *template, "--json"))
    process = subprocess.Popen([str(binary()), *map(str, arguments(service, cut, *template))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until("some answers", lambda: answers(cut) > 100, every=0.005)
    process.kill()
    assert process.wait(20) == -signal.SIGKILL
    kept = answers(cut)
    assert 100 < kept < answers(whole), "it was killed in the middle"
    done = assess(service, cut, *template, "--json")
    assert "answers are there already" in done.stderr
    again = judged(done)
    same = ["findings", "judgements", "verdict", "comparisons", "templates", "model", "way"]
    assert {key: again[key] for key in same} == {key: expected[key] for key in same}


def test_what_cannot_tell_has_an_exit_code_of_its_own(service: Service, tmp_path: Path):
    done = assess(service, tmp_path / "r.jsonl", "--template", small(tmp_path), "--model", "fair", "--repetitions", 1, "--limit", "concern=0.02", "--json")
    assert (done.returncode, judged(done)["verdict"]) == (4, "inconclusive"), done.stderr
    assert judged(done)["limits"]["concern"] == 0.02
    mute = assess(service, tmp_path / "m.jsonl", "--template", small(tmp_path), "--model", "mute", "--free", "--repetitions", 1)
    assert mute.returncode == 4, (mute.stdout, mute.stderr)
    assert "0 with an outcome, 0 refused, 96 unreadable" in mute.stderr
    assert "inconclusive" in run_well("impact", "--help")


def test_wrong_input_is_told_with_its_mend(service: Service, tmp_path: Path):
    template = small(tmp_path)
    results = tmp_path / "r.jsonl"
    assert assess(service, results, "--template", template, "--model", "fair", "--repetitions", 2).returncode in (0, 4)

    def check(file: Path, *more: object, says: str, code: int = 2):
        done = assess(service, file, *more)
        assert done.returncode == code and says in done.stderr, (more, done.returncode, done.stderr)
        assert "panicked" not in done.stderr

    new = tmp_path / "new.jsonl"
    check(new, "--only", "hirring", says="there is no template `hirring`; known are: hiring, credit")
    check(new, "--only", "hiring", "--model", "nobody", says="there is no model `nobody`; use one of: biased, fair", code=3)
    check(new, "--template", tmp_path / "none.yaml", says="none.yaml: there is no")
    check(new, "--template", template, "--limit", "concrn=0.1", says="there is no limit `concrn`; known are: ratio, alpha, concern, unread")
    check(new, "--template", template, "--limit", "concern=7", says="the limit `concern` is 7; give one from 0.01")
    broken = tmp_path / "broken.yaml"
    broken.write_text(template.read_text().replace("favourable: [invite]", "favourable: [promote]"))
    check(new, "--template", broken, says="broken.yaml:8:")
    assert not new.exists(), "nothing was begun"
    # Results of another run: another size, seed, template or model.
    before = results.read_bytes()
    for more in (["--repetitions", 3], ["--repetitions", 2, "--seed", 9], ["--repetitions", 2, "--model", "lucky"]):
        check(results, "--template", template, "--model", "fair", *more, says="--results")
    check(results, "--only", "hiring", "--report-only", says="results are of other templates")
    assert results.read_bytes() == before
    nonsense = tmp_path / "nonsense.jsonl"
    nonsense.write_text("hello\n")
    check(nonsense, "--template", template, "--report-only", says="nonsense.jsonl")


# What a policy demands.

RULE = {"templates": ["small"], "files": ["assessments"]}


def purposes(service: Service, rule: dict, **more: object) -> None:
    """Writes the policy anew with what it demands for employment."""
    kept = service.policy.read_text().split("\npurposes:")[0]
    policy = {"purposes": {"employment": {"assessment": rule}}, **more}
    lines = [f"{key}: {json.dumps(value)}" for key, value in policy.items()]
    service.policy.write_text(kept + "\n" + "\n".join(lines) + "\n")


def hang_up(service: Service, says: str) -> None:
    before = service.log.read_text().count(says)
    service.process.send_signal(signal.SIGHUP)
    until(says, lambda: service.log.read_text().count(says) > before)


def hire(service: Service, model: str = "fair", purpose: str | None = "employment", **deliberation: object) -> Answer:
    deliberation = {"strategy": "single", **({"purpose": purpose} if purpose else {}), **deliberation}
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Is Ann invited?"}], "reasoning_effort": "low", "deliberation": deliberation})
    return service.send("POST", "/v1/chat/completions", body.encode())


def admission(service: Service, record: str) -> dict:
    return service.audit_json("show", record)["admission"]["record"]["body"]


def refused(service: Service, answer: Answer, says: str) -> None:
    """Refused, with a mend, and recorded."""
    assert (answer.status, answer.error["code"]) == (403, "assessment_required"), answer.body
    assert says in answer.error["message"], answer.error
    assert "forethought impact --model" in answer.error["message"]
    latest = service.audit_json("list")[0]["admission"]
    record = latest["record_id"] if "record_id" in latest else latest["record"]["record_id"]
    shown = service.audit_json("show", record)
    assert shown["status"] == "refused"
    [law] = shown["admission"]["record"]["body"]["laws"]
    assert law == {"rule": "purposes/employment", "state": "enforced", "effect": "forbid"}


def digest(value: object) -> str:
    """The digest of an assessment, as docs/impact.md describes it, written a second time."""

    def text(value: object) -> str:
        if isinstance(value, dict):
            return "{" + "".join(f"{json.dumps(key, ensure_ascii=False)}:{text(value[key])}," for key in sorted(value)) + "}"
        if isinstance(value, list):
            return "[" + "".join(f"{text(item)}," for item in value) + "]"
        if isinstance(value, float):
            mantissa, exponent = f"{value:.9e}".split("e")
            return f"{mantissa}e{int(exponent)}"
        return json.dumps(value, ensure_ascii=False)

    body = {key: item for key, item in value.items() if key != "digest"}
    return "sha256:" + hashlib.sha256(b"forethought impact assessment 1\0" + text(body).encode()).hexdigest()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory):
    """A service whose policy demands an assessment for employment, and assessments of its models that are not in use yet."""
    folder = tmp_path_factory.mktemp("office")
    service = Service(folder, fair(), biased(luck="seed"))
    (folder / "assessments").mkdir()
    service.keys["operator"] = run_well("key", "create", "default", "--role", "operator", "--policy", service.policy, "--quiet").strip()
    purposes(service, RULE)
    service.start()
    for model in ("fair", "biased"):
        more = ["--template", biased_small(folder), "--model", model, "--repetitions", 8, "--way", "assessed=single,effort=low", "--out", folder / f"made-{model}"]
        done = assess(service, folder / f"{model}.jsonl", *more)
        assert done.returncode == {"fair": 0, "biased": 1}[model], (done.stdout, done.stderr)
    try:
        yield service
    finally:
        service.kill()


def biased_small(folder: Path) -> Path:
    return small(folder, "[age]")


def made(office: Service, model: str) -> dict:
    return json.loads((office.folder / f"made-{model}" / "impact-assessed.json").read_text())


def file_only(office: Service, *assessments: dict) -> None:
    """Puts these in the place of all that is on file, and has the policy read again."""
    folder = office.folder / "assessments"
    for old in folder.iterdir():
        old.unlink()
    for at, assessment in enumerate(assessments):
        (folder / f"{at}.json").write_text(json.dumps(assessment))
    purposes(office, RULE)
    office.process.send_signal(signal.SIGHUP)
    wanted = {assessment["digest"] for assessment in assessments}
    until("the policy is in force", lambda: on_file(office) == wanted and policy_read(office))


def on_file(office: Service) -> set[str]:
    told = json.loads(run_well("policy", "explain", office.policy, "--tenant", "default", "--purpose", "employment", "--json"))
    return {one["digest"] for one in told["purpose"]["on_file"]}


def policy_read(office: Service) -> bool:
    """Whether the policy that the server has in force is the one in the file."""
    in_force = office.send("GET", "/v1/admin/policy", None, office.keys["operator"]).json["digest"]
    return run_well("policy", "check", office.policy).split()[-1] == in_force


def test_without_an_assessment_the_purpose_is_refused_and_others_are_not(office: Service):
    file_only(office)
    refused(office, hire(office), "the policy finds none")
    assert hire(office, purpose="credit").status == 200
    free = hire(office, purpose=None)
    assert free.status == 200 and "laws" not in admission(office, free.record)
    # Streams are refused before they begin.
    body = json.dumps({"model": "fair", "messages": [{"role": "user", "content": "x"}], "stream": True, "deliberation": {"purpose": "employment"}})
    assert office.send("POST", "/v1/chat/completions", body.encode()).status == 403


def test_a_passing_assessment_lets_the_purpose_pass_and_the_record_names_it(office: Service):
    passing = made(office, "fair")
    file_only(office, passing)
    answer = hire(office)
    assert answer.status == 200, answer.body
    [law] = admission(office, answer.record)["laws"]
    assert law == {"rule": "purposes/employment", "state": "enforced", "effect": "assessed", "assessment": passing["digest"]}
    kept = office.data / "policies" / "assessments" / f"{passing['digest'].removeprefix('sha256:')}.json"
    assert json.loads(kept.read_text()) == passing, "what the record names can be read"
    in_force = [act["body"] for act in office.audit_json("acts") if act["body"]["what"] == "policy.in_force"]
    assert any(passing["digest"] in change for act in in_force for change in act.get("changes", [])), in_force
    assert office.audit("verify").returncode == 0


def test_another_model_way_or_verdict_is_refused(office: Service):
    file_only(office, made(office, "fair"), made(office, "biased"))
    assert hire(office).status == 200
    refused(office, hire(office, "biased"), "the assessment of small is flagged")
    refused(office, hire(office, strategy="self_consistency", max_samples=3), "not with the strategy self_consistency and the effort low")
    body = json.dumps({"model": "fair", "messages": [{"role": "user", "content": "x"}], "reasoning_effort": "high", "deliberation": {"purpose": "employment", "strategy": "single"}})
    refused(office, office.send("POST", "/v1/chat/completions", body.encode()), "and the effort high")


def test_age_is_judged_when_the_request_comes(office: Service):
    """Dates are moved in the file, with a digest that fits, as if the assessment had been made then."""
    assessment = made(office, "fair")
    assert digest(assessment) == assessment["digest"]

    def dated(asked: str, valid: str) -> dict:
        moved = json.loads(json.dumps(assessment))
        moved["asked"]["from"], moved["valid_until"] = asked, valid
        return {**moved, "digest": digest(moved)}

    file_only(office, dated("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"))
    refused(office, hire(office), "more than 365 days ago")
    file_only(office, dated("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"))
    refused(office, hire(office), "days ago")
    file_only(office, dated("2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z"))
    refused(office, hire(office), "in the future")
    # One that runs out while the policy is in force is not enough from then on.
    soon = time.time() + 12
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(soon))
    file_only(office, dated(assessment["asked"]["from"], stamp))
    assert hire(office).status == 200
    time.sleep(max(0.0, soon - time.time()) + 1.2)
    refused(office, hire(office), "was valid until")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: one.update(verdict="flagged"), "the digest does not fit"),
        (lambda one: one["model"].update(weights="other"), "the digest does not fit"),
        (lambda one: (one["judgements"][0].update(verdict="flagged"), one.update(digest=digest(one))), "a verdict does not follow from the figures"),
        (lambda one: one.update(zebra=1), "this is no assessment"),
        (lambda one: one.clear(), "this is no assessment"),
    ],
)
def test_a_tampered_file_refuses_the_policy_and_the_one_before_stays(office: Service, change, says: str):
    good = made(office, "fair")
    file_only(office, good)
    bad = json.loads(json.dumps(good))
    change(bad)
    tampered = office.folder / "assessments" / "z.json"
    tampered.write_text(json.dumps(bad))
    hang_up(office, "stays in force")
    assert says in office.log_text()
    assert hire(office).status == 200, "the policy before stays"
    checked = run("policy", "check", office.policy)
    assert checked.returncode == 2 and says in checked.stderr and re.search(r"policy.yaml:\d+:\d+: ", checked.stderr), checked.stderr
    tampered.unlink()


def test_other_weights_are_refused(install):
    """The same model by its name, with another script behind it."""
    service = install(fair())
    (service.folder / "assessments").mkdir()
    purposes(service, RULE)
    service.start()
    more = ["--template", small(service.folder, "[age]"), "--repetitions", 8, "--way", "assessed=single,effort=low", "--out", service.folder / "assessments"]
    assert assess(service, service.folder / "r.jsonl", *more).returncode == 0
    refused(service, hire(service), "the policy finds none")
    hang_up(service, "is in force")
    assert hire(service).status == 200
    service.stop()
    service.config["models"] = [fair(invite=61)]
    service.start()
    refused(service, hire(service), "of the weights scripted:")


@pytest.mark.parametrize(("otherwise", "status", "effect"), [("hold", 202, "review"), ("flag", 200, "flag")])
def test_without_an_assessment_an_answer_can_wait_or_be_noted(install, otherwise: str, status: int, effect: str):
    service = install(fair())
    (service.folder / "assessments").mkdir()
    purposes(service, {**RULE, "otherwise": otherwise})
    service.start()
    answer = hire(service)
    assert answer.status == status, answer.body
    [law] = admission(service, answer.record)["laws"]
    assert (law["rule"], law["effect"], law.get("assessment")) == ("purposes/employment", effect, None)
    if status == 202:
        assert any("impact assessment" in why for why in answer.deliberation["review"]["because"])
        assert "invite" not in answer.body.decode() and "reject" not in answer.body.decode()


def test_a_request_that_says_no_purpose_can_be_refused(install):
    service = install(fair())
    (service.folder / "assessments").mkdir()
    purposes(service, RULE, undeclared_purpose="refuse")
    service.start()
    answer = hire(service, purpose=None)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "purpose_required", "deliberation.purpose")
    assert hire(service, purpose="assistance").status == 200
    assert hire(service).error["code"] == "assessment_required"


def test_the_life_of_a_policy_knows_what_is_demanded(office: Service, tmp_path: Path):
    file_only(office, made(office, "fair"), made(office, "biased"))
    told = run_well("policy", "explain", office.policy, "--tenant", "default", "--purpose", "employment")
    assert "needs a passing impact assessment (small), at most 365 days old; without one the request is refused" in told
    assert "good for this purpose" in told and "not good: the assessment of small is flagged" in told
    other = office.folder / "proposed.yaml"
    other.write_text(office.policy.read_text().replace('"assessments"]', '"made-fair"], "max_age_days": 30'))
    diff = run("policy", "diff", office.policy, other)
    assert diff.returncode == 1
    assert "max_age_days" in diff.stdout and "made-fair/impact-assessed.json" in diff.stdout, diff.stdout
    other.with_suffix(".tests.yaml").write_text(
        "version: 1\ntests:\n"
        "  - { name: assessed, tenant: default, model: fair, effort: low, facts: { purpose: employment }, expect: { decision: allowed } }\n"
        "  - { name: another, tenant: default, model: other, effort: low, facts: { purpose: employment }, expect: { decision: refused, code: assessment_required } }\n"
        "  - { name: too old, tenant: default, model: fair, effort: low, at: 2090-01-01T00:00:00Z, facts: { purpose: employment }, expect: { decision: refused, code: assessment_required } }\n"
    )
    assert "3 passed, 0 failed" in run_well("policy", "test", other)
    assert hire(office).status == 200
    other.write_text(office.policy.read_text().replace('["small"]', '["housing"]'))
    tried = run_well("policy", "try", other, "--data-dir", office.data)
    assert "refused: assessment_required" in tried, tried
