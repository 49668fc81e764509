//! Answers that must fit a schema, of an engine that says what it likes.

use forethought_engine::scripted::ScriptedAnswer;
use serde_json::{Value, json};

use super::*;

const GOOD: &str = r#"{"age": 4}"#;

fn schema() -> Arc<Value> {
    Arc::new(json!({ "type": "object", "required": ["age"], "properties": { "age": { "type": "integer" } } }))
}

fn asked(n: u32, samples: u32, other: Option<VerifierSpec>) -> Job {
    let fits = VerifierSpec::JsonSchema { schema: schema().as_ref().clone() };
    Job {
        strategy: StrategyName::BestOfN,
        budget: Budget { max_samples: samples, total_tokens: samples * 50, sample_tokens: 50, deadline_ms: 20_000 },
        params: Params { samples: Some(samples), ..Params::default() },
        n,
        kind: AnswerKind::Json { pointer: None },
        verifiers: other.into_iter().chain([fits]).collect(),
        tools: None,
        must_fit: Some(schema()),
        ..job()
    }
}

async fn ask(hall: &Hall, job: Job) -> Result<Deliberated, ApiError> {
    hall.start(job).await.end.await.unwrap()
}

fn given(done: &Deliberated) -> Vec<&str> {
    done.verdict.chosen.iter().map(|index| done.samples[*index as usize].text.as_str()).collect()
}

async fn hall(texts: &[&str]) -> Hall {
    let answers = texts.iter().map(|text| ScriptedAnswer { text: (*text).to_owned(), odds: 1.0 }).collect();
    Hall::open(Script { answers, ..Script::default() }).await
}

#[test]
fn an_answer_that_fits_is_given_as_json_alone_whatever_else_is_said_of_it() {
    let check = |text: &str, other: Option<VerifierSpec>, expect: Result<&str, &str>| {
        actix_rt::System::new().block_on(async {
            let hall = hall(&[text]).await;
            let done = ask(&hall, asked(1, 1, other)).await;
            let told = done.as_ref().map(|done| given(done)[0]).map_err(|refused| refused.code);
            assert_eq!(told, expect, "{text}");
            if let Ok(done) = &done {
                assert_eq!(done.verdict.answer.as_ref().unwrap().canonical, r#"{"age":4}"#);
            }
        });
    };
    check(GOOD, None, Ok(GOOD));
    check(&format!("```json\n{GOOD}\n```"), None, Ok(GOOD));
    check(&format!("Here it is: {GOOD} Have fun."), None, Ok(GOOD));
    check(r#"{"age": "four"}"#, None, Err("schema_not_met"));
    check("I would rather not.", None, Err("schema_not_met"));
    let never = VerifierSpec::Regex { pattern: "^never$".to_owned() };
    check(GOOD, Some(never), Ok(GOOD));
}

#[test]
fn of_several_answers_those_are_given_that_fit() {
    actix_rt::System::new().block_on(async {
        let hall = hall(&[GOOD, r#"{"age": "four"}"#, r#"{"age": 5}"#, "no"]).await;
        let (mut fewer, mut none) = (0, 0);
        for seed in 0..40 {
            match ask(&hall, Job { seed, ..asked(3, 3, None) }).await {
                Ok(done) => {
                    let given = given(&done);
                    assert!(
                        given.iter().all(|text| text.starts_with(r#"{"age": "#) && !text.contains("four")),
                        "{given:?}"
                    );
                    let warned = done.verdict.warnings.iter().any(|warning| warning.contains("answers fit the schema"));
                    assert_eq!(warned, given.len() < 3, "{given:?}");
                    fewer += u32::from(warned);
                }
                Err(refused) => {
                    assert_eq!(refused.code, "schema_not_met");
                    none += 1;
                }
            }
        }
        assert!(fewer > 5 && none > 1, "{fewer} of 40 gave fewer, {none} none");
    });
}
