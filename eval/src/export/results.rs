//! Deliberations out of a file of results, where the right answers are known.
//!
//! An evaluation asks with a tenant's key, so what it was answered is that tenant's too: it must consent as for its other
//! requests, before the run that asked.

use std::collections::BTreeSet;

use forethought_policies::Policy;

use super::{Deliberation, Drawn, Exported, Options, Origin, Told, Why, audit::mend, go_on, writer::Writer};
use crate::{EvalError, Outcome, Question, Reply, Results, Sample, Session, plan};

/// What the card says of such data.
const SOURCE: &str = "The texts come from an evaluation: questions with known answers, asked by the operator. A sample was \
                      kept when its answer is right, and rejected when it is wrong.\n\n**Whoever trains on this data must not evaluate on these questions again.**";

/// Exports an evaluation's samples. The policy says whose keys asked, and whether they consent.
///
/// # Errors
/// [`EvalError::Input`] when a tenant does not consent, or nobody knows whose the answers are, when they are of more than one
/// model, the folder is taken, or nothing can be exported; [`EvalError::Io`], and [`EvalError::Stopped`].
pub fn from_results(
    results: &Results,
    policy: &Policy,
    options: &Options,
    told: Told<'_>,
) -> Result<Exported, EvalError> {
    results.refuse_mixed()?;
    let tenants = consenting(results, policy)?;
    let mut writer = Writer::begin(options)?;
    go_on(told(Some(results.outcomes.len())))?;
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
        go_on(told(None))?;
    }
    let tenants = tenants.into_iter().collect::<Vec<_>>().join(", ");
    writer.finish(&format!("{SOURCE}\n\nThey were asked with keys of: {tenants}; all of them consent to training."))
}

/// The tenants that asked, all of which consented before they did.
fn consenting(results: &Results, policy: &Policy) -> Result<BTreeSet<String>, EvalError> {
    let refuse = |what: String| Err(EvalError::Input(format!("{what}; nothing was written")));
    if results.outcomes.iter().any(|outcome| outcome.session.is_none()) {
        return refuse(
            "the results do not say whose key asked, as an earlier version wrote them; evaluate anew with this one"
                .to_owned(),
        );
    }
    let asked: BTreeSet<usize> = results.outcomes.iter().filter_map(|outcome| outcome.session).collect();
    let mut tenants = BTreeSet::new();
    for Session { begun, key, .. } in asked.into_iter().filter_map(|at| results.sessions.get(at)) {
        let key = key.as_deref().unwrap_or("of another form");
        let Some((tenant, _)) = policy.key(key) else {
            return refuse(format!(
                "the key {key} that asked is not in the policy, so nobody knows whose answers these are; give the policy of \
                 the service that was asked"
            ));
        };
        let id = &tenant.id;
        match tenant.training_consent {
            consent if consent.covers(*begun) => tenants.insert(id.clone()),
            consent if consent.is_given() => {
                return refuse(format!(
                    "tenant `{id}` consents to training since {consent}, and was asked with before, at {begun}; evaluate anew"
                ));
            }
            _ => return refuse(format!("tenant `{id}`, whose key asked, does not consent to training; {}", mend(id))),
        };
    }
    Ok(tenants)
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
