//! Runs whose samples call tools, in virtual time.

use std::sync::Mutex;

use async_trait::async_trait;
use forethought_engine::{Channel, Conversation, Message, Role, SampleRequest};
use forethought_reasoning::{CallStyle, Finish, StopRule, Told, ToolLimits, ToolUse};
use forethought_schemas::{Runs, ToolCard, ToolChoice};
use serde_json::json;

use super::{
    overload::{meter, universe},
    player::{Ending, Player, Said},
    *,
};
use crate::{CallAsked, CallOutcome};

const fn raw(words: &'static str) -> Said {
    (words, Channel::Raw, Ending::Stop)
}

/// Answers every call with the number of calls so far, after a while; keeps what it was asked.
#[derive(Default)]
struct Counter {
    asked: Mutex<Vec<CallAsked>>,
    killed: Mutex<u32>,
    hangs: bool,
}

#[async_trait]
impl Caller for Counter {
    async fn call(&self, asked: CallAsked) -> CallOutcome {
        let kill = asked.kill.clone();
        self.asked.lock().unwrap().push(asked);
        if self.hangs {
            kill.killed().await;
            *self.killed.lock().unwrap() += 1;
            return CallOutcome::not_made("cancelled", String::new());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        let told = Told { text: "42".to_owned(), ..Told::default() };
        CallOutcome { told, record: None, state: "done".to_owned(), wall_ms: 10, cost: 7 }
    }
}

fn acting() -> Job {
    let card = |name: &str, runs| ToolCard {
        name: name.to_owned(),
        description: String::new(),
        parameters: Arc::new(json!({ "type": "object" })),
        runs,
    };
    let tools = ToolUse {
        style: CallStyle::hermes(),
        tools: vec![card("add", Runs::Server), card("book", Runs::Client)],
        choice: ToolChoice::Auto,
        parallel: true,
        limits: ToolLimits::default(),
        firm: false,
    };
    let messages = vec![Message::new(Role::User, "How much is it?")];
    let prompt = Prompt::Messages(Conversation { messages, tools: tools.tools.clone().into() });
    Job { prompt, tools: Some(Arc::new(tools)), ..job() }
}

async fn run_acting(player: &Arc<Player>, tools: &Arc<Counter>, job: Job) -> run::Ran {
    let kill = KillSwitch::new();
    let model = player.desk(&kill).await;
    let strategy = plan(&job).unwrap();
    let deadline = Instant::now() + Duration::from_millis(job.budget.deadline_ms);
    let tools: Arc<dyn Caller> = Arc::clone(tools) as _;
    let engines = Engines { model, judge: None, tools: Some(tools) };
    let run = Run::new(Arc::new(job), strategy, engines, meter(), mpsc::channel(1024).0, kill.clone(), deadline);
    let mut ran = run.finish().await;
    ran.count_rest().await;
    kill.kill();
    ran
}

const CALL: &str = r#"<tool_call>{"name":"add","arguments":{"x":1}}</tool_call>"#;
const BOTH: &str = r#"<tool_call>{"name":"add","arguments":{"x":1}}</tool_call><tool_call>{"name":"add","arguments":{"x":2}}</tool_call>"#;

fn has_results(request: &SampleRequest) -> bool {
    matches!(&request.prompt, Prompt::Messages(asked) if asked.iter().any(|message| message.role == Role::Tool))
}

#[test]
fn a_sample_calls_reads_and_answers() {
    universe(async {
        let player = Arc::new(Player::new(|_, request| if has_results(request) { raw("It is 42") } else { raw(BOTH) }));
        let tools = Arc::new(Counter::default());
        let ran = run_acting(&player, &tools, acting()).await;
        let sample = &ran.samples[0];
        assert_eq!((sample.answer.as_deref(), sample.text.as_str()), (Some("42"), "It is 42"));
        assert_eq!(sample.acts.len(), 2);
        assert!(sample.acts.iter().all(|act| (act.told.as_str(), act.cost, act.round) == ("42", 7, 0)), "{sample:?}");
        let places: Vec<(u32, u32)> =
            tools.asked.lock().unwrap().iter().map(|asked| (asked.place, asked.sample_made)).collect();
        assert_eq!(places, [(0, 0), (1, 1)], "both are made at once");
        let requests = player.requests();
        let Prompt::Messages(second) = &requests[1].prompt else { panic!("{:?}", requests[1].prompt) };
        let roles: Vec<Role> = second.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Tool]);
        assert_eq!(second[1].calls.len(), 2);
        assert_ne!(requests[0].seed, requests[1].seed, "each pass draws from another seed");
        assert!(sample.raw.starts_with(BOTH) && sample.raw.ends_with("It is 42"), "{}", sample.raw);
    });
}

#[test]
fn a_second_try_makes_no_call_again() {
    universe(async {
        let player = Arc::new(Player::new(|call, request| match call {
            0 | 2 => raw(CALL),
            1 => ("It", Channel::Raw, Ending::Break),
            _ if has_results(request) => raw("It is 42"),
            _ => raw("What?"),
        }));
        let tools = Arc::new(Counter::default());
        let ran = run_acting(&player, &tools, acting()).await;
        assert_eq!(ran.samples[0].answer.as_deref(), Some("42"));
        assert_eq!(tools.asked.lock().unwrap().len(), 1);
    });
}

