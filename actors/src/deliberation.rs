//! The supervisor of one request: it makes the admission durable, performs what the strategy says, makes the outcome
//! durable, and only then gives out the answer.
//!
//! It is a task under the kill-switch tree and not an actor, because nobody sends it messages: what it hears of comes
//! through the bounded channel of its samplers.

mod outcome;
mod recipe;
mod rerun;
mod run;
mod samples;
mod screen;
#[cfg(test)]
mod tests;
mod whole;

use std::sync::Arc;

use forethought_audit::{Admission, AdmissionDraft, LawNote, PolicyRef, RetentionNote, ReviewAsked};
use forethought_engine::{Prompt, Sampling};
use forethought_policies::{Permit, Settlement};
use forethought_reasoning::{
    AnswerKind, MAX_SAMPLES, Params, Spent, Strategy, Tally, ToolUse, Verdict, VerifierSpec, strategy_verified,
};
use forethought_safeguards::{Counted, Safeguards};
use forethought_schemas::{ApiError, Budget, Effort, ErrorKind, Facts, RecordId, RequestId, StrategyName};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Duration, Instant},
};
use tracing::{Instrument, error, info_span};

use crate::{AppendError, AuditDesk, Caller, EngineDesk, KillOnDrop, KillSwitch, Live, Place, ToolDesk, catch};
pub use recipe::{RecipeError, instructed, job_of, program_of};
pub use rerun::{Rerun, Rerunner};
pub(crate) use run::behind_thought;
use run::{Engines, Run};
pub use samples::{Acted, CallSpent, SampleReport, SampleState, Thinking};
pub(crate) use screen::{Arguments, notes};
pub use screen::{HeldAnswer, with_calls};
pub use whole::WholePlan;

/// Live events that may wait for a slow reader, beside those that are [kept for samples](kept_for_samples). More are
/// dropped; text is not, it goes with the next event that has room.
const EVENTS: usize = 256;

/// Room for what happens to one sample: that it is started, fails, is started again, ends, is judged or cancelled, and
/// the votes after each of these.
const EVENTS_OF_A_SAMPLE: usize = 12;

/// Room in the channel of events that what happens to samples has for itself. It is taken when it is used.
fn kept_for_samples(budget: &Budget) -> usize {
    EVENTS_OF_A_SAMPLE * budget.max_samples.min(MAX_SAMPLES) as usize
}

/// The code of the error with which a safeguard refuses a request.
pub const BLOCKED: &str = "blocked_by_safeguard";

/// The code of the error with which a rule refuses a request.
pub const FORBIDDEN: &str = "forbidden_by_rule";

/// The code of the error with which a request is refused that a classifier should have judged and did not.
pub const CLASSIFIER_FAILED: &str = "classifier_failed";

/// What is asked of a deliberation.
#[derive(Clone, Debug)]
pub struct Job {
    /// The request.
    pub request_id: RequestId,
    /// When it came: the deadline counts from then.
    pub since: Instant,
    /// Whose it is.
    pub tenant: String,
    /// The id of the key that asked.
    pub key_id: String,
    /// The model's name.
    pub model: String,
    /// The digest of its weights.
    pub weights: String,
    /// The named budget that it started from.
    pub effort: Effort,
    /// How the budget is spent.
    pub strategy: StrategyName,
    /// What may be spent.
    pub budget: Budget,
    /// What every draw comes from.
    pub seed: u64,
    /// Answers wanted.
    pub n: u32,
    /// What an answer looks like.
    pub kind: AnswerKind,
    /// The strategy's parameters.
    pub params: Params,
    /// What the model continues.
    pub prompt: Prompt,
    /// Its tokens.
    pub prompt_tokens: u32,
    /// What the operator has the model told before every conversation; it stands in the prompt already.
    pub instruction: Option<String>,
    /// Whom it is about, as the tenant names them.
    pub subject: Option<String>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// An answer ends before the first of these.
    pub stop: Vec<String>,
    /// What samples are checked with.
    pub verifiers: Vec<VerifierSpec>,
    /// What a judge is told that they answer.
    pub question: String,
    /// How the model thinks; `None` for one that marks no thoughts.
    pub thinking: Option<Thinking>,
    /// What its samples may do with tools.
    pub tools: Option<Arc<ToolUse>>,
    /// What every answer must fit, where the engine can draw so.
    pub schema: Option<Arc<serde_json::Value>>,
    /// What every answer must fit, where the engine cannot draw so: what does not fit is never given.
    pub must_fit: Option<Arc<serde_json::Value>>,
    /// Whether the answer is streamed, and with it the thoughts of the first sample, or of each that is an answer of its
    /// own.
    pub stream_thinking: bool,
    /// Whether text may be sent as it is drawn, where it is known from the start which samples are the answers.
    pub stream_text: bool,
    /// What the reader of the answer should know.
    pub warnings: Vec<String>,
    /// What is looked for in what is generated.
    pub safeguards: Arc<Safeguards>,
    /// What safeguards found in what was asked.
    pub asked: Vec<Counted>,
    /// What it is about, as far as it is known.
    pub facts: Facts,
    /// Rules of law that have a say in it.
    pub laws: Vec<LawNote>,
    /// How long rules of law have its records and contents stay.
    pub retention: RetentionNote,
    /// What goes with the answer because a law asks for it; null where none does.
    pub disclosures: Arc<serde_json::Value>,
    /// How its answer is held, where it is.
    pub review: ReviewPlan,
    /// What is checked in whole texts.
    pub whole: WholePlan,
}

