//! `forethought policy try`: past requests, asked again of another policy.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use forethought_actors::FORBIDDEN;
use forethought_audit::{Admission, AuditReader, Body, Filter, Listed, MAX_LISTED, Outcome};
use forethought_policies::{ASSESSMENT_REQUIRED, Ask, Asked, DeskClock, PURPOSE_REQUIRED, Permit, Policy, PolicyDesk};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    assessed,
    cli::{
        output::{self, Align, Paint, Style, Table, count},
        time,
    },
};

pub const HELP: &str = "\
Examples:
  forethought policy try proposed.yaml --data-dir ./data --since 30d
  forethought policy try proposed.yaml --config forethought.yaml --tenant acme --json

Requests are asked again in their order, each at its own time, with what each spent: limits, quotas, rules and laws are
looked at. Texts are not: the log has them sealed, and nothing here unseals them. At most the latest 1000 requests are tried.";

/// Which policy to try on what.
#[derive(clap::Args)]
pub struct Args {
    /// The policy to try
    policy: PathBuf,
    #[command(flatten)]
    place: crate::cli::audit::Place,
    /// Only this tenant's requests
    #[arg(long)]
    tenant: Option<String>,
    /// Only requests at this time or later: RFC 3339, a date (UTC), or how long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// Only requests before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What became of requests, and what would.
#[derive(Default)]
struct Tally {
    /// By what became of them and what would: how many, and one of them.
    changes: BTreeMap<(String, String), (u64, String)>,
    same: u64,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let policy = Policy::load_with(&args.policy, assessed::read)?;
    let filter = Filter {
        tenant: args.tenant.clone(),
        since: args.since,
        until: args.until,
        limit: Some(MAX_LISTED),
        ..Filter::default()
    };
    let mut past = AuditReader::open(args.place.dir()?)?.list(&filter)?;
    past.reverse();
    let tally = replay(policy, &past);
    if args.json {
        let rows = tally.changes.iter().map(|((before, after), (number, example))| {
            json!({ "was": before, "would_be": after, "requests": number, "example": example })
        });
        let told = json!({ "tried": past.len(), "unchanged": tally.same, "changes": rows.collect::<Vec<_>>() });
        return Ok(output::print_json(&told)?);
    }
    Ok(output::print(&shown(&tally, past.len() as u64))?)
}

/// Asks each request again at its own time. What is running then is what was running: each ends when it ended.
fn replay(policy: Policy, past: &[Listed]) -> Tally {
    let clock = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&clock);
    let desk =
        PolicyDesk::with_clock(policy, DeskClock::from_fn(move || Duration::from_micros(told.load(Ordering::SeqCst))));
    let mut running: Vec<(Timestamp, Permit, u64, u64)> = Vec::new();
    let mut tally = Tally::default();
    for listed in past {
        let Body::Admission(admission) = &listed.admission.body else { continue };
        let at = listed.admission.time;
        for (_, permit, prompt, generated) in running.extract_if(.., |(ends, ..)| *ends <= at) {
            permit.settle(prompt, generated);
        }
        clock.store(u64::try_from(at.as_microsecond()).unwrap_or(0), Ordering::SeqCst);
        let spent = spent(listed);
        let (would, permit) = again(&desk, admission, spent.1);
        running.extend(permit.map(|permit| (spent.0, permit, spent.1, spent.2)));
        tally.add(was(listed), would, listed.admission.record_id.to_string());
    }
    tally
}

/// When a request ended, and the tokens of its prompt and those that it generated.
fn spent(listed: &Listed) -> (Timestamp, u64, u64) {
    match listed.end.as_ref().map(|end| (end.time, &end.body)) {
        Some((time, Body::Outcome(Outcome { spent, .. }))) => (time, spent.prompt_tokens, spent.generated_tokens),
        Some((time, _)) => (time, 0, 0),
        None => (Timestamp::MAX, 0, 0),
    }
}

/// Codes of errors with which rules refuse a request.
const REFUSALS: [&str; 5] =
    ["blocked_by_safeguard", "classifier_failed", FORBIDDEN, ASSESSMENT_REQUIRED, PURPOSE_REQUIRED];

fn was(listed: &Listed) -> String {
    let Some(Body::Outcome(outcome)) = listed.end.as_ref().map(|end| &end.body) else { return "let in".to_owned() };
    match (&outcome.review, outcome.error_code.as_deref()) {
        (Some(_), _) => "held".to_owned(),
        (None, Some(code)) if REFUSALS.contains(&code) => format!("refused: {code}"),
        _ => "let in".to_owned(),
    }
}

fn again(desk: &PolicyDesk, admission: &Admission, prompt_tokens: u64) -> (String, Option<Permit>) {
    let caller = desk.past(&admission.tenant, &admission.key_id);
    let (judgement, _) = desk.judge(&admission.tenant, &admission.facts);
    let ask = Ask {
        model: &admission.model,
        effort: admission.effort,
        strategy: admission.strategy,
        budget: admission.budget,
        prompt_tokens: u32::try_from(prompt_tokens).unwrap_or(u32::MAX),
        thinking_tokens: admission.thinking_tokens,
        // The log does not tell.
        tool_cost: 0,
        stream: false,
        facts: &admission.facts,
    };
    let permit = match desk.decide(&caller, &ask) {
        Err(refusal) => return (format!("refused: {}", refusal.code), None),
        Ok(permit) => permit,
    };
    if judgement.forbidden.is_some() {
        return (format!("refused: {FORBIDDEN}"), None);
    }
    let licence = desk.licence(&admission.facts, &asked(admission));
    if let Some(refusal) = licence.refusal() {
        return (format!("refused: {}", refusal.code), None);
    }
    let held = judgement.needs_review() || licence.holds().is_some();
    (if held { "held" } else { "let in" }.to_owned(), Some(permit))
}

/// A request that was refused early was of no weights.
fn asked(admission: &Admission) -> Asked<'_> {
    let weights = Some(admission.weights_digest.as_str()).filter(|weights| !weights.is_empty());
    Asked { model: &admission.model, weights, strategy: admission.strategy, effort: admission.effort }
}

impl Tally {
    fn add(&mut self, was: String, would: String, example: String) {
        // What safeguards found in a text is not looked for again.
        if was == would || was == "refused: blocked_by_safeguard" {
            self.same += 1;
            return;
        }
        let counted = self.changes.entry((was, would)).or_insert((0, example));
        counted.0 += 1;
    }
}

fn shown(tally: &Tally, tried: u64) -> String {
    let style = Style::of_stdout();
    let told = format!("{} tried, {} as before\n", count(tried, "request"), tally.same);
    if tally.changes.is_empty() {
        return told;
    }
    let mut table = Table::new(&[
        ("REQUESTS", Align::Right),
        ("WAS", Align::Left),
        ("WOULD BE", Align::Left),
        ("SUCH AS", Align::Left),
    ]);
    for ((before, after), (number, example)) in &tally.changes {
        let paint = if after == "let in" { Paint::Good } else { Paint::Bad };
        table.row(vec![
            (number.to_string(), Paint::Plain),
            (before.clone(), Paint::Plain),
            (after.clone(), paint),
            (example.clone(), Paint::Dim),
        ]);
    }
    format!("{told}\n{}", table.render(style))
}
