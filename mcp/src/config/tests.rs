//! What is a server, and whom it serves.

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn check(config: Value, expected: Result<(), &str>) {
    let config: Result<ServerConfig, _> = serde_json::from_value(config.clone());
    let found = config.map_err(|error| error.to_string()).and_then(|config| config.check().map_err(|e| e.to_string()));
    match (found, expected) {
        (Ok(()), Ok(())) => {}
        (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
        (found, _) => panic!("{found:?}, and not {expected:?}"),
    }
}

#[test]
fn only_what_makes_sense_is_a_server() {
    let stdio = json!({ "command": "mcp-server-time" });
    check(json!({ "name": "time", "stdio": stdio }), Ok(()));
    check(json!({ "name": "time", "http": { "url": "https://mcp.example/" } }), Ok(()));
    check(json!({ "name": "time", "stdio": stdio, "tools": { "only": ["a"] }, "effects": { "a": "reads" } }), Ok(()));
    check(json!({ "name": "time" }), Err("`stdio` or `http`"));
    check(json!({ "name": "time", "stdio": stdio, "http": { "url": "https://a" } }), Err("not both"));
    for name in ["", "Time", "a.b", "1a", "aaaaaaaaaaaaaaaaaaaaaaaaa"] {
        check(json!({ "name": name, "stdio": stdio }), Err("`name`"));
    }
    check(json!({ "name": "t", "stdio": { "command": "" } }), Err("`command`"));
    check(json!({ "name": "t", "stdio": { "command": "a", "env": { "A=B": "c" } } }), Err("`env`"));
    check(json!({ "name": "t", "stdio": { "command": "a", "memory_bytes": 1 } }), Err("`memory_bytes`"));
    check(json!({ "name": "t", "stdio": { "command": "a", "inherit": true } }), Err("unknown field"));
    check(json!({ "name": "t", "stdio": stdio, "calls": 0 }), Err("`calls`"));
    check(json!({ "name": "t", "stdio": stdio, "start_ms": 0 }), Err("`start_ms`"));
    check(json!({ "name": "t", "stdio": stdio, "idle_s": 0 }), Err("`idle_s`"));
    let egress = json!({ "allow_private": ["10.0.0.0/33"] });
    check(json!({ "name": "t", "http": { "url": "https://a", "egress": egress } }), Err("10.0.0.0/33"));
}

#[test]
fn who_has_no_credentials_is_not_served() {
    let value = json!({ "env": "T" });
    let config = json!({ "name": "t", "http": { "url": "https://a", "credentials": { "acme": { "value": value } } } });
    let config: ServerConfig = serde_json::from_value(config).unwrap();
    assert!(config.is_per_tenant() && config.serves("acme") && !config.serves("other"));
    let shared = ServerConfig::stdio("t", "a", &[]);
    assert!(!shared.is_per_tenant() && shared.serves("anybody"));
}