/// How an answer is held until a person has decided on it.
#[derive(Clone, Debug)]
pub struct ReviewPlan {
    /// What asks for it whatever the answer is; nothing if only what is found in the answer may.
    pub because: Vec<String>,
    /// Whether what is found in the answer may ask for it.
    pub possible: bool,
    /// How long it waits.
    pub within: Duration,
    /// What is looked for in an answer on which a person has decided.
    pub released: Arc<Safeguards>,
}

impl Default for ReviewPlan {
    fn default() -> Self {
        let (because, within, released) = (Vec::new(), Duration::from_hours(24), Safeguards::none());
        Self { because, possible: false, within, released }
    }
}

impl ReviewPlan {
    /// Whether the answer waits or may come to wait: then nothing of it is told before its end.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.possible || !self.because.is_empty()
    }
}

/// What a deliberation works with.
pub struct Desks {
    /// Makes records durable.
    pub audit: AuditDesk,
    /// Lends the engine.
    pub engine: EngineDesk,
    /// Lends the engine that judges samples; `None` for the model itself.
    pub judge: Option<EngineDesk>,
    /// Makes calls of tools, for a job that has some.
    pub tools: Option<ToolDesk>,
    /// What the tenant's limits hold for this request.
    pub permit: Permit,
    /// The place among the deliberations that may run at once.
    pub seat: Place,
}

/// What a reader may see while it runs. Events that find no room are dropped; the texts of a sample, joined, are always
/// its beginning, without a hole.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A sample was started, or tried again.
    SampleStarted {
        /// Its place.
        index: u32,
    },
    /// A sample goes on.
    Progress {
        /// Its place.
        index: u32,
        /// Tokens that it has generated.
        tokens: u32,
    },
    /// Thoughts of a sample: of the first one, or of each that is an answer of its own.
    Thinking {
        /// Its place.
        index: u32,
        /// What it has thought since.
        text: String,
    },
    /// Text of a sample that is an answer of its own.
    Text {
        /// Its place.
        index: u32,
        /// What it has said since.
        text: String,
    },
    /// The answers, best first. They are not final before the end, which comes once the outcome is durable.
    Decided(Vec<Decided>),
    /// A sample ended by itself.
    SampleFinished {
        /// Its place.
        index: u32,
        /// Tokens that it generated.
        tokens: u32,
        /// Its canonical answer.
        answer: Option<String>,
    },
    /// A sample broke off.
    SampleFailed {
        /// Its place.
        index: u32,
        /// Tokens that it has generated.
        tokens: u32,
    },
    /// A sample is no longer needed.
    SampleCancelled {
        /// Its place.
        index: u32,
        /// Tokens that it has generated.
        tokens: u32,
    },
    /// Tools were called for a sample.
    SampleActed {
        /// Its place.
        index: u32,
        /// The turn of the sample, from 0.
        round: u32,
        /// Which tools, and what came of each call: `done`, `failed`, `refused` and so on.
        calls: Vec<(String, String)>,
    },
    /// A model has judged a sample that had ended, or could not.
    SampleJudged {
        /// Its place.
        index: u32,
        /// Tokens that the judge generated.
        tokens: u32,
        /// Whether the judgement broke off.
        failed: bool,
    },
    /// The votes, and what is left of the budget.
    Votes {
        /// The votes.
        tally: Tally,
        /// Tokens generated so far.
        generated: u32,
    },
}

