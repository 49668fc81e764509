//! `forethought check`: whether a server could start with this configuration, and everything that is in its way.

use std::{path::Path, process::ExitCode};

use forethought_engine::mistral::{MistralConfig, preflight};
use forethought_policies::Policy;
use forethought_provenance::Registry;

use super::{
    exit,
    output::{self, count},
};
use crate::{
    assessed,
    config::{self, Config, ModelConfig},
    weights::files,
};

/// Checks the configuration, then its policy and all of its models.
pub fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let config = super::load(file)?;
    let policy = Policy::load_with(&config.policy, assessed::read);
    let mut problems: Vec<String> = Vec::new();
    if let Err(error) = &policy {
        problems.extend(error.to_string().lines().map(ToOwned::to_owned));
    }
    if let Ok(policy) = &policy
        && let Err(error) = policy.check_classifiers(&config.policy, &*crate::classifiers::fits(&config.models))
    {
        problems.extend(error.to_string().lines().map(ToOwned::to_owned));
    }
    for model in &config.models {
        for engine in model.engine.files() {
            let found = preflight(engine).err().unwrap_or_default();
            problems.extend(found.into_iter().map(|what| format!("model `{}`: {what}", model.id)));
        }
    }
    problems.extend(unregistered(&config));
    let tools = config::approvals(&config.tools).map(|approved| config::names(&config.tools, &approved));
    problems.extend(tools.as_ref().err().map(ToString::to_string));
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    let Ok(policy) = policy else { return Ok(ExitCode::from(exit::USAGE)) };
    for warning in warnings(&config, &policy).into_iter().chain(unknown(&config, &policy, &tools.unwrap_or_default())) {
        eprintln!("warning: {warning}");
    }
    if !problems.is_empty() {
        return Ok(ExitCode::from(exit::USAGE));
    }
    output::print(&format!(
        "ok: {}, {}\n",
        count(config.models.len() as u64, "model"),
        count(policy.tenants().len() as u64, "tenant")
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Models that the registry does not let load. Their files are hashed.
fn unregistered(config: &Config) -> Vec<String> {
    let Some(registry) = &config.registry else { return Vec::new() };
    let registry = match Registry::load(registry) {
        Ok(registry) => registry,
        Err(error) => return error.to_string().lines().map(ToOwned::to_owned).collect(),
    };
    let of_model = |model: &ModelConfig| {
        let check = |file: &MistralConfig| registry.check(&model.id, &files(file), &mut |_| {}).err();
        model.engine.files().into_iter().filter_map(check).map(|mismatch| mismatch.to_string()).collect::<Vec<_>>()
    };
    config.models.iter().flat_map(of_model).collect()
}

/// What a server can start with, and what is hardly meant.
fn warnings(config: &Config, policy: &Policy) -> Vec<String> {
    let mut warnings = super::webhook::warnings(&config.policy, policy);
    if policy.tenants().is_empty() {
        warnings.push(format!("{} lists no tenant: every request will be refused", config.policy.display()));
    }
    for tenant in policy.tenants() {
        let known = |id: &String| id == "*" || config.models.iter().any(|model| model.id == *id);
        for model in tenant.models.iter().filter(|id| !known(id)) {
            warnings.push(format!("tenant `{}` may use `{model}`, which is no model of this server", tenant.id));
        }
    }
    warnings
}

/// Tools that the policy speaks of and that are not there.
fn unknown(config: &Config, policy: &Policy, tools: &[String]) -> Vec<String> {
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    policy.unknown_tools(&tools).iter().map(|found| format!("{}:{found}", config.policy.display())).collect()
}
