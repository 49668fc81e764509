//! What requests come to mean.

use std::{path::Path, sync::Arc};

use forethought_engine::{Abilities, CallFormat, Prompt};
use forethought_policies::{ApiKey, Policy, PolicyDesk};
use forethought_reasoning::{Markers, ThinkingStyle};
use serde_json::{Value, json};

use super::*;
use crate::config::ThinkingConfig;

const CAP: BudgetCap = BudgetCap { max_samples: 4, total_tokens: 5000, deadline_ms: 10_000, effort: Effort::High };

/// A service without tools.
struct NoTools;

impl Shelf for NoTools {
    fn card(&self, _: &str) -> Option<forethought_schemas::ToolCard> {
        None
    }

    fn usable(&self) -> Vec<String> {
        Vec::new()
    }

    fn offered(&self) -> Vec<String> {
        Vec::new()
    }

    fn limits(&self) -> forethought_reasoning::ToolLimits {
        forethought_reasoning::ToolLimits::default()
    }
}

/// A request, and what it is planned from.
struct Case {
    body: Value,
    served: Served,
    preset: Preset,
    mind: Mind,
}

fn case(fields: &Value) -> Case {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "How many is 2 + 2?" }] });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    let mut thinking = ThinkingConfig::default();
    thinking.system = Some("Think first.".to_owned());
    let served = Served {
        temperature: 0.7,
        min_p: 0.0,
        effort: Effort::Medium,
        presets: forethought_schemas::Presets::new(),
        thinking,
    };
    let style = ThinkingStyle { closing: "\n</think>\n\nIt is".to_owned(), ..ThinkingStyle::new(Markers::default()) };
    let mind = Mind {
        style: Some(Arc::new(style)),
        can: Abilities::ALL,
        parallel: 16,
        repeatable: false,
        reserve: None,
        calls: CallFormat::Plain,
    };
    Case { body, served, preset: Preset::default(), mind }
}

fn request(case: &Case) -> ChatRequest {
    ChatRequest::parse(case.body.to_string().as_bytes()).unwrap()
}

fn planned(case: &Case) -> Result<Job, ApiError> {
    let key = ApiKey::generate().unwrap();
    let yaml = format!(
        "version: 1\ntenants:\n  - id: acme\n    name: Acme\n    models: ['*']\n    limits: {{ requests_per_minute: 1000, \
         tokens_per_minute: 1000000, concurrent_requests: 16 }}\n    budget: {{ max_samples: 4, total_tokens: 5000, \
         deadline_ms: 10000, effort: high }}\n    keys:\n      - {{ id: {}, hash: '{}', role: user, created: \
         2026-01-01T00:00:00Z }}\n",
        key.id(),
        key.hash()
    );
    let desk = PolicyDesk::new(Policy::parse(Path::new("p.yaml"), yaml.as_bytes()).unwrap());
    let principal = desk.authenticate(Some(key.reveal())).unwrap();
    let ground = Ground {
        served: &case.served,
        cap: Some(CAP),
        principal: &principal,
        preset: &|_| case.preset,
        id: &RequestId::generate(),
        since: Instant::now(),
        seed: 1,
        tools: &NoTools,
    };
    plan(&request(case), &ground, Some(&case.mind))
}

fn json_format() -> Value {
    json!({ "type": "json_object" })
}

#[test]
fn a_search_by_steps_keeps_to_no_schema() {
    let asked = case(&json!({ "response_format": json_format(), "deliberation": { "strategy": "beam_search" } }));
    let refused = planned(&asked).unwrap_err();
    assert_eq!((refused.kind.status(), refused.param.as_deref()), (400, Some("response_format")), "{refused}");
    assert!(refused.message.contains("leave one of them out"), "{refused}");
    let preset = Preset { strategy: Some(StrategyName::BeamSearch), ..Preset::default() };
    let by_chance = Case { preset, ..case(&json!({ "response_format": json_format() })) };
    assert_ne!(planned(&by_chance).unwrap().strategy, StrategyName::BeamSearch);
    let named = Case { preset, ..case(&json!({ "response_format": json_format(), "reasoning_effort": "low" })) };
    planned(&named).unwrap_err();
}

#[test]
fn nothing_is_shown_of_an_answer_that_may_still_be_refused() {
    let asked = json!({ "stream": true, "response_format": json_format(), "deliberation": { "strategy": "single" } });
    let mut able = case(&asked);
    let job = planned(&able).unwrap();
    assert!(job.stream_text && job.schema.is_some() && job.must_fit.is_none());
    able.mind.can.json_schema = false;
    let job = planned(&able).unwrap();
    assert!(!job.stream_text && job.schema.is_none() && job.must_fit.is_some());
}

#[test]
fn an_answer_in_json_begins_with_json() {
    let closing = |fields: &Value| planned(&case(fields)).unwrap().thinking.unwrap().style.closing.clone();
    assert_eq!(closing(&json!({ "response_format": json_format() })), "\n</think>\n\n");
    assert_eq!(closing(&json!({})), "\n</think>\n\nIt is");
}

