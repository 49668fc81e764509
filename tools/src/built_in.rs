//! The tools that need nothing from outside.

use std::sync::Arc;

use serde_json::Value;

use crate::{Calculator, Dates, Effect, JsonQuery, Tool, ToolSpec};

/// All of them. None asks a clock, so that all are [pure](Effect::Pure).
#[must_use]
pub fn built_in() -> Vec<Arc<dyn Tool>> {
    vec![Arc::new(Calculator::new()), Arc::new(Dates::new()), Arc::new(JsonQuery::new())]
}

/// What is told of a tool of ours.
#[expect(clippy::expect_used, reason = "constants, of which a test builds every one")]
pub(crate) fn specification(name: &str, description: &str, parameters: Value, effect: Effect) -> ToolSpec {
    ToolSpec::new(name, description, parameters, effect).expect("a built-in tool can be named, read and checked")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Invocation, Limits, Toolbox};

    #[tokio::test]
    async fn built_in_tools_answer_and_refuse() {
        let mut toolbox = Toolbox::default();
        for tool in built_in() {
            assert_eq!(tool.spec().effect(), Effect::Pure);
            assert!(toolbox.add(tool).is_none());
        }
        let call = async |name: &str, arguments: Value| {
            let invocation = Invocation { tenant: "t".to_owned(), arguments, limits: Limits::default() };
            toolbox.call(name, invocation).await.result.map(|reply| reply.text).map_err(|error| error.code())
        };
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(call("calculator", json!({ "expression": "15% of 80 =" })).await, ok("12"));
        assert_eq!(call("calculator", json!({ "expression": "1 +" })).await, Err("arguments"));
        assert_eq!(call("calculator", json!({ "expression": "1/0" })).await, Err("failed"));
        assert_eq!(call("calculator", json!({ "expression": "9^9^9" })).await, Err("exhausted"));
        assert_eq!(call("calculator", json!({ "expression": "\u{1f980}" })).await, Err("arguments"));
        let dates = json!({ "operation": "add", "date": "2025-01-31", "duration": "1 day" });
        assert_eq!(call("dates", dates).await, ok("2025-02-01 (Saturday)"));
        assert_eq!(call("dates", json!({ "operation": "describe", "date": "today" })).await, Err("arguments"));
        assert_eq!(call("json_query", json!({ "json": { "a": [1, 2] }, "query": "$.a[-1]" })).await, ok("[2]"));
        assert_eq!(call("json_query", json!({ "json": "{\"a\":[1,2]}", "query": "$.a[0]" })).await, ok("[1]"));
        assert_eq!(call("json_query", json!({ "json": "{", "query": "$" })).await, Err("arguments"));
    }
}
