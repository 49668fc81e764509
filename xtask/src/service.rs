//! The built service with a tenant and its key, in a state folder of its own: what the demo and the benchmarks ask.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;

/// The small test model's name in requests.
pub const MODEL: &str = "smollm2-135m-instruct";

const DEFAULT_PORT: u16 = 8080;
const START_LIMIT: Duration = Duration::from_mins(2);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The program, and where its files are.
pub struct Service {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
}

/// What runs the model.
#[derive(Clone, Copy)]
pub enum Engine<'a> {
    /// The service itself, from this file.
    File(&'a Path),
    /// The server at this address.
    Upstream(&'a str),
}

impl Service {
    /// Makes an empty state folder `name`, beside what was built, with a configuration.
    pub fn prepare(name: &str, program: PathBuf, engine: Engine<'_>, port: u16) -> Result<Self> {
        let profile = program.parent().context("the built program has no folder")?;
        let folder = profile.parent().unwrap_or(profile).join(".forethought").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let service = Self { program, folder, port };
        fs::write(service.file("config.yaml"), service.config(engine)).context("cannot write the configuration")?;
        Ok(service)
    }

    fn config(&self, engine: Engine<'_>) -> String {
        // A JSON string is a YAML string too, whatever the path holds.
        let quoted = |text: &str| Value::from(text).to_string();
        let listen = quoted(&format!("127.0.0.1:{}", self.port));
        let (data, policy) = (quoted(&self.data()), quoted(&self.policy()));
        let engine = match engine {
            Engine::File(model) => format!("path: {}", quoted(&model.to_string_lossy())),
            Engine::Upstream(url) => format!("upstream: {{ url: {} }}", quoted(url)),
        };
        format!(
            "version: 1\nlisten: {listen}\ndata_dir: {data}\npolicy: {policy}\n\
             models:\n  - id: {MODEL}\n    {engine}\n"
        )
    }

    /// The path of a file in the state folder.
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// The folder of the audit log.
    pub fn data(&self) -> String {
        self.file("data")
    }

    /// The path of the program.
    pub fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    fn policy(&self) -> String {
        self.file("policy.yaml")
    }

    /// Where the server listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds the tenant `id`, with limits as `tenant add` takes them, and returns a new key of it.
    pub fn add_tenant(&self, id: &str, limits: &[&str]) -> Result<String> {
        let policy = self.policy();
        self.say(&[&["tenant", "add", id, "--name", id, "--models", "*", "--policy", &policy], limits].concat())?;
        self.ask_for(&["key", "create", id, "--policy", &policy, "--quiet"])
    }

    /// Lets every tenant use every tool that there is; the calculator is the one for small models.
    pub fn allow_tools(&self) -> Result<()> {
        append(&self.policy(), "\ntools:\n  allow: [\"*\"]\n")?;
        append(&self.config_file(), "tools:\n  calculator: plain\n")
    }

    /// A new key of the tenant `id` for whoever reads its records.
    pub fn add_auditor(&self, id: &str) -> Result<String> {
        self.ask_for(&["key", "create", id, "--role", "auditor", "--policy", &self.policy(), "--quiet"])
    }

    /// The configuration file.
    pub fn config_file(&self) -> String {
        self.file("config.yaml")
    }

    /// Runs the program; people see what it prints.
    pub fn say(&self, args: &[&str]) -> Result<()> {
        process::run(process::command(&self.program)?.args(args))
    }

    /// Runs the program and returns what it prints on stdout; people see its stderr.
    pub fn ask_for(&self, args: &[&str]) -> Result<String> {
        Ok(process::output(process::command(&self.program)?.args(args))?.trim().to_owned())
    }

    /// Starts the server and waits until it is ready.
    pub fn serve(&self) -> Result<Server> {
        let log = self.file("serve.log");
        let out = File::create(&log).with_context(|| format!("cannot create {log}"))?;
        let mut command = process::command(&self.program)?;
        command.args(["serve", "--config", &self.file("config.yaml")]).stdout(out.try_clone()?).stderr(out);
        let mut server = Server(command.spawn().context("cannot start the server")?);
        server.wait_until_ready(self.port).with_context(|| format!("the server's log is {log}"))?;
        eprintln!("ready at {} (log: {log})", self.url());
        Ok(server)
    }
}

fn append(file: &str, more: &str) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    fs::write(file, text + more).with_context(|| format!("cannot write {file}"))
}

/// The running server; it ends when the value is dropped.
pub struct Server(Child);

impl Server {
    fn wait_until_ready(&mut self, port: u16) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if let Some(status) = self.0.try_wait()? {
                bail!("the server ended before it was ready ({status})");
            }
            if is_ready(port) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("the server was not ready within {} s", START_LIMIT.as_secs())
    }

    /// Asks the server to end, and waits until it has.
    pub fn stop(&mut self) -> Result<()> {
        process::run(Command::new("sh").args(["-c", &format!("kill -TERM {}", self.0.id())]))?;
        let start = Instant::now();
        while start.elapsed() < STOP_LIMIT {
            if let Some(status) = self.0.try_wait()? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("the server did not end within {} s", STOP_LIMIT.as_secs())
    }

    /// Waits for the server's end: Ctrl-C reaches it too.
    pub fn wait(&mut self) -> Result<()> {
        let status = self.0.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to do.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.split_whitespace().nth(1) == Some("200"))
}

/// The wanted port if it is free; else 8080, or any other one when that is taken.
pub fn free_port(wanted: Option<u16>) -> Result<u16> {
    if let Some(port) = wanted {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} is not free: choose another with --port"))?;
        return Ok(port);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
    let listener = listener.or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_with_a_mend() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = free_port(Some(taken.local_addr().unwrap().port())).unwrap_err().to_string();
        assert!(error.contains("--port"), "{error}");
    }

    #[test]
    fn paths_with_spaces_are_quoted_in_the_configuration() {
        let service = Service { program: "p".into(), folder: "/a b".into(), port: 1 };
        assert!(service.config(Engine::File(Path::new("/m n"))).contains("data_dir: \"/a b/data\"\n"));
    }
}
