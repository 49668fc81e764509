//! Tools by name, called within their limits, whatever they do.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use tokio::task::JoinSet;

use crate::{Invocation, Reply, Tool, ToolError, ToolSpec};

/// Time that a tool has beyond its own limit to say itself that it has taken too long.
const GRACE_MS: u64 = 250;

/// Tools by name.
#[derive(Clone, Default)]
pub struct Toolbox(BTreeMap<String, Arc<dyn Tool>>);

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What it said.
    pub result: Result<Reply, ToolError>,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
}

impl Toolbox {
    /// Adds a tool in the place of one of the same name, which it gives back.
    pub fn add(&mut self, tool: Arc<dyn Tool>) -> Option<Arc<dyn Tool>> {
        self.0.insert(tool.spec().name().to_owned(), tool)
    }

    /// What is told of a tool.
    #[must_use]
    pub fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.0.get(name).map(|tool| tool.spec())
    }

    /// Every tool, by name.
    pub fn tools(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.0.values()
    }

    /// What is told of every tool, by name.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.0.values().map(|tool| tool.spec())
    }

    /// Checks the arguments and calls a tool. A panic, and time that is over, end this call and nothing else. Dropping the
    /// future ends the call.
    pub async fn call(&self, name: &str, invocation: Invocation) -> Ended {
        let began = Instant::now();
        let result = match self.0.get(name) {
            None => Err(ToolError::Unavailable(format!("there is no tool `{name}`"))),
            Some(tool) => run(Arc::clone(tool), invocation).await,
        };
        Ended { result, wall_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }
}

async fn run(tool: Arc<dyn Tool>, invocation: Invocation) -> Result<Reply, ToolError> {
    tool.spec().check(&invocation.arguments).map_err(ToolError::Arguments)?;
    let limits = invocation.limits;
    // A task of its own, for a panic; in a set, which ends it when it is dropped.
    let mut call = JoinSet::new();
    call.spawn(async move { tool.call(invocation).await });
    let within = limits.time() + std::time::Duration::from_millis(GRACE_MS);
    match tokio::time::timeout(within, call.join_next()).await {
        Err(_) => Err(ToolError::TimedOut(limits.time_ms)),
        Ok(Some(Ok(result))) => result.map(|reply| cut(reply, limits.bytes)),
        Ok(_) => Err(ToolError::Failed("the tool broke off".to_owned())),
    }
}

fn cut(reply: Reply, bytes: usize) -> Reply {
    let Reply { text, left_out, failed } = reply;
    let short = Reply::new(text, bytes);
    Reply { left_out: short.left_out.saturating_add(left_out), failed, ..short }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::*;
    use crate::{Effect, Limits};

    struct Odd(ToolSpec);

    #[async_trait]
    impl Tool for Odd {
        fn spec(&self) -> &ToolSpec {
            &self.0
        }

        async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError> {
            match invocation.arguments["do"].as_str().unwrap() {
                "hang" => std::future::pending().await,
                "panic" => panic!("on purpose"),
                "flood" => Ok(Reply { text: "é".repeat(1000), left_out: 7, failed: true }),
                other => Ok(Reply::new(other.to_owned(), invocation.limits.bytes)),
            }
        }
    }

    async fn call(arguments: Value) -> Result<Reply, ToolError> {
        let mut toolbox = Toolbox::default();
        let parameters = json!({ "properties": { "do": { "type": "string" } }, "required": ["do"] });
        toolbox.add(Arc::new(Odd(ToolSpec::new("odd", "", parameters, Effect::Pure).unwrap())));
        let limits = Limits { time_ms: 20, bytes: 11, ..Limits::default() };
        toolbox.call("odd", Invocation { tenant: "t".to_owned(), arguments, limits }).await.result
    }

    #[tokio::test]
    async fn whatever_a_tool_does_its_call_ends() {
        let reply = |text: &str, left_out, failed| Ok(Reply { text: text.to_owned(), left_out, failed });
        assert_eq!(call(json!({ "do": "hello" })).await, reply("hello", 0, false));
        assert_eq!(call(json!({ "do": "flood" })).await, reply("ééééé", 1997, true));
        assert_eq!(call(json!({ "do": "hang" })).await, Err(ToolError::TimedOut(20)));
        assert!(matches!(call(json!({ "do": "panic" })).await, Err(ToolError::Failed(_))));
        assert!(matches!(call(json!({ "to": "hang" })).await, Err(ToolError::Arguments(why)) if why.contains("do")));
        let nothing = Invocation { tenant: String::new(), arguments: json!({}), limits: Limits::default() };
        let ended = Toolbox::default().call("none", nothing).await;
        assert!(matches!(ended.result, Err(ToolError::Unavailable(_))));
    }
}
