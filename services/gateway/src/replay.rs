//! Audited deliberations carried out again, and held against what the log says of them.

mod compare;
mod past;

use std::{collections::BTreeMap, fmt, sync::Arc};

use forethought_actors::{Caller, RecordedCall, RecordedCalls, Rerun, Rerunner, job_of, program_of, tool_told};
use forethought_audit::{Body, Shown};
use forethought_engine::EngineInfo;
use forethought_reasoning::VerifierSpec;

pub use compare::Same;
use past::Past;

/// What came of carrying out a deliberation again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// All that the log keeps of it came again.
    Identical(Same),
    /// Something else came.
    Differs(Vec<String>),
    /// It cannot be told.
    Cannot(String),
}

impl Replay {
    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Identical(_) => "identical",
            Self::Differs(_) => "differs",
            Self::Cannot(_) => "cannot_be_told",
        }
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identical(same) => write!(f, "{same}"),
            Self::Differs(differences) => f.write_str(&differences.join("; ")),
            Self::Cannot(why) => f.write_str(why),
        }
    }
}

/// The model of a request, and the digest of the weights that answered it; nothing where none was asked.
#[must_use]
pub fn weights_of(shown: &Shown) -> Option<(&str, &str)> {
    let Body::Admission(admission) = &shown.admission.body else { return None };
    Some((&admission.model, &admission.weights_digest))
}

/// The models that are needed to carry out a request again: its own, and one that judged.
#[must_use]
pub fn models_of(shown: &Shown) -> Vec<String> {
    let Body::Admission(admission) = &shown.admission.body else { return Vec::new() };
    let job = Past::of(shown).ok().and_then(|past| job_of(admission, past.prompt).ok());
    let Some(job) = job else { return Vec::new() };
    let judge = VerifierSpec::judge_model(&job.verifiers).map(str::to_owned);
    std::iter::once(job.model).chain(judge).collect()
}

/// Carries out a request again, of which the contents are shown. `refused` tells why a model was not loaded.
pub async fn replay(shown: &Shown, engines: &Rerunner, refused: &BTreeMap<String, String>) -> Replay {
    match again(shown, engines, refused).await {
        Ok(replay) => replay,
        Err(why) => Replay::Cannot(why),
    }
}

async fn again(shown: &Shown, engines: &Rerunner, refused: &BTreeMap<String, String>) -> Result<Replay, String> {
    let past = Past::of(shown)?;
    let Body::Admission(admission) = &shown.admission.body else { return Err("it is no request".to_owned()) };
    if let Some(why) = refused.get(&admission.model) {
        return Err(why.clone());
    }
    let job = job_of(admission, past.prompt).map_err(|error| error.to_string())?;
    let engine = engines.engine(&admission.model).await.map_err(|error| error.to_string())?;
    fits(engine.info(), &admission.weights_digest)?;
    drop(engine);
    let tools = Arc::new(RecordedCalls::new(calls(shown)?)) as Arc<dyn Caller>;
    let Rerun { fault, verdict, samples } = engines.run(job, Some(tools)).await.map_err(|error| error.message)?;
    if let Some(fault) = fault {
        return Err(format!("the engine failed this time: {fault}"));
    }
    let program = program_of(past.prompt).filter(|program| program != env!("CARGO_PKG_VERSION"));
    Ok(match (compare::compare(&past, &verdict, &samples), program) {
        (Replay::Differs(mut differences), Some(program)) => {
            differences
                .push(format!("it was carried out by version {program} of this program, whose draws may be others"));
            Replay::Differs(differences)
        }
        (replay, _) => replay,
    })
}

/// The calls of tools that were made, with what the model was told: no tool is touched again.
fn calls(shown: &Shown) -> Result<Vec<RecordedCall>, String> {
    let unreadable =
        |error: &dyn fmt::Display| format!("what a tool was called with, or said, cannot be read: {error}");
    let mut calls = Vec::new();
    for made in shown.calls_in_full() {
        let (Some(arguments), Some(told), Some(result)) = (made.arguments, made.told, made.result) else { continue };
        let arguments = arguments.map_err(|error| unreadable(error))?;
        let text = String::from_utf8_lossy(told.map_err(|error| unreadable(error))?).into_owned();
        calls.push(RecordedCall {
            place: made.call.place(),
            tool: made.call.tool.clone(),
            arguments: serde_json::from_slice(arguments).map_err(|error| unreadable(&error))?,
            told: tool_told(text, made.call, result),
            state: result.state.clone(),
        });
    }
    Ok(calls)
}

/// Whether an engine can draw the same again.
fn fits(info: &EngineInfo, weights: &str) -> Result<(), String> {
    if info.weights != weights {
        return Err(other_weights(weights, &info.weights));
    }
    if !info.repeatable {
        return Err(format!(
            "an engine of the kind `{}` does not promise the same samples for the same seed",
            info.backend
        ));
    }
    Ok(())
}

/// What is told where the weights are others.
#[must_use]
pub fn other_weights(then: &str, now: &str) -> String {
    format!("the weights are others: {then} answered, {now} is there; put the file back that answered")
}
