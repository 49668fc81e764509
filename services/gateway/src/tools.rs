//! The tools that this service runs for models.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use forethought_library::{
    DocumentSearch, Documents, Limits, ListTables, LocalWrap, SearchBounds, Shelf, TableBounds, TableQuery, Tables,
};
use forethought_mcp::{PinFile, Server};
use forethought_policies::PolicyDesk;
use forethought_sandbox::{Pool, RunCode};
use forethought_tools::{Calculator, Toolbox};
use futures::future::join_all;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::config::{self, CalculatorKind, ToolsConfig};

/// How long a request waits for servers of tools to be there.
const SERVERS_WITHIN: Duration = Duration::from_secs(30);

/// Every tool that is configured. Which of them a tenant may use, its policy says.
#[derive(Clone)]
pub struct Tools {
    /// Those that every tenant shares.
    shared: Toolbox,
    servers: Arc<[Server]>,
    shelf: Option<Arc<Shelf>>,
    approvals: Arc<PinFile>,
}

impl Tools {
    /// Reads interpreters, opens the shelf of files, and gets servers ready to be started when they are first wanted. What they
    /// start lives on the runtime that is current here.
    ///
    /// # Errors
    /// When an interpreter is not what it should be, or a file cannot be read.
    ///
    /// # Panics
    /// When there are servers, and no Tokio runtime is current.
    pub fn start(config: &ToolsConfig, data_dir: &Path) -> Result<Self> {
        let mut shared = Toolbox::default();
        for tool in forethought_tools::built_in() {
            shared.add(tool);
        }
        if config.calculator == CalculatorKind::Plain {
            shared.add(Arc::new(Calculator::plain()));
        }
        if config.code.javascript.is_some() || config.code.python.is_some() {
            shared.add(Arc::new(RunCode::new(&config.code, Pool::default()).context("code of models cannot be run")?));
        }
        let shelf = match &config.files {
            None => None,
            Some(limits) => Some(shelf(data_dir, *limits, &mut shared)?),
        };
        let approvals = Arc::new(config::approvals(config).context("the file of approved tools cannot be used")?);
        let servers = config.servers.iter().cloned();
        let pins = || Arc::clone(&approvals) as Arc<dyn forethought_mcp::Pins>;
        let servers = servers.map(|server| Server::new(server, pins())).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { shared, servers: servers.into(), shelf, approvals })
    }

    /// As [`Tools::start`], without files of tenants: a running service has them open.
    ///
    /// # Errors
    /// As [`Tools::start`].
    ///
    /// # Panics
    /// As [`Tools::start`].
    pub fn without_files(config: &ToolsConfig) -> Result<Self> {
        Self::start(&ToolsConfig { files: None, ..config.clone() }, Path::new("."))
    }

    /// The tools of this program itself.
    #[must_use]
    pub fn shared(&self) -> &Toolbox {
        &self.shared
    }

    /// The servers of tools.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Every tool that there is for a tenant, whatever its policy says; and why some are not there.
    pub async fn all(&self, tenant: &str) -> (Toolbox, Vec<String>) {
        let mut toolbox = self.shared.clone();
        let until = Instant::now() + SERVERS_WITHIN;
        let warnings = add(&mut toolbox, self.servers.iter(), tenant, &|_| true, until).await;
        (toolbox, warnings)
    }

    /// Those of this program itself that a tenant may be offered now.
    #[must_use]
    pub fn shared_for(&self, tenant: &str, desk: &PolicyDesk) -> Toolbox {
        let mut toolbox = Toolbox::default();
        for tool in self.shared.tools().filter(|tool| desk.may_use_tool(tenant, tool.spec().name())) {
            toolbox.add(Arc::clone(tool));
        }
        toolbox
    }

    /// The names of tools of servers that a tenant may be offered now, if their servers have them still. No server is asked: what is
    /// not approved is never offered.
    #[must_use]
    pub fn promised_to(&self, tenant: &str, desk: &PolicyDesk) -> Vec<String> {
        let approved = self.approvals.approvals().into_iter().map(|approval| approval.name);
        approved
            .filter(|name| self.servers.iter().any(|server| has(server, name)) && desk.may_use_tool(tenant, name))
            .collect()
    }

    /// Adds tools of servers to a tenant's. Only the servers of these tools are started or asked, all at once; one that is not there in
    /// time is left out, with why.
    pub async fn fetch(&self, toolbox: &mut Toolbox, tenant: &str, names: &[String], until: Instant) -> Vec<String> {
        let asked = self.servers.iter().filter(|server| names.iter().any(|name| has(server, name)));
        let until = until.min(Instant::now() + SERVERS_WITHIN);
        let warnings = add(toolbox, asked, tenant, &|name| names.iter().any(|wanted| wanted == name), until).await;
        for warning in &warnings {
            warn!(tenant, warning, "tools are left out");
        }
        warnings
    }

    /// The files that tenants upload, where they may.
    #[must_use]
    pub fn shelf(&self) -> Option<&Arc<Shelf>> {
        self.shelf.as_ref()
    }

    /// Which tools of servers are approved.
    #[must_use]
    pub fn approvals(&self) -> &PinFile {
        &self.approvals
    }

    /// Ends every server.
    pub async fn stop(&self) {
        for server in self.servers.iter() {
            server.stop().await;
        }
    }
}

