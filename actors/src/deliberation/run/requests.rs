//! From a pass of a trace to what an engine is asked.

use forethought_engine::{Called, Conversation, Message, Prompt, Role, SampleRequest};
use forethought_reasoning::{Ask, Needs, Part, Pass, Turn, sample_seed};
use serde_json::{Map, Value};

use crate::deliberation::{Job, samples::Sample};

/// Alternatives that a confidence is worked out from, as in the paper (arXiv 2508.15260).
const CONFIDENCE_TOP: u8 = 20;

pub(super) fn of_pass(job: &Job, sample: &Sample, pass: &Pass) -> SampleRequest {
    let stop = match (&sample.ask, pass.part) {
        // An engine does not tell which one it met, so the trace itself looks for those of the request.
        (Ask::Step { until, .. }, _) => vec![until.to_string()],
        (_, Part::Thought) => job.thinking.as_ref().map(|t| t.style.markers.close.clone()).unwrap_or_default(),
        // Thought and answer in one: where the request has stop sequences, the engine cannot draw them apart.
        (_, Part::Answer | Part::Whole) if !sample.course.is_firm() => job.stop.clone(),
        // Here, too, the sample itself looks for those of the request.
        (_, Part::Answer | Part::Whole) => {
            sample.course.marker(job.schema.as_ref()).map(str::to_owned).into_iter().collect()
        }
    };
    // The first pass draws from the sample's own seed, each later one from another that depends on it.
    let seed = if pass.number == 0 { sample.report.seed } else { sample_seed(sample.report.seed, pass.number) };
    SampleRequest {
        sampling: job.sampling.clone(),
        stop,
        logprobs: Needs::weighs_likelihood(job.strategy, &job.kind, &job.verifiers),
        top_logprobs: if sample.watch.is_some() { CONFIDENCE_TOP } else { 0 },
        schema: sample.course.schema(job.schema.as_ref()),
        lenient: sample.course.is_calling(),
        show_control: job.thinking.is_some(),
        ..SampleRequest::new(
            prompt(&job.prompt, &sample.ask, sample.course.turns(), &pass.begun),
            pass.max_tokens,
            seed,
        )
    }
}

fn prompt(question: &Prompt, ask: &Ask, acted: &[Turn], begun: &str) -> Prompt {
    let continued = |messages: Conversation, text: &str| match text {
        "" => Prompt::Messages(messages),
        text => Prompt::Begun { messages, begun: text.to_owned() },
    };
    match question {
        Prompt::Raw(text) => Prompt::Raw(format!("{text}{begun}")),
        Prompt::Messages(messages) => continued(turns(messages, ask, acted), begun),
        Prompt::Begun { messages, begun: first } => continued(turns(messages, ask, acted), &format!("{first}{begun}")),
    }
}

fn turns(asked: &Conversation, ask: &Ask, acted: &[Turn]) -> Conversation {
    let mut conversation = asked.clone();
    let messages = &mut conversation.messages;
    if let Ask::Revise { draft, findings } = ask {
        messages.push(Message::new(Role::Assistant, draft.to_string()));
        messages.push(Message::new(Role::User, findings.to_string()));
    }
    messages.extend((0..).zip(acted).flat_map(|(round, turn)| acted_turn(round, turn)));
    conversation
}

/// What the model called in one turn, and what it was told.
fn acted_turn(round: u32, turn: &Turn) -> Vec<Message> {
    let id = |place: usize| format!("call_{round}_{place}");
    let calls = turn.calls.iter().enumerate().map(|(place, call)| match call {
        Ok(call) => Called { id: id(place), name: call.tool.clone(), arguments: call.arguments.clone() },
        // What could not be read is not repeated: it was told what is wrong with it.
        Err(_) => Called { id: id(place), name: "unreadable".to_owned(), arguments: Value::Object(Map::new()) },
    });
    let said = Message {
        thinking: Some(turn.thinking.clone()).filter(|thought| !thought.is_empty()),
        calls: calls.collect(),
        ..Message::new(Role::Assistant, turn.text.clone())
    };
    let told = turn.told.iter().enumerate();
    let told = told.map(|(place, text)| Message { answers: Some(id(place)), ..Message::new(Role::Tool, text.clone()) });
    std::iter::once(said).chain(told).collect()
}
