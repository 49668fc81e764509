//! Deliberations out of a file of results, where the right answers are known.

use super::{Deliberation, Drawn, Exported, Options, Origin, Why, writer::Writer};
use crate::{EvalError, Outcome, Question, Reply, Results, Sample, plan};

/// What the card says of such data.
const SOURCE: &str = "The texts come from an evaluation: questions with known answers, asked by the operator. A sample was \
                      kept when its answer is right, and rejected when it is wrong. No tenant asked them, so no tenant's \
                      consent was needed.\n\n**Whoever trains on this data must not evaluate on these questions again.**";

/// Exports an evaluation's samples. `told` hears of each answer that was looked at.
///
/// # Errors
/// [`EvalError::Input`] when the folder is taken or nothing can be exported, and [`EvalError::Io`].
pub fn from_results(results: &Results, options: &Options, told: &dyn Fn()) -> Result<Exported, EvalError> {
    let mut writer = Writer::begin(options)?;
    let places = plan::places(&results.plan.questions);
    let mut ordered: Vec<(usize, &Outcome)> = Vec::new();
    for outcome in &results.outcomes {
        if let Some(place) = places.get(&(outcome.set.as_str(), outcome.id.as_str())) {
            ordered.push((*place, outcome));
        }
    }
    // Answers come in any order; an export of the same results is the same.
    ordered.sort_by(|(a, x), (b, y)| (a, x.repeat, &x.way).cmp(&(b, y.repeat, &y.way)));
    for (place, outcome) in ordered {
        let question = results.plan.questions.get(place);
        match question.zip(outcome.reply.as_ref()) {
            Some((question, reply)) => writer.take(&deliberation(results, question, outcome, reply))?,
            None => writer.leave(Why::NoAnswer),
        }
        told();
    }
    writer.finish(SOURCE)
}

fn deliberation(results: &Results, question: &Question, outcome: &Outcome, reply: &Reply) -> Deliberation {
    let ended: Vec<&Sample> = reply.samples.iter().filter(|sample| sample.state == "finished").collect();
    let model = &results.plan.header.model;
    Deliberation {
        prompt: question.messages.clone(),
        origin: Origin::Evaluation {
            set: outcome.set.clone(),
            question: outcome.id.clone(),
            way: outcome.way.clone(),
            repeat: outcome.repeat,
        },
        model: model.id.clone(),
        weights: model.weights.clone(),
        strategy: reply.strategy.clone(),
        served: ended.iter().position(|sample| sample.text == reply.text),
        samples: ended.into_iter().map(|sample| drawn(question, sample)).collect(),
    }
}

fn drawn(question: &Question, sample: &Sample) -> Drawn {
    Drawn {
        text: sample.text.clone(),
        thinking: sample.thinking.clone(),
        answer: sample.answer.clone(),
        whole: sample.finish_reason.as_deref() == Some("stop"),
        check: sample.check.clone(),
        tokens: sample.tokens,
        right: Some(sample.answer.as_ref().is_some_and(|answer| question.is_right(answer))),
    }
}
