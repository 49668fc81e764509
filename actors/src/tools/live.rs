//! Makes calls of tools in earnest: policy, log, tool, log.

use std::sync::Arc;

use async_trait::async_trait;
use forethought_audit::{PolicyRef, SafeguardNote, ToolCallDraft, ToolDecision, ToolResult, ToolResultDraft};
use forethought_policies::{ToolAsk, ToolOutcome, ToolVerdict};
use forethought_reasoning::Told;
use forethought_safeguards::{Counted, Safeguards};
use forethought_schemas::{RecordId, Runs, ToolCard};
use forethought_tools::{Ended, Invocation, Limits, Toolbox};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{error, info};

use super::{CallAsked, CallOutcome, Caller, results};
use crate::{
    AppendError, AuditDesk,
    deliberation::{Arguments, Job, notes},
};

/// Where tools run that stand behind no server.
pub const BUILT_IN: &str = "built-in";

/// Asks the policy in force what becomes of a call, for whoever asked.
pub type Judge = Arc<dyn Fn(&ToolAsk<'_>) -> ToolVerdict + Send + Sync>;

/// What calls of one deliberation are made with.
#[derive(Clone)]
pub struct ToolDesk {
    /// The tools.
    pub toolbox: Toolbox,
    /// Decides.
    pub judge: Judge,
    /// What a call costs, in thousandths of a unit.
    pub cost: Arc<dyn Fn(&str) -> u64 + Send + Sync>,
    /// What is looked for in what tools say.
    pub results: Arc<Safeguards>,
    /// What one call may use.
    pub limits: Limits,
}

impl ToolDesk {
    /// What a model is told of a tool.
    #[must_use]
    pub fn card(&self, name: &str) -> Option<ToolCard> {
        card(&self.toolbox, name)
    }
}

/// What a model is told of a tool of this service.
#[must_use]
pub fn card(toolbox: &Toolbox, name: &str) -> Option<ToolCard> {
    let spec = toolbox.spec(name)?;
    let (name, description) = (spec.name().to_owned(), spec.description().to_owned());
    Some(ToolCard { name, description, parameters: Arc::clone(spec.parameters()), runs: Runs::Server })
}

/// Calls of one deliberation that has been let in.
pub(crate) struct Live {
    pub desk: ToolDesk,
    pub job: Arc<Job>,
    pub admission: RecordId,
    pub audit: AuditDesk,
}

/// A call on its way.
struct Way<'a> {
    asked: &'a CallAsked,
    record: RecordId,
    spec: String,
    effect: String,
    arguments: Value,
    /// The policy that has decided on it.
    policy: Option<PolicyRef>,
    /// What was found in the arguments.
    found: Vec<SafeguardNote>,
}

#[async_trait]
impl Caller for Live {
    async fn call(&self, asked: CallAsked) -> CallOutcome {
        let mut way = self.way(&asked);
        if let Err((rule, why)) = self.fits(&mut way) {
            return self.refuse(&way, vec![rule.to_owned()], why).await;
        }
        let verdict = self.judged(&way, false);
        way.policy = Some(PolicyRef {
            version: verdict.policy_version.to_string(),
            digest: verdict.policy_digest.as_ref().to_owned(),
        });
        let because: Vec<String> = verdict.rules.iter().map(|rule| rule.id.clone()).collect();
        match verdict.outcome {
            ToolOutcome::Refuse => self.refuse(&way, because, refusal(&verdict)).await,
            ToolOutcome::DryRun => self.dry_run(&way, because).await,
            ToolOutcome::Hold => self.hold(&way, because).await,
            ToolOutcome::Allow => match self.recorded(&way, ToolDecision::Allowed, because, None).await {
                Err(failed) => failed,
                Ok(()) => self.run(&way).await,
            },
        }
    }
}

