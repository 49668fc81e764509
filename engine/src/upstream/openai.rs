//! What chat completions and raw completions have in common: optional fields, probabilities, ends and counts.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::read::{Piece, Told};
use crate::{Channel, EngineError, Finish, SampleRequest, TopLogprob, Usage};

/// Fields that not every server takes. One that refuses what it does not know is asked without.
pub(super) const OPTIONAL: [&str; 10] = [
    "stream_options",
    CONTINUOUS,
    "return_token_ids",
    "add_special_tokens",
    "skip_special_tokens",
    "seed",
    "top_k",
    "min_p",
    "repetition_penalty",
    LOGPROBS,
];
/// Stands within `stream_options`.
const CONTINUOUS: &str = "continuous_usage_stats";
/// With it goes `top_logprobs`.
const LOGPROBS: &str = "logprobs";

/// How a server wants to be asked, and how it answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Dialect {
    /// Of the [`OPTIONAL`] fields, those that it does not take.
    pub refused: BTreeSet<&'static str>,
    /// Fields that the operator adds to each body.
    pub extra: Map<String, Value>,
    /// Whether it tells logarithms of probabilities to the base of 10, as mistral.rs does.
    pub base10: bool,
    /// Whether it adds special tokens, such as that of the beginning, to a rendered text.
    pub adds_special: bool,
}

/// The fields of both ways.
pub(super) fn fields(request: &SampleRequest, model: &str) -> Map<String, Value> {
    let sampling = &request.sampling;
    let top_k = if sampling.top_k == 0 { json!(-1) } else { json!(sampling.top_k) };
    let body = json!({
        "model": model, "max_tokens": request.max_tokens, "stream": true,
        "stream_options": { "include_usage": true, CONTINUOUS: true }, "return_token_ids": true,
        "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": top_k, "min_p": sampling.min_p,
        "frequency_penalty": sampling.frequency_penalty, "presence_penalty": sampling.presence_penalty,
        "repetition_penalty": 1.0, "seed": request.seed & 0x7fff_ffff,
    });
    let mut fields = if let Value::Object(fields) = body { fields } else { Map::new() };
    if !request.stop.is_empty() {
        fields.insert("stop".to_owned(), json!(request.stop));
    }
    if request.ignore_end {
        fields.insert("ignore_eos".to_owned(), json!(true));
    }
    if let Some(schema) = &request.schema {
        let named = json!({ "name": "answer", "strict": true, "schema": schema.as_ref() });
        fields.insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": named }));
    }
    fields
}

impl Dialect {
    /// The body as this server takes it.
    pub(super) fn fitted(&self, mut fields: Map<String, Value>) -> Value {
        for field in &self.refused {
            fields.remove(*field);
        }
        if self.refused.contains(LOGPROBS) {
            fields.remove("top_logprobs");
        }
        if self.refused.contains(CONTINUOUS)
            && let Some(options) = fields.get_mut("stream_options").and_then(Value::as_object_mut)
        {
            options.remove(CONTINUOUS);
        }
        fields.extend(self.extra.clone());
        Value::Object(fields)
    }

    /// What a chunk says beside its texts.
    pub(super) fn piece(&self, chunk: &Value, texts: Vec<(Channel, String)>, top: u8) -> Result<Piece, EngineError> {
        let choice = chunk.pointer("/choices/0");
        let usage = chunk.get("usage").filter(|usage| usage.is_object());
        Ok(Piece {
            texts,
            tokens: choice.map(|choice| self.tokens(choice, usize::from(top))).unwrap_or_default(),
            count: choice.and(usage).and_then(|usage| number(usage, "/completion_tokens")),
            finish: choice.map_or(Ok(None), finish)?,
            usage: usage.map(used),
            // The count stands in a chunk of its own, behind the one that tells the end.
            last: choice.is_none() && usage.is_some(),
        })
    }

