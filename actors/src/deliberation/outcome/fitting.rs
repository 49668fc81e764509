//! Which answers fit the schema of a request whose engine cannot draw only what fits.

use std::{cmp::Reverse, collections::BTreeMap};

use forethought_reasoning::{
    AnswerKind, Finish, Outcome, SampleResult, Status, Verdict, VerifierSpec, Verifiers, bare_json, extract,
};
use serde_json::Value;

use super::{Job, Ran, SampleReport};

/// Leaves in the verdict the answers that fit, whatever other verifiers say of them, and of their texts the JSON alone,
/// so that whoever reads JSON can read them. Gives whether there is any; if not, nothing is changed.
pub(in crate::deliberation) fn keep(ran: &mut Ran, job: &Job, schema: &Value) -> bool {
    let spec = VerifierSpec::JsonSchema { schema: schema.clone() };
    let Ok(verifier) = VerifierSpec::build(&[spec], &AnswerKind::Text, "") else { return false };
    let counted = ran.samples.iter().filter(|sample| ran.verdict.counted.contains(&sample.index));
    let fitting: BTreeMap<u32, String> =
        counted.filter_map(|sample| Some((sample.index, fits(sample, &verifier)?))).collect();
    let mut chosen = by_merit(&ran.verdict);
    chosen.retain(|index| fitting.contains_key(index));
    chosen.truncate(job.n as usize);
    let Some(best) = chosen.first().and_then(|index| fitting.get(index)) else { return false };
    let answer = extract(&job.kind, best);
    ran.verdict.status = if answer.is_some() { Status::Answered } else { Status::Unextracted };
    ran.verdict.answer = answer;
    if chosen.len() < job.n as usize {
        ran.verdict.warnings.push(format!("{} of {} answers fit the schema; only they are given", chosen.len(), job.n));
    }
    for sample in ran.samples.iter_mut().filter(|sample| chosen.contains(&sample.index)) {
        if let Some(json) = fitting.get(&sample.index) {
            sample.text.clone_from(json);
        }
    }
    ran.verdict.chosen = chosen;
    true
}

/// The JSON of a sample that fits. Calls that whoever asked is to make are no answer yet.
fn fits(sample: &SampleReport, verifier: &Verifiers) -> Option<String> {
    if !sample.calls.is_empty() {
        return Some(sample.text.clone());
    }
    let json = bare_json(&sample.text)?;
    let result = SampleResult {
        calls: None,
        index: sample.index,
        thinking: String::new(),
        text: json.to_owned(),
        finish: Finish::Stop,
        tokens: sample.tokens,
        mean_logprob: None,
        confidence: None,
    };
    (verifier.check(&result, None).outcome == Outcome::Passed).then_some(result.text)
}

/// The samples that were chosen, best first, and behind them the others, those first that verifiers say most for.
fn by_merit(verdict: &Verdict) -> Vec<u32> {
    let outcome = |index: &u32| verdict.checks.iter().find(|c| c.index == *index).map(|c| c.verification.outcome);
    let mut others: Vec<u32> = verdict.counted.iter().copied().filter(|at| !verdict.chosen.contains(at)).collect();
    others.sort_by_key(|index| Reverse(outcome(index)));
    verdict.chosen.iter().copied().chain(others).collect()
}
