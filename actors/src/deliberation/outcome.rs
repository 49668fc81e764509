//! Makes the outcome durable, settles the tenant's limits, and only then lets the answer be final.

pub(super) mod fitting;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use forethought_audit::{
    OutcomeDraft, OutcomeStatus, ReviewAsked, SampleDraft, Spent, ToolResult, ToolsSpent, VoteDraft,
};
use forethought_engine::EngineError;
use forethought_policies::{ASSESSMENT_REQUIRED, PURPOSE_REQUIRED, Permit};
use forethought_reasoning::{Finish, Status, StopRule, Verdict};
use forethought_schemas::{ApiError, ErrorKind, RecordId};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use tracing::{error, info};

use super::{
    BLOCKED, CLASSIFIER_FAILED, CallSpent, Deliberated, Event, FORBIDDEN, Job, SampleReport, SampleState,
    audit_unavailable,
    run::Ran,
    screen::{self, Shown},
    whole,
};
use crate::{AppendError, AuditDesk, ClassifierRun, KillSwitch};

/// The code of the error of a request that was stopped.
const CANCELLED: &str = "cancelled";

/// First and longest wait between tries to write an outcome whose request was already refused.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MOST: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(super) struct Close {
    pub job: Arc<Job>,
    pub admission: RecordId,
    pub audit: AuditDesk,
    /// The service's own switch: a lost client does not end the work of closing.
    pub kill: KillSwitch,
    /// What classifiers said of what is asked.
    asked: Vec<ClassifierRun>,
}

/// What a run came to, what may be shown of it, and whether the client gets an answer.
pub(super) struct Judged {
    ran: Ran,
    shown: Shown,
    /// What classifiers said of the answers.
    runs: Vec<ClassifierRun>,
    result: Result<(), ApiError>,
}

impl Close {
    pub(super) fn new(job: Arc<Job>, admission: RecordId, audit: AuditDesk, kill: KillSwitch) -> Self {
        Self { job, admission, audit, kill, asked: Vec::new() }
    }

    /// Has classifiers judge what is asked. Gives the job as it is carried out: its answer may have to wait for a person.
    ///
    /// # Errors
    /// Why no model may see it, or that the client has left.
    pub(super) async fn let_in(&mut self, kill: &KillSwitch) -> Result<Arc<Job>, ApiError> {
        let whole::Asked { runs, refusal, because } = whole::asked(&self.job, kill).await?;
        self.asked = runs;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        if !because.is_empty() {
            let job = Arc::make_mut(&mut self.job);
            job.review.because.extend(because);
            (job.stream_text, job.stream_thinking) = (false, false);
        }
        Ok(Arc::clone(&self.job))
    }

    /// Waits for the run and judges what it came to. A reader who watches has the text of a decided answer at once; that
    /// it is final he hears when the outcome is durable.
    pub(super) async fn decided(
        &self,
        run: impl Future<Output = Ran>,
        events: mpsc::Sender<Event>,
        kill: &KillSwitch,
    ) -> Judged {
        let mut ran = run.await;
        let fits = self.job.must_fit.as_deref().is_none_or(|schema| fitting::keep(&mut ran, &self.job, schema));
        let mut result = judge(&ran, fits);
        let mut looked = whole::Answered::default();
        if result.is_ok() && !self.job.whole.answers.is_empty() {
            ran.count_rest().await;
            let leaving = whole::leaving(&self.job, &ran);
            match whole::answered(&self.job, &leaving, kill).await {
                Ok(found) => looked = found,
                Err(left) => result = Err(left),
            }
        }
        let shown = Shown::new(&self.job, &ran, &looked.found);
        if result.is_ok() && self.job.stream_thinking && shown.held.is_none() {
            // What finds no room goes with the end.
            let _ = events.try_send(Event::Decided(shown.answers(&ran.verdict)));
        }
        ran.count_rest().await;
        Judged { ran, shown, runs: looked.runs, result }
    }

