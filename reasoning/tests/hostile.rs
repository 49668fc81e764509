//! Verifiers survive whatever a request or a model gives them.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic")]

use forethought_reasoning::{AnswerKind, Finish, Outcome, SampleResult, Verification, VerifierSpec, extract};
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use serde_json::{Value, json};

const JSON: AnswerKind = AnswerKind::Json { pointer: None };
const NUMBER: AnswerKind = AnswerKind::Number;

fn verify(specs: &[VerifierSpec], kind: &AnswerKind, text: &str) -> Verification {
    let sample = SampleResult {
        calls: None,
        index: 0,
        thinking: text.to_owned(),
        text: text.to_owned(),
        finish: Finish::Stop,
        tokens: 1,
        mean_logprob: None,
        confidence: None,
    };
    let verifiers = VerifierSpec::build(specs, kind, "How much?").unwrap();
    assert!(verifiers.check_begun(&sample).findings.len() <= 8);
    verifiers.check(&sample, extract(kind, text).as_ref())
}

fn fits(schema: Value, text: &str) -> Verification {
    verify(&[VerifierSpec::JsonSchema { schema }], &JSON, text)
}

/// Every verifier that needs no model.
fn all() -> Vec<VerifierSpec> {
    let specs = json!([
        { "type": "arithmetic" }, { "type": "json_schema", "schema": { "type": "object" } },
        { "type": "regex", "pattern": "^(a|aa)+$" }, { "type": "format", "only": true },
        { "type": "range", "min": 0, "max": 9, "unit": "km" }, { "type": "confidence", "min": 0 },
    ]);
    serde_json::from_value(specs).unwrap()
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    assert_eq!(fits(json!({ "allOf": [{ "$ref": "#" }] }), "{}").outcome, Outcome::Passed);
    let both = json!({ "$ref": "#/$defs/a", "$defs": {
        "a": { "anyOf": [{ "$ref": "#/$defs/b" }] }, "b": { "not": { "$ref": "#/$defs/a" } } } });
    fits(both, "{}");
    let tree = json!({ "type": "array", "items": { "$ref": "#" } });
    assert_eq!(fits(tree.clone(), &format!("{}{}", "[".repeat(100), "]".repeat(100))).outcome, Outcome::Passed);
    assert_eq!(fits(tree, &format!("{}{}", "[".repeat(9000), "]".repeat(9000))).outcome, Outcome::Refuted, "too deep");
}

#[test]
fn a_schema_cannot_read_other_places() {
    for other in ["http://127.0.0.1:9/schema.json", "file:///etc/hostname"] {
        let spec = VerifierSpec::JsonSchema { schema: json!({ "$ref": other }) };
        assert!(VerifierSpec::build(&[spec], &JSON, "").is_err(), "{other}");
    }
}

#[test]
fn findings_are_few_and_short() {
    let names: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
    let said = fits(json!({ "type": "object", "required": names }), "{}");
    assert_eq!((said.outcome, said.findings.len()), (Outcome::Refuted, 8));
    let wrong = (0..100).map(|n| format!("{n} + 1 = 0. ")).collect::<Vec<_>>().concat();
    assert_eq!(verify(&all()[..1], &NUMBER, &wrong).findings.len(), 8);
}

#[test]
fn patterns_that_would_go_back_and_forth_do_not() {
    let text = format!("{{\"a\": \"{}b\"}}", "a".repeat(20_000));
    let schema = json!({ "properties": { "a": { "pattern": "^(?=(a+)+$)(a|aa)+$" } } });
    assert_eq!(fits(schema, &text).outcome, Outcome::Refuted);
    assert_eq!(verify(&all()[2..3], &AnswerKind::Text, &"a".repeat(50_001)).outcome, Outcome::Passed);
}

#[test]
fn huge_texts_are_survived() {
    for piece in ["1 + 1 = ", "(((", "[{\"a\":", "é", "5 km ", "\\boxed{", "answer is ", "\u{0}"] {
        let text = piece.repeat(1_000_000 / piece.len());
        let regex = AnswerKind::regex(r"(\w+|.*?=)\s").unwrap();
        for kind in [NUMBER, JSON, AnswerKind::Text, AnswerKind::Choice, AnswerKind::Boxed, regex] {
            verify(&all(), &kind, &text);
        }
    }
}

#[test]
fn equations_take_linear_time() {
    let pieces = [
        "-",
        "*",
        "**",
        "* ",
        "(",
        ")",
        "=",
        "1=",
        "1 + 1 = 3 ",
        "1 + 1 = 3\n",
        "= ",
        "x ",
        "1x",
        "^",
        "2^",
        "2^{",
        "2²",
        "\\frac{1",
        "\\frac{1}{2}",
        "1,",
        "1:",
        "1.",
        "1/",
        "1-",
        "\n",
        "  \n",
        "- ",
        "- 1 + 1 = 3\n",
        "and ",
        "1 and 1 = 2 + ",
        "a ",
        "\\",
        "$",
        "&=",
        "1.01 * 1.01 = 1 ",
        "2/3 = 0.67 * ",
        "1 + 1 = 3, ",
        "?",
        "é",
        "of 1 + 1 = 3 ",
    ];
    for piece in pieces {
        let text = piece.repeat(200_000 / piece.len());
        let begin = std::time::Instant::now();
        drop(forethought_reasoning::equations(&text));
        drop(forethought_reasoning::equations(&format!("1 + 1 = {text}")));
        assert!(begin.elapsed() < std::time::Duration::from_secs(2), "{piece:?} took {:?}", begin.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_survived(text in any::<String>(), figures in "[0-9 .,/=+*(){}\\[\\]\":km$-]{0,80}") {
        for text in [text, figures] {
            for kind in [NUMBER, JSON, AnswerKind::Boxed] {
                let said = verify(&all(), &kind, &text);
                prop_assert!((0.0..=1.0).contains(&said.score) && said.findings.len() <= 8);
                prop_assert!((said.outcome == Outcome::Refuted) == (said.score <= 0.0));
            }
        }
    }
}