    /// What is told of each token, in one of three forms; where there are only ids, nothing but these.
    fn tokens(&self, choice: &Value, top: usize) -> Vec<Told> {
        let told = choice.get("logprobs").unwrap_or(&Value::Null);
        let mut tokens: Vec<Told> = if let Some(content) = told.get("content").and_then(Value::as_array) {
            content.iter().map(|told| self.token(told, top)).collect()
        } else if told.get("logprob").is_some_and(Value::is_number) {
            vec![self.token(told, top)]
        } else {
            self.legacy(told, top)
        };
        let ids = choice.get("token_ids").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let unknown = Told { logprob: f32::NAN, ..Told::default() };
        tokens.resize(tokens.len().max(ids.len()), unknown);
        for (token, id) in tokens.iter_mut().zip(ids) {
            token.id = id.as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or_default();
        }
        tokens
    }

    fn token(&self, told: &Value, top: usize) -> Told {
        let others = told.get("top_logprobs").and_then(Value::as_array).into_iter().flatten();
        let others = others.filter_map(|other| {
            // mistral.rs tells the id as the token, and its text as its bytes.
            let text = ["token", "bytes"].into_iter().find_map(|key| other.get(key)?.as_str()).unwrap_or_default();
            Some(TopLogprob { id: id(other), text: text.to_owned(), logprob: self.logprob(other.get("logprob")?)? })
        });
        Told {
            id: id(told),
            logprob: told.get("logprob").and_then(|told| self.logprob(told)).unwrap_or(f32::NAN),
            top: best(others.collect(), top),
        }
    }

