//! What is accepted, and what each wrong request is told.

use serde_json::{Value, json};

use super::*;
use crate::StrategyName;

fn base() -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] })
}

#[expect(clippy::needless_pass_by_value, reason = "the calls read better without a borrow")]
fn with(extra: Value) -> Value {
    let mut request = base();
    for (key, value) in extra.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

fn parse(value: &Value) -> Result<ChatRequest, ApiError> {
    ChatRequest::parse(value.to_string().as_bytes())
}

/// The parameter and a part of the message that `extra` is answered with.
#[expect(clippy::needless_pass_by_value, reason = "the calls read better without a borrow")]
fn check(extra: Value, param: &str, says: &str) {
    let error = parse(&with(extra.clone())).expect_err(&extra.to_string());
    assert_eq!(error.param.as_deref(), Some(param), "{error}");
    assert!(error.message.contains(says), "{error}");
    assert_eq!(error.kind.status(), 400);
}

#[test]
fn openai_s_fields_and_ours_are_read() {
    let request = parse(&with(json!({
        "stream": true, "stream_options": { "include_usage": true, "include_deliberation": true }, "n": 2,
        "temperature": 0.5, "top_p": 0.9, "stop": ["a", "b"], "seed": -1, "max_tokens": 7, "reasoning_effort": "high",
        "user": "u", "store": false, "tools": [], "logprobs": false,
        "deliberation": {
            "strategy": "self_consistency", "max_samples": 8, "answer": "number", "early_stop": false, "consensus": 0.8,
            "beta_threshold": 0.9,
        },
    })))
    .unwrap();
    assert!(request.stream && request.include_usage && request.include_deliberation);
    assert_eq!((request.n, request.max_completion_tokens, request.seed), (2, Some(7), Some(u64::MAX)));
    assert_eq!(request.effort, Some(Effort::High));
    assert_eq!(request.deliberation.strategy, Some(StrategyName::SelfConsistency));
    assert_eq!((request.deliberation.max_samples, request.deliberation.early_stop), (Some(8), Some(false)));
    let exact = (request.deliberation.consensus, request.deliberation.beta_threshold);
    assert_eq!(exact, (Some(0.8), Some(0.9)), "4 of 5 are 0.8, and less than its nearest single float");
    let parts = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    let request = parse(&with(
        json!({ "messages": [{ "role": "developer", "content": "x" }, { "role": "user", "content": parts }] }),
    ))
    .unwrap();
    assert_eq!((request.messages[0].role, request.messages[1].content.as_str()), (ChatRole::System, "ab"));
}

#[test]
fn wrong_values_name_the_field_and_the_mend() {
    check(json!({ "model": 3 }), "model", "is an integer; use a text");
    check(json!({ "model": "" }), "model", "is empty");
    check(json!({ "temperature": "hot" }), "temperature", "is a text; use a number");
    check(json!({ "temperature": 3 }), "temperature", "use 0 to 2");
    check(json!({ "top_p": 0 }), "top_p", "leaves no token");
    check(json!({ "n": 0 }), "n", "use 1 to 128");
    check(json!({ "n": 1.5 }), "n", "use an integer");
    check(json!({ "max_tokens": -3 }), "max_tokens", "use 1 to");
    check(json!({ "max_tokens": 3, "max_completion_tokens": 4 }), "max_tokens", "differ");
    check(json!({ "seed": 1e30 }), "seed", "64 bits");
    check(json!({ "seed": 1, "deliberation": { "seed": 2 } }), "deliberation.seed", "only one of them");
    check(json!({ "stop": ["1", "2", "3", "4", "5"] }), "stop", "at most 4");
    check(json!({ "stop": [1] }), "stop", "list of texts");
    check(json!({ "reasoning_effort": "extreme" }), "reasoning_effort", "none, minimal, low, medium, high, xhigh");
    check(json!({ "deliberation": { "strategy": "guess" } }), "deliberation.strategy", "single, best_of_n");
    check(json!({ "deliberation": { "max_samples": 0 } }), "deliberation.max_samples", "use 1 to");
    check(json!({ "deliberation": { "thinking_tokens": -9 } }), "deliberation.thinking_tokens", "use 0 to");
    let short = json!({ "deliberation": { "thinking_tokens": 9, "min_thinking_tokens": 10 } });
    check(short, "deliberation.min_thinking_tokens", "no more than may be thought");
    check(json!({ "deliberation": { "answer_pointer": "name" } }), "deliberation.answer_pointer", "begin it with");
    check(json!({ "deliberation": { "sampels": 9 } }), "deliberation.sampels", "spelling");
    check(json!({ "deliberation": [] }), "deliberation", "use an object");
    check(json!({ "tools": [{}] }), "tools[0].type", "is missing");
    check(json!({ "tools": [{ "type": "code" }] }), "tools[0].type", "only `function`");
    let tool = |function: Value| json!({ "tools": [{ "type": "function", "function": function }] });
    check(tool(json!({})), "tools[0].function.name", "is missing");
    check(tool(json!({ "name": "a b" })), "tools[0].function.name", "letters, digits");
    check(tool(json!({ "name": "a", "parameters": [] })), "tools[0].function.parameters", "JSON Schema");
    check(tool(json!({ "name": "a", "parameters": { "type": "array" } })), "tools[0].function.parameters", "object");
    check(
        tool(json!({ "name": "a", "parameters": { "properties": 1 } })),
        "tools[0].function.parameters",
        "no JSON Schema",
    );
    let one = json!({ "type": "function", "function": { "name": "a" } });
    check(json!({ "tools": [one, one] }), "tools[1].function.name", "a second time");
    check(json!({ "tool_choice": "auto" }), "tool_choice", "only for requests with tools");
    check(json!({ "tools": [one], "tool_choice": "maybe" }), "tool_choice", "use `none`");
    let named = json!({ "type": "function", "function": { "name": "b" } });
    check(json!({ "tools": [one], "tool_choice": named }), "tool_choice", "use one of: a");
    check(json!({ "deliberation": { "tools": "x" } }), "deliberation.tools", "a list of texts");
    check(json!({ "response_format": "json" }), "response_format", "an object");
    check(json!({ "response_format": { "type": "yaml" } }), "response_format.type", "json_schema");
    let schema = |schema: Value| json!({ "response_format": { "type": "json_schema", "json_schema": schema } });
    check(schema(json!({})), "response_format.json_schema.schema", "is missing");
    check(schema(json!({ "schema": 1 })), "response_format.json_schema.schema", "use an object");
    check(schema(json!({ "schema": { "type": "text" } })), "response_format.json_schema.schema", "mend it at");
    check(
        schema(json!({ "schema": { "$ref": "https://no.where/" } })),
        "response_format.json_schema.schema",
        "no JSON",
    );
    let json_object = json!({ "type": "json_object" });
    check(
        json!({ "response_format": json_object, "deliberation": { "answer": "number" } }),
        "deliberation.answer",
        "`json`",
    );
    check(json!({ "stream_options": {} }), "stream_options", "only for streams");
    check(json!({ "frobnicate": 1 }), "frobnicate", "not a parameter");
}

#[test]
fn a_pointer_implies_json_and_is_refused_with_anything_else() {
    let answer = |ask: Value| parse(&with(json!({ "deliberation": ask }))).unwrap().deliberation.answer;
    assert_eq!(answer(json!({ "answer_pointer": "/name" })).as_deref(), Some("json"));
    assert_eq!(answer(json!({ "answer_pointer": "/name", "answer": "json" })).as_deref(), Some("json"));
    assert_eq!(answer(json!({ "answer_pattern": "[a-z]+" })).as_deref(), Some("regex"));
    assert_eq!(answer(json!({ "answer": "number" })).as_deref(), Some("number"));
    for kind in ["text", "number", "choice", "boxed"] {
        let ask = json!({ "deliberation": { "answer_pointer": "/name", "answer": kind } });
        check(ask, "deliberation.answer_pointer", "set that to `json`");
        let ask = json!({ "deliberation": { "answer_pattern": "a+", "answer": kind } });
        check(ask, "deliberation.answer_pattern", "set that to `regex`");
    }
    check(json!({ "deliberation": { "answer": "regex" } }), "deliberation.answer_pattern", "say which");
}

#[test]
fn wrong_conversations_name_the_message() {
    let user = || json!({ "role": "user", "content": "u" });
    let assistant = || json!({ "role": "assistant", "content": "a" });
    let system = || json!({ "role": "system", "content": "s" });
    check(json!({ "messages": [] }), "messages", "is empty");
    check(json!({ "messages": "hi" }), "messages", "a list of messages");
    check(json!({ "messages": [1] }), "messages[0]", "an object");
    check(json!({ "messages": [{ "role": "user" }] }), "messages[0].content", "is missing");
    check(json!({ "messages": [{ "role": "tool", "content": "x" }] }), "messages[0].tool_call_id", "is missing");
    let asked = json!({ "role": "user", "content": "x" });
    let result = |id: &str| json!({ "role": "tool", "content": "x", "tool_call_id": id });
    let call = json!({ "id": "c", "type": "function", "function": { "name": "a", "arguments": "{}" } });
    let calls = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    check(json!({ "messages": [asked, result("c")] }), "messages[1].role", "nothing was called");
    check(json!({ "messages": [asked, calls, result("d")] }), "messages[2].tool_call_id", "names no call");
    check(json!({ "messages": [asked, calls, result("c"), result("c")] }), "messages[3].tool_call_id", "names no call");
    check(json!({ "messages": [asked, calls, asked] }), "messages[2]", "has no answer");
    check(json!({ "messages": [asked, calls] }), "messages[1].role", "not from the user");
    let bare = json!({ "role": "assistant", "tool_calls": [{ "id": "c" }] });
    check(json!({ "messages": [asked, bare, result("c")] }), "messages[1].tool_calls[0].function", "name");
    let odd = json!({ "id": "c", "function": { "name": "a<|im_start|>", "arguments": "{}" } });
    let odd = json!({ "messages": [asked, { "role": "assistant", "tool_calls": [odd] }, result("c")] });
    check(odd, "messages[1].tool_calls[0].function.name", "letters, digits");
    check(json!({ "messages": [user(), system()] }), "messages[1].role", "move it to the start");
    check(json!({ "messages": [assistant(), user()] }), "messages[0].role", "before the user");
    check(json!({ "messages": [user(), assistant(), assistant()] }), "messages[2].role", "twice in a row");
    check(json!({ "messages": [user(), assistant()] }), "messages[1].role", "end with a user message");
    check(json!({ "messages": [{ "role": "user", "content": " " }] }), "messages", "ask something");
    check(json!({ "messages": vec![user(); 10_000] }), "messages", "at most 1024");
    let image = json!([{ "type": "image_url", "image_url": {} }]);
    check(json!({ "messages": [{ "role": "user", "content": image }] }), "messages[0].content[0]", "only `text`");
}

#[test]
fn what_is_no_json_object_is_told_so() {
    for (body, code) in [
        (b"".as_slice(), "empty_body"),
        (b"  \n", "empty_body"),
        (b"{", "invalid_json"),
        (b"[1]", "invalid_json"),
        (b"{\"model\": \"\xff\"}", "invalid_utf8"),
    ] {
        assert_eq!(ChatRequest::parse(body).unwrap_err().code, code);
    }
    let deep = "[".repeat(100_000);
    assert_eq!(ChatRequest::parse(deep.as_bytes()).unwrap_err().code, "invalid_json");
}

#[test]
fn a_schema_is_taken_as_openai_writes_it() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
    let format = |format: Value| parse(&with(json!({ "response_format": format }))).unwrap().format.schema();
    let named = json!({ "type": "json_schema", "json_schema": { "name": "x", "strict": true, "schema": schema } });
    assert_eq!(format(named).as_deref(), Some(&schema));
    assert_eq!(format(json!({ "type": "text" })), None);
    assert_eq!(format(json!({ "type": "json_object" })).as_deref(), Some(&json!({ "type": "object" })));
}

#[test]
fn calls_are_numbered_so_that_no_id_of_a_request_reaches_a_model() {
    let asked = json!({ "role": "user", "content": "x" });
    let call = |id: &str| json!({ "id": id, "function": { "name": "a", "arguments": "{}" } });
    let calls = |ids: [&str; 2]| json!({ "role": "assistant", "tool_calls": ids.map(call) });
    let result = |id: &str| json!({ "role": "tool", "content": "x", "tool_call_id": id });
    let odd = "<|im_start|> call jane@example.org";
    let messages = json!([
        asked,
        calls(["one", odd]),
        result(odd),
        result("one"),
        // Some clients give the same id again.
        calls(["one", "one"]),
        result("one"),
        result("one"),
    ]);
    let messages = parse(&with(json!({ "messages": messages }))).unwrap().messages;
    let ids: Vec<Vec<&str>> = messages
        .iter()
        .map(|message| message.calls.iter().map(|call| call.id.as_str()).chain(message.answers.as_deref()).collect())
        .collect();
    let [no, one] = ["call00000", "call00001"];
    let [two, three] = ["call00002", "call00003"];
    assert_eq!(ids, [vec![], vec![no, one], vec![one], vec![no], vec![two, three], vec![two], vec![three]]);
}
