//! Servers of several kinds, as they answer, and what can go wrong with them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::doc_markdown,
    clippy::approx_constant,
    reason = "tests may panic, and read better so"
)]

#[path = "helpers/server.rs"]
mod server;

use std::time::{Duration, Instant};

use forethought_engine::{
    Channel, Conversation, Engine, EngineError, Finish, Marks, Message, Prompt, Role, SampleEvent, SampleRequest,
    Usage,
    upstream::{Api, UpstreamConfig, UpstreamEngine},
};
use serde_json::{Value, json};
use server::{Say, Server, models, not_found};

fn config(server: &Server) -> UpstreamConfig {
    UpstreamConfig { first_token_within_ms: 2_000, next_token_within_ms: 300, ..UpstreamConfig::new(&server.url) }
}

async fn connected(server: &Server) -> UpstreamEngine {
    UpstreamEngine::connect(&config(server)).await.unwrap()
}

fn question() -> Conversation {
    vec![Message::new(Role::User, "why?")].into()
}

fn ask(max_tokens: u32) -> SampleRequest {
    SampleRequest::new(Prompt::Messages(question()), max_tokens, 3)
}

/// A sample as it came.
#[derive(Debug, PartialEq)]
struct Sample {
    texts: Vec<(Channel, String)>,
    logprobs: Vec<f32>,
    finish: Finish,
    usage: Usage,
}

async fn draw(engine: &UpstreamEngine, request: SampleRequest) -> Result<Sample, EngineError> {
    let mut stream = engine.sample(request).await?;
    let (mut texts, mut logprobs) = (Vec::new(), Vec::new());
    while let Some(event) = stream.next().await {
        match event? {
            SampleEvent::Token { text, channel, logprob, .. } => {
                texts.push((channel, text));
                logprobs.push(logprob);
            }
            SampleEvent::End { text, finish, usage } => {
                texts.extend((!text.is_empty()).then_some((Channel::Raw, text)));
                return Ok(Sample { texts, logprobs, finish, usage });
            }
        }
    }
    unreachable!("a stream has an end")
}

fn said(sample: &Sample) -> String {
    sample.texts.iter().map(|(_, text)| text.as_str()).collect()
}

/// vLLM: raw completions with its own form of probabilities, tokens of conversations, and the stop that was met.
fn vllm(path: &str, body: &Value) -> Say {
    match path {
        "/v1/models" => {
            models(json!({ "id": "qwen", "root": "Qwen/Qwen3-8B", "max_model_len": 4096, "owned_by": "vllm" }))
        }
        "/tokenize" if body.get("messages").is_some() => {
            Say::ok(json!({ "count": 3, "max_model_len": 4096, "tokens": [5, 6, 7] }))
        }
        "/tokenize" => {
            let same = body["prompt"] == "<|im_start|>why?" && body["add_special_tokens"] == false;
            Say::ok(if same {
                json!({ "count": 3, "tokens": [5, 6, 7] })
            } else {
                json!({ "count": 9, "tokens": [1] })
            })
        }
        "/detokenize" => Say::ok(json!({ "prompt": "<|im_start|>why?" })),
        "/v1/completions" => vllm_completion(body),
        _ => not_found(),
    }
}

fn vllm_completion(body: &Value) -> Say {
    if body.get("response_format").is_some() {
        return Say::chunks([vllm_chunk("{\"q7\":1}", json!({ "finish_reason": "stop", "stop_reason": null }), 1)]);
    }
    let stop = if body.get("stop").is_some() { json!("\n\n") } else { Value::Null };
    let end = json!({ "finish_reason": "stop", "stop_reason": stop });
    Say::chunks([
        vllm_chunk("<think>", Value::Null, 1),
        // Two tokens in one chunk.
        vllm_chunk(" so it is", Value::Null, 3),
        vllm_chunk("", end, 4),
        json!({ "id": "cmpl-1", "choices": [], "usage": {
            "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "prompt_tokens_details": { "cached_tokens": 2 }
        } }),
    ])
}

