//! llama.cpp's own completion: a rendered text in, tokens with their probabilities out, and why it ended.

use serde_json::{Map, Value, json};

use super::{
    openai::number,
    read::{Piece, Told},
};
use crate::{Channel, Finish, Marks, SampleRequest, TopLogprob, Usage};

pub(super) const PATH: &str = "/completion";

/// Control tokens by which gpt-oss tells its channels apart; given as text only when asked for by name.
const HARMONY: [&str; 5] = ["<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>"];
/// Those of other models, where they are control tokens at all.
const THINK: [&str; 4] = ["<think>", "</think>", "[THINK]", "[/THINK]"];

pub(super) fn body(request: &SampleRequest, text: &str, marks: Option<Marks>, extra: &Map<String, Value>) -> Value {
    let sampling = &request.sampling;
    // It sorts its whole vocabulary for each token whose probability it tells: 2 to 10 % of a small model's speed.
    // One alternative at least, or it does not tell the token's own.
    let probabilities = if request.logprobs { request.top_logprobs.max(1) } else { request.top_logprobs };
    let mut body = json!({
        "prompt": text, "n_predict": request.max_tokens, "stream": true, "cache_prompt": true, "return_tokens": true,
        "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": sampling.min_p,
        "frequency_penalty": sampling.frequency_penalty, "presence_penalty": sampling.presence_penalty,
        // Its seeds have 32 bits, and the highest one means "any".
        "repeat_penalty": 1.0, "typical_p": 1.0, "seed": request.seed & 0x7fff_ffff, "stop": request.stop,
        "n_probs": probabilities, "post_sampling_probs": false, "ignore_eos": request.ignore_end,
    });
    if let Some(fields) = body.as_object_mut() {
        if let Some(schema) = &request.schema {
            fields.insert("json_schema".to_owned(), schema.as_ref().clone());
        }
        if request.show_control {
            let markers: &[&str] = if marks == Some(Marks::Harmony) { &HARMONY } else { &THINK };
            fields.insert("preserved_tokens".to_owned(), json!(markers));
        }
        fields.extend(extra.clone());
    }
    body
}

/// The tokens of a chunk: mostly one, more when several make one character.
pub(super) fn piece(chunk: &Value, top: u8) -> Piece {
    let list = |key: &str| chunk.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (probabilities, ids) = (list("completion_probabilities"), list("tokens"));
    let id = |told: &Value| u32::try_from(told.as_u64()?).ok();
    let tokens = (0..ids.len().max(probabilities.len())).map(|at| {
        let told = probabilities.get(at);
        let others = told.and_then(|told| told.get("top_logprobs")).and_then(Value::as_array);
        Told {
            id: ids.get(at).or_else(|| told?.get("id")).and_then(id).unwrap_or_default(),
            logprob: told.and_then(logprob).unwrap_or(f32::NAN),
            top: others.into_iter().flatten().filter_map(alternative).take(usize::from(top)).collect(),
        }
    });
    let text = chunk.get("content").and_then(Value::as_str).filter(|text| !text.is_empty());
    let over = chunk.get("stop").and_then(Value::as_bool) == Some(true);
    Piece {
        texts: text.map(|text| (Channel::Raw, text.to_owned())).into_iter().collect(),
        tokens: tokens.collect(),
        count: None,
        finish: over.then(|| finish(chunk)),
        usage: over.then(|| used(chunk)),
        last: over,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm needs no more digits")]
fn logprob(told: &Value) -> Option<f32> {
    Some(told.get("logprob")?.as_f64()? as f32)
}

fn alternative(told: &Value) -> Option<TopLogprob> {
    let text = told.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(TopLogprob { id: number(told, "/id")?, text, logprob: logprob(told)? })
}

fn finish(chunk: &Value) -> Finish {
    match chunk.get("stop_type").and_then(Value::as_str) {
        Some("limit") => Finish::Length,
        Some("word") => Finish::Matched,
        _ => Finish::Stop,
    }
}

fn used(chunk: &Value) -> Usage {
    Usage {
        prompt_tokens: number(chunk, "/tokens_evaluated").unwrap_or_default(),
        cached_tokens: number(chunk, "/timings/cache_n").unwrap_or_default(),
        completion_tokens: number(chunk, "/tokens_predicted").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_asked_for_by_name() {
        let request = SampleRequest::new(crate::Prompt::Raw(String::new()), 5, 1);
        let shown = SampleRequest { show_control: true, ..request.clone() };
        assert_eq!(body(&request, "", None, &Map::new()).get("preserved_tokens"), None);
        assert_eq!(body(&shown, "", Some(Marks::Harmony), &Map::new())["preserved_tokens"], json!(HARMONY));
        assert_eq!(body(&shown, "", Some(Marks::Think), &Map::new())["preserved_tokens"], json!(THINK));
    }

    #[test]
    fn several_tokens_of_one_character_are_counted_each() {
        let probability = |id: u32| json!({ "id": id, "token": "x", "logprob": -0.5, "top_logprobs": [] });
        let chunk =
            json!({ "content": "é", "tokens": [7, 8], "completion_probabilities": [probability(7), probability(8)] });
        let told = piece(&chunk, 0);
        assert_eq!(told.tokens.iter().map(|told| told.id).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(told.texts, [(Channel::Raw, "é".to_owned())]);
        let nothing = piece(&json!({ "content": "", "tokens": [] }), 0);
        assert!(nothing.tokens.is_empty() && nothing.texts.is_empty() && !nothing.last);
    }
}
