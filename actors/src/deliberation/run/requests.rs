//! From a pass of a trace to what an engine is asked.

use forethought_engine::{Message, Prompt, Role, SampleRequest};
use forethought_reasoning::{Ask, Needs, Part, Pass, sample_seed};

use crate::deliberation::{Job, samples::Sample};

/// Alternatives that a confidence is worked out from, as in the paper (arXiv 2508.15260).
const CONFIDENCE_TOP: u8 = 20;

pub(super) fn of_pass(job: &Job, sample: &Sample, pass: &Pass) -> SampleRequest {
    let stop = match (&sample.ask, pass.part) {
        // An engine does not tell which one it met, so the trace itself looks for those of the request.
        (Ask::Step { until, .. }, _) => vec![until.to_string()],
        (_, Part::Thought) => job.thinking.as_ref().map(|t| t.style.markers.close.clone()).unwrap_or_default(),
        // Thought and answer in one: where the request has stop sequences, the engine cannot draw them apart.
        (_, Part::Answer | Part::Whole) => job.stop.clone(),
    };
    // The first pass draws from the sample's own seed, each later one from another that depends on it.
    let seed = if pass.number == 0 { sample.report.seed } else { sample_seed(sample.report.seed, pass.number) };
    SampleRequest {
        sampling: job.sampling.clone(),
        stop,
        logprobs: Needs::weighs_likelihood(job.strategy, &job.kind, &job.verifiers),
        top_logprobs: if sample.watch.is_some() { CONFIDENCE_TOP } else { 0 },
        schema: job.schema.clone().filter(|_| pass.part != Part::Thought),
        show_control: job.thinking.is_some(),
        ..SampleRequest::new(prompt(&job.prompt, &sample.ask, &pass.begun), pass.max_tokens, seed)
    }
}

fn prompt(question: &Prompt, ask: &Ask, begun: &str) -> Prompt {
    let continued = |messages: Vec<Message>, text: &str| match text {
        "" => Prompt::Messages(messages),
        text => Prompt::Begun { messages, begun: text.to_owned() },
    };
    match question {
        Prompt::Raw(text) => Prompt::Raw(format!("{text}{begun}")),
        Prompt::Messages(messages) => continued(turns(messages, ask), begun),
        Prompt::Begun { messages, begun: first } => continued(turns(messages, ask), &format!("{first}{begun}")),
    }
}

fn turns(messages: &[Message], ask: &Ask) -> Vec<Message> {
    let mut messages = messages.to_vec();
    if let Ask::Revise { draft, findings } = ask {
        messages.push(Message { role: Role::Assistant, content: draft.to_string() });
        messages.push(Message { role: Role::User, content: findings.to_string() });
    }
    messages
}