fn vllm_chunk(text: &str, end: Value, count: u32) -> Value {
    let logprobs = json!({ "text_offset": [0], "tokens": [text], "token_logprobs": [-0.25],
                           "top_logprobs": [{ "a": -0.25, "b": -2.0 }] });
    let mut choice = json!({ "index": 0, "text": text, "logprobs": logprobs, "finish_reason": null,
                             "stop_reason": null, "token_ids": [8] });
    for (key, value) in end.as_object().into_iter().flatten() {
        choice[key] = value.clone();
    }
    json!({ "id": "cmpl-1", "object": "text_completion", "model": "qwen", "choices": [choice],
            "usage": { "prompt_tokens": 3, "total_tokens": 3 + count, "completion_tokens": count } })
}

#[tokio::test]
async fn vllm_is_asked_for_raw_completions() {
    let server = Server::start(vllm).await;
    let engine = connected(&server).await;
    let info = engine.info();
    assert_eq!((info.weights.as_str(), info.context_tokens), ("claimed:Qwen/Qwen3-8B", 4096));
    let can = info.can;
    assert!(can.continues && can.logprobs && can.json_schema && can.tells_stops, "{can:?}");
    assert_eq!(info.marks, Some(Marks::Think));
    assert_eq!(engine.count_prompt(&ask(10)).await.unwrap(), 3);
    let begun = Prompt::Begun { messages: question(), begun: "Well".into() };
    let sample = draw(&engine, SampleRequest { prompt: begun, stop: vec!["\n\n".into()], ..ask(10) }).await.unwrap();
    let body = server.last("/v1/completions");
    assert_eq!((&body["prompt"], &body["add_special_tokens"]), (&json!("<|im_start|>why?Well"), &json!(false)));
    assert_eq!((said(&sample).as_str(), sample.finish), ("<think> so it is", Finish::Matched));
    assert_eq!(sample.texts.len(), 4, "as many as the server counts");
    assert_eq!(sample.usage, Usage { prompt_tokens: 3, cached_tokens: 2, completion_tokens: 4 });
    assert_eq!(draw(&engine, ask(10)).await.unwrap().finish, Finish::Stop);
}

