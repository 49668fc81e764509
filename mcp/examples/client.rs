//! Speaks to one server from the command line: lists its tools, or calls one.
//!
//! `client CONFIG.json` or `client http://…` lists; `client CONFIG.json TOOL ARGUMENTS` calls. Where a conformance suite names
//! a scenario in `MCP_CONFORMANCE_SCENARIO`, its tools are called as the scenario wants it. Every tool is approved: this is for
//! trying a server out, not for a model.

use std::{env, fs, sync::Arc};

use forethought_mcp::{Pins, Server, ServerConfig, Survey, pins::Approved};
use forethought_tools::{Invocation, Limits, Tool};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

/// Approves what it has been shown.
struct Shown(std::sync::RwLock<Vec<(String, Approved)>>);

impl Pins for Shown {
    fn approved(&self, name: &str) -> Option<Approved> {
        self.0.read().ok()?.iter().find(|(shown, _)| shown == name).map(|(_, approved)| approved.clone())
    }
}

impl Shown {
    fn approve(&self, survey: &Survey) {
        let Ok(mut shown) = self.0.write() else { return };
        *shown = survey
            .tools
            .iter()
            .map(|found| {
                let (digest, description) = (found.spec.digest().to_owned(), found.spec.description().to_owned());
                let parameters = found.spec.parameters().as_ref().clone();
                (found.spec.name().to_owned(), Approved { digest, description, parameters })
            })
            .collect();
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let target = args.first().ok_or("name a file with a server's configuration, or an address")?;
    let shown = Arc::new(Shown(std::sync::RwLock::default()));
    let server = Server::new(config(target)?, Arc::clone(&shown) as Arc<dyn Pins>)?;
    let outcome = talk(&server, &shown, &args).await;
    println!("{}", serde_json::to_string(&server.states())?);
    server.stop().await;
    outcome
}

fn config(target: &str) -> Result<ServerConfig, Failure> {
    if !target.starts_with("http") {
        return Ok(serde_json::from_slice(&fs::read(target)?)?);
    }
    let mut config = ServerConfig::http("server", target);
    if let Some(http) = &mut config.http {
        http.allow_http = true;
        http.egress.allow_private = vec!["127.0.0.0/8".parse()?, "::1".parse()?];
    }
    Ok(config)
}

async fn talk(server: &Server, shown: &Shown, args: &[String]) -> Result<(), Failure> {
    let survey = server.survey("").await?;
    shown.approve(&survey);
    let tools = server.tools("").await?;
    for found in &survey.tools {
        println!("{} {:?} {}", found.spec.name(), found.signs, forethought_mcp::visible(found.spec.description()));
    }
    for (own, why) in &survey.unusable {
        println!("{own} cannot be used: {why}");
    }
    match (args.get(1), env::var("MCP_CONFORMANCE_SCENARIO")) {
        (Some(name), _) => {
            let arguments = args.get(2).map_or(Ok(json!({})), |arguments| serde_json::from_str(arguments))?;
            let tool = tools.iter().find(|tool| tool.spec().name() == name).ok_or("there is no such tool")?;
            call(tool, arguments).await
        }
        (None, Ok(scenario)) => {
            println!("scenario {scenario}");
            for tool in &tools {
                call(tool, wanted(tool)).await?;
            }
            Ok(())
        }
        (None, Err(_)) => Ok(()),
    }
}

/// Numbers and texts for what a scenario's tool requires.
fn wanted(tool: &Arc<dyn Tool>) -> Value {
    let parameters = tool.spec().parameters();
    let fields = parameters.get("properties").and_then(Value::as_object).into_iter().flatten();
    let value = |schema: &Value| match schema.get("type").and_then(Value::as_str) {
        Some("number" | "integer") => json!(5),
        Some("boolean") => json!(true),
        _ => json!("text"),
    };
    fields.map(|(name, schema)| (name.clone(), value(schema))).collect::<serde_json::Map<_, _>>().into()
}

async fn call(tool: &Arc<dyn Tool>, arguments: Value) -> Result<(), Failure> {
    println!("{} {arguments}", tool.spec().name());
    let invocation = Invocation { tenant: String::new(), arguments, limits: Limits::default() };
    match tool.call(invocation).await {
        Ok(reply) => println!("{}{}", if reply.failed { "failed: " } else { "" }, reply.text),
        Err(error) => println!("{}: {error}", error.code()),
    }
    Ok(())
}
