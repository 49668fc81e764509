//! `forethought key`: with what tenants ask.

use std::path::PathBuf;

use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use forethought_policies::{ApiKey, NewKey, PolicyFile, Role};
use jiff::{SignedDuration, Timestamp};

use super::{TAKE_UP, output, time};

/// What can be done with keys.
#[derive(Subcommand)]
pub enum Verb {
    /// Make a key for a tenant and print it, this once
    #[command(after_help = CREATE_HELP)]
    Create(Create),
    /// Make a key in the place of another one, which stays good for a while
    #[command(after_help = ROTATE_HELP)]
    Rotate(Rotate),
    /// Revoke a key; it stays in the file, so that records that name it keep their sense
    #[command(after_help = REVOKE_HELP)]
    Revoke(Revoke),
}

const CREATE_HELP: &str = "\
Examples:
  forethought key create acme --policy policy.yaml --note \"claims department\"
  KEY=$(forethought key create acme --policy policy.yaml --quiet)
  forethought key create acme --role auditor --expires 2027-12-31 --policy policy.yaml

Only the key's hash is kept: it cannot be printed again.";

const ROTATE_HELP: &str = "\
Examples:
  forethought key rotate k_0123456789abcdef --policy policy.yaml
  forethought key rotate k_0123456789abcdef --overlap 2h --expires 2027-12-31 --policy policy.yaml

The new key is for the same tenant, team and role. Both are good until the overlap is over.";

const REVOKE_HELP: &str = "\
Examples:
  forethought key revoke k_0123456789abcdef --policy policy.yaml

`forethought tenant list --json` shows the ids of all keys.";

/// A key to be made.
#[derive(clap::Args)]
pub struct Create {
    /// The tenant's id
    tenant: String,
    /// What or who the key is for
    #[arg(long)]
    note: Option<String>,
    /// What the key may be used for
    #[arg(long, default_value = "user", value_parser = role())]
    role: Role,
    /// The part of the tenant that the key belongs to
    #[arg(long)]
    team: Option<String>,
    /// From when on it is refused: RFC 3339, a date (UTC), or in how long, such as 90d
    #[arg(long, value_name = "TIME", value_parser = time::later)]
    expires: Option<Timestamp>,
    /// Print the key and nothing else
    #[arg(long)]
    quiet: bool,
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
}

/// A key to be rotated.
#[derive(clap::Args)]
pub struct Rotate {
    /// The id of the key, which reads `k_` and hexadecimal digits
    key_id: String,
    /// How long both keys are good, such as 30m, 24h or 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = time::duration)]
    overlap: SignedDuration,
    /// From when on the new key is refused: RFC 3339, a date (UTC), or in how long, such as 90d
    #[arg(long, value_name = "TIME", value_parser = time::later)]
    expires: Option<Timestamp>,
    /// Print the new key and nothing else
    #[arg(long)]
    quiet: bool,
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
}

/// A key to be revoked.
#[derive(clap::Args)]
pub struct Revoke {
    /// The key's id, which reads `k_` and hexadecimal digits
    key_id: String,
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
}

fn role() -> impl TypedValueParser<Value = Role> {
    let names = PossibleValuesParser::new(Role::ALL.map(Role::as_str));
    names.try_map(|name| Role::named(&name).ok_or("unknown role"))
}

impl Verb {
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(args) => create(args),
            Self::Rotate(args) => rotate(&args),
            Self::Revoke(args) => revoke(&args),
        }
    }
}

fn create(args: Create) -> anyhow::Result<()> {
    let new =
        NewKey { note: args.note, expires: args.expires, team: args.team, ..NewKey::new(args.role, Timestamp::now()) };
    let key = PolicyFile::new(&args.policy).add_key(&args.tenant, &new)?;
    let (id, tenant, role) = (key.id(), &args.tenant, args.role);
    show(&key, args.quiet, &format!("This is key {id} of tenant {tenant}, role {role}."))
}

fn rotate(args: &Rotate) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let until = now.saturating_add(args.overlap)?;
    let key = PolicyFile::new(&args.policy).rotate_key(&args.key_id, until, args.expires, now)?;
    let told = format!("This is key {}. The one before is good until {} UTC.", key.id(), time::show(until));
    show(&key, args.quiet, &told)
}

/// Prints a key, this once.
fn show(key: &ApiKey, quiet: bool, told: &str) -> anyhow::Result<()> {
    let secret = key.reveal();
    let text = if quiet {
        format!("{secret}\n")
    } else {
        format!("{secret}\n\n{told} Keep it now: it is not shown again; {TAKE_UP}.\n")
    };
    Ok(output::print(&text)?)
}

fn revoke(args: &Revoke) -> anyhow::Result<()> {
    PolicyFile::new(&args.policy).revoke_key(&args.key_id, Timestamp::now())?;
    // A whole key may have been given for its id: it is not repeated.
    Ok(output::print(&format!("revoked the key in {}; {TAKE_UP}\n", args.policy.display()))?)
}