/// One of the answers of a deliberation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The sample that gave it.
    pub sample: u32,
    /// Its thoughts.
    pub thinking: String,
    /// The answer.
    pub text: String,
}

/// A finished deliberation, its outcome durable.
#[derive(Debug)]
pub struct Deliberated {
    /// The admission's record.
    pub admission: RecordId,
    /// The outcome's record.
    pub outcome: RecordId,
    /// What the strategy came to.
    pub verdict: Verdict,
    /// Every sample that was started, by index.
    pub samples: Vec<SampleReport>,
    /// Every call of a tool that was made, also of samples that were cancelled and of tries that broke off.
    pub calls: Vec<CallSpent>,
    /// What was spent.
    pub spent: Spent,
    /// From the request to the end, in milliseconds.
    pub wall_ms: u64,
    /// What the tenant's limits got back.
    pub settlement: Settlement,
    /// What classifiers found in what was asked.
    pub asked: Vec<Counted>,
    /// What safeguards found in the answers.
    pub found: Vec<Counted>,
    /// That the answer waits for a person.
    pub held: Option<ReviewAsked>,
}

/// A running deliberation. Dropping it stops the work; the outcome is recorded all the same.
pub struct Deliberation {
    /// The admission's record: durable.
    pub admission: RecordId,
    /// What happens, as it happens.
    pub events: mpsc::Receiver<Event>,
    /// Comes once classifiers have let in what is asked, and never where they have not: then the end tells why.
    pub let_in: oneshot::Receiver<()>,
    /// How it ends.
    pub end: oneshot::Receiver<Result<Deliberated, ApiError>>,
    /// Stops the work when dropped.
    pub guard: KillOnDrop,
}

impl Deliberation {
    /// Makes the admission durable and starts the work, as a task of the runtime that it is called in.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the audit log cannot be written, [`ErrorKind::InvalidRequest`] when the budget
    /// cannot be spent as asked. In both cases nothing was generated.
    pub async fn start(mut job: Job, desks: Desks, parent: &KillSwitch) -> Result<Self, ApiError> {
        let strategy = plan(&job)?;
        job.stream_text &= is_known(&job, strategy.as_ref());
        let admission = RecordId::generate();
        let record = admission_draft(&job, &admission, &desks.permit);
        let job = Arc::new(job);
        let mut close = outcome::Close::new(Arc::clone(&job), admission.clone(), desks.audit, parent.clone());
        admit(record, &close).await?;
        let kill = parent.child();
        let (events, receiver) = mpsc::channel(EVENTS + kept_for_samples(&job.budget));
        let (done, end) = oneshot::channel();
        let deadline = job.since + Duration::from_millis(job.budget.deadline_ms);
        let live =
            |desk| Live { desk, job: Arc::clone(&job), admission: admission.clone(), audit: close.audit.clone() };
        let tools = desks.tools.map(|desk| Arc::new(live(desk)) as Arc<dyn Caller>);
        let engines = Engines { model: desks.engine, judge: desks.judge, tools };
        let span = info_span!("deliberation", request = %job.request_id, tenant = %job.tenant);
        let (permit, seat) = (desks.permit, desks.seat);
        let (meter, own) = (permit.meter(), kill.clone());
        let (told, let_in) = oneshot::channel();
        tokio::spawn(
            async move {
                let ran = catch(async {
                    let job = close.let_in(&own).await?;
                    let _ = told.send(());
                    let run = Run::new(job, strategy, engines, meter, events.clone(), own.clone(), deadline);
                    Ok(close.decided(run.finish(), events, &own).await)
                });
                let ran = ran.await;
                if let Err(panicked) = &ran {
                    error!(%panicked, "a deliberation panicked");
                }
                let ran = ran.unwrap_or_else(|_| Err(outcome::panicked()));
                let result = close.record(ran, permit).await;
                let _ = done.send(result);
                drop(seat);
            }
            .instrument(span),
        );
        Ok(Self { admission, events: receiver, let_in, end, guard: kill.kill_on_drop() })
    }
}

