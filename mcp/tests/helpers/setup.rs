//! What the tests of servers share: a server that misbehaves, approvals in memory, and counts of what is left.

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use forethought_mcp::{
    Pins, Server, ServerConfig,
    pins::{Approved, Status},
};
use forethought_tools::{Invocation, Limits, Reply, Tool, ToolError, ToolSpec};
use serde_json::{Value, json};

/// The Python of the tests, which has the servers that are not ours.
pub fn python() -> String {
    env::var("FORETHOUGHT_PYTHON").unwrap_or_else(|_| {
        panic!(
            "FORETHOUGHT_PYTHON does not name the Python of the tests; `cargo xtask test` makes one with what stands in \
             tests/python/requirements.txt, and names it"
        )
    })
}

/// The server that misbehaves.
pub fn misbehaving(mode: &str) -> ServerConfig {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/misbehaving.py");
    let mut config = ServerConfig::stdio("odd", python(), &["-u", script.to_str().unwrap(), mode]);
    config.start_ms = 20_000;
    config
}

/// Approvals in memory.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, Approved>>);

impl Pins for Memory {
    fn approved(&self, name: &str) -> Option<Approved> {
        self.0.lock().unwrap().get(name).cloned()
    }
}

impl Memory {
    pub fn approve(&self, spec: &ToolSpec) {
        let (digest, description) = (spec.digest().to_owned(), spec.description().to_owned());
        let approved = Approved { digest, description, parameters: spec.parameters().as_ref().clone() };
        self.0.lock().unwrap().insert(spec.name().to_owned(), approved);
    }
}

/// A server, and what was approved.
pub struct Setup {
    pub server: Server,
    pub pins: Arc<Memory>,
}

impl Setup {
    pub fn new(config: ServerConfig) -> Self {
        let pins = Arc::new(Memory::default());
        Self { server: Server::new(config, Arc::clone(&pins) as Arc<dyn Pins>).unwrap(), pins }
    }

    /// Approves all that is listed, and gives it.
    pub async fn tools(&self, tenant: &str) -> Vec<Arc<dyn Tool>> {
        for found in self.server.survey(tenant).await.unwrap().tools {
            assert_eq!(found.status, Status::New);
            self.pins.approve(&found.spec);
        }
        self.server.tools(tenant).await.unwrap()
    }

    /// The one tool of the server that misbehaves.
    pub async fn tool(&self) -> Arc<dyn Tool> {
        self.tools("acme").await.pop().unwrap()
    }
}

/// Calls a tool.
pub async fn call(tool: &Arc<dyn Tool>, tenant: &str, arguments: Value, time_ms: u64) -> Result<Reply, ToolError> {
    let limits = Limits { time_ms, ..Limits::default() };
    tool.call(Invocation { tenant: tenant.to_owned(), arguments, limits }).await
}

/// Tells the server that misbehaves to do something.
pub async fn act(tool: &Arc<dyn Tool>, what: &str) -> Result<Reply, ToolError> {
    call(tool, "acme", json!({ "do": what }), 10_000).await
}

/// The text of what it says.
pub async fn text(tool: &Arc<dyn Tool>, what: &str) -> String {
    act(tool, what).await.unwrap().text
}

/// Descriptors of this process.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Bytes of this process that are in memory.
pub fn memory() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Whether a process is there, and not only its number.
pub fn is_there(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

/// Waits until something is so.
pub async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not so after 20 s: {what}");
}

/// Processes with this text in their command, but for zombies.
pub fn processes(text: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let with =
        entries.filter(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(text)));
    with.filter(|pid| is_there(pid)).count()
}
