//! What each verifier says of which answer.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic")]

use forethought_reasoning::{AnswerKind, Finish, Outcome, SampleResult, Verification, VerifierSpec, extract};
use serde_json::{Value, json};

fn verify(specs: &Value, kind: &AnswerKind, thinking: &str, text: &str) -> Verification {
    let specs: Vec<VerifierSpec> = serde_json::from_value(specs.clone()).unwrap();
    let verifiers = VerifierSpec::build(&specs, kind, "How much?").unwrap();
    let sample = SampleResult {
        calls: None,
        index: 0,
        thinking: thinking.to_owned(),
        text: text.to_owned(),
        finish: Finish::Stop,
        tokens: 1,
        mean_logprob: Some(-0.5),
        confidence: None,
    };
    verifiers.check(&sample, extract(kind, text).as_ref())
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the calls read better without a borrow")]
fn check(spec: Value, kind: &AnswerKind, text: &str, outcome: Outcome, finding: &str) {
    let said = verify(&json!([spec]), kind, "", text);
    assert_eq!(said.outcome, outcome, "{text:?}: {said:?}");
    assert!(said.findings.join("\n").contains(finding), "{said:?}");
}

const NUMBER: AnswerKind = AnswerKind::Number;
const JSON: AnswerKind = AnswerKind::Json { pointer: None };

#[test]
fn equations_are_worked_out_again() {
    let spec = || json!({ "type": "arithmetic" });
    check(spec(), &NUMBER, "3 + 4 = 7, so it is 7", Outcome::Passed, "");
    check(spec(), &NUMBER, "3 + 4 = 8, so it is 8", Outcome::Refuted, "`3 + 4 = 8` is wrong: the left side is 7");
    check(spec(), &NUMBER, "It is 7", Outcome::Unchecked, "");
    let thought = verify(&json!([spec()]), &NUMBER, "2 * 3 = 5", "It is 5");
    assert_eq!(thought.outcome, Outcome::Refuted, "also in the thoughts");
}

#[test]
fn json_must_fit_its_schema() {
    let spec = || {
        json!({ "type": "json_schema", "schema": {
            "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } } })
    };
    check(spec(), &JSON, "{\"n\": 1}", Outcome::Passed, "");
    check(spec(), &JSON, "Here: {\"n\": 1}.", Outcome::Passed, "");
    check(spec(), &JSON, "{\"n\": \"secret\"}", Outcome::Refuted, "at /n");
    check(spec(), &JSON, "{}", Outcome::Refuted, "required");
    check(spec(), &JSON, "none", Outcome::Refuted, "not JSON");
    let said = verify(&json!([spec()]), &JSON, "", "{\"n\": \"secret\"}");
    assert!(!said.findings.join("").contains("secret"), "a finding does not quote the answer: {said:?}");
    check(spec(), &JSON, &"[".repeat(100_000), Outcome::Refuted, "not JSON");
}

#[test]
fn forms_are_checked() {
    let regex = |pattern: &str| json!({ "type": "regex", "pattern": pattern });
    check(regex(r"^\d{4}$"), &NUMBER, "1984", Outcome::Passed, "");
    check(regex(r"^\d{4}$"), &NUMBER, "198", Outcome::Refuted, "does not match");
    check(regex(r"(a+)+$"), &NUMBER, &format!("{}b", "a".repeat(50_000)), Outcome::Refuted, "");
    check(regex(r"^\d{4}$"), &NUMBER, "\n1984\n", Outcome::Passed, "");
    let format = |only: bool| json!({ "type": "format", "only": only });
    check(format(false), &NUMBER, "It is 5", Outcome::Passed, "");
    check(format(false), &NUMBER, "I do not know", Outcome::Refuted, "kind number");
    check(format(true), &NUMBER, "It is 5", Outcome::Refuted, "alone");
    check(format(true), &NUMBER, "5.", Outcome::Passed, "");
    check(format(true), &JSON, "{\"a\": 1} done", Outcome::Refuted, "alone");
    for alone in ["+5", "**5**", "$5$", "\\(5\\)", "\\boxed{5}", " 5\n", "$5", "5%"] {
        check(format(true), &NUMBER, alone, Outcome::Passed, "");
    }
    for alone in ["1{,}200", "1,200", "1200.0"] {
        check(format(true), &NUMBER, alone, Outcome::Passed, "");
    }
    for more in ["5 or 6", "5 = 5", "5 apples"] {
        check(format(true), &NUMBER, more, Outcome::Refuted, "alone");
    }
    for alone in ["b", "B", "(B)", "B.", "**b)**", "\\boxed{B}"] {
        check(format(true), &AnswerKind::Choice, alone, Outcome::Passed, "");
    }
    check(format(true), &AnswerKind::Choice, "Answer: B", Outcome::Refuted, "alone");
    for alone in ["\\boxed{x^{2}}", "$\\boxed{1}$", "\\[\\boxed{1}\\]", "\\boxed{1}."] {
        check(format(true), &AnswerKind::Boxed, alone, Outcome::Passed, "");
    }
    for more in ["\\boxed{1} because x^{2}", "\\boxed{1} or \\boxed{2}", "So \\boxed{1}"] {
        check(format(true), &AnswerKind::Boxed, more, Outcome::Refuted, "alone");
    }
    let code = AnswerKind::regex(r"[A-Z]\d").unwrap();
    check(format(true), &code, " A1\n", Outcome::Passed, "");
    check(format(true), &code, "It is A1", Outcome::Refuted, "alone");
    check(format(false), &code, "none", Outcome::Refuted, "kind regex");
}

#[test]
fn numbers_have_bounds_and_units() {
    let range = || json!({ "type": "range", "min": 1, "max": 10.5 });
    check(range(), &NUMBER, "It is 10.5", Outcome::Passed, "");
    check(range(), &NUMBER, "It is 21/2", Outcome::Passed, "");
    check(range(), &NUMBER, "It is 11", Outcome::Refuted, "11 is more than 10.5");
    check(range(), &NUMBER, "It is -2", Outcome::Refuted, "less than 1");
    check(range(), &NUMBER, "nothing", Outcome::Unchecked, "");
    let km = || json!({ "type": "range", "unit": "km" });
    check(km(), &NUMBER, "The answer is 5 km.", Outcome::Passed, "");
    check(km(), &NUMBER, "The answer is 5 kmh.", Outcome::Refuted, "not given in km");
    check(km(), &NUMBER, "Of 15 km and 2.5 km the answer is 5.", Outcome::Refuted, "not given in km");
    check(json!({ "type": "range", "unit": "$" }), &NUMBER, "The answer is $5.", Outcome::Passed, "");
    for (unit, text, outcome) in [
        ("s", "The answer is 5.", Outcome::Refuted),
        ("s", "The answer is 5 s.", Outcome::Passed),
        ("EUR", "The answer is EUR 5.", Outcome::Passed),
        ("km", "The answer is 5 km/h.", Outcome::Refuted),
        ("km", "The answer is 5 km^2.", Outcome::Refuted),
        ("km", "The answer is 5.2 km, not 5.", Outcome::Passed),
        ("km", "\\boxed{5\\text{ km}}", Outcome::Passed),
        ("km", "\\boxed{1{,}200\\,\\mathrm{km}}", Outcome::Passed),
        ("million", "The answer is 5 million.", Outcome::Passed),
    ] {
        check(json!({ "type": "range", "unit": unit }), &NUMBER, text, outcome, "");
    }
    let boxed = |max: u32| json!({ "type": "range", "max": max, "unit": "km" });
    check(boxed(10), &AnswerKind::Boxed, "\\boxed{5\\text{ km}}", Outcome::Passed, "");
    check(boxed(10), &AnswerKind::Boxed, "\\boxed{5 km}", Outcome::Passed, "");
    check(boxed(4), &AnswerKind::Boxed, "\\boxed{5\\text{ km}}", Outcome::Refuted, "more than 4");
    check(boxed(10), &AnswerKind::Boxed, "\\boxed{x km}", Outcome::Refuted, "no number");
    let least = || json!({ "type": "range", "min": 1000 });
    check(least(), &NUMBER, "The answer is 5 million.", Outcome::Passed, "");
    check(least(), &AnswerKind::Boxed, "\\boxed{5\\text{ million}}", Outcome::Passed, "");
    check(least(), &NUMBER, "The answer is 5.", Outcome::Refuted, "less than 1000");
    check(json!({ "type": "range", "max": 10 }), &NUMBER, "The answer is 5 million.", Outcome::Refuted, "more than 10");
}

#[test]
fn confidence_has_a_threshold() {
    check(json!({ "type": "confidence", "min": -1.0 }), &NUMBER, "5", Outcome::Passed, "");
    check(json!({ "type": "confidence", "min": -0.1 }), &NUMBER, "5", Outcome::Refuted, "-0.500");
}

#[test]
fn several_verifiers_are_one() {
    let both = json!([{ "type": "arithmetic" }, { "type": "range", "max": 10 }]);
    let outcome = |text: &str| verify(&both, &NUMBER, "", text).outcome;
    assert_eq!(outcome("3 + 4 = 7"), Outcome::Passed);
    assert_eq!(outcome("It is 7"), Outcome::Passed, "one of two that can check is enough");
    assert_eq!(outcome("3 + 9 = 12"), Outcome::Refuted);
    assert_eq!(outcome("3 + 4 = 8"), Outcome::Refuted);
    assert_eq!(verify(&json!([]), &NUMBER, "", "7").outcome, Outcome::Unchecked);
}

#[test]
fn what_cannot_be_used_is_told() {
    let wrong = |spec: Value, told: &str| {
        let told_by_us = match serde_json::from_value::<VerifierSpec>(spec) {
            Ok(spec) => VerifierSpec::build(&[spec], &NUMBER, "").unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(told_by_us.contains(told), "{told_by_us}");
    };
    wrong(json!({ "type": "magic" }), "unknown variant `magic`");
    wrong(json!({ "type": "arithmetic", "strict": true }), "strict");
    wrong(json!({ "type": "regex", "pattern": "(" }), "cannot be used");
    wrong(json!({ "type": "regex", "pattern": "\\w{1000}{1000}" }), "cannot be used");
    wrong(json!({ "type": "json_schema", "schema": { "type": "text" } }), "cannot be used");
    wrong(json!({ "type": "range", "min": 3, "max": 2 }), "not above");
    wrong(json!({ "type": "range" }), "needs `min`");
    wrong(json!({ "type": "judge", "rubric": "x", "min": 7 }), "0 to 1");
    let judge = VerifierSpec::Judge { rubric: "x".into(), model: Some("big".into()), min: 0.5 };
    assert_eq!(VerifierSpec::judge_model(std::slice::from_ref(&judge)), Some("big"));
    assert!(VerifierSpec::build(&[judge.clone(), judge], &NUMBER, "").unwrap_err().to_string().contains("two"));
}
