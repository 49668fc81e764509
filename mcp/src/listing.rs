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
/// Bytes of the descriptions and schemas of all tools.
const MOST_BYTES: usize = 8 << 20;
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
    let mut gathered = Gathered::default();
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let (page, next) = page(peer, cursor).await?;
        gathered.add(page, config).map_err(Unlisted::Told)?;
        match next {
            None => return Ok(gathered.listing()),
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

/// What has come of a list. Of each page only that is kept which is offered, and why other is not.
#[derive(Default)]
struct Gathered {
    found: Listing,
    /// The names that two tools would have, and the server's own name for the first of them.
    twice: Vec<(String, String)>,
    tools: usize,
    bytes: usize,
}

impl Gathered {
    fn add(&mut self, page: Vec<Tool>, config: &ServerConfig) -> Result<(), String> {
        self.tools += page.len();
        if self.tools > MOST_TOOLS {
            return Err(format!("it has more than {MOST_TOOLS} tools"));
        }
        for tool in page {
            self.bytes += size(&tool);
            if self.bytes > MOST_BYTES {
                return Err(format!("its tools say more than {MOST_BYTES} bytes of themselves"));
            }
            if config.tools.has(&tool.name) {
                self.sort(&tool, config);
            }
        }
        Ok(())
    }

    fn sort(&mut self, tool: &Tool, config: &ServerConfig) {
        let own = tool.name.to_string();
        match spec(tool, config) {
            Ok(spec) => {
                let name = spec.name().to_owned();
                if let Some(first) = self.found.tools.insert(name.clone(), Listed { own, spec: Arc::new(spec) }) {
                    self.twice.push((name, first.own));
                }
            }
            Err(why) => self.found.unusable.push((crate::told(&own), why)),
        }
    }

    /// Nobody could say which of two tools with one name was approved.
    fn listing(mut self) -> Listing {
        for (name, own) in self.twice {
            self.found.tools.remove(&name);
            self.found.unusable.push((own, format!("two tools would be called `{name}`")));
        }
        self.found
    }
}

/// Bytes of a tool's description and schema.
fn size(tool: &Tool) -> usize {
    let schema = serde_json::to_string(tool.input_schema.as_ref()).map_or(0, |text| text.len());
    tool.description.as_deref().map_or(0, str::len) + schema
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
        let mut gathered = Gathered::default();
        gathered.add(serde_json::from_value(tools).unwrap(), config).unwrap();
        gathered.listing()
    }

    #[test]
    fn all_pages_together_are_bounded() {
        let config = ServerConfig::stdio("s", "a", &[]);
        let check = |count: usize, tool: Value, pages: usize, expected: &str| {
            let page = || serde_json::from_value(Value::from(vec![tool.clone(); count])).unwrap();
            let mut gathered = Gathered::default();
            let outcome = (0..pages).try_for_each(|_| gathered.add(page(), &config));
            assert_eq!(outcome.is_ok(), expected.is_empty());
            assert!(outcome.err().unwrap_or_default().contains(expected), "{expected}");
        };
        check(8, json!({ "name": "a", "inputSchema": {} }), 64, "");
        check(9, json!({ "name": "a", "inputSchema": {} }), 64, "more than 512 tools");
        let mebibyte = "x".repeat((1 << 20) - 2);
        check(1, json!({ "name": "a", "description": mebibyte, "inputSchema": {} }), 8, "");
        check(1, json!({ "name": "a", "description": mebibyte, "inputSchema": {} }), 9, "more than 8388608 bytes");
        check(1, json!({ "name": "a", "inputSchema": { "title": mebibyte } }), 9, "more than 8388608 bytes");
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