/// Records that a safeguard refuses a request, and gives `refusal` back once that is durable. Nothing is generated.
///
/// # Errors
/// `refusal` as an error, or [`ErrorKind::Unavailable`] when the audit log cannot be written.
pub async fn refuse(job: Job, desks: Desks, refusal: ApiError, kill: &KillSwitch) -> Result<(), ApiError> {
    let admission = RecordId::generate();
    let record = admission_draft(&job, &admission, &desks.permit);
    let close = outcome::Close::new(Arc::new(job), admission, desks.audit, kill.clone());
    admit(record, &close).await?;
    close.record(Err(refusal), desks.permit).await.map(drop)
}

/// Makes the admission durable. One that may be in the log without its request going on gets its end in the background.
async fn admit(record: AdmissionDraft, close: &outcome::Close) -> Result<(), ApiError> {
    // Also dropped when the client leaves meanwhile.
    let mut unanswered = Unanswered(Some(close.clone()));
    let appended = close.audit.append(record).await;
    if !matches!(appended, Err(AppendError::Unknown(_))) {
        unanswered.0 = None;
    }
    appended.map(drop).map_err(|failure| audit_unavailable(&failure))
}

/// An admission of which it is not known whether it is in the log; ends it when dropped.
struct Unanswered(Option<outcome::Close>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(close) = self.0.take() {
            close.abandon();
        }
    }
}

/// Whether it is known from the start which samples are the answers: a search writes the text of a sample anew.
fn is_known(job: &Job, strategy: &dyn Strategy) -> bool {
    match job.strategy {
        StrategyName::Single => true,
        StrategyName::BeamSearch => false,
        _ => strategy.snapshot().planned == 1,
    }
}

fn plan(job: &Job) -> Result<Box<dyn Strategy>, ApiError> {
    if job.strategy == StrategyName::BeamSearch && job.tools.is_some() {
        // What is thrown away would have been done all the same.
        return Err(ApiError::invalid(
            "deliberation.strategy",
            "unsupported_by_strategy",
            "`beam_search` throws steps away, and a call of a tool cannot be; take another strategy, or leave tools out",
        ));
    }
    if job.strategy == StrategyName::BeamSearch && job.schema.is_some() {
        // A constraint begins anew with each step, so none would hold for the whole.
        return Err(ApiError::invalid(
            "response_format",
            "unsupported_by_strategy",
            "`beam_search` draws an answer step by step, which keeps to no schema; take another strategy, or leave \
             `response_format` out",
        ));
    }
    let verifiers = VerifierSpec::build(&job.verifiers, &job.kind, &job.question)
        .map_err(|error| ApiError::invalid("deliberation.verifiers", "invalid_verifier", error.to_string()))?;
    strategy_verified(job.strategy, job.budget, job.seed, job.n, job.kind.clone(), job.params, verifiers)
        .map_err(|error| ApiError::invalid("deliberation", "invalid_budget", error.to_string()))
}

fn admission_draft(job: &Job, record_id: &RecordId, permit: &Permit) -> AdmissionDraft {
    AdmissionDraft {
        record_id: record_id.clone(),
        // The quota's day and month are those of this time.
        time: permit.admitted_at(),
        admission: Admission {
            request_id: job.request_id.clone(),
            tenant: job.tenant.clone(),
            key_id: job.key_id.clone(),
            model: job.model.clone(),
            weights_digest: job.weights.clone(),
            policy: PolicyRef {
                version: permit.policy_version().to_string(),
                digest: permit.policy_digest().to_owned(),
            },
            effort: job.effort,
            strategy: job.strategy,
            budget: job.budget,
            seed: job.seed,
            n: job.n,
            thinking_tokens: job.thinking.as_ref().and_then(|thinking| thinking.tokens),
            safeguards: screen::notes(&job.asked),
            facts: job.facts.clone(),
            laws: job.laws.clone(),
            retention: job.retention.clone(),
        },
        prompt: recipe::write(job),
        subject: job.subject.clone(),
    }
}

fn audit_unavailable(failure: &AppendError) -> ApiError {
    error!(%failure, "the audit log cannot be written; the request is refused");
    ApiError::new(
        ErrorKind::Unavailable,
        "audit_unavailable",
        "the audit log cannot be written, so no answer may be given; the operator must make room or repair the store",
    )
    .retry_after(5)
}