#[test]
fn the_instruction_stands_only_where_a_thought_is_allowed() {
    let messages = |fields: &Value| match planned(&case(fields)).unwrap().prompt {
        Prompt::Messages(messages) => messages.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(messages(&json!({})), 2);
    assert_eq!(messages(&json!({ "reasoning_effort": "none" })), 1);
    assert_eq!(messages(&json!({ "deliberation": { "thinking_tokens": 0 } })), 1);
}

#[test]
fn how_many_are_in_flight_and_what_is_counted_first() {
    let params = |asked: &Value| planned(&case(&json!({ "deliberation": asked }))).unwrap().params;
    let usual = params(&json!({ "strategy": "self_consistency" }));
    assert_eq!((usual.order, usual.wave, usual.thrifty), (Order::Shortest, 4, true));
    let asked = params(&json!({ "wave": 3, "order": "drawn" }));
    assert_eq!((asked.order, asked.wave, asked.thrifty), (Order::Drawn, 3, false));
    assert_eq!(params(&json!({ "strategy": "best_of_n" })).wave, 16, "all are drawn, so all at once");
    assert_eq!(params(&json!({ "strategy": "best_of_n" })).order, Order::Drawn, "it is no vote");
    let mut lanes = case(&json!({ "deliberation": { "strategy": "auto" } }));
    lanes.mind.repeatable = true;
    assert_eq!(planned(&lanes).unwrap().params.order, Order::Drawn);
    lanes.body["deliberation"] = json!({ "strategy": "auto", "order": "shortest" });
    assert_eq!(planned(&lanes).unwrap().params.order, Order::Shortest);
}

#[test]
fn a_model_whose_usual_temperature_is_zero_draws_no_sample_twice() {
    let mut greedy = case(&json!({}));
    greedy.served.temperature = 0.0;
    let job = planned(&greedy).unwrap();
    assert_eq!((job.budget.max_samples, job.strategy), (1, StrategyName::Single));
    let mut warm = case(&json!({ "temperature": 0.5 }));
    warm.served.temperature = 0.0;
    assert!(planned(&warm).unwrap().budget.max_samples > 1);
}

#[test]
fn a_preset_that_nobody_asked_for_is_cut_to_the_cap() {
    let preset = Preset {
        max_samples: Some(9),
        total_tokens: Some(9000),
        deadline_ms: Some(90_000),
        max_completion_tokens: Some(100),
        ..Preset::default()
    };
    let budget = |fields: &Value| planned(&Case { preset, ..case(fields) }).unwrap().budget;
    let cut = budget(&json!({}));
    assert_eq!((cut.max_samples, cut.total_tokens, cut.deadline_ms), (4, 5000, 10_000));
    let asked = budget(&json!({ "reasoning_effort": "medium" }));
    assert_eq!((asked.total_tokens, asked.deadline_ms), (9000, 90_000), "the policy refuses it, with the mend");
}

#[test]
fn without_going_on_thoughts_are_told_apart_and_caps_refused() {
    let unable = |fields: &Value, preset| {
        let mut case = Case { preset, ..case(fields) };
        case.mind.can.continues = false;
        planned(&case)
    };
    let job = unable(&json!({}), Preset::default()).unwrap();
    assert_eq!((job.thinking.unwrap().tokens, job.warnings), (None, vec![]));
    let preset = Preset { thinking_tokens: Some(64), ..Preset::default() };
    let job = unable(&json!({}), preset).unwrap();
    assert!(job.thinking.is_some() && job.warnings[0].contains("cannot go on"), "{:?}", job.warnings);
    let refused = unable(&json!({ "deliberation": { "thinking_tokens": 64 } }), Preset::default()).unwrap_err();
    assert_eq!(refused.code, "unsupported_by_engine");
    let mut unmarked = Case { preset, ..case(&json!({})) };
    unmarked.mind.style = None;
    assert!(planned(&unmarked).unwrap().warnings[0].contains("marks no thoughts"));
}

#[test]
fn a_sample_leaves_room_for_what_is_said_for_the_model() {
    let fitted = |fields: &Value, said: u32| {
        let case = case(fields);
        let mut job = planned(&case).unwrap();
        job.prompt_tokens = 1000;
        let context = 1500;
        let asked = request(&case);
        let least = least_room(&asked, &job, said);
        fit(&mut job, &asked, context, said);
        (job.budget.sample_tokens, least)
    };
    assert_eq!(fitted(&json!({}), 0), (500, 1));
    assert_eq!(fitted(&json!({}), 40), (500 - 56, 57));
    assert_eq!(fitted(&json!({ "max_completion_tokens": 300 }), 40), (300, 356));
    let drafts = json!({ "deliberation": { "strategy": "self_correct", "max_samples": 3 } });
    let (tokens, _) = fitted(&drafts, 40);
    let findings = 111;
    assert!(1000 + 56 + tokens + findings + tokens <= 1500, "{tokens}");
    let one = json!({ "deliberation": { "strategy": "self_correct", "max_samples": 1 } });
    assert_eq!(fitted(&one, 40).0, 500 - 56);
}

#[test]
fn what_is_said_for_the_model_is_all_that_may_be_said() {
    let said = |fields: &Value| sayings(&planned(&case(fields)).unwrap());
    let more = said(&json!({ "deliberation": { "min_thinking_tokens": 8, "extensions": 3 } }));
    assert!(more.starts_with("<think>") && more.contains("It is") && more.matches("Wait").count() == 3, "{more}");
    let mut plain = case(&json!({}));
    plain.mind.style = None;
    assert_eq!(sayings(&planned(&plain).unwrap()), "");
}
