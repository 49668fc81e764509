//! What came of one question, asked once in one way.

use forethought_reasoning::extract;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Plan, Question, Task, plan};

/// One line of a file of results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The question's set.
    pub set: String,
    /// The question's name.
    pub id: String,
    /// The way's name.
    pub way: String,
    /// Which time it was asked, from 0.
    pub repeat: u32,
    /// The request's seed.
    pub seed: u64,
    /// Whether the answer is the right one.
    pub right: bool,
    /// From the request to its answer, in milliseconds, waiting for a free place left out.
    pub wall_ms: u64,
    /// What the service did; none when it could not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// The code of the error that came instead of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Tokens that were generated before the error came, where the service tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<u64>,
    /// The place of the run that it is of, among [`Results::sessions`](crate::Results); none in files of earlier versions.
    #[serde(skip)]
    pub session: Option<usize>,
}

/// An error that came instead of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: String,
    pub(crate) spent: Option<u64>,
}

impl Fault {
    /// Reads the body of an error; what it cost is told as in an answer, if at all.
    pub(crate) fn read(code: &str, body: &Value) -> Self {
        let spent = body.pointer("/usage/deliberation/generated_tokens").and_then(Value::as_u64);
        Self { code: code.to_owned(), spent }
    }
}

/// One answer of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The answer's text.
    pub text: String,
    /// The answer in canonical form; none when none was found in the text.
    pub answer: Option<String>,
    /// How the budget was spent.
    pub strategy: String,
    /// The named budget that it started from; none in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// Which rule ended it.
    pub stop: String,
    /// Tokens that all samples generated, those of cancelled ones and of judges too.
    pub tokens: u64,
    /// Tokens of the prompts.
    pub prompt_tokens: u64,
    /// The id of the admission in the service's audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Every sample that was started.
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its answer's text.
    pub text: String,
    /// Its thoughts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    /// Its answer in canonical form.
    pub answer: Option<String>,
    /// Tokens that it generated.
    pub tokens: u64,
    /// Where it stands: `finished`, `cancelled` or `failed`.
    pub state: String,
    /// Why it ended: `stop` or `length`.
    pub finish_reason: Option<String>,
    /// What verifiers say of it: `passed`, `refuted`, `unchecked` or `broken`; none without verifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

impl Outcome {
    pub(crate) fn answered(plan: &Plan, task: Task, reply: Reply, wall_ms: u64) -> Option<Self> {
        let question = plan.questions.get(task.question)?;
        let right = reply.answer.as_ref().is_some_and(|answer| question.is_right(answer));
        let failed = Self::failed(plan, task, Fault::default(), wall_ms)?;
        Some(Self { right, reply: Some(reply), error: None, ..failed })
    }

    pub(crate) fn failed(plan: &Plan, task: Task, fault: Fault, wall_ms: u64) -> Option<Self> {
        let (question, way) = (plan.questions.get(task.question)?, plan.header.ways.get(task.way)?);
        Some(Self {
            set: question.set.clone(),
            id: question.id.clone(),
            way: way.name.clone(),
            repeat: task.repeat,
            seed: plan::seed(plan.header.seed, question, task.repeat),
            right: false,
            wall_ms,
            reply: None,
            error: Some(fault.code),
            spent: fault.spent,
            session: None,
        })
    }

    /// Tokens that all samples generated; none where a request failed and the service does not tell.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        self.reply.as_ref().map(|reply| reply.tokens).or(self.spent)
    }
}

impl Reply {
    /// Reads a response to `POST /v1/chat/completions`; `None` when it lacks what every answer has.
    pub(crate) fn read(response: &Value, question: &Question) -> Option<Self> {
        let of = |key: &str| response.pointer("/usage/deliberation")?.get(key);
        let text = response.pointer("/choices/0/message/content")?.as_str()?.to_owned();
        let samples = response.pointer("/deliberation/samples")?.as_array()?;
        Some(Self {
            answer: extract(&question.answer_kind(), &text).map(|answer| answer.canonical),
            text,
            strategy: of("strategy")?.as_str()?.to_owned(),
            effort: of("effort").and_then(Value::as_str).map(Into::into),
            stop: of("stop")?.as_str()?.to_owned(),
            tokens: of("generated_tokens")?.as_u64()?,
            prompt_tokens: of("prompt_tokens")?.as_u64()?,
            record: response.pointer("/usage/deliberation/audit/admission").and_then(Value::as_str).map(Into::into),
            samples: samples.iter().map(Sample::read).collect::<Option<_>>()?,
        })
    }