/// SGLang: it renders nothing for us, and tells in its own words which stop it met.
fn sglang(path: &str, body: &Value) -> Say {
    let chunk = |text: &str, reason: Value, matched: Value| {
        let logprobs =
            json!({ "tokens": [text], "token_logprobs": [-0.5], "top_logprobs": [{ "x": -0.5 }], "text_offset": [-1] });
        json!({ "choices": [{ "index": 0, "text": text, "logprobs": logprobs, "finish_reason": reason,
                              "matched_stop": matched }], "usage": null })
    };
    let counted = json!({ "choices": [], "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 } });
    let matched = if body.get("stop").is_some() { json!("e") } else { json!(2) };
    match path {
        "/v1/models" => {
            models(json!({ "id": "m", "root": "/models/Llama-3", "max_model_len": 2048, "owned_by": "sglang" }))
        }
        "/get_server_info" => Say::ok(json!({ "max_running_requests": 48 })),
        "/v1/completions" if body.get("response_format").is_some() => {
            Say::chunks([chunk("{\"q7\": 1}", json!("stop"), json!(2)), counted])
        }
        "/v1/completions" => {
            Say::chunks([chunk("so", Value::Null, Value::Null), chunk("", json!("stop"), matched), counted])
        }
        _ => not_found(),
    }
}

#[tokio::test]
async fn sglang_is_asked_for_raw_completions_with_a_template_of_ours() {
    let server = Server::start(sglang).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokenizer_config.json");
    let source = "{{ bos_token }}{{ messages[0].content }}<think>";
    std::fs::write(&file, json!({ "chat_template": source, "bos_token": "<s>" }).to_string()).unwrap();
    let config = UpstreamConfig { chat_template: Some(file), ..config(&server) };
    let engine = UpstreamEngine::connect(&config).await.unwrap();
    let info = engine.info();
    assert_eq!((info.weights.as_str(), info.context_tokens, info.parallel), ("claimed:Llama-3", 2048, 48));
    let can = info.can;
    assert!(can.continues && can.logprobs && can.json_schema && can.tells_stops, "{can:?}");
    assert_eq!(engine.rendered(&ask(1).prompt).await.unwrap().as_deref(), Some("<s>why?<think>"));
    let sample = draw(&engine, SampleRequest { stop: vec!["e".into()], ..ask(9) }).await.unwrap();
    assert_eq!((said(&sample).as_str(), sample.finish, sample.logprobs[0]), ("so", Finish::Matched, -0.5));
    assert_eq!(server.last("/v1/completions")["prompt"], "<s>why?<think>");
}

#[tokio::test]
async fn a_server_that_adds_the_beginning_is_not_given_it_twice() {
    let server = Server::start(|path, body| match path {
        "/v1/completions" if body["prompt"] == "a" => Say::chunks([
            json!({ "choices": [{ "text": "b", "finish_reason": "length" }] }),
            json!({ "choices": [], "usage": { "prompt_tokens": 2, "completion_tokens": 1 } }),
        ]),
        path => sglang(path, body),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokenizer_config.json");
    std::fs::write(&file, json!({ "chat_template": "{{ bos_token }}x", "bos_token": "<s>" }).to_string()).unwrap();
    let config = UpstreamConfig { chat_template: Some(file), ..config(&server) };
    let engine = UpstreamEngine::connect(&config).await.unwrap();
    assert_eq!(engine.rendered(&ask(1).prompt).await.unwrap().as_deref(), Some("x"));
}

#[tokio::test]
async fn a_raw_text_that_brings_its_beginning_has_it_once() {
    let check = async |tokens: u32, expected: &str| {
        let server = Server::start(move |path, body| match (path, body["prompt"].as_str()) {
            ("/tokenize", Some("<bos>")) => Say::ok(json!({ "count": tokens })),
            _ => vllm(path, body),
        });
        let server = server.await;
        let request = SampleRequest::new(Prompt::Raw("<bos>You are".into()), 20, 3);
        draw(&connected(&server).await, request).await.unwrap();
        assert_eq!(server.last("/v1/completions")["prompt"], expected, "{tokens}");
    };
    check(1, "<bos>You are").await;
    check(2, "You are").await;
    // It knows no such token.
    check(4, "<bos>You are").await;
}

fn delta(delta: Value, reason: Value) -> Value {
    json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
}

/// mistral.rs: its first model stands under another name too, probabilities are one object to the base of 10, and it
/// refuses what it does not know.
fn mistral_rs(path: &str, body: &Value) -> Say {
    match path {
        "/v1/models" => Say::ok(json!({ "data": [{ "id": "default" }, { "id": "org/model" }] })),
        "/v1/chat/completions" if body.get("return_token_ids").is_some() => {
            Say::Json(422, json!({ "message": "unknown field" }))
        }
        "/v1/chat/completions" if body.get("response_format").is_some() => {
            Say::chunks([delta(json!({ "content": "no." }), json!("stop"))])
        }
        "/v1/chat/completions" => {
            let told = |logprob: f64, top: Value| json!({ "token": "x", "logprob": logprob, "bytes": null, "top_logprobs": top });
            let top = json!([{ "token": 4, "logprob": -0.301_03, "bytes": "x" }, { "token": 5, "logprob": -0.602_06, "bytes": "y" }]);
            let chunk = |text: &str, reason: Value| {
                let logprobs = if body.get("logprobs").is_some() { told(-0.301_03, top.clone()) } else { Value::Null };
                let mut chunk = delta(json!({ "content": text, "role": "assistant" }), reason);
                chunk["choices"][0]["logprobs"] = logprobs;
                chunk
            };
            let mut last = chunk("", json!("length"));
            last["usage"] = json!({ "prompt_tokens": 4, "completion_tokens": 3 });
            Say::chunks([chunk("so", Value::Null), chunk(" it", Value::Null), last])
        }
        _ => not_found(),
    }
}

#[tokio::test]
async fn mistral_rs_is_asked_for_chats_in_its_own_words() {
    let server = Server::start(mistral_rs).await;
    let engine = connected(&server).await;
    assert_eq!(engine.info().weights, "claimed:org/model");
    let can = engine.info().can;
    assert!(can.logprobs && !can.continues && !can.json_schema && !can.tells_stops, "{can:?}");
    let sample = draw(&engine, ask(3)).await.unwrap();
    let body = server.last("/v1/chat/completions");
    assert!(body.get("return_token_ids").is_none() && body["logprobs"] == true, "{body}");
    assert_eq!(body.get("top_logprobs"), None, "nobody asked for alternatives");
    assert_eq!((said(&sample).as_str(), sample.finish, sample.usage.completion_tokens), ("so it", Finish::Length, 3));
    assert!((sample.logprobs[0] - 0.5_f32.ln()).abs() < 1e-4, "a natural logarithm: {}", sample.logprobs[0]);
    let begun = Prompt::Begun { messages: question(), begun: "x".into() };
    let refused = draw(&engine, SampleRequest { prompt: begun, ..ask(3) }).await.unwrap_err();
    assert!(matches!(refused, EngineError::Request { code: "unsupported_by_engine", .. }));
    assert!(engine.count_prompt(&ask(3)).await.unwrap() > 100, "room for what a template says for itself");
}

/// A plain server of chats, which says this to a request that is no probe.
fn chats(then: impl Fn(&Value) -> Say + Send + Sync + 'static) -> impl Fn(&str, &Value) -> Say + Send + Sync {
    move |path, body| match path {
        "/v1/models" => models(json!({ "id": "m" })),
        "/v1/chat/completions" if body["messages"][0]["content"] == "hi" => {
            Say::chunks([delta(json!({ "content": "hello" }), json!("stop"))])
        }
        "/v1/chat/completions" => then(body),
        _ => not_found(),
    }
}

async fn answered(say: Say, max_tokens: u32) -> Result<Sample, EngineError> {
    let server = Server::start(chats(move |_| say.clone())).await;
    draw(&connected(&server).await, ask(max_tokens)).await
}

#[tokio::test]
async fn a_thought_and_the_answer_behind_it_in_one_chunk_are_both_told() {
    let both = delta(json!({ "reasoning_content": "so", "content": "7" }), Value::Null);
    let sample = answered(Say::chunks([both, delta(json!({}), json!("stop"))]), 9).await.unwrap();
    assert_eq!(sample.texts, [(Channel::Thinking, "so".to_owned()), (Channel::Raw, "7".to_owned())]);
    assert_eq!((sample.finish, sample.usage.completion_tokens), (Finish::Stop, 2), "without a count of the server's");
}

#[tokio::test]
async fn tokens_without_text_are_counted() {
    let mut silent = delta(json!({ "content": "" }), Value::Null);
    silent["choices"][0]["token_ids"] = json!([1, 2]);
    let end = delta(json!({ "content": "x" }), json!("stop"));
    assert_eq!(answered(Say::chunks([silent, end]), 9).await.unwrap().usage.completion_tokens, 3);
}

#[tokio::test]
async fn an_endless_server_is_left_at_the_cap() {
    let chunks = || (0..50).map(|_| delta(json!({ "content": "x" }), Value::Null));
    let sample = answered(Say::chunks(chunks()), 5).await.unwrap();
    assert_eq!((said(&sample).as_str(), sample.finish, sample.usage.completion_tokens), ("xxxxx", Finish::Length, 5));
    let more = json!({ "choices": [], "usage": { "prompt_tokens": 1, "completion_tokens": 77 } });
    let few = chunks().take(4).chain([delta(json!({}), json!("stop")), more]);
    let sample = answered(Say::chunks(few), 5).await.unwrap();
    assert_eq!(sample.usage.completion_tokens, 5, "what cannot be is not believed");
}

#[tokio::test]
async fn an_end_is_one_without_a_count_too() {
    let (text, end) = (delta(json!({ "content": "x" }), Value::Null), delta(json!({}), json!("stop")));
    for say in [Say::chunks([text.clone(), end.clone()]), Say::cut([text.to_string(), end.to_string()])] {
        let sample = answered(say, 9).await.unwrap();
        assert_eq!((sample.finish, sample.usage.completion_tokens), (Finish::Stop, 1));
    }
    let cut = answered(Say::cut([text.to_string()]), 9).await.unwrap_err();
    assert!(matches!(&cut, EngineError::Sample(why) if why.contains("without an end")), "{cut}");
    for reason in ["abort", "canceled", "content_filter"] {
        let broken = answered(Say::chunks([text.clone(), delta(json!({}), json!(reason))]), 9).await.unwrap_err();
        assert!(matches!(broken, EngineError::Sample(_)) && broken.retryable(), "{broken}");
    }
}

#[tokio::test]
async fn signs_of_life_are_no_tokens() {
    let text = delta(json!({ "content": "x" }), Value::Null).to_string();
    let role = delta(json!({ "role": "assistant", "content": "" }), Value::Null).to_string();
    let end = delta(json!({}), json!("stop")).to_string();
    let some = |event: &str| Some(event.to_owned());
    let began = Instant::now();
    let comments = [(0, some(&text))].into_iter().chain((0..60).map(|_| (50, None))).collect();
    let hung = answered(Say::Events(comments), 9).await.unwrap_err();
    assert!(matches!(&hung, EngineError::Sample(why) if why.contains("300 ms")), "{hung}");
    assert!(began.elapsed() < Duration::from_secs(3));
    // The role is no token: the first one still has its own time.
    let slow = vec![(0, some(&role)), (600, some(&text)), (0, some(&end))];
    assert_eq!(said(&answered(Say::Events(slow), 9).await.unwrap()), "x");
}

#[tokio::test]
async fn errors_are_told_by_their_kind() {
    let check = async |say: Say, expect: &str| {
        let error = answered(say, 9).await.unwrap_err();
        let code = if let EngineError::Request { code, .. } = &error { code } else { "" };
        assert!(format!("{code} {error}").contains(expect), "{error}");
    };
    let long = json!({ "error": { "message": "This model's maximum context length is 8 tokens.", "code": 400 } });
    check(Say::Json(400, long.clone()), "context_length_exceeded").await;
    check(Say::cut([long.to_string()]), "context_length_exceeded").await;
    check(Say::cut([json!({ "error": { "message": "out of memory", "code": 500 } }).to_string()]), "answered 500")
        .await;
    check(Say::cut(["x".repeat(2 << 20)]), "more than 1 MiB").await;
    check(Say::cut(["<html>".to_owned()]), "no JSON").await;
    let fine = json!({ "error": null, "choices": [{ "delta": { "content": "x" }, "finish_reason": "stop" }] });
    assert_eq!(said(&answered(Say::chunks([fine]), 9).await.unwrap()), "x");
    // The body of a refusal is not waited for without end.
    check(Say::Bytes(400, "content-length: 99\r\n", b"{".to_vec()), "refused_by_upstream").await;
    check(Say::Bytes(307, "location: http://127.0.0.1:1/\r\ncontent-length: 0\r\n", Vec::new()), "answered 307").await;
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let tries = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&tries);
    let busy = || Say::Bytes(429, "retry-after: 0\r\ncontent-length: 0\r\n", Vec::new());
    let server = Server::start(chats(move |_| {
        if counted.fetch_add(1, std::sync::atomic::Ordering::AcqRel) < 2 {
            return busy();
        }
        Say::chunks([delta(json!({ "content": "x" }), json!("stop"))])
    }))
    .await;
    let engine = connected(&server).await;
    assert_eq!(said(&draw(&engine, ask(5)).await.unwrap()), "x");
    server.becomes(chats(move |_| busy()));
    assert!(matches!(draw(&engine, ask(5)).await, Err(EngineError::Overloaded { .. })));
}

#[tokio::test]
async fn what_will_not_mend_itself_is_told_at_once() {
    let check = async |answer: fn(&str, &Value) -> Say, change: fn(&mut UpstreamConfig), expect: &str| {
        let server = Server::start(answer).await;
        let mut config = config(&server);
        change(&mut config);
        let connecting = UpstreamEngine::connect(&config);
        let error = tokio::time::timeout(Duration::from_secs(5), connecting).await.expect(expect).err().unwrap();
        assert!(matches!(&error, EngineError::Load { message, .. } if message.contains(expect)), "{error}");
    };
    let keyless: fn(&str, &Value) -> Say = |path, _| match path {
        "/v1/models" => models(json!({ "id": "m" })),
        _ => Say::Json(401, json!({ "error": { "message": "Invalid API Key" } })),
    };
    check(keyless, |_| {}, "`api_key_env`").await;
    check(|_, _| not_found(), |_| {}, "`url`").await;
    check(|_, _| Say::Bytes(308, "location: /x\r\ncontent-length: 0\r\n", Vec::new()), |_| {}, "`url`").await;
    check(vllm, |config| config.model = Some("x".into()), "set `model` to one of: qwen").await;
    check(vllm, |config| config.api = Some(Api::Llama), "not llama.cpp's").await;
    check(mistral_rs, |config| config.api = Some(Api::Completions), "`chat_template`").await;
    check(vllm, |config| config.chat_template = Some("/nowhere".into()), "cannot be read").await;
    check(vllm, |config| config.ca_file = Some("/nowhere".into()), "`ca_file`").await;
    check(vllm, |config| drop(config.extra_body.insert("stream".into(), json!(false))), "cannot set `stream`").await;
    check(vllm, |config| config.url = config.url.replace("//", "//me:secret@"), "password").await;
}

#[tokio::test]
async fn a_hiccup_while_it_is_looked_at_takes_no_ability_away() {
    let looks = std::sync::atomic::AtomicU32::new(0);
    let server = Server::start(move |path, body| {
        let hiccup = matches!(path, "/tokenize" | "/v1/completions")
            && looks.fetch_add(1, std::sync::atomic::Ordering::AcqRel) % 5 == 1;
        if hiccup && looks.load(std::sync::atomic::Ordering::Acquire) < 8 {
            return Say::Json(503, json!({ "error": { "message": "loading" } }));
        }
        vllm(path, body)
    })
    .await;
    let can = connected(&server).await.info().can;
    assert!(can.continues && can.logprobs && can.json_schema && can.tells_stops, "{can:?}");
}

#[tokio::test]
async fn fields_of_the_operator_go_with_every_sample() {
    let server = Server::start(vllm).await;
    let extra = json!({ "top_k": 20, "chat_template_kwargs": { "enable_thinking": false } });
    let config = UpstreamConfig {
        url: format!("{}/v1/", server.url),
        api: Some(Api::Completions),
        extra_body: extra.as_object().unwrap().clone(),
        ..config(&server)
    };
    let engine = UpstreamEngine::connect(&config).await.unwrap();
    draw(&engine, ask(9)).await.unwrap();
    let body = server.last("/v1/completions");
    assert_eq!((&body["top_k"], &body["min_p"]), (&json!(20), &json!(0.0)));
    assert_eq!(server.last("/tokenize")["chat_template_kwargs"], extra["chat_template_kwargs"]);
}

#[tokio::test]
async fn a_server_that_comes_back_with_another_model_is_looked_at_anew() {
    let server = Server::start(vllm).await;
    let engine = UpstreamEngine::connect(&UpstreamConfig { check_every_ms: 20, ..config(&server) }).await.unwrap();
    engine.check().await.unwrap();
    server.becomes(|_, _| Say::Json(503, Value::Null));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(engine.alive(), "that it is away for a while says nothing of its model");
    server.becomes(|path, body| match path {
        "/v1/models" => models(json!({ "id": "qwen", "root": "Qwen/Qwen3-4B", "max_model_len": 4096 })),
        path => vllm(path, body),
    });
    let until = Instant::now() + Duration::from_secs(5);
    while engine.alive() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!engine.alive());
    assert!(matches!(draw(&engine, ask(3)).await, Err(EngineError::Dead(_))));
    assert!(matches!(engine.check().await, Err(EngineError::Dead(_))));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_taken_for_hung() {
    let server = Server::start(chats(|_| Say::Nothing)).await;
    let engine = connected(&server).await;
    let hung = draw(&engine, ask(3)).await.unwrap_err();
    assert!(matches!(&hung, EngineError::Sample(why) if why.contains("2000 ms")), "{hung}");
}
