//! The service's configuration file: read, checked as a whole, and with everything that it leaves out filled in.

#[cfg(test)]
mod tests;
mod thinking;
mod tools;

use std::{
    collections::HashMap,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use forethought_engine::{mistral::MistralConfig, pool::PoolSettings, scripted::Script, upstream::UpstreamConfig};
use forethought_identity::{Issuer, IssuerConfig};
use forethought_policies::{Document, FileError, FileKind, Problem, Role};
use forethought_schemas::{CONFIG_SCHEMA, Effort, Presets};
use serde::Deserialize;
use serde_json::Value;

use crate::witnesses::WitnessConfig;

pub use thinking::ThinkingConfig;
use thinking::ThinkingSection;
pub use tools::{CalculatorKind, ToolsConfig, approvals, names};

/// The configuration file, in the version that this build reads.
static CONFIG_FILE: FileKind = FileKind {
    name: "configuration",
    create: "give the path of one with `--config`; `forethought serve --help` shows an example",
    version: 1,
    schema: &CONFIG_SCHEMA,
};

/// What runs a model.
const ENGINES: [&str; 4] = ["path", "upstream", "pool", "scripted"];

/// Keys that only make sense for a model in a file.
const FILE_KEYS: [&str; 4] = ["tokenizer", "lanes", "threads_per_lane", "max_waiting"];

/// A valid configuration. Paths are relative to the working directory, or absolute.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The folder of the audit log and its keys.
    pub data_dir: PathBuf,
    /// What the audit log is called where it has no key yet.
    pub log_name: Option<String>,
    /// Where the newest copy of the key table goes.
    pub keys_copy: Option<PathBuf>,
    /// Who is asked to cosign it.
    pub witnesses: Vec<WitnessConfig>,
    /// The registry of weights; without one, any file is loaded.
    pub registry: Option<PathBuf>,
    /// The policy file.
    pub policy: PathBuf,
    /// How long a shutdown waits for running requests, in milliseconds.
    pub grace_ms: u64,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Requests that are worked on at the same time, at least 1.
    pub max_deliberations: u32,
    /// The server's own log.
    pub log: LogConfig,
    /// Identity providers whose tokens are accepted.
    pub identity: Vec<IssuerConfig>,
    /// The tools that models may be offered.
    pub tools: ToolsConfig,
    /// At least one model, each with an id of its own.
    pub models: Vec<ModelConfig>,
}

/// The server's own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The least important message that is written.
    pub level: tracing::Level,
    /// How a message is written.
    pub format: LogFormat,
}

/// How messages of the server's log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// One model, and what its requests get when they do not say.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Its name in requests.
    pub id: String,
    /// What runs it.
    pub engine: EngineConfig,
    /// The temperature of requests that set none, in [0, 2].
    pub temperature: f32,
    /// Only tokens at least this share as likely as the likeliest are drawn, in [0, 1).
    pub min_p: f32,
    /// The effort of requests that name none.
    pub effort: Effort,
    /// What efforts mean with this model.
    pub presets: Presets,
    /// How it thinks.
    pub thinking: ThinkingConfig,
}

/// What runs a model.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineConfig {
    /// Open weights in this process.
    Mistral(MistralConfig),
    /// Another server.
    Upstream(UpstreamConfig),
    /// Several engines as one.
    Pool(PoolConfig),
    /// A script.
    Scripted(Script),
}

/// Several engines behind one name.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolConfig {
    /// At least one, each with a name of its own. None of them is a pool.
    pub members: Vec<(String, EngineConfig)>,
    /// When one of them is taken for failing.
    pub settings: PoolSettings,
}