#[test]
fn a_second_try_makes_no_call_again_that_stands_elsewhere_in_it() {
    const OTHER: &str = r#"<tool_call>{"name":"add","arguments":{"x":2}}</tool_call>"#;
    universe(async {
        let player = Arc::new(Player::new(|call, _| match call {
            0 | 3 => raw(CALL),
            1 => ("It", Channel::Raw, Ending::Break),
            2 => raw(OTHER),
            _ => raw("It is 42"),
        }));
        let tools = Arc::new(Counter::default());
        let ran = run_acting(&player, &tools, acting()).await;
        assert_eq!(ran.samples[0].acts.len(), 2);
        let asked: Vec<_> = tools.asked.lock().unwrap().iter().map(|asked| asked.call.arguments["x"].clone()).collect();
        assert_eq!(asked, [1, 2]);
        assert_eq!(ran.calls.iter().map(|call| call.cost).sum::<u64>(), 14);
    });
}

#[test]
fn all_tries_together_make_no_more_calls_than_a_sample_may() {
    const OTHER: &str = r#"<tool_call>{"name":"add","arguments":{"x":2}}</tool_call>"#;
    universe(async {
        let player = Arc::new(Player::new(|call, _| match call {
            0 => raw(CALL),
            1 => ("It", Channel::Raw, Ending::Break),
            2 => raw(OTHER),
            _ => raw("It is 42"),
        }));
        let tools = Arc::new(Counter::default());
        let job = acting();
        let limits = ToolLimits { calls: 1, ..ToolLimits::default() };
        let plan = ToolUse { limits, ..(**job.tools.as_ref().unwrap()).clone() };
        let ran = run_acting(&player, &tools, Job { tools: Some(Arc::new(plan)), ..job }).await;
        assert_eq!(tools.asked.lock().unwrap().len(), 1);
        let acts: Vec<_> = ran.samples[0].acts.iter().map(|act| (act.state.as_str(), act.cost)).collect();
        assert_eq!(acts, [("error/exhausted", 0)]);
        assert_eq!((ran.samples[0].answer.as_deref(), ran.calls.len()), (Some("42"), 1));
    });
}

#[test]
fn a_call_that_hangs_is_stopped_by_the_deadline() {
    universe(async {
        let player = Arc::new(Player::new(|_, _| raw(CALL)));
        let tools = Arc::new(Counter { hangs: true, ..Counter::default() });
        let job = acting();
        let budget = Budget { deadline_ms: 100, ..job.budget };
        let ran = run_acting(&player, &tools, Job { budget, ..job }).await;
        assert_eq!(ran.verdict.stop, StopRule::Deadline);
        assert_eq!(*tools.killed.lock().unwrap(), 1, "it was told, and came back");
        assert!(ran.samples[0].acts.is_empty());
        let made: Vec<_> = ran.calls.iter().map(|call| call.state.as_str()).collect();
        assert_eq!(made, ["cancelled"], "what was made is counted, whatever became of its sample");
    });
}

#[test]
fn calls_of_the_client_are_the_answer_and_are_voted_on() {
    universe(async {
        const BOOK: &str = r#"<tool_call>{"name":"book","arguments":{"day":5}}</tool_call>"#;
        const OTHER: &str = r#"<tool_call>{"name":"book","arguments":{"day":6}}</tool_call>"#;
        let player = Arc::new(Player::new(|call, _| raw(if call == 1 { OTHER } else { BOOK })));
        let tools = Arc::new(Counter::default());
        let job = Job {
            strategy: StrategyName::SelfConsistency,
            budget: Budget { max_samples: 3, total_tokens: 300, sample_tokens: 50, deadline_ms: 20_000 },
            params: Params { samples: Some(3), wave: 3, thrifty: false, beta_threshold: None, ..Params::default() },
            ..acting()
        };
        let ran = run_acting(&player, &tools, job).await;
        assert_eq!(ran.verdict.answer.unwrap().canonical, r#"[["book",{"day":5}]]"#);
        let chosen = &ran.samples[ran.verdict.chosen[0] as usize];
        assert_eq!((chosen.calls[0].tool.as_str(), chosen.text.as_str()), ("book", ""));
        assert_eq!(chosen.finish, Some(Finish::Stop));
        assert!(tools.asked.lock().unwrap().is_empty());
    });
}

#[test]
fn a_loop_ends_by_its_bounds() {
    universe(async {
        let player = Arc::new(Player::new(|_, _| raw(CALL)));
        let tools = Arc::new(Counter::default());
        let job = acting();
        let budget = Budget { total_tokens: 1000, sample_tokens: 1000, ..job.budget };
        let ran = run_acting(&player, &tools, Job { budget, ..job }).await;
        assert_eq!(tools.asked.lock().unwrap().len(), 2, "the same call is made twice at most");
        assert_eq!(ran.samples[0].acts.len(), 2);
        assert!(ran.samples[0].acts[1].told.contains("No more tools"), "{:?}", ran.samples[0].acts);
    });
}

#[test]
fn a_search_takes_no_tools() {
    let refused = plan(&Job { strategy: StrategyName::BeamSearch, ..acting() }).err().unwrap();
    assert_eq!((refused.code, refused.kind.status()), ("unsupported_by_strategy", 400));
}
