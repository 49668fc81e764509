//! What an operator says of tools: interpreters, room for tenants' files, and servers of the Model Context Protocol.

use std::path::{Path, PathBuf};

use forethought_library::{DocumentSearch, Limits, ListTables, TableQuery};
use forethought_mcp::{Server, ServerConfig, pins::PinFile};
use forethought_policies::{Document, Problem};
use forethought_sandbox::{Interpreter, Interpreters, RunCode};
use serde::Deserialize;
use serde_json::Value;

/// What an operator says of tools. Which of them a tenant may use, its policy says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolsConfig {
    /// Which calculator there is.
    pub calculator: CalculatorKind,
    /// What runs code.
    pub code: Interpreters,
    /// How much each tenant may upload; without it nobody can.
    pub files: Option<Limits>,
    /// Servers of the Model Context Protocol.
    pub servers: Vec<ServerConfig>,
    /// The file of the tools of servers that are approved.
    pub approvals: Option<PathBuf>,
}

/// Which calculator there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CalculatorKind {
    /// With functions, units and percentages.
    #[default]
    Full,
    /// For very small models: numbers and the four operators.
    Plain,
}

impl ToolsConfig {
    /// The same, its files relative to the configuration.
    pub(super) fn within(self, base: &Path) -> Self {
        let at = |interpreter: Option<Interpreter>| {
            interpreter.map(|file| Interpreter { path: base.join(file.path), ..file })
        };
        let code = Interpreters { javascript: at(self.code.javascript), python: at(self.code.python) };
        let approvals = Some(base.join(self.approvals.unwrap_or_else(|| PathBuf::from("tools.yaml"))));
        Self { code, approvals, ..self }
    }
}

/// What is wrong with servers that the schema cannot say.
pub(super) fn problems(document: &Document, tools: Option<&Value>) -> Vec<Problem> {
    let servers = tools.and_then(|tools| tools.get("servers")).and_then(Value::as_array);
    let mut problems = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (at, server) in servers.into_iter().flatten().enumerate() {
        let place = format!("/tools/servers/{at}");
        let config = match serde_json::from_value::<ServerConfig>(server.clone()) {
            Ok(config) => config,
            Err(error) => {
                problems.push(document.problem(
                    &place,
                    error.to_string(),
                    "see docs/tools.md for what a server may say",
                ));
                continue;
            }
        };
        if names.contains(&config.name) {
            let told = format!("two servers are called `{}`", config.name);
            problems.push(document.problem(&place, told, "give each a name of its own"));
        }
        names.push(config.name.clone());
        if let Err(wrong) = Server::check(&config) {
            problems.push(document.problem(&format!("{place}/{}", wrong.key), wrong.why, ""));
        }
    }
    problems
}

/// Names that a policy may speak of: tools that are configured, those of servers that are approved, and the beginning of each server's, so
/// that `server.*` always stands for something.
#[must_use]
pub fn names(config: &ToolsConfig, approved: &PinFile) -> Vec<String> {
    let built_in = forethought_tools::built_in();
    let mut names: Vec<String> = built_in.iter().map(|tool| tool.spec().name().to_owned()).collect();
    if config.code.javascript.is_some() || config.code.python.is_some() {
        names.push(RunCode::NAME.to_owned());
    }
    if config.files.is_some() {
        names.extend([TableQuery::NAME, ListTables::NAME, DocumentSearch::NAME].map(ToOwned::to_owned));
    }
    let approved: Vec<String> = approved.approvals().into_iter().map(|approval| approval.name).collect();
    for server in &config.servers {
        let of_server = format!("{}.", server.name);
        names.extend(approved.iter().filter(|name| name.starts_with(&of_server)).cloned());
        names.push(of_server);
    }
    names
}

/// Reads the file of approvals.
///
/// # Errors
/// When it cannot be read.
pub fn approvals(config: &ToolsConfig) -> Result<PinFile, forethought_mcp::pins::PinError> {
    PinFile::load(config.approvals.as_deref().unwrap_or(Path::new("tools.yaml")))
}
