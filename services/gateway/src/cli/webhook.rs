//! `forethought webhook`: whether a webhook is heard.

use std::{env, path::PathBuf, process::ExitCode};

use clap::Subcommand;
use forethought_policies::{Policy, Webhook};
use forethought_schemas::RequestId;
use forethought_webhooks::{Answer, Event, HookId, News};
use jiff::Timestamp;

use super::{
    exit::{self, Usage},
    output::{self, tame},
};
use crate::webhooks::Client;

/// What can be done with webhooks.
#[derive(Subcommand)]
pub enum Verb {
    /// Send a signed test event to a webhook, and tell what its receiver answers
    #[command(after_help = TEST_HELP)]
    Test(Test),
}

const TEST_HELP: &str = "\
Examples:
  forethought webhook test --policy policy.yaml --id desk
  forethought webhook test --policy policy.yaml --tenant acme --id desk

The secret is taken from the environment variable that the policy names, as the server does. The event is of the type
`webhook.test`. It ends with 1 where the receiver does not take it.";

/// Which webhook to try.
#[derive(clap::Args)]
pub struct Test {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The webhook's id
    #[arg(long)]
    id: String,
    /// Whose webhook it is; the installation's without it
    #[arg(long)]
    tenant: Option<String>,
}

impl Verb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Test(args) => test(args),
        }
    }
}

fn test(Test { policy, id, tenant }: Test) -> anyhow::Result<ExitCode> {
    let loaded = Policy::load(&policy)?;
    let wanted = HookId { tenant, id };
    let webhook =
        loaded.webhooks().iter().find(|webhook| webhook.id == wanted).ok_or_else(|| unknown(&loaded, &wanted))?;
    let secrets = webhook
        .secrets(|name| env::var(name).ok())
        .map_err(|problem| Usage(format!("{}:{problem}", policy.display())))?;
    let id = RequestId::generate().as_str().replace("req_", "test_");
    let event = Event::new(id, Timestamp::now(), &News::Test { webhook: wanted.to_string() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let posted = runtime.block_on(Client::new().post(&webhook.hook, &secrets, &event));
    let told = format!("{wanted}: {}", tame(&posted.told));
    if posted.answer == Answer::Accepted {
        output::print(&format!("ok: {told}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: {told}");
    Ok(ExitCode::from(exit::CHECK_FAILED))
}

fn unknown(policy: &Policy, wanted: &HookId) -> Usage {
    let known: Vec<String> = policy.webhooks().iter().map(|Webhook { id, .. }| id.to_string()).collect();
    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has: {}", known.join(", ")) };
    Usage(format!("the policy has no webhook `{wanted}`; {known} (`--tenant` names what stands before a `/`)"))
}

/// What is wrong with the secrets of a policy's webhooks in this environment, which need not be the server's.
pub fn warnings(file: &std::path::Path, policy: &Policy) -> Vec<String> {
    let wrong = policy.webhooks().iter().filter_map(|webhook| webhook.secrets(|name| env::var(name).ok()).err());
    wrong.map(|problem| format!("{}:{problem}", file.display())).collect()
}
