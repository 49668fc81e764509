//! Checks of whole texts around a deliberation: classifiers before a model sees what is asked, everything else once an answer is
//! whole. Nothing that has still to be checked is shown.

use std::{collections::BTreeMap, sync::Arc};

use forethought_audit::ClassifierNote;
use forethought_safeguards::{
    Action, Counted, Guard,
    classifier::{Speaker, Target},
    whole::{Verdict as Found, Whole},
};
use forethought_schemas::{ApiError, ErrorKind};
use tokio::time::{Duration, Instant};

use super::{
    BLOCKED, CLASSIFIER_FAILED, Job, outcome,
    run::Ran,
    screen::{Called, with_calls},
};
use crate::{
    KillSwitch,
    classifiers::{Asker, ClassifierRun, Classifiers, Judged},
};

/// How long a client that was told that a text could not be judged waits, in seconds.
const TRY_AGAIN_AFTER: u64 = 5;

/// What is checked in whole texts, and with what.
#[derive(Clone, Debug, Default)]
pub struct WholePlan {
    /// Of what is asked: only its classifiers, the rest was checked before.
    pub asked: Arc<Whole>,
    /// Of answers.
    pub answers: Arc<Whole>,
    /// What is said, as classifiers are shown it.
    pub said: Arc<[(Speaker, String)]>,
    /// Who asks models; without it no classifier can judge, which is a failure of each.
    pub classifiers: Option<Classifiers>,
}

/// What classifiers say of what is asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) runs: Vec<ClassifierRun>,
    /// Why no model may see it.
    pub(super) refusal: Option<ApiError>,
    /// Why its answer waits for a person.
    pub(super) because: Vec<String>,
}

/// What is found in answers, by sample.
#[derive(Debug, Default)]
pub(super) struct Answered {
    pub(super) runs: Vec<ClassifierRun>,
    pub(super) found: BTreeMap<u32, Vec<Counted>>,
}

impl Job {
    /// Whether nothing of an answer is shown before its end, because something may still keep it from the client.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.review.is_quiet() || self.whole.answers.stops()
    }

    fn deadline(&self) -> Instant {
        self.since + Duration::from_millis(self.budget.deadline_ms)
    }

    fn asker(&self) -> Asker<'_> {
        Asker { tenant: &self.tenant, deadline: self.deadline() }
    }
}

/// Has classifiers judge what is asked.
///
/// # Errors
/// The client has left.
pub(super) async fn asked(job: &Job, kill: &KillSwitch) -> Result<Asked, ApiError> {
    let rules = job.whole.asked.classifiers();
    if rules.is_empty() {
        return Ok(Asked::default());
    }
    let judging = async {
        match &job.whole.classifiers {
            Some(classifiers) => classifiers.asked(rules, &job.whole.said, job.asker()).await,
            None => Classifiers::nobody().asked(rules, &job.whole.said, job.asker()).await,
        }
    };
    let runs = unless_killed(kill, judging).await?;
    let stops = |action| runs.iter().filter(move |run| run.action == action);
    let because = stops(Action::Hold).map(because).collect();
    let refusal = stops(Action::Block).next().map(refusal);
    Ok(Asked { runs, refusal, because })
}

/// An answer as it would leave.
#[derive(Debug)]
pub(super) struct Leaving {
    sample: u32,
    thoughts: String,
    text: String,
}

/// The answers of a run as they would leave: as a person would be shown them, which is all of them where nobody has to decide.
pub(super) fn leaving(job: &Job, ran: &Ran) -> Vec<Leaving> {
    let chosen = ran.verdict.chosen.iter().filter_map(|at| ran.samples.iter().find(|sample| sample.index == *at));
    let leaves = |text: &str| Guard::check(&job.review.released, text).text;
    let leaving = chosen.map(|sample| Leaving {
        sample: sample.index,
        thoughts: leaves(&sample.thinking),
        text: with_calls(&leaves(&sample.text), &Called::new(&job.review.released, &sample.calls).calls),
    });
    leaving.collect()
}

/// Checks answers.
///
/// # Errors
/// The client has left.
pub(super) async fn answered(job: &Job, leaving: &[Leaving], kill: &KillSwitch) -> Result<Answered, ApiError> {
    let mut answered = Answered::default();
    for Leaving { sample, thoughts, text } in leaving {
        let mut found = Found::counted(&job.whole.answers.answered(thoughts, text));
        // A model is not asked about what is refused without it.
        if !found.iter().any(|found| found.action == Action::Block) {
            let runs = unless_killed(kill, judged(job, thoughts, text)).await?;
            found.extend(runs.iter().filter_map(ClassifierRun::counted));
            answered.runs.extend(runs);
        }
        answered.found.insert(*sample, found);
    }
    Ok(answered)
}

async fn judged(job: &Job, thoughts: &str, text: &str) -> Vec<ClassifierRun> {
    let (rules, said, texts) = (job.whole.answers.classifiers(), &job.whole.said, [text, thoughts]);
    match &job.whole.classifiers {
        Some(classifiers) => classifiers.answered(rules, said, &texts, job.asker()).await,
        None => Classifiers::nobody().answered(rules, said, &texts, job.asker()).await,
    }
}

async fn unless_killed<T>(kill: &KillSwitch, work: impl Future<Output = T>) -> Result<T, ApiError> {
    tokio::select! {
        biased;
        () = kill.killed() => Err(outcome::left()),
        done = work => Ok(done),
    }
}

fn because(run: &ClassifierRun) -> String {
    match run.judged {
        Judged::Failed => format!("the classifier `{}` could not judge the request", run.id),
        _ => format!("the classifier `{}`: {}", run.id, run.categories.join(", ")),
    }
}

fn refusal(run: &ClassifierRun) -> ApiError {
    if run.judged == Judged::Failed {
        let message = format!(
            "the classifier `{}` could not judge this request, and what is not judged is not let through; try again, and tell the \
             operator if it goes on",
            run.id
        );
        return ApiError::new(ErrorKind::Unavailable, CLASSIFIER_FAILED, message).retry_after(TRY_AGAIN_AFTER);
    }
    let message = format!(
        "the classifier `{}` finds in messages what this tenant's safeguards do not let through ({}); remove it and send the \
         request again",
        run.id,
        run.categories.join(", ")
    );
    ApiError { param: Some("messages".to_owned()), ..ApiError::new(ErrorKind::Permission, BLOCKED, message) }
}

/// What a record keeps of classifiers.
pub(super) fn notes(runs: &[ClassifierRun]) -> Vec<ClassifierNote> {
    let side = |side| if side == Target::Input { "input" } else { "output" };
    let note = |run: &ClassifierRun| ClassifierNote {
        id: run.id.clone(),
        stage: side(run.side).to_owned(),
        verdict: run.judged.as_str().to_owned(),
        action: (run.judged != Judged::Passed).then(|| run.action.as_str().to_owned()),
        categories: run.categories.clone(),
        calls: run.calls,
        prompt_tokens: run.prompt_tokens,
        generated_tokens: run.generated_tokens,
        wall_ms: u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
    };
    runs.iter().map(note).collect()
}