    /// The form of the first completions: a list for each kind of thing.
    fn legacy(&self, told: &Value, top: usize) -> Vec<Told> {
        let list = |key: &str| told.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let (texts, logprobs, tops) = (list("tokens"), list("token_logprobs"), list("top_logprobs"));
        (0..texts.len().max(logprobs.len()))
            .map(|at| {
                let others = tops.get(at).and_then(Value::as_object).into_iter().flatten();
                let others = others.filter_map(|(text, told)| {
                    Some(TopLogprob { id: 0, text: text.clone(), logprob: self.logprob(told)? })
                });
                let logprob = logprobs.get(at).and_then(|told| self.logprob(told)).unwrap_or(f32::NAN);
                Told { id: 0, logprob, top: best(others.collect(), top) }
            })
            .collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a logarithm needs no more digits")]
    fn logprob(&self, told: &Value) -> Option<f32> {
        let told = told.as_f64()?;
        Some(if self.base10 { told * std::f64::consts::LN_10 } else { told } as f32)
    }
}

fn id(told: &Value) -> u32 {
    let id = told.get("id").or_else(|| told.get("token")).and_then(Value::as_u64);
    id.and_then(|id| u32::try_from(id).ok()).unwrap_or_default()
}

/// The likeliest, best first; some servers tell the drawn one beside them.
fn best(mut others: Vec<TopLogprob>, top: usize) -> Vec<TopLogprob> {
    others.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    others.truncate(top);
    others
}

fn finish(choice: &Value) -> Result<Option<Finish>, EngineError> {
    let text = |key: &str| choice.get(key).and_then(Value::as_str);
    match text("finish_reason") {
        None | Some("") => Ok(None),
        Some("length") => Ok(Some(Finish::Length)),
        Some("stop_sequence") => Ok(Some(Finish::Matched)),
        // vLLM and SGLang say which text they met; a number is a token, and as good as the model's own end.
        Some("stop") if text("stop_reason").or_else(|| text("matched_stop")).is_some() => Ok(Some(Finish::Matched)),
        Some("stop" | "eos" | "eos_token") => Ok(Some(Finish::Stop)),
        Some(_) => {
            Err(EngineError::Sample("the server broke it off: it tells another end than stop or length".to_owned()))
        }
    }
}

fn used(usage: &Value) -> Usage {
    Usage {
        prompt_tokens: number(usage, "/prompt_tokens").unwrap_or_default(),
        cached_tokens: number(usage, "/prompt_tokens_details/cached_tokens").unwrap_or_default(),
        completion_tokens: number(usage, "/completion_tokens").unwrap_or_default(),
    }
}

pub(super) fn number(value: &Value, pointer: &str) -> Option<u32> {
    value.pointer(pointer).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(chunk: &Value) -> Piece {
        Dialect::default().piece(chunk, Vec::new(), 1).unwrap()
    }

    #[test]
    fn probabilities_are_read_in_every_form() {
        let check = |logprobs: Value, ids: Value, expect: &[(u32, f32, &str)]| {
            let chunk = json!({ "choices": [{ "logprobs": logprobs, "token_ids": ids }] });
            let tokens = piece(&chunk).tokens;
            let found: Vec<_> =
                tokens.iter().map(|told| (told.id, told.top.first().map_or("", |top| &top.text))).collect();
            assert_eq!(found, expect.iter().map(|(id, _, top)| (*id, *top)).collect::<Vec<_>>(), "{chunk}");
            for (told, (_, logprob, _)) in tokens.iter().zip(expect) {
                assert!(told.logprob.total_cmp(logprob).is_eq() || told.logprob.is_nan() && logprob.is_nan());
                assert!(told.top.len() <= 1);
            }
        };
        let none = Value::Null;
        let other = |token: Value, logprob: f32| json!({ "token": token, "logprob": logprob, "bytes": "mist" });
        let whole = json!({ "token": "a", "id": 3, "logprob": -0.5,
                            "top_logprobs": [other(json!("b"), -1.5), other(json!("a"), -0.5)] });
        check(json!({ "content": [whole, whole] }), none.clone(), &[(3, -0.5, "a"), (3, -0.5, "a")]);
        let mistral = json!({ "token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [other(json!(9), -0.5)] });
        check(mistral, none.clone(), &[(0, -0.5, "mist")]);
        let legacy = json!({ "tokens": ["a", "b"], "token_logprobs": [-0.5, null], "text_offset": [0, 1],
                             "top_logprobs": [{ "a": -0.5, "z": -0.25 }, null] });
        check(legacy, json!([7, 8]), &[(7, -0.5, "z"), (8, f32::NAN, "")]);
        check(none.clone(), json!([7]), &[(7, f32::NAN, "")]);
        check(none.clone(), none, &[]);
    }

    #[test]
    fn ends_are_told_apart() {
        let check = |choice: Value, expect: Option<Finish>| {
            let found = Dialect::default().piece(&json!({ "choices": [choice] }), Vec::new(), 0);
            assert_eq!(found.unwrap().finish, expect, "{choice}");
        };
        check(json!({ "finish_reason": null }), None);
        check(json!({ "finish_reason": "" }), None);
        check(json!({ "finish_reason": "length" }), Some(Finish::Length));
        check(json!({ "finish_reason": "stop" }), Some(Finish::Stop));
        check(json!({ "finish_reason": "stop", "stop_reason": null }), Some(Finish::Stop));
        check(json!({ "finish_reason": "stop", "stop_reason": 128_009 }), Some(Finish::Stop));
        check(json!({ "finish_reason": "stop", "stop_reason": "\n\n" }), Some(Finish::Matched));
        check(json!({ "finish_reason": "stop", "matched_stop": 2 }), Some(Finish::Stop));
        check(json!({ "finish_reason": "stop", "matched_stop": "END" }), Some(Finish::Matched));
        for strange in ["abort", "canceled", "content_filter", "tool_calls", "error"] {
            let chunk = json!({ "choices": [{ "finish_reason": strange }] });
            let error = Dialect::default().piece(&chunk, Vec::new(), 0).unwrap_err();
            assert!(error.retryable(), "{strange}");
        }
    }

    #[test]
    fn a_server_is_asked_only_for_what_it_takes() {
        let request = SampleRequest::new(crate::Prompt::Raw(String::new()), 5, u64::MAX);
        let strict = Dialect { refused: OPTIONAL.into(), ..Dialect::default() };
        let body = strict.fitted(fields(&request, "m"));
        assert!(OPTIONAL.iter().all(|field| body.get(field).is_none()), "{body}");
        let refused = BTreeSet::from([CONTINUOUS]);
        let extra = json!({ "top_k": 7 }).as_object().unwrap().clone();
        let most = Dialect { refused, extra, ..Dialect::default() };
        let body = most.fitted(fields(&request, "m"));
        assert_eq!((&body["stream_options"], &body["top_k"]), (&json!({ "include_usage": true }), &json!(7)));
        assert_eq!(body["seed"], json!(0x7fff_ffff));
    }
}