/// Whether a tool's name is of this server.
fn has(server: &Server, name: &str) -> bool {
    name.strip_prefix(server.name()).is_some_and(|rest| rest.starts_with('.'))
}

/// Adds what servers offer a tenant, as far as it is wanted; gives why some is not there.
async fn add<'s>(
    toolbox: &mut Toolbox,
    servers: impl Iterator<Item = &'s Server>,
    tenant: &str,
    wanted: &(dyn Fn(&str) -> bool + Sync),
    until: Instant,
) -> Vec<String> {
    let asked = servers.map(|server| async move { (server.name(), timeout_at(until, server.tools(tenant)).await) });
    let mut warnings = Vec::new();
    for (server, told) in join_all(asked).await {
        match told {
            Ok(Ok(tools)) => tools.into_iter().filter(|tool| wanted(tool.spec().name())).for_each(|tool| {
                toolbox.add(tool);
            }),
            Ok(Err(error)) => warnings.push(format!("the tools of `{server}` cannot be used now: {error}")),
            Err(_) => warnings.push(format!("the tools of `{server}` were not there in time")),
        }
    }
    warnings
}

/// The files of tenants, and the tools over them.
fn shelf(data_dir: &Path, limits: Limits, toolbox: &mut Toolbox) -> Result<Arc<Shelf>> {
    let folder = data_dir.join("files");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = data_dir.join("files.key");
    let known = file_key(&path)?;
    let key = known.map_or_else(new_key, Ok)?;
    let (shelf, report) = Shelf::open(&folder, Arc::new(LocalWrap::new(&key)), limits)?;
    if known.is_none() {
        ensure!(
            report.files == 0,
            "{} holds {} files of tenants, and the key to them is missing: restore {} from a backup, or remove the folder to begin \
             without these files",
            folder.display(),
            report.files,
            path.display()
        );
        write_key(&path, &key).with_context(|| format!("cannot write {}", path.display()))?;
    }
    info!(?report, "files of tenants");
    let shelf = Arc::new(shelf);
    let tables = Tables::new(Arc::clone(&shelf), TableBounds::default());
    toolbox.add(Arc::new(TableQuery::new(Arc::clone(&tables))?));
    toolbox.add(Arc::new(ListTables::new(tables)?));
    let documents = Documents::new(Arc::clone(&shelf), SearchBounds::default());
    toolbox.add(Arc::new(DocumentSearch::new(documents)?));
    Ok(shelf)
}

/// The key that wraps the keys of files, if there is one. Without it no file can be read again.
fn file_key(path: &Path) -> Result<Option<[u8; 32]>> {
    match fs::read(path) {
        Ok(bytes) => bytes.try_into().map(Some).map_err(|_| {
            anyhow::anyhow!(
                "{} is no key of 32 bytes; restore it from a backup, or remove it where no file was ever uploaded",
                path.display()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn new_key() -> Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(key)
}

/// Durable, whole or not at all, and for nobody else to read.
fn write_key(path: &Path, key: &[u8]) -> io::Result<()> {
    let new = path.with_extension("key.new");
    // A start that was broken off may have left one, with its own mode.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
