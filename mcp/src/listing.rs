//! The tools of a server, as it lists them now.

use std::{collections::BTreeMap, sync::Arc};

use forethought_tools::{Effect, ToolSpec};
use rmcp::{
    Peer, RoleClient, ServiceError,
    model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult, Tool},
};

use crate::{config::ServerConfig, names::shown};

/// Pages of a list that are asked for, and tools of it that are taken.
const MOST_PAGES: usize = 64;
const MOST_TOOLS: usize = 512;
/// The longest cursor, in bytes.
const MAX_CURSOR: usize = 4096;

/// One tool of a server.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// The server's own name for it.
    pub(crate) own: String,
    /// What a model is told of it.
    pub(crate) spec: Arc<ToolSpec>,
}

/// The tools of a server, by their names in front of models.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) tools: BTreeMap<String, Listed>,
    /// Those that cannot be offered, by the server's own names, and why.
    pub(crate) unusable: Vec<(String, String)>,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unlisted {
    /// The server does not know the session any more.
    #[error("its session has expired")]
    Expired,
    /// For logs and operators.
    #[error("{0}")]
    Told(String),
}

/// Asks for the whole list, and not for what the SDK may have kept of an earlier one.
pub(crate) async fn list(peer: &Peer<RoleClient>, config: &ServerConfig) -> Result<Listing, Unlisted> {
    let mut tools = Vec::new();
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let (page, next) = page(peer, cursor).await?;
        tools.extend(page);
        if tools.len() > MOST_TOOLS {
            return Err(Unlisted::Told(format!("it has more than {MOST_TOOLS} tools")));
        }
        match next {
            None => return Ok(listing(tools, config)),
            Some(next) if next.len() > MAX_CURSOR => {
                return Err(Unlisted::Told("its list of tools has no end".to_owned()));
            }
            next => cursor = next,
        }
    }
    Err(Unlisted::Told(format!("its list of tools has more than {MOST_PAGES} pages")))
}

async fn page(peer: &Peer<RoleClient>, cursor: Option<String>) -> Result<(Vec<Tool>, Option<String>), Unlisted> {
    let request = ListToolsRequest::with_param(PaginatedRequestParams::default().with_cursor(cursor));
    match peer.send_request(ClientRequest::ListToolsRequest(request)).await {
        Ok(ServerResult::ListToolsResult(result)) => Ok((result.tools, result.next_cursor)),
        Ok(_) => Err(Unlisted::Told("it answers something else than a list of tools".to_owned())),
        Err(ServiceError::TransportSend(error)) if crate::http::is_expired(error.error.as_ref()) => {
            Err(Unlisted::Expired)
        }
        Err(error) => Err(Unlisted::Told(format!("it does not list its tools: {}", crate::told(&error.to_string())))),
    }
}

fn listing(tools: Vec<Tool>, config: &ServerConfig) -> Listing {
    let mut found = Listing::default();
    let mut twice = Vec::new();
    for tool in tools.into_iter().filter(|tool| config.tools.has(&tool.name)) {
        let own = tool.name.to_string();
        match spec(&tool, config) {
            Ok(spec) => {
                let name = spec.name().to_owned();
                if let Some(first) = found.tools.insert(name.clone(), Listed { own, spec: Arc::new(spec) }) {
                    twice.push((name, first.own));
                }
            }
            Err(why) => found.unusable.push((crate::told(&own), why)),
        }
    }
    // Nobody could say which of the two was approved.
    for (name, own) in twice {
        found.tools.remove(&name);
        found.unusable.push((own, format!("two tools would be called `{name}`")));
    }
    found
}

fn spec(tool: &Tool, config: &ServerConfig) -> Result<ToolSpec, String> {
    let effect = config.effects.get(tool.name.as_ref()).copied().unwrap_or(Effect::Changes);
    let description = tool.description.as_deref().unwrap_or_default();
    let parameters = serde_json::Value::Object(tool.input_schema.as_ref().clone());
    ToolSpec::new(&shown(&config.name, &tool.name), description, parameters, effect)
        .map_err(|error| crate::told(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Offered;

    fn of(tools: Value, config: &ServerConfig) -> Listing {
        listing(serde_json::from_value(tools).unwrap(), config)
    }

    #[test]
    fn tools_are_named_and_what_cannot_be_offered_is_told() {
        let mut config = ServerConfig::stdio("s", "a", &[]);
        config.effects.insert("read".to_owned(), Effect::Reads);
        let tools = json!([
            { "name": "read", "description": "reads", "inputSchema": { "type": "object" } },
            { "name": "write", "inputSchema": {}, "annotations": { "readOnlyHint": true } },
            { "name": "odd", "inputSchema": { "type": "string" } },
            { "name": "twice", "inputSchema": {} },
            { "name": "twice", "description": "other", "inputSchema": {} },
            { "name": "long", "description": "x".repeat(20_000), "inputSchema": {} },
        ]);
        let found = of(tools.clone(), &config);
        let effects: Vec<_> = found.tools.iter().map(|(name, tool)| (name.as_str(), tool.spec.effect())).collect();
        assert_eq!(effects, [("s.read", Effect::Reads), ("s.write", Effect::Changes)]);
        let unusable: Vec<_> = found.unusable.iter().map(|(own, _)| own.as_str()).collect();
        assert_eq!(unusable, ["odd", "long", "twice"]);
        config.tools = Offered::Only(["write".to_owned()].into());
        assert_eq!(of(tools, &config).tools.into_keys().collect::<Vec<_>>(), ["s.write"]);
    }
}
