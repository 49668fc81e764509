//! What came of one question, out of the service's two answers.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::data::Question;

/// One question, asked for a single sample and for a vote.
pub struct Outcome {
    /// The question's name.
    pub id: String,
    /// The single sample's.
    pub single: Answer,
    /// The vote's.
    pub vote: Answer,
    /// The vote's samples that came to their end.
    pub finished: u32,
    /// Those of them that were right.
    pub right: u32,
}

/// One answer of the service.
pub struct Answer {
    /// In canonical form; `None` when none was found.
    pub text: Option<String>,
    /// Whether it was the right one.
    pub right: bool,
    /// Tokens that were generated for it, those of cancelled samples too.
    pub tokens: f64,
    /// From the request to its answer.
    pub seconds: f64,
    /// Which rule ended it.
    pub stop: String,
}

impl Outcome {
    /// The share of the vote's finished samples that were right.
    pub fn mean_of_samples(&self) -> f64 {
        if self.finished == 0 { 0.0 } else { f64::from(self.right) / f64::from(self.finished) }
    }

    /// Everything, for the file of results.
    pub fn to_json(&self) -> Value {
        let answer = |answer: &Answer| {
            json!({
                "answer": answer.text, "right": answer.right, "tokens": answer.tokens, "seconds": answer.seconds,
                "stop": answer.stop,
            })
        };
        json!({
            "id": self.id, "single": answer(&self.single), "vote": answer(&self.vote),
            "samples_finished": self.finished, "samples_right": self.right,
        })
    }
}

/// Reads the two answers to a question: the single sample's, then the vote's.
pub fn read(question: &Question, answers: &Value) -> Result<Outcome> {
    let of = |at: usize| answers.get(at).context("an answer is missing");
    let (single, vote) = (of(0)?, of(1)?);
    let samples = vote.pointer("/response/deliberation/samples").and_then(Value::as_array);
    let samples = samples.context("the vote's answer has no samples")?;
    let finished: Vec<&Value> = samples.iter().filter(|sample| text(sample, "state") == Some("finished")).collect();
    let is_right = |sample: &&&Value| text(sample, "answer").is_some_and(|text| question.is_right(text));
    Ok(Outcome {
        id: question.id.clone(),
        single: answer(question, single)?,
        vote: answer(question, vote)?,
        finished: u32::try_from(finished.len())?,
        right: u32::try_from(finished.iter().filter(is_right).count())?,
    })
}

fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

fn answer(question: &Question, answer: &Value) -> Result<Answer> {
    let of = |key: &str| answer.pointer(&format!("/response/usage/deliberation/{key}"));
    let text = of("answer").context("there is no `usage.deliberation.answer`")?.as_str().map(ToOwned::to_owned);
    Ok(Answer {
        right: text.as_deref().is_some_and(|text| question.is_right(text)),
        text,
        tokens: of("generated_tokens").and_then(Value::as_f64).context("there is no `generated_tokens`")?,
        seconds: answer.get("seconds").and_then(Value::as_f64).context("there is no `seconds`")?,
        stop: of("stop").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An outcome of which only what counts in a table is given.
    pub fn outcome(single: bool, vote: bool, finished: u32, right: u32) -> Outcome {
        let answer = |right, tokens| Answer { text: None, right, tokens, seconds: 0.5, stop: String::new() };
        Outcome { id: "a".into(), single: answer(single, 10.0), vote: answer(vote, 80.0), finished, right }
    }

    #[test]
    fn two_answers_become_one_outcome() {
        let line = serde_json::from_str(
            r#"[
            {"seconds": 0.5, "response": {"usage": {"deliberation":
                {"answer": null, "generated_tokens": 9, "stop": "all_done"}}}},
            {"seconds": 2.5, "response": {
                "usage": {"deliberation": {"answer": "14", "generated_tokens": 70, "stop": "decided"}},
                "deliberation": {"samples": [
                    {"state": "finished", "answer": null}, {"state": "finished", "answer": "14"},
                    {"state": "finished", "answer": "14"}, {"state": "cancelled", "answer": "14"}]}}}]"#,
        );
        let question = Question { id: "q".into(), text: "?".into(), answer: json!(14) };
        let outcome = read(&question, &line.unwrap()).unwrap();
        assert_eq!((outcome.single.right, outcome.vote.right), (false, true));
        assert_eq!((outcome.finished, outcome.right), (3, 2));
        assert_eq!((outcome.single.tokens, outcome.vote.tokens, outcome.vote.seconds), (9.0, 70.0, 2.5));
        assert_eq!(outcome.vote.stop, "decided");
    }

    #[test]
    fn an_answer_that_lacks_something_is_an_error() {
        let question = Question { id: "q".into(), text: "?".into(), answer: json!(14) };
        assert!(read(&question, &json!([])).is_err());
        assert!(read(&question, &json!([{}, {}])).is_err());
    }
}