    /// Records how it ended. An error where nothing was run to its end.
    pub(super) async fn record(
        self,
        judged: Result<Judged, ApiError>,
        permit: Permit,
    ) -> Result<Deliberated, ApiError> {
        let draft = self.draft(judged.as_ref(), &permit);
        let (outcome, wall_ms) = (draft.record_id.clone(), draft.spent.wall_ms);
        let draft_review = draft.review.clone();
        let Spent { prompt_tokens, generated_tokens, .. } = draft.spent;
        let appended = self.audit.append(draft.clone()).await;
        let settlement = permit.settle(prompt_tokens, generated_tokens);
        if let Err(failure) = appended {
            let refusal = audit_unavailable(&failure);
            let failed = OutcomeDraft {
                status: OutcomeStatus::Failed,
                error_code: Some(refusal.code.to_owned()),
                answer: None,
                review: None,
                disclosures: None,
                chosen: Vec::new(),
                ..draft
            };
            tokio::spawn(self.try_again(failed));
            return Err(refusal);
        }
        info!(
            record = %outcome,
            status = draft.error_code.as_deref().unwrap_or(if draft.status == OutcomeStatus::Refused { "withheld" } else { "answered" }),
            tokens = settlement.spent,
            wall_ms,
            "deliberation closed"
        );
        let asked = self.asked.iter().filter_map(ClassifierRun::counted).collect();
        let Judged { mut ran, mut shown, result, .. } = judged?;
        result?;
        let found = std::mem::take(&mut shown.found);
        let held = draft_review.filter(|_| shown.held.is_some());
        shown.apply(&self.job.safeguards, &mut ran.samples, &mut ran.verdict);
        Ok(Deliberated {
            admission: self.admission,
            outcome,
            verdict: ran.verdict,
            samples: ran.samples,
            calls: ran.calls,
            spent: ran.spent,
            wall_ms,
            settlement,
            asked,
            found,
            held,
        })
    }

    fn draft(&self, judged: Result<&Judged, &ApiError>, permit: &Permit) -> OutcomeDraft {
        let ran = judged.ok().map(|judged| &judged.ran);
        let shown = judged.ok().map(|judged| &judged.shown);
        let error = judged.map_or_else(Some, |judged| judged.result.as_ref().err());
        let verdict = ran.map(|ran| &ran.verdict);
        let samples = ran.map(|ran| ran.samples.as_slice()).unwrap_or_default();
        let chosen = verdict.and_then(|v| v.chosen.first()).and_then(|at| samples.iter().find(|s| s.index == *at));
        // What no model was asked is charged to nobody.
        let prompt_tokens = match ran {
            Some(_) => u64::from(self.job.prompt_tokens),
            None => permit.meter().total().min(u64::from(self.job.prompt_tokens)),
        };
        let generated = match ran {
            Some(ran) => ran.samples.iter().map(|sample| u64::from(sample.tokens)).sum(),
            None => permit.meter().total().saturating_sub(u64::from(self.job.prompt_tokens)),
        };
        let counted = |index| verdict.is_some_and(|v| v.counted.contains(&index));
        let withheld = shown.is_some_and(|shown| shown.withheld);
        let given = chosen.filter(|_| error.is_none()).and_then(|chosen| shown?.said(chosen.index));
        let now = Timestamp::now();
        let held = shown.and_then(|shown| shown.held.as_ref()).filter(|_| error.is_none());
        let answer = match held {
            Some(held) => Some(json!(held.answers).to_string().into_bytes()),
            None => given.map(String::into_bytes),
        };
        let review = held.map(|held| ReviewAsked {
            until: now.saturating_add(self.job.review.within).unwrap_or(Timestamp::MAX),
            because: held.because.clone(),
        });
        OutcomeDraft {
            record_id: RecordId::generate(),
            time: now,
            admission: self.admission.clone(),
            status: match error {
                None if review.is_some() => OutcomeStatus::Held,
                None if withheld => OutcomeStatus::Refused,
                error => status(verdict, error),
            },
            error_code: error.map(|error| error.code.to_owned()),
            finish_reason: chosen.and_then(finish_name).filter(|_| !withheld).map(ToOwned::to_owned),
            samples: samples.iter().map(|sample| sample_draft(sample, counted(sample.index), verdict)).collect(),
            votes: verdict
                .map(|v| {
                    v.votes.iter().map(|vote| VoteDraft { answer: vote.canonical.clone(), count: vote.count }).collect()
                })
                .unwrap_or_default(),
            spent: Spent {
                prompt_tokens,
                generated_tokens: generated,
                samples: u32::try_from(samples.len()).unwrap_or(u32::MAX),
                wall_ms: self.wall_ms(),
            },
            answer,
            cost: permit.amount(prompt_tokens, generated).cost + permit.meter().tool_cost(),
            safeguards: shown.map(|shown| screen::notes(&shown.found)).unwrap_or_default(),
            classifiers: [&self.asked, judged.ok().map_or(&Vec::new(), |judged| &judged.runs)]
                .map(|runs| whole::notes(runs))
                .concat(),
            disclosures: review
                .as_ref()
                .filter(|_| !self.job.disclosures.is_null())
                .map(|_| self.job.disclosures.to_string().into_bytes()),
            review,
            tools: ran.and_then(|ran| tools_spent(&ran.calls)),
            stop: verdict.map(|verdict| verdict.stop.as_str().to_owned()),
            chosen: verdict.map(|verdict| verdict.chosen.clone()).unwrap_or_default(),
            tokens: ids(samples),
        }
    }

