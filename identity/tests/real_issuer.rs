//! Tokens of an issuer that is not ours: `oauth2-mock-server`, started by `tests/oidc/issuer.mjs`.
//!
//! It needs Node and `npm ci` in `tests/oidc`, so it runs where `FORETHOUGHT_OIDC_ISSUER` names that script, and says
//! where it does not run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic, and read better so")]

use std::{env, path::Path, process::Stdio};

use forethought_identity::{IssuerConfig, Verifier};
use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::{Duration, sleep},
};

/// A running issuer. It ends when its input is closed, so also with a test that panics.
struct Issuer {
    url: String,
    control: String,
    http: Client,
    _child: Child,
    _input: ChildStdin,
}

impl Issuer {
    /// Starts the script, if there is one.
    async fn start(config: &Value) -> Option<Self> {
        let Some(script) = env::var_os("FORETHOUGHT_OIDC_ISSUER") else {
            eprintln!("not run: FORETHOUGHT_OIDC_ISSUER does not name tests/oidc/issuer.mjs");
            return None;
        };
        let mut node = Command::new("node");
        node.arg(Path::new(&script)).arg(config.to_string()).kill_on_drop(true);
        let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap().unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        let of = |name: &str| said[name].as_str().unwrap().to_owned();
        let http = Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let input = child.stdin.take().unwrap();
        Some(Self { url: of("issuer"), control: of("control"), http, _child: child, _input: input })
    }

    async fn asks(&self, action: &str, body: Value) -> Value {
        let response = self.http.post(format!("{}{action}", self.control)).json(&body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{action}");
        response.json().await.unwrap()
    }

    async fn token(&self, body: Value) -> String {
        self.asks("/token", body).await["token"].as_str().unwrap().to_owned()
    }

    async fn asked(&self) -> u64 {
        self.asks("/asked", json!({})).await["asked"].as_u64().unwrap()
    }

    fn config(&self) -> IssuerConfig {
        IssuerConfig {
            tenant_claim: Some("tenant".to_owned()),
            roles_claim: Some("/realm_access/roles".to_owned()),
            roles: [("ft-auditor".to_owned(), "auditor".to_owned())].into(),
            teams_claim: Some("groups".to_owned()),
            min_interval_s: 1,
            ..IssuerConfig::new(&self.url, "forethought")
        }
    }
}

fn claims() -> Value {
    let roles = json!({"roles": ["ft-auditor", "offline_access"]});
    json!({"aud": "forethought", "sub": "alice", "tenant": "acme", "realm_access": roles, "groups": ["risk"]})
}

async fn code(verifier: &Verifier, token: &str) -> &'static str {
    verifier.verify(token, Timestamp::now()).await.map_or_else(|refused| refused.code(), |_| "ok")
}

#[tokio::test]
async fn its_tokens_are_accepted_by_every_algorithm() {
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        let Some(issuer) = Issuer::start(&json!({"algorithms": [algorithm], "claims": claims()})).await else { return };
        let verifier = Verifier::start(&issuer.config()).unwrap();
        let found = verifier.verify(&issuer.token(json!({})).await, Timestamp::now()).await.unwrap();
        assert_eq!((found.subject.as_str(), found.issuer), ("alice", issuer.url.clone()), "{algorithm}");
        assert_eq!(
            (found.tenant.as_deref(), found.roles, found.teams),
            (Some("acme"), vec!["auditor".into()], vec!["risk".into()])
        );
    }
}

#[tokio::test]
async fn what_it_signs_is_refused_where_it_is_doubtful() {
    let Some(issuer) = Issuer::start(&json!({"claims": claims()})).await else { return };
    let verifier = Verifier::start(&issuer.config()).unwrap();
    for (body, expected) in [
        (json!({}), "ok"),
        (json!({"claims": {"aud": ["x", "forethought"]}}), "ok"),
        (json!({"claims": {"aud": "x"}}), "audience"),
        (json!({"claims": {"iss": "https://evil.example"}}), "issuer"),
        (json!({"claims": {"exp": 1_700_000_000}}), "expired"),
        (json!({"claims": {"nbf": 4_000_000_000_u64}}), "not_yet"),
        (json!({"claims": {"tenant": 1}}), "wrong_claim"),
        (json!({"header": {"typ": "id+jwt"}}), "type"),
        (json!({"header": {"cty": "JWT"}}), "malformed"),
    ] {
        assert_eq!(code(&verifier, &issuer.token(body.clone()).await).await, expected, "{body}");
    }
    assert_eq!(issuer.asked().await, 1);
}

#[tokio::test]
async fn its_new_keys_are_found_and_its_absence_is_survived() {
    let Some(issuer) = Issuer::start(&json!({"claims": claims()})).await else { return };
    let verifier = Verifier::start(&issuer.config()).unwrap();
    let old = issuer.token(json!({})).await;
    assert_eq!(code(&verifier, &old).await, "ok");
    issuer.asks("/rotate", json!({"algorithm": "ES256"})).await;
    sleep(Duration::from_millis(1_100)).await;
    let new = issuer.token(json!({})).await;
    assert_eq!((code(&verifier, &new).await, code(&verifier, &old).await), ("ok", "ok"));
    assert_eq!(issuer.asked().await, 2);
    issuer.asks("/away", json!({"away": true})).await;
    issuer.asks("/rotate", json!({"algorithm": "EdDSA", "withdraw": true})).await;
    sleep(Duration::from_millis(1_100)).await;
    let newest = issuer.token(json!({})).await;
    assert_eq!((code(&verifier, &newest).await, code(&verifier, &new).await), ("unknown_key", "ok"));
    issuer.asks("/away", json!({"away": false})).await;
    sleep(Duration::from_millis(1_100)).await;
    assert_eq!((code(&verifier, &newest).await, code(&verifier, &new).await), ("ok", "unknown_key"));
}
