//! `forethought policy explain`: every rule that has a say in a request, with its citation, and which tools models may call.

use std::{fmt::Write as _, path::PathBuf};

use forethought_policies::{Policy, packs};
use forethought_schemas::Facts;
use jiff::Timestamp;

use crate::{
    assessed,
    cli::{
        Usage,
        output::{self, tame},
        time,
    },
};

pub const HELP: &str = "\
Examples:
  forethought policy explain policy.yaml --tenant acme --purpose employment --region US-CO
  forethought policy explain policy.yaml --tenant acme --purpose credit --region DE --data-class personal --at 2027-12-02
  forethought policy explain policy.yaml --tenant acme --json

The words are those of docs/packs.md. What the policy says is always so of the tenant is added. It tells no limits: `policy
test` and `policy try` do.";

/// Which request to explain.
#[derive(clap::Args)]
pub struct Args {
    /// The policy file
    policy: PathBuf,
    /// The tenant that would ask
    #[arg(long)]
    tenant: String,
    /// What the answer is for
    #[arg(long)]
    purpose: Option<String>,
    /// Who talks with the service
    #[arg(long)]
    interaction: Option<String>,
    /// What the answer does in a decision about a person
    #[arg(long)]
    decision: Option<String>,
    /// In which business; can be given more than once
    #[arg(long = "sector", value_name = "SECTOR")]
    sectors: Vec<String>,
    /// Where the people are whom it concerns; can be given more than once
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<String>,
    /// What kind of data is in it; can be given more than once
    #[arg(long = "data-class", value_name = "CLASS")]
    data_classes: Vec<String>,
    /// When it would be asked: RFC 3339, or a date (UTC); by default now
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let policy = Policy::load_with(&args.policy, assessed::read)?;
    let facts = policy.facts_of(&args.tenant, &told(args)).map_err(|wrong| Usage(wrong.message))?;
    let at = args.at.unwrap_or_else(Timestamp::now);
    let explained = policy.packs().explain(&facts, at);
    let purpose = policy.purposes().explain(facts.purpose.as_ref().map(packs::Purpose::as_str), at);
    let tools = policy.tools_explained(&args.tenant);
    if args.json {
        let mut told = serde_json::to_value(&explained)?;
        if let Some(fields) = told.as_object_mut() {
            fields.insert("tools".to_owned(), serde_json::to_value(&tools)?);
            fields.insert("purpose".to_owned(), serde_json::to_value(&purpose)?);
        }
        return Ok(output::print_json(&told)?);
    }
    let mut text = format!("{}{explained}{}", tame(&purpose.to_string()), tame(&tools.to_string()));
    if policy.packs().packs().is_empty() {
        let shipped: Vec<&str> = packs::Packs::shipped().collect();
        writeln!(text, "the policy names no packs; those that ship are: {}", shipped.join(", "))?;
    }
    Ok(output::print(&text)?)
}

fn told(args: &Args) -> Facts {
    let sorted = |words: &[String]| {
        let mut words = words.to_vec();
        words.sort();
        words.dedup();
        words
    };
    Facts {
        purpose: args.purpose.clone(),
        interaction: args.interaction.clone(),
        decision: args.decision.clone(),
        sectors: sorted(&args.sectors),
        regions: sorted(&args.regions),
        data_classes: sorted(&args.data_classes),
        grounds: Vec::new(),
    }
}