    /// Ends, in the background, an admission that may be in the log although its request was refused.
    pub(super) fn abandon(self) {
        let draft = OutcomeDraft {
            record_id: RecordId::generate(),
            time: Timestamp::now(),
            admission: self.admission.clone(),
            status: OutcomeStatus::Failed,
            error_code: Some("audit_unavailable".to_owned()),
            finish_reason: None,
            samples: Vec::new(),
            votes: Vec::new(),
            spent: Spent { wall_ms: self.wall_ms(), ..Spent::default() },
            answer: None,
            cost: 0,
            safeguards: Vec::new(),
            classifiers: whole::notes(&self.asked),
            review: None,
            disclosures: None,
            stop: None,
            chosen: Vec::new(),
            tokens: None,
            tools: None,
        };
        // Without a runtime the process is about to end, and its next start closes the admission.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(self.try_again(draft));
        }
    }

    fn wall_ms(&self) -> u64 {
        u64::try_from(self.job.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The request was refused because its outcome could not be written; the record itself must not be lost with it.
    async fn try_again(self, mut draft: OutcomeDraft) {
        let mut wait = RETRY_FIRST;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // What is still open then is closed as interrupted at the next start.
                () = self.kill.killed() => return,
            }
            match self.audit.append(draft.clone()).await {
                Ok(_) => return,
                // A record that is too large may still be taken without its contents; one that has its end is not.
                Err(AppendError::Refused(reason)) if !draft.samples.is_empty() => {
                    error!(%reason, admission = %self.admission, "an outcome was refused; trying without its samples");
                    (draft.samples, draft.votes, draft.tokens) = (Vec::new(), Vec::new(), None);
                }
                Err(AppendError::Refused(reason)) => {
                    info!(%reason, admission = %self.admission, "the log takes no further end of this admission");
                    return;
                }
                Err(failure) => error!(%failure, admission = %self.admission, "an outcome is still not written"),
            }
            wait = (wait * 2).min(RETRY_MOST);
        }
    }
}

/// Whether the client gets an answer. `fits`: whether there is one that fits the schema that it must fit, if there is one.
fn judge(ran: &Ran, fits: bool) -> Result<(), ApiError> {
    match (ran.verdict.stop, ran.verdict.status) {
        (StopRule::ClientLeft, _) => Err(left()),
        (_, Status::Answered | Status::Unextracted) if !fits => Err(ApiError::new(
            ErrorKind::Unmet,
            "schema_not_met",
            "no sample fits the schema; this model's engine cannot draw only what fits, so ask for more samples or rounds, \
             simplify the schema, or use a model whose engine can",
        )),
        (_, Status::Answered | Status::Unextracted) => Ok(()),
        (StopRule::Deadline, Status::NoAnswer) => Err(ApiError::new(
            ErrorKind::Deadline,
            "deadline_exceeded",
            "no sample was finished by the deadline; raise `deliberation.deadline_ms` or ask for fewer tokens",
        )),
        (_, Status::NoAnswer) if ran.diverged => Err(ApiError::new(
            ErrorKind::Unavailable,
            "stream_interrupted",
            "the engine failed in the middle of the answer, and its second try said something else; discard what was \
             streamed and send the request again",
        )
        .retry_after(1)),
        (_, Status::NoAnswer) => Err(ran.fault.as_ref().map_or_else(no_answer, engine_failed)),
    }
}

/// What a client is told that is not there any more, or whose service stops.
pub(super) fn left() -> ApiError {
    let message = "the request was stopped before it had an answer; send it again";
    ApiError::new(ErrorKind::Unavailable, CANCELLED, message).retry_after(1)
}

