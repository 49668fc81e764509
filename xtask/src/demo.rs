//! `cargo xtask demo`: the whole service at work, from a small real model to the audit log.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::model::{self, Form};
use crate::{build, process};

const DEFAULT_PORT: u16 = 8080;
const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What `cargo xtask demo` takes.
#[derive(clap::Args)]
pub struct Args {
    /// End the server after the demonstration.
    #[arg(long)]
    once: bool,
    /// The port to listen on (default: 8080, or a free one when that is taken).
    #[arg(long)]
    port: Option<u16>,
    /// The question to ask.
    #[arg(long, default_value = "Tom has 3 boxes with 4 apples in each. How many apples does he have in all?")]
    question: String,
}

/// Runs the demonstration.
pub fn run(args: &Args) -> Result<()> {
    let model = model::prepare(Form::default(), false)?;
    let demo = Demo::prepare(build::workspace(&[])?.path("forethought")?, &model, free_port(args.port)?)?;
    heading("a tenant and its key");
    demo.say(&["tenant", "add", "demo", "--name", "Demo", "--models", "*", "--policy", &demo.policy()])?;
    let key = demo.ask_for(&["key", "create", "demo", "--policy", &demo.policy(), "--quiet"])?;
    heading("the server");
    let mut server = demo.serve()?;
    heading("8 samples and a vote");
    let url = demo.url();
    let how = ["--samples", "8", "--strategy", "self_consistency", "--seed", "1"];
    demo.say(&[&["ask", &args.question, "--url", &url, "--key", &key][..], &how].concat())?;
    heading("the audit records");
    demo.show_audit()?;
    if args.once {
        return server.stop();
    }
    heading("how to go on");
    println!("{}", how_to_go_on(&url, &key));
    server.wait()
}

struct Demo {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Demo {
    /// Makes an empty state folder with a configuration.
    fn prepare(program: PathBuf, model: &Path, port: u16) -> Result<Self> {
        let profile = program.parent().context("the built program has no folder")?;
        let folder = profile.parent().unwrap_or(profile).join(".forethought").join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let demo = Self { program, folder, port };
        fs::write(demo.policy(), "version: 1\ntenants: []\n")?;
        fs::write(demo.file("config.yaml"), demo.config(model))?;
        Ok(demo)
    }

    fn config(&self, model: &Path) -> String {
        // A JSON string is a YAML string too, whatever the path holds.
        let quoted = |text: &str| Value::from(text).to_string();
        let listen = quoted(&format!("127.0.0.1:{}", self.port));
        let (data, policy) = (quoted(&self.file("data")), quoted(&self.policy()));
        let model = quoted(&model.to_string_lossy());
        format!(
            "listen: {listen}\ndata_dir: {data}\npolicy: {policy}\nmodels:\n  - id: smollm2-135m\n    path: {model}\n"
        )
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn policy(&self) -> String {
        self.file("policy.yaml")
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs the program; people see what it prints.
    fn say(&self, args: &[&str]) -> Result<()> {
        process::run(process::command(&self.program)?.args(args))
    }

    /// Runs the program and returns the line that it prints.
    fn ask_for(&self, args: &[&str]) -> Result<String> {
        Ok(process::output(process::command(&self.program)?.args(args))?.trim().to_owned())
    }

    fn serve(&self) -> Result<Server> {
        let log = self.file("serve.log");
        let out = File::create(&log).with_context(|| format!("cannot create {log}"))?;
        let mut command = process::command(&self.program)?;
        command.args(["serve", "--config", &self.file("config.yaml")]).stdout(out.try_clone()?).stderr(out);
        let mut server = Server(command.spawn().context("cannot start the server")?);
        server.wait_until_ready(self.port).with_context(|| format!("the server's log is {log}"))?;
        println!("ready at {} (log: {log})", self.url());
        Ok(server)
    }

    fn show_audit(&self) -> Result<()> {
        let data = self.file("data");
        let list = self.ask_for(&["audit", "list", "--data-dir", &data])?;
        println!("{list}");
        let record = list.split_whitespace().find(|word| word.starts_with("rec_"));
        let record = record.context("the audit log lists no record")?;
        self.say(&["audit", "show", record, "--data-dir", &data])?;
        self.say(&["audit", "verify", "--data-dir", &data])
    }
}

/// The running server; it ends when the value is dropped.
struct Server(Child);

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
    fn stop(&mut self) -> Result<()> {
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
    fn wait(&mut self) -> Result<()> {
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

fn free_port(wanted: Option<u16>) -> Result<u16> {
    if let Some(port) = wanted {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} is not free: choose another with --port"))?;
        return Ok(port);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
    let listener = listener.or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

fn heading(text: &str) {
    println!("\n=== {text} ===");
}

fn how_to_go_on(url: &str, key: &str) -> String {
    format!(
        r#"With curl:

  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{
    "model": "smollm2-135m",
    "messages": [{{"role": "user", "content": "What is 7 times 8?"}}],
    "deliberation": {{"strategy": "self_consistency", "max_samples": 8, "seed": 1}}
  }}'

With the OpenAI client for Python:

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  answer = client.chat.completions.create(
      model="smollm2-135m",
      messages=[{{"role": "user", "content": "What is 7 times 8?"}}],
      extra_body={{"deliberation": {{"strategy": "self_consistency", "max_samples": 8, "seed": 1}}}},
  )
  print(answer.choices[0].message.content)

The server runs until Ctrl-C."#
    )
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
        let demo = Demo { program: "p".into(), folder: "/a b".into(), port: 1 };
        assert!(demo.config(Path::new("/m n")).contains("data_dir: \"/a b/data\""));
    }
}
