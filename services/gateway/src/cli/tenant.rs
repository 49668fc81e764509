//! `forethought tenant`: who may ask.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use forethought_policies::{Consent as Given, Limits, NewTenant, Policy, PolicyFile, Tenant};
use forethought_schemas::{BudgetCap, Effort};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    TAKE_UP, Usage,
    output::{self, Align, Paint, Style, Table},
    time,
};

/// What can be done with tenants.
#[derive(Subcommand)]
pub enum Verb {
    /// Add a tenant to a policy file, which is made when there is none
    #[command(after_help = ADD_HELP)]
    Add(Add),
    /// List the tenants of a policy file
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Note that what a tenant asks and is answered from now on may become training data, or that none of it may
    #[command(after_help = CONSENT_HELP)]
    Consent(Consent),
}

const ADD_HELP: &str = "\
Examples:
  forethought tenant add acme --name \"Acme Bank\" --models smollm2-135m,qwen3-8b --policy policy.yaml
  forethought tenant add demo --name Demo --models '*' --effort medium --policy policy.yaml

The file's comments and layout are kept. A tenant needs a key before it can ask: see `forethought key create`.";

const LIST_HELP: &str = "\
Examples:
  forethought tenant list --policy policy.yaml
  forethought tenant list --policy policy.yaml --json";

const CONSENT_HELP: &str = "\
Examples:
  forethought tenant consent acme yes --policy policy.yaml
  forethought tenant consent acme yes --since 2026-11-01 --policy policy.yaml
  forethought tenant consent acme no --policy policy.yaml

Consent counts from the time at which it is given, or from --since: what the tenant asked before is never exported. In the
policy file it reads `training_consent: 2026-11-23T10:00:00Z`; `true` there means from the beginning. `forethought export`
takes nothing of a tenant that does not consent when it runs. What was exported before stays.";

/// A tenant to be added.
#[derive(clap::Args)]
pub struct Add {
    /// The tenant's id: 1 to 63 of a-z, 0-9, `_` and `-`; it stands in audit records and never changes
    id: String,
    /// The tenant's name for people
    #[arg(long)]
    name: String,
    /// The models that it may use, comma separated; '*' (in quotes) for every model
    #[arg(long, value_name = "MODELS", value_delimiter = ',', required = true)]
    models: Vec<String>,
    /// Requests a minute
    #[arg(long, value_name = "N", default_value = "60")]
    requests_per_minute: NonZeroU32,
    /// Requests that may come at once after a quiet time; by default a minute's worth
    #[arg(long, value_name = "N")]
    request_burst: Option<NonZeroU32>,
    /// Tokens a minute, prompts included
    #[arg(long, value_name = "N", default_value = "100000")]
    tokens_per_minute: NonZeroU32,
    /// Requests at the same time
    #[arg(long, value_name = "N", default_value = "8")]
    concurrent_requests: NonZeroU32,
    /// Samples that one request may start
    #[arg(long, value_name = "N", default_value = "32")]
    max_samples: u32,
    /// Tokens that one request may generate, all its samples together
    #[arg(long, value_name = "N", default_value = "32768")]
    total_tokens: u32,
    /// Milliseconds that one request may take
    #[arg(long, value_name = "N", default_value = "120000")]
    deadline_ms: u64,
    /// The highest effort that a request may name
    #[arg(long, value_name = "EFFORT", default_value = "high", value_parser = effort())]
    effort: Effort,
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
}

/// Which tenants to list.
#[derive(clap::Args)]
pub struct List {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whose consent.
#[derive(clap::Args)]
pub struct Consent {
    /// The tenant's id
    id: String,
    /// Whether it consents
    #[arg(value_enum)]
    consents: Answer,
    /// Since when, by default now: RFC 3339, a date (UTC), or how long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<Timestamp>,
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
}

/// What a tenant says.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Answer {
    /// It may be exported
    Yes,
    /// It may not
    No,
}

fn effort() -> impl TypedValueParser<Value = Effort> {
    let names = PossibleValuesParser::new(Effort::ALL.iter().map(|effort| effort.as_str()));
    names.try_map(|name| name.parse::<Effort>())
}

impl Verb {
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(args) => add(args),
            Self::List(args) => list(&args),
            Self::Consent(args) => consent(&args),
        }
    }
}