impl Live {
    fn way<'a>(&self, asked: &'a CallAsked) -> Way<'a> {
        let spec = self.desk.toolbox.spec(&asked.call.tool);
        Way {
            asked,
            record: RecordId::generate(),
            spec: spec.map(|spec| spec.digest().to_owned()).unwrap_or_default(),
            effect: spec.map_or("pure", |spec| spec.effect().as_str()).to_owned(),
            arguments: asked.call.arguments.clone(),
            policy: None,
            found: Vec::new(),
        }
    }

    /// Whether the call can be made at all; what safeguards redact in its arguments is redacted.
    fn fits(&self, way: &mut Way<'_>) -> Result<(), (&'static str, String)> {
        let tool = &way.asked.call.tool;
        let Some(spec) = self.desk.toolbox.spec(tool) else {
            return Err(("tools/unknown", format!("the tool `{tool}` is not there any more")));
        };
        spec.check(&way.arguments).map_err(|wrong| ("tools/arguments", wrong))?;
        let passed = Arguments::new(&self.job.safeguards, &way.arguments);
        way.found = notes(&Counted::of(&passed.findings));
        if passed.stopped {
            way.arguments = Value::Null;
            return Err(("safeguards", "the arguments hold what may not leave; call it without".to_owned()));
        }
        way.arguments = passed.value;
        spec.check(&way.arguments).map_err(|wrong| ("safeguards", wrong))
    }

    fn judged(&self, way: &Way<'_>, approved: bool) -> ToolVerdict {
        let CallAsked { call, round, made, sample_made, .. } = way.asked;
        (self.desk.judge)(&ToolAsk {
            name: &call.tool,
            effect: &way.effect,
            spec: &way.spec,
            server: call.tool.split_once('.').map_or(BUILT_IN, |(server, _)| server),
            arguments: &way.arguments,
            facts: &self.job.facts,
            sample_calls: *sample_made,
            calls: *made,
            round: *round,
            approved,
        })
    }

    /// Makes the record of a call durable; without it nothing is done.
    async fn recorded(
        &self,
        way: &Way<'_>,
        decision: ToolDecision,
        because: Vec<String>,
        until: Option<Timestamp>,
    ) -> Result<(), CallOutcome> {
        let CallAsked { sample, round, place, call, .. } = way.asked;
        let draft = ToolCallDraft {
            record_id: way.record.clone(),
            time: Timestamp::now(),
            admission: self.admission.clone(),
            sample: *sample,
            round: *round,
            call: *place,
            tool: if way.spec.is_empty() { "unknown".to_owned() } else { call.tool.clone() },
            spec: way.spec.clone(),
            effect: way.effect.clone(),
            decision,
            because,
            policy: way.policy.clone(),
            safeguards: way.found.clone(),
            until,
            arguments: way.arguments.to_string().into_bytes(),
        };
        self.audit.append(draft).await.map(drop).map_err(|failure| {
            error!(%failure, "a call of a tool cannot be recorded, so it is not made");
            CallOutcome::not_made("error/unavailable", "the call could not be recorded, so it was not made".to_owned())
        })
    }

    async fn refuse(&self, way: &Way<'_>, because: Vec<String>, why: String) -> CallOutcome {
        match self.recorded(way, ToolDecision::Refused, because, None).await {
            Err(failed) => failed,
            Ok(()) => self.refused(way, why).await,
        }
    }

    async fn refused(&self, way: &Way<'_>, why: String) -> CallOutcome {
        let told = Told { text: why, error: true, ..Told::default() };
        let outcome = self.ended(way, ToolResult::error("refused"), told, 0, 0, Vec::new()).await;
        CallOutcome { state: "refused".to_owned(), ..outcome }
    }

    async fn dry_run(&self, way: &Way<'_>, because: Vec<String>) -> CallOutcome {
        if let Err(failed) = self.recorded(way, ToolDecision::DryRun, because, None).await {
            return failed;
        }
        let text = format!("dry run: `{}` was not carried out", way.asked.call.tool);
        let told = Told { text, error: true, ..Told::default() };
        self.ended(way, ToolResult::DRY_RUN.to_owned(), told, 0, 0, Vec::new()).await
    }

    /// Has a person decide, as long as the deliberation may take.
    async fn hold(&self, way: &Way<'_>, because: Vec<String>) -> CallOutcome {
        let left = way.asked.deadline.saturating_duration_since(Instant::now());
        let within = self.job.review.within.min(left);
        let until = Timestamp::now().saturating_add(within).unwrap_or(Timestamp::MAX);
        if let Err(failed) = self.recorded(way, ToolDecision::Held, because, Some(until)).await {
            return failed;
        }
        info!(tool = way.asked.call.tool, record = %way.record, "a call of a tool waits for a person");
        let approved = tokio::select! {
            () = way.asked.kill.killed() => return self.cancelled(way, 0).await,
            approved = super::review::decided(&self.audit, &self.admission, &way.record, within) => approved,
        };
        // What was allowed when it was held may not be any more.
        let verdict = approved.then(|| self.judged(way, true));
        match verdict {
            Some(verdict) if verdict.outcome == ToolOutcome::Allow => self.run(way).await,
            Some(verdict) => {
                let rules: Vec<&str> = verdict.rules.iter().map(|rule| rule.id.as_str()).collect();
                let version = verdict.policy_version;
                info!(tool = way.asked.call.tool, record = %way.record, ?rules, version, "an approved call may not be made any more");
                self.refused(way, refusal(&verdict)).await
            }
            None => self.declined(way).await,
        }
    }

    /// Nobody has approved it in time.
    async fn declined(&self, way: &Way<'_>) -> CallOutcome {
        let told = Told { text: "a person did not approve this call".to_owned(), error: true, ..Told::default() };
        let state = ToolResult::DECLINED.to_owned();
        match self.record_end(way, &state, &told, 0, 0, Vec::new()).await {
            Ok(()) => CallOutcome { told, record: Some(way.record.clone()), state, wall_ms: 0, cost: 0 },
            // Somebody has, just after nobody waited any more: then it was not declined, and was not made either.
            Err(_) => self.cancelled(way, 0).await,
        }
    }

    async fn run(&self, way: &Way<'_>) -> CallOutcome {
        let tool = &way.asked.call.tool;
        let left = way.asked.deadline.saturating_duration_since(Instant::now());
        let time_ms = self.desk.limits.time_ms.min(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)).max(1);
        let limits = Limits { time_ms, ..self.desk.limits };
        let invocation = Invocation { tenant: self.job.tenant.clone(), arguments: way.arguments.clone(), limits };
        let began = Instant::now();
        let Ended { result, wall_ms } = tokio::select! {
            biased;
            () = way.asked.kill.killed() => {
                return self.cancelled(way, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)).await;
            }
            ended = self.desk.toolbox.call(tool, invocation) => ended,
        };
        let results::Screened { state, told, found } = results::screen(&self.desk.results, result, &way.effect);
        let cost = (self.desk.cost)(tool);
        self.ended(way, state, told, wall_ms, cost, found).await
    }

    async fn cancelled(&self, way: &Way<'_>, wall_ms: u64) -> CallOutcome {
        let told = Told { text: "the call was stopped".to_owned(), error: true, ..Told::default() };
        let cost = if wall_ms > 0 { (self.desk.cost)(&way.asked.call.tool) } else { 0 };
        self.ended(way, ToolResult::CANCELLED.to_owned(), told, wall_ms, cost, Vec::new()).await
    }

    /// Makes durable what came of a call, before the model reads it.
    async fn ended(
        &self,
        way: &Way<'_>,
        state: String,
        told: Told,
        wall_ms: u64,
        cost: u64,
        found: Vec<SafeguardNote>,
    ) -> CallOutcome {
        if let Err(failure) = self.record_end(way, &state, &told, wall_ms, cost, found).await {
            error!(%failure, "what a tool said cannot be recorded, so no model is told");
            let why = "what the tool said could not be recorded, so it is not told".to_owned();
            let lost = CallOutcome::not_made("error/unavailable", why);
            return CallOutcome { record: Some(way.record.clone()), wall_ms, cost, ..lost };
        }
        CallOutcome { told, record: Some(way.record.clone()), state, wall_ms, cost }
    }

    async fn record_end(
        &self,
        way: &Way<'_>,
        state: &str,
        told: &Told,
        wall_ms: u64,
        cost: u64,
        found: Vec<SafeguardNote>,
    ) -> Result<(), AppendError> {
        let draft = ToolResultDraft {
            record_id: RecordId::generate(),
            time: Timestamp::now(),
            admission: self.admission.clone(),
            call: way.record.clone(),
            state: state.to_owned(),
            wall_ms,
            left_out: told.left_out,
            cost,
            safeguards: found,
            result: told.text.clone().into_bytes(),
        };
        self.audit.append(draft).await.map(drop)
    }
}

fn refusal(verdict: &ToolVerdict) -> String {
    let said = verdict.refusal.as_ref().map(|refusal| refusal.message.clone());
    said.unwrap_or_else(|| "the policy does not allow this call".to_owned())
}