/// What a client is told of a chat template that fails.
const TEMPLATE_FAILED: &str =
    "the model's chat template fails on these messages; tell the operator, who finds the reason in the log";

pub(super) fn engine_failed(fault: &EngineError) -> ApiError {
    match fault {
        EngineError::Request { param, code, message } => ApiError::invalid(*param, code, message.clone()),
        EngineError::Template(_) => ApiError::new(ErrorKind::Internal, "template_failed", TEMPLATE_FAILED),
        EngineError::Overloaded { .. } => {
            ApiError::new(ErrorKind::Unavailable, "engine_overloaded", fault.to_string()).retry_after(2)
        }
        EngineError::Sample(_) | EngineError::Dead(_) | EngineError::Load { .. } => ApiError::new(
            ErrorKind::Unavailable,
            "engine_failed",
            "the engine failed on every sample; try again, and tell the operator if it goes on",
        )
        .retry_after(2),
    }
}

fn no_answer() -> ApiError {
    ApiError::new(ErrorKind::Internal, "no_answer", "no sample gave an answer; try again with another seed")
}

pub(super) fn panicked() -> ApiError {
    ApiError::new(
        ErrorKind::Internal,
        "internal",
        "the deliberation failed; try again, and tell the operator if it goes on",
    )
}

/// Codes of errors that say that rules refuse a request, and not that it failed.
const REFUSALS: [&str; 5] = [BLOCKED, CLASSIFIER_FAILED, FORBIDDEN, ASSESSMENT_REQUIRED, PURPOSE_REQUIRED];

fn status(verdict: Option<&Verdict>, error: Option<&ApiError>) -> OutcomeStatus {
    match (verdict.map(|v| v.stop), error) {
        (Some(StopRule::ClientLeft), _) => OutcomeStatus::Cancelled,
        (_, Some(error)) if error.code == CANCELLED => OutcomeStatus::Cancelled,
        (_, None) => OutcomeStatus::Answered,
        (_, Some(error)) if REFUSALS.contains(&error.code) => OutcomeStatus::Refused,
        (Some(StopRule::Deadline), _) => OutcomeStatus::Deadline,
        _ => OutcomeStatus::Failed,
    }
}

fn sample_draft(sample: &SampleReport, counted: bool, verdict: Option<&Verdict>) -> SampleDraft {
    let check = verdict.and_then(|verdict| verdict.checks.iter().find(|check| check.index == sample.index));
    SampleDraft {
        index: sample.index,
        seed: sample.seed,
        finish_reason: finish_name(sample).map(ToOwned::to_owned),
        tokens: sample.tokens,
        thinking_tokens: sample.thinking_tokens,
        check: check.map(|check| check.verification.outcome.as_str().to_owned()),
        text: Some(sample.raw.clone().into_bytes()),
        answer: sample.answer.clone(),
        counted,
        cancelled: sample.state == SampleState::Cancelled,
    }
}

/// What calls of tools cost, in thousandths of a unit.
/// What calls of tools came to; nothing where there were none.
fn tools_spent(calls: &[CallSpent]) -> Option<ToolsSpent> {
    let count =
        |of: fn(&str) -> bool| u32::try_from(calls.iter().filter(|call| of(&call.state)).count()).unwrap_or(u32::MAX);
    let spent = ToolsSpent {
        calls: count(|_| true),
        refused: count(|state| matches!(state, "refused" | ToolResult::DECLINED)),
        failed: count(|state| state == ToolResult::FAILED || state.starts_with(ToolResult::ERROR)),
        wall_ms: calls.iter().map(|call| call.wall_ms).sum(),
        cost: calls.iter().map(|call| call.cost).sum(),
    };
    (!calls.is_empty()).then_some(spent)
}

/// The ids of the samples' tokens, where the engine tells them.
fn ids(samples: &[SampleReport]) -> Option<Vec<u8>> {
    let told = |sample: &&SampleReport| sample.ids.iter().any(|id| *id != 0);
    let ids: BTreeMap<u32, &[u32]> =
        samples.iter().filter(told).map(|sample| (sample.index, sample.ids.as_slice())).collect();
    if ids.is_empty() { None } else { serde_json::to_vec(&ids).ok() }
}

pub(super) fn finish_name(sample: &SampleReport) -> Option<&'static str> {
    sample.finish.map(|finish| match finish {
        Finish::Stop | Finish::Matched => "stop",
        Finish::Length => "length",
        Finish::Weak => "weak",
    })
}
