//! `forethought key`: with what tenants ask.

use std::path::PathBuf;

use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use forethought_policies::{NewKey, PolicyFile, Role};
use jiff::Timestamp;

use super::{TAKE_UP, output};

/// What can be done with keys.
#[derive(Subcommand)]
pub enum Verb {
    /// Make a key for a tenant and print it, this once
    #[command(after_help = CREATE_HELP)]
    Create(Create),
    /// Revoke a key; it stays in the file, so that records that name it keep their sense
    #[command(after_help = REVOKE_HELP)]
    Revoke(Revoke),
}

const CREATE_HELP: &str = "\
Examples:
  forethought key create acme --policy policy.yaml --note \"claims department\"
  KEY=$(forethought key create acme --policy policy.yaml --quiet)

Only the key's hash is kept: it cannot be printed again.";

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
    /// Print the key and nothing else
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
    names.try_map(|name| Role::ALL.into_iter().find(|role| role.as_str() == name).ok_or("unknown role"))
}

impl Verb {
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(args) => create(args),
            Self::Revoke(args) => revoke(&args),
        }
    }
}

fn create(args: Create) -> anyhow::Result<()> {
    let new = NewKey { role: args.role, note: args.note, created: Timestamp::now() };
    let key = PolicyFile::new(&args.policy).add_key(&args.tenant, &new)?;
    let text = if args.quiet {
        format!("{}\n", key.reveal())
    } else {
        let (secret, id, tenant, role) = (key.reveal(), key.id(), &args.tenant, args.role);
        format!(
            "{secret}\n\nThis is key {id} of tenant {tenant}, role {role}. Keep it now: it is not shown again; {TAKE_UP}.\n"
        )
    };
    Ok(output::print(&text)?)
}

fn revoke(args: &Revoke) -> anyhow::Result<()> {
    PolicyFile::new(&args.policy).revoke_key(&args.key_id, Timestamp::now())?;
    // A whole key may have been given for its id: it is not repeated.
    Ok(output::print(&format!("revoked the key in {}; {TAKE_UP}\n", args.policy.display()))?)
}
