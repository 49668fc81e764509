//! Servers that are not ours: those for time and for git repositories of the protocol's reference servers, and one on the
//! official SDK for Python over HTTP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic, and read better so")]

#[path = "helpers/setup.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod setup;

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use forethought_mcp::{Handshake, ServerConfig};
use forethought_tools::{Tool, ToolError};
use serde_json::{Value, json};
use setup::{Setup, call, python, until};

fn named(tools: &[Arc<dyn Tool>], name: &str) -> Arc<dyn Tool> {
    let names: Vec<_> = tools.iter().map(|tool| tool.spec().name()).collect();
    Arc::clone(
        tools.iter().find(|tool| tool.spec().name() == name).unwrap_or_else(|| panic!("{name} is not in {names:?}")),
    )
}

async fn says(tool: &Arc<dyn Tool>, arguments: Value) -> String {
    call(tool, "acme", arguments, 20_000).await.unwrap().text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_server_for_time_tells_it() {
    for handshake in [Handshake::Auto, Handshake::Initialize] {
        let mut config = ServerConfig::stdio("time", python(), &["-m", "mcp_server_time", "--local-timezone", "UTC"]);
        config.handshake = handshake;
        let setup = Setup::new(config);
        let tools = setup.tools("acme").await;
        let names: Vec<_> = tools.iter().map(|tool| tool.spec().name().to_owned()).collect();
        assert_eq!(names, ["time.convert_time", "time.get_current_time"]);
        let found = setup.server.survey("acme").await.unwrap();
        assert!(found.unusable.is_empty() && found.tools.iter().all(|tool| tool.signs.is_empty()), "{found:?}");
        let convert = named(&tools, "time.convert_time");
        let said = says(
            &convert,
            json!({ "source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Kolkata" }),
        )
        .await;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert!(said["time_difference"] == "+4.5h" || said["time_difference"] == "+3.5h", "{said}");
        let wrong = call(
            &convert,
            "acme",
            json!({ "source_timezone": "Nowhere", "time": "12:00", "target_timezone": "UTC" }),
            20_000,
        )
        .await;
        assert!(
            wrong.as_ref().is_ok_and(|reply| reply.failed) || matches!(wrong, Err(ToolError::Failed(_))),
            "{wrong:?}"
        );
        assert!(convert.spec().check(&json!({ "time": "12:00" })).is_err());
        setup.server.stop().await;
    }
}

fn git(folder: &Path, args: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@example", "-c", "init.defaultBranch=main"]).args(args);
    assert!(git.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_server_for_git_reads_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init"]);
    std::fs::write(folder.path().join("a.txt"), "one\n").unwrap();
    git(folder.path(), &["add", "a.txt"]);
    git(folder.path(), &["commit", "-m", "the first of all"]);
    let path = folder.path().to_str().unwrap();
    let mut config = ServerConfig::stdio("git", python(), &["-m", "mcp_server_git", "--repository", path]);
    let stdio = config.stdio.as_mut().unwrap();
    // It calls git, which it looks for, and which looks for its user's settings.
    stdio.env =
        [("PATH", std::env::var("PATH").unwrap()), ("HOME", path.to_owned())].map(|(k, v)| (k.to_owned(), v)).into();
    config.tools = forethought_mcp::Offered::Only(["git_log", "git_status"].map(ToOwned::to_owned).into());
    let setup = Setup::new(config);
    let tools = setup.tools("acme").await;
    assert_eq!(tools.len(), 2);
    let said = says(&named(&tools, "git.git_log"), json!({ "repo_path": path })).await;
    assert!(said.contains("the first of all"), "{said}");
    let said = call(&named(&tools, "git.git_status"), "acme", json!({ "repo_path": "/" }), 20_000).await;
    assert!(said.as_ref().is_ok_and(|reply| reply.failed) || said.is_err(), "{said:?}");
}

/// A server on the official SDK, which ends with the test.
struct Official(std::process::Child, u16);

impl Official {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk_server.py");
        let mut command = Command::new(python());
        command.args([script, &port.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap(), port)
    }

    async fn config(&self) -> ServerConfig {
        until("the server listens", || std::net::TcpStream::connect(("127.0.0.1", self.1)).is_ok()).await;
        let mut config = ServerConfig::http("official", &format!("http://127.0.0.1:{}/mcp", self.1));
        let http = config.http.as_mut().unwrap();
        http.allow_http = true;
        http.egress.allow_private = vec!["127.0.0.1/32".parse().unwrap()];
        config
    }
}

impl Drop for Official {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_sdk_is_spoken_to_over_http_in_both_lifecycles() {
    for handshake in [Handshake::Auto, Handshake::Initialize, Handshake::Discover] {
        let official = Official::start();
        let mut config = official.config().await;
        config.handshake = handshake;
        speaks(Setup::new(config)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_sdk_is_spoken_to_over_stdio_in_both_lifecycles() {
    for handshake in [Handshake::Auto, Handshake::Initialize, Handshake::Discover] {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk_server.py");
        let mut config = ServerConfig::stdio("official", python(), &[script]);
        config.handshake = handshake;
        speaks(Setup::new(config)).await;
    }
}

async fn speaks(setup: Setup) {
    let tools = setup.tools("acme").await;
    assert_eq!(tools.len(), 5);
    assert_eq!(says(&named(&tools, "official.add"), json!({ "a": 2, "b": 40 })).await, "42");
    assert_eq!(
        says(&named(&tools, "official.counts"), json!({ "to": 20 })).await.lines().next().unwrap(),
        "counted to 20"
    );
    let said = says(&named(&tools, "official.picture"), json!({})).await;
    assert_eq!(said, "[image left out: image/png, 4 bytes]");
    let failed = call(&named(&tools, "official.fails"), "acme", json!({}), 20_000).await.unwrap();
    assert!(failed.failed && failed.text.contains("Error executing tool fails"), "{failed:?}");
    let refused = call(&named(&tools, "official.add"), "acme", json!({ "a": "x", "b": 1 }), 20_000).await;
    assert!(refused.as_ref().is_ok_and(|reply| reply.failed) || refused.is_err(), "{refused:?}");
    says(&named(&tools, "official.grows"), json!({})).await;
    // The new one is found without a new start, and waits.
    for _ in 0..100 {
        if setup.server.survey("acme").await.unwrap().tools.len() == 6 {
            assert_eq!(setup.server.tools("acme").await.unwrap().len(), 5);
            setup.server.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the change of the list was not heard");
}