impl EngineConfig {
    /// The models in files that it loads into this process.
    pub fn files(&self) -> Vec<&MistralConfig> {
        match self {
            Self::Mistral(config) => vec![config],
            Self::Pool(pool) => pool.members.iter().flat_map(|(_, member)| member.files()).collect(),
            Self::Upstream(_) | Self::Scripted(_) => Vec::new(),
        }
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: i64,
    listen: String,
    data_dir: PathBuf,
    policy: PathBuf,
    registry: Option<PathBuf>,
    grace_ms: u64,
    max_body_bytes: usize,
    max_deliberations: u32,
    log: LogSection,
    audit: AuditSection,
    identity: Vec<IssuerConfig>,
    tools: ToolsConfig,
    models: Vec<ModelSection>,
}

impl Default for File {
    fn default() -> Self {
        Self {
            _version: CONFIG_FILE.version,
            listen: "127.0.0.1:8080".to_owned(),
            data_dir: PathBuf::from("./data"),
            policy: PathBuf::from("./policy.yaml"),
            registry: None,
            grace_ms: 10_000,
            max_body_bytes: 1 << 20,
            max_deliberations: 64,
            log: LogSection::default(),
            audit: AuditSection::default(),
            identity: Vec::new(),
            tools: ToolsConfig::default(),
            models: Vec::new(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LogSection {
    level: Option<String>,
    format: LogFormat,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AuditSection {
    name: Option<String>,
    witnesses: Vec<WitnessConfig>,
    keys_copy: Option<PathBuf>,
}

/// Unknown keys are refused by the schema: flattened sections cannot do it themselves.
#[derive(Deserialize)]
struct ModelSection {
    id: String,
    #[serde(flatten)]
    engine: EngineSection,
    pool: Option<PoolSection>,
    temperature: Option<f32>,
    min_p: Option<f32>,
    effort: Option<Effort>,
    presets: Option<Presets>,
    thinking: Option<ThinkingSection>,
}

/// One engine that is no pool.
#[derive(Deserialize)]
struct EngineSection {
    path: Option<PathBuf>,
    tokenizer: Option<PathBuf>,
    lanes: Option<NonZeroU32>,
    threads_per_lane: Option<NonZeroU32>,
    max_waiting: Option<u32>,
    scripted: Option<Script>,
    upstream: Option<UpstreamConfig>,
}

#[derive(Deserialize)]
struct PoolSection {
    members: Vec<MemberSection>,
    #[serde(flatten)]
    settings: PoolSettings,
}

#[derive(Deserialize)]
struct MemberSection {
    name: Option<String>,
    #[serde(flatten)]
    engine: EngineSection,
}

impl Config {
    /// Reads and checks a configuration file. Whether the files that it names are there is not looked at.
    ///
    /// # Errors
    /// [`FileError`]: the file is missing, cannot be read, or is wrong in ways that are all listed.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        Self::of(file, &Document::load(file, &CONFIG_FILE)?)
    }

    fn of(file: &Path, document: &Document) -> Result<Self, FileError> {
        let contents: File = document.read(problems(document))?;
        let base = file.parent().unwrap_or(Path::new(""));
        // The checks before have looked at it; a second one costs less than a default that nobody asked for.
        let listen = address(&contents.listen)
            .map_err(|(told, mend)| document.refuse(vec![document.problem("/listen", told, mend)]))?;
        Ok(Self {
            listen,
            data_dir: base.join(contents.data_dir),
            policy: base.join(contents.policy),
            registry: contents.registry.map(|registry| base.join(registry)),
            grace_ms: contents.grace_ms,
            max_body_bytes: contents.max_body_bytes,
            max_deliberations: contents.max_deliberations,
            log: LogConfig {
                level: contents.log.level.and_then(|level| level.parse().ok()).unwrap_or(tracing::Level::INFO),
                format: contents.log.format,
            },
            log_name: contents.audit.name,
            witnesses: contents.audit.witnesses,
            keys_copy: contents.audit.keys_copy.map(|path| base.join(path)),
            identity: contents.identity.into_iter().map(|issuer| within(base, issuer)).collect(),
            tools: contents.tools.within(base),
            models: contents.models.into_iter().map(|model| model.into_config(base)).collect(),
        })
    }
}

impl ModelSection {
    fn into_config(self, base: &Path) -> ModelConfig {
        let engine = match self.pool {
            Some(pool) => EngineConfig::Pool(pool.into_config(base)),
            None => self.engine.into_config(base),
        };
        ModelConfig {
            id: self.id,
            engine,
            temperature: self.temperature.unwrap_or(0.7),
            min_p: self.min_p.unwrap_or(0.05),
            effort: self.effort.unwrap_or(Effort::Medium),
            presets: self.presets.unwrap_or_default(),
            thinking: self.thinking.map(ThinkingConfig::from).unwrap_or_default(),
        }
    }
}

impl EngineSection {
    fn into_config(self, base: &Path) -> EngineConfig {
        match (self.path, self.upstream) {
            (Some(path), _) => {
                let defaults = MistralConfig::new(base.join(path));
                EngineConfig::Mistral(MistralConfig {
                    tokenizer: self.tokenizer.map(|folder| base.join(folder)),
                    lanes: self.lanes,
                    threads_per_lane: self.threads_per_lane,
                    max_waiting: self.max_waiting.unwrap_or(defaults.max_waiting),
                    ..defaults
                })
            }
            (None, Some(upstream)) => EngineConfig::Upstream(UpstreamConfig {
                ca_file: upstream.ca_file.map(|file| base.join(file)),
                chat_template: upstream.chat_template.map(|file| base.join(file)),
                ..upstream
            }),
            // The checks before let through exactly one of them.
            (None, None) => EngineConfig::Scripted(self.scripted.unwrap_or_default()),
        }
    }
}

impl PoolSection {
    fn into_config(self, base: &Path) -> PoolConfig {
        let members = self.members.into_iter().map(|member| {
            let engine = member.engine.into_config(base);
            let usual = match &engine {
                EngineConfig::Mistral(file) => file.path.display().to_string(),
                EngineConfig::Upstream(server) => server.url.clone(),
                EngineConfig::Scripted(_) | EngineConfig::Pool(_) => "scripted".to_owned(),
            };
            (member.name.unwrap_or(usual), engine)
        });
        PoolConfig { members: members.collect(), settings: self.settings }
    }
}

/// What the schema cannot say, or not well.
fn problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let mut problems = Vec::new();
    if let Some((told, mend)) = value.get("listen").and_then(Value::as_str).and_then(|text| address(text).err()) {
        problems.push(document.problem("/listen", told, mend));
    }
    let models = value.get("models").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, model) in models.iter().enumerate() {
        let at = format!("/models/{index}");
        problems.extend(one_engine(document, &at, model, &ENGINES));
        problems.extend(pool_members(document, &at, model));
    }
    let thinking = |(index, model)| thinking::problem(document, index, model);
    problems.extend(models.iter().enumerate().filter_map(thinking));
    problems.extend(duplicate_ids(document, models));
    problems.extend(identity_problems(document, value.get("identity")));
    problems.extend(tools::problems(document, value.get("tools")));
    problems
}

/// What is wrong with identity providers that the schema cannot say.
fn identity_problems(document: &Document, issuers: Option<&Value>) -> Vec<Problem> {
    let issuers = issuers.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut problems = Vec::new();
    for (at, issuer) in issuers.iter().enumerate() {
        // What does not even have the form of one is told by the schema.
        let Ok(config) = serde_json::from_value::<IssuerConfig>(issuer.clone()) else { continue };
        if let Err(wrong) = Issuer::new(&config) {
            problems.push(document.problem(&format!("/identity/{at}/{}", wrong.key), wrong.why.clone(), ""));
        }
        for (value, role) in config.roles.iter().filter(|(_, role)| Role::named(role).is_none()) {
            let known = Role::ALL.map(Role::as_str).join(", ");
            let told = format!("`{role}`, which `{value}` stands for, is no role");
            problems.push(document.problem(&format!("/identity/{at}/roles"), told, format!("known are: {known}")));
        }
    }
    problems
}

/// The same provider, its files relative to the configuration.
fn within(base: &Path, issuer: IssuerConfig) -> IssuerConfig {
    let at = |file: Option<PathBuf>| file.map(|file| base.join(file));
    IssuerConfig { jwks_file: at(issuer.jwks_file), ca_file: at(issuer.ca_file), ..issuer }
}

fn address(text: &str) -> Result<SocketAddr, (String, &'static str)> {
    text.parse().map_err(|_| {
        let told = format!("`{text}` is not an address and a port");
        (told, "write a number for the host, such as 127.0.0.1:8080, or 0.0.0.0:8080 for every address of this host")
    })
}

/// A model is a file, another server, a pool or a script, and one of them only; so is a member, which is no pool.
fn one_engine(document: &Document, at: &str, model: &Value, engines: &[&str]) -> Option<Problem> {
    let fields = model.as_object()?;
    let named: Vec<&str> = engines.iter().filter(|key| fields.contains_key(**key)).copied().collect();
    match named.as_slice() {
        [] => {
            let mend = "add `path:` with a GGUF file, `upstream:` with a server, or `scripted: {}` to try things out";
            let keys = engines.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            Some(document.problem(at, format!("none of {keys} is here"), mend))
        }
        ["path"] => None,
        [_] => {
            let key = FILE_KEYS.into_iter().find(|key| fields.contains_key(*key))?;
            let told = format!("`{key}` is for a model with `path`");
            Some(document.problem(&format!("{at}/{key}"), told, "remove it"))
        }
        [first, .., last] => {
            let told = format!("the model has both `{first}` and `{last}`");
            Some(document.problem(&format!("{at}/{last}"), told, "keep one of the two"))
        }
    }
}

/// Each member of a pool is one engine, and has a name by which it is told from the others.
fn pool_members(document: &Document, at: &str, model: &Value) -> Vec<Problem> {
    let members = model.pointer("/pool/members").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let singles: Vec<&str> = ENGINES.into_iter().filter(|key| *key != "pool").collect();
    let mut problems = Vec::new();
    let mut names = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let at = format!("{at}/pool/members/{index}");
        problems.extend(one_engine(document, &at, member, &singles));
        let text = |pointer: &str| member.pointer(pointer).and_then(Value::as_str);
        let name = text("/name").or(text("/upstream/url")).or(text("/path")).unwrap_or("scripted");
        if names.contains(&name) {
            let told = format!("two members of the pool are called `{name}`");
            problems.push(document.problem(&at, told, "give each a `name` of its own"));
        }
        names.push(name);
    }
    problems
}

fn duplicate_ids(document: &Document, models: &[Value]) -> Vec<Problem> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut problems = Vec::new();
    for (index, model) in models.iter().enumerate() {
        let Some(id) = model.get("id").and_then(Value::as_str) else { continue };
        if let Some(first) = seen.get(id) {
            let first = document.problem(&format!("/models/{first}/id"), "", "").place.line;
            let told = format!("the model id `{id}` stands twice, first on line {first}");
            problems.push(document.problem(&format!("/models/{index}/id"), told, "give each model its own id"));
        } else {
            seen.insert(id, index);
        }
    }
    problems
}