    /// Samples that came to their end.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.samples.iter().filter(|sample| sample.state == "finished").count()
    }
}

impl Sample {
    fn read(sample: &Value) -> Option<Self> {
        let text = |key: &str| sample.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
        Some(Self {
            text: text("text")?,
            thinking: text("thinking").unwrap_or_default(),
            answer: text("answer"),
            tokens: sample.get("tokens")?.as_u64()?,
            state: text("state")?,
            finish_reason: text("finish_reason"),
            check: sample.pointer("/check/outcome").and_then(Value::as_str).map(ToOwned::to_owned),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::tests::plan;

    /// A response as the service gives it; the first sample is the answer.
    pub(crate) fn response(samples: &[(&str, Option<&str>)], tokens: u64) -> Value {
        let list: Vec<Value> = samples
            .iter()
            .enumerate()
            .map(|(at, (text, answer))| {
                json!({ "index": at, "seed": at, "text": text, "answer": answer, "thinking": "", "tokens": 4,
                        "state": "finished", "finish_reason": "stop", "check": null, "counted": true })
            })
            .collect();
        json!({
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": samples[0].0 } }],
            "usage": { "deliberation": { "strategy": "self_consistency", "stop": "decided", "generated_tokens": tokens,
                       "prompt_tokens": 9, "audit": { "admission": "rec_1" } } },
            "deliberation": { "samples": list },
        })
    }

    #[test]
    fn a_response_becomes_an_outcome() {
        let plan = plan(2, &["a=single"], 1);
        let task = Task { question: 1, repeat: 0, way: 0 };
        let mut whole = response(&[("It is 1.", Some("1")), ("2", Some("2"))], 70);
        whole["deliberation"]["samples"][1]["check"] = json!({ "outcome": "refuted", "score": 0.0, "findings": [] });
        let reply = Reply::read(&whole, &plan.questions[1]).unwrap();
        assert_eq!((reply.finished(), reply.tokens, reply.record.as_deref()), (2, 70, Some("rec_1")));
        assert_eq!(reply.samples[0].check, None);
        assert_eq!(reply.samples[1].check.as_deref(), Some("refuted"));
        let outcome = Outcome::answered(&plan, task, reply, 1500).unwrap();
        assert!(outcome.right && outcome.error.is_none());
        assert_eq!((outcome.set.as_str(), outcome.id.as_str(), outcome.way.as_str()), ("sums", "q1", "a"));
        let text = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
        let wrong = Reply::read(&response(&[("It is 2.", Some("2"))], 5), &plan.questions[1]).unwrap();
        assert!(!Outcome::answered(&plan, task, wrong, 1).unwrap().right);
        let fault = Fault::read("deadline_exceeded", &json!({ "error": {} }));
        let failed = Outcome::failed(&plan, task, fault, 3).unwrap();
        assert_eq!((failed.right, failed.error.as_deref()), (false, Some("deadline_exceeded")));
        assert_eq!((outcome.tokens(), failed.tokens()), (Some(70), None));
        let told = json!({ "usage": { "deliberation": { "generated_tokens": 9 } } });
        let failed = Outcome::failed(&plan, task, Fault::read("no_answer", &told), 3).unwrap();
        assert_eq!(failed.tokens(), Some(9));
    }

    #[test]
    fn a_response_that_lacks_something_is_none() {
        let plan = plan(1, &["a=single"], 1);
        for pointer in ["/choices/0/message", "/usage/deliberation", "/deliberation/samples/0"] {
            let mut whole = response(&[("1", Some("1"))], 5);
            *whole.pointer_mut(pointer).unwrap() = json!({});
            assert_eq!(Reply::read(&whole, &plan.questions[0]), None, "{pointer}");
        }
    }
}