fn add(args: Add) -> anyhow::Result<()> {
    let tenant = NewTenant {
        id: args.id,
        name: args.name,
        models: args.models,
        limits: Limits {
            request_burst: args.request_burst,
            requests_per_minute: args.requests_per_minute,
            tokens_per_minute: args.tokens_per_minute,
            concurrent_requests: args.concurrent_requests,
        },
        budget: BudgetCap {
            max_samples: args.max_samples,
            total_tokens: args.total_tokens,
            deadline_ms: args.deadline_ms,
            effort: args.effort,
        },
    };
    PolicyFile::new(&args.policy).add_tenant(&tenant)?;
    let (id, file) = (&tenant.id, args.policy.display());
    let next = format!("make its first key with `forethought key create {id} --policy {file}`");
    Ok(output::print(&format!("added tenant {id} to {file}; {TAKE_UP}; {next}\n"))?)
}

fn consent(args: &Consent) -> anyhow::Result<()> {
    let (id, policy) = (&args.id, PolicyFile::new(&args.policy));
    let before = policy.load()?.tenant(id).map(|tenant| tenant.training_consent).unwrap_or_default();
    let given = match (args.consents, args.since) {
        (Answer::No, None) => Given::No,
        (Answer::No, Some(_)) => {
            return Err(
                Usage("leave `--since` out: who does not consent, does not from the beginning".to_owned()).into()
            );
        }
        // Who says yes once more has not said no before.
        (Answer::Yes, None) if before.is_given() => before,
        (Answer::Yes, since) => Given::Since(since.unwrap_or_else(Timestamp::now)),
    };
    let changed = policy.set_training_consent(id, given)?;
    let consents = match given {
        Given::No => "does not consent to training".to_owned(),
        Given::Always => "consents to training, from the beginning".to_owned(),
        Given::Since(_) => format!("consents to training with what it asks since {given}"),
    };
    let before = if changed { "" } else { ", as before" };
    Ok(output::print(&format!("{}: tenant {id} {consents}{before}\n", args.policy.display()))?)
}

fn list(args: &List) -> anyhow::Result<()> {
    let policy = Policy::load(&args.policy)?;
    let tenants = policy.tenants();
    if args.json {
        let tenants: Vec<Value> = tenants.into_iter().map(|tenant| to_json(tenant)).collect();
        return Ok(output::print_json(&Value::Array(tenants))?);
    }
    if tenants.is_empty() {
        return Ok(output::print(&format!("{} lists no tenant\n", args.policy.display()))?);
    }
    let mut table = Table::new(&[
        ("TENANT", Align::Left),
        ("NAME", Align::Left),
        ("KEYS", Align::Right),
        ("REQUESTS/MIN", Align::Right),
        ("TOKENS/MIN", Align::Right),
        ("CONCURRENT", Align::Right),
        ("SAMPLES", Align::Right),
        ("TOKENS", Align::Right),
        ("DEADLINE", Align::Right),
        ("EFFORT", Align::Left),
        ("TRAINING", Align::Left),
        ("MODELS", Align::Left),
    ]);
    for tenant in tenants {
        let (limits, budget) = (&tenant.limits, &tenant.budget);
        let keys = tenant.keys.iter().filter(|key| key.revoked.is_none()).count();
        let cells = [
            tenant.id.clone(),
            tenant.name.clone(),
            keys.to_string(),
            limits.requests_per_minute.to_string(),
            limits.tokens_per_minute.to_string(),
            limits.concurrent_requests.to_string(),
            budget.max_samples.to_string(),
            budget.total_tokens.to_string(),
            format!("{} ms", budget.deadline_ms),
            budget.effort.to_string(),
            training(tenant.training_consent),
            if tenant.models.is_empty() { "none".to_owned() } else { tenant.models.join(", ") },
        ];
        table.row(cells.into_iter().map(|cell| (cell, Paint::Plain)).collect());
    }
    Ok(output::print(&table.render(Style::of_stdout()))?)
}

fn training(consent: Given) -> String {
    match consent {
        Given::No => "no".to_owned(),
        Given::Always => "yes".to_owned(),
        Given::Since(_) => format!("since {consent}"),
    }
}

fn to_json(tenant: &Tenant) -> Value {
    let keys: Vec<Value> = tenant
        .keys
        .iter()
        .map(|key| {
            let (created, revoked) = (key.created.to_string(), key.revoked.map(|time| time.to_string()));
            json!({ "id": key.id, "role": key.role, "created": created, "note": key.note, "revoked": revoked })
        })
        .collect();
    json!({
        "id": tenant.id, "name": tenant.name, "models": tenant.models,
        "limits": tenant.limits, "budget": tenant.budget, "training_consent": tenant.training_consent, "keys": keys,
    })
}
