//! How keys are fetched, renewed, kept and given up, against a server that plays an issuer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic, and read better so")]

#[path = "helpers/server.rs"]
mod server;
#[path = "helpers/signer.rs"]
mod signer;

use std::{sync::Arc, time::Duration};

use forethought_identity::{IssuerConfig, Issuers, Refused, Verifier};
use jiff::Timestamp;
use serde_json::{Value, json};
use server::{Say, Server};
use signer::{ISSUER, NOW, Signer, changed, claims, claims_but, key_set};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

const SOON: Duration = Duration::from_secs(10);

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// An issuer whose keys are at `/jwks` of the server.
fn config(server: &Server) -> IssuerConfig {
    IssuerConfig { jwks_url: Some(format!("{}/jwks", server.url)), ..IssuerConfig::new(ISSUER, "forethought") }
}

async fn serving(signers: &[&Signer]) -> Server {
    let set = set(signers);
    Server::start(move |_| Say::ok(set.clone())).await
}

fn set(signers: &[&Signer]) -> Vec<u8> {
    key_set(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>())
}

async fn code(verifier: &Verifier, token: &str) -> &'static str {
    verifier.verify(token, now()).await.map_or_else(|refused| refused.code(), |_| "ok")
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = timeout(SOON, async {
        while !is_so().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// The trouble with the keys, once there is one.
async fn trouble(verifier: &Verifier) -> String {
    until("there is trouble", async || verifier.health().trouble.is_some()).await;
    verifier.health().trouble.unwrap()
}

#[tokio::test]
async fn the_first_token_waits_for_the_first_keys() {
    let signer = Signer::es256("a");
    let body = set(&[&signer]);
    let server = Server::start(move |_| Say::Late(Duration::from_millis(300), body.clone())).await;
    let verifier = Verifier::start(&config(&server)).unwrap();
    assert_eq!(verifier.health().usable, 0);
    assert_eq!(code(&verifier, &signer.token(&claims())).await, "ok");
    let health = verifier.health();
    assert_eq!((health.usable, health.trouble, health.issuer.as_str()), (1, None, ISSUER));
    assert!(health.age.unwrap() >= Duration::from_millis(300) && health.source.ends_with("/jwks"));
    assert_eq!(server.asked(), ["/jwks"]);
}

#[tokio::test]
async fn a_new_key_is_fetched_once_for_all_who_need_it() {
    let (old, new) = (Signer::es256("old"), Signer::ed25519("new"));
    let server = serving(&[&old]).await;
    let verifier = Arc::new(Verifier::start(&IssuerConfig { min_interval_s: 1, ..config(&server) }).unwrap());
    assert_eq!(code(&verifier, &old.token(&claims())).await, "ok");
    let both = set(&[&old, &new]);
    server.becomes(move |_| Say::Late(Duration::from_millis(200), both.clone()));
    sleep(Duration::from_millis(1_100)).await;
    let mut all = JoinSet::new();
    for _ in 0..200 {
        let (verifier, token) = (Arc::clone(&verifier), new.token(&claims()));
        all.spawn(async move { code(&verifier, &token).await });
    }
    assert!(all.join_all().await.iter().all(|code| *code == "ok"));
    assert_eq!(code(&verifier, &old.token(&claims())).await, "ok");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_flood_of_invented_names_is_one_fetch_an_interval() {
    let signer = Signer::es256("a");
    let server = serving(&[&signer]).await;
    let verifier = Verifier::start(&IssuerConfig { min_interval_s: 1, ..config(&server) }).unwrap();
    assert_eq!(code(&verifier, &signer.token(&claims())).await, "ok");
    let (begin, mut tokens) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_millis(2_500) {
        let header = changed(signer.header(), &json!({"kid": format!("invented-{tokens}")}));
        assert_eq!(code(&verifier, &signer.with(&header, &claims())).await, "unknown_key");
        tokens += 1;
    }
    assert!(tokens > 200, "{tokens}");
    assert!((2..=4).contains(&server.asked().len()), "{} for {tokens}", server.asked().len());
    assert_eq!(code(&verifier, &signer.token(&claims())).await, "ok");
}

#[tokio::test]
async fn what_is_refused_anyway_fetches_nothing() {
    let signer = Signer::es256("a");
    let server = serving(&[&signer]).await;
    let verifier = Verifier::start(&IssuerConfig { min_interval_s: 1, ..config(&server) }).unwrap();
    assert_eq!(code(&verifier, &signer.token(&claims())).await, "ok");
    sleep(Duration::from_millis(1_100)).await;
    let unknown = changed(signer.header(), &json!({"kid": "b"}));
    let with = |header: &Value, changes: Value| signer.with(&changed(unknown.clone(), header), &claims_but(&changes));
    for (token, expected) in [
        ("a.b.c".to_owned(), "malformed"),
        (with(&json!({"alg": "HS256"}), json!({})), "algorithm"),
        (with(&json!({"alg": "RS512"}), json!({})), "algorithm"),
        (with(&json!({"crit": ["exp"]}), json!({})), "critical"),
        (with(&json!({}), json!({"iss": "https://evil.example"})), "issuer"),
        (with(&json!({}), json!({"aud": "x"})), "audience"),
        (with(&json!({}), json!({"exp": NOW - 31})), "expired"),
        (with(&json!({}), json!({"sub": null})), "missing_claim"),
        (Signer::es256("a").token(&claims()), "signature"),
    ] {
        assert_eq!(code(&verifier, &token).await, expected);
    }
    assert_eq!(server.asked().len(), 1);
    assert_eq!(code(&verifier, &with(&json!({}), json!({}))).await, "unknown_key");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn old_keys_serve_until_they_are_too_old() {
    let signer = Signer::es256("a");
    let server = serving(&[&signer]).await;
    let timing = IssuerConfig { min_interval_s: 1, refresh_s: 1, max_age_s: 4, ..config(&server) };
    let verifier = Verifier::start(&timing).unwrap();
    assert_eq!(code(&verifier, &signer.token(&claims())).await, "ok");
    server.becomes(|_| Say::Now(500, String::new(), vec![]));
    let begin = Instant::now();
    assert!(trouble(&verifier).await.ends_with("answered 500"));
    while begin.elapsed() < Duration::from_millis(1_900) {
        assert_eq!(code(&verifier, &signer.token(&claims())).await, "ok");
        sleep(Duration::from_millis(50)).await;
    }
    until("keys are too old", async || code(&verifier, &signer.token(&claims())).await == "keys_away").await;
    assert!(verifier.verify(&signer.token(&claims()), now()).await.unwrap_err().is_ours());
    assert_eq!(verifier.health().usable, 0);
    let body = set(&[&signer]);
    server.becomes(move |_| Say::ok(body.clone()));
    until("keys are back", async || code(&verifier, &signer.token(&claims())).await == "ok").await;
    assert_eq!(verifier.health().trouble, None);
}

#[tokio::test]
async fn a_withdrawn_key_is_given_up_at_the_next_refresh() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let server = serving(&[&old]).await;
    let verifier = Verifier::start(&IssuerConfig { min_interval_s: 1, refresh_s: 1, ..config(&server) }).unwrap();
    assert_eq!(code(&verifier, &old.token(&claims())).await, "ok");
    let body = set(&[&new]);
    server.becomes(move |_| Say::ok(body.clone()));
    until("the key is given up", async || code(&verifier, &old.token(&claims())).await == "unknown_key").await;
    assert_eq!(code(&verifier, &new.token(&claims())).await, "ok");
}

#[tokio::test]
async fn an_issuer_that_is_away_at_the_start_is_tried_again() {
    let signer = Signer::es256("a");
    let server = Server::start(|_| Say::Now(503, String::new(), vec![])).await;
    let verifier = Verifier::start(&config(&server)).unwrap();
    assert_eq!(code(&verifier, &signer.token(&claims())).await, "keys_away");
    let body = set(&[&signer]);
    server.becomes(move |_| Say::ok(body.clone()));
    // Much sooner than `min_interval_s` and `refresh_s` would have it.
    let begin = Instant::now();
    until("keys are there", async || code(&verifier, &signer.token(&claims())).await == "ok").await;
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_slow_issuer_holds_up_only_those_who_need_it() {
    let (known, new) = (Signer::es256("known"), Signer::es256("new"));
    let server = serving(&[&known]).await;
    let verifier = Arc::new(Verifier::start(&IssuerConfig { min_interval_s: 1, ..config(&server) }).unwrap());
    assert_eq!(code(&verifier, &known.token(&claims())).await, "ok");
    server.becomes(|_| Say::Drip);
    sleep(Duration::from_millis(1_100)).await;
    let (waits, token) = (Arc::clone(&verifier), new.token(&claims()));
    let begin = Instant::now();
    let waiting = tokio::spawn(async move { code(&waits, &token).await });
    until("it is asked again", async || server.asked().len() == 2).await;
    for _ in 0..20 {
        let one = Instant::now();
        assert_eq!(code(&verifier, &known.token(&claims())).await, "ok");
        assert!(one.elapsed() < Duration::from_secs(1));
    }
    assert!(!waiting.is_finished());
    assert_eq!(waiting.await.unwrap(), "unknown_key");
    assert!((4_900..11_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    assert!(verifier.health().trouble.unwrap().ends_with("took longer than 5 s"));
    sleep(Duration::from_millis(500)).await;
    assert_eq!(server.asked().len(), 2, "it has a pause");
    assert_eq!(code(&verifier, &known.token(&claims())).await, "ok");
}

#[tokio::test]
async fn a_client_that_leaves_interrupts_no_look() {
    let (known, new) = (Signer::es256("known"), Signer::es256("new"));
    let server = serving(&[&known]).await;
    let verifier = Verifier::start(&IssuerConfig { min_interval_s: 1, ..config(&server) }).unwrap();
    assert_eq!(code(&verifier, &known.token(&claims())).await, "ok");
    let both = set(&[&known, &new]);
    server.becomes(move |_| Say::Late(Duration::from_secs(2), both.clone()));
    sleep(Duration::from_millis(1_100)).await;
    let leaves = timeout(Duration::from_millis(100), verifier.verify(&new.token(&claims()), now())).await;
    assert!(leaves.is_err());
    assert_eq!(code(&verifier, &new.token(&claims())).await, "ok");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn documents_that_are_not_to_be_trusted_are_refused() {
    let signer = Signer::es256("a");
    let body = set(&[&signer]);
    let large = [body.clone(), vec![b' '; 1 << 20]].concat();
    let elsewhere = serving(&[&signer]).await;
    let redirect = format!("location: {}/jwks\r\n", elsewhere.url);
    for (answer, expected) in [
        (Say::Now(302, redirect.clone(), vec![]), "answered 302, and redirects are not followed"),
        (Say::Now(307, redirect, body.clone()), "answered 307"),
        (Say::Now(404, String::new(), body.clone()), "answered 404"),
        (Say::Now(201, String::new(), body.clone()), "answered 201"),
        (Say::ok(large), "sent more than 1048576 bytes"),
        (Say::Flood, "sent more than 1048576 bytes"),
        (Say::ok("<html>"), "the key set is no JSON object"),
        (Say::ok("{\"keys\": []}"), "no key that can be used"),
        (Say::ok(vec![]), "the key set is no JSON object"),
    ] {
        let server = Server::start(move |_| answer.clone()).await;
        let verifier = Verifier::start(&config(&server)).unwrap();
        let trouble = trouble(&verifier).await;
        assert!(trouble.starts_with(&server.url) && trouble.contains(expected), "{trouble}");
        assert_eq!(code(&verifier, &signer.token(&claims())).await, "keys_away");
    }
    assert_eq!(elsewhere.asked(), [""; 0]);
}

/// Runs one of these tests again, in a process whose environment names a proxy that is not there.
#[test]
fn no_proxy_comes_between_us_and_this_machine() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "the_first_token_waits_for_the_first_keys"]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, "http://127.0.0.1:9");
    }
    let output = again.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn an_issuer_tells_where_its_keys_are() {
    let signer = Signer::es256("a");
    let body = set(&[&signer]);
    let server = Server::start(|_| Say::Now(404, String::new(), vec![])).await;
    let url = server.url.clone();
    let document = move |issuer: &str| json!({"issuer": issuer, "jwks_uri": format!("{url}/k"), "a": {"b": [1]}});
    let good = document(&server.url).to_string();
    server.becomes(move |path| Say::ok(if path == "/k" { body.clone() } else { good.clone().into() }));
    let config = IssuerConfig::new(&server.url, "forethought");
    let verifier = Verifier::start(&config).unwrap();
    let token = signer.token(&claims_but(&json!({"iss": server.url})));
    assert_eq!(code(&verifier, &token).await, "ok");
    assert_eq!(server.asked(), ["/.well-known/openid-configuration", "/k"]);
    let evil = document("https://evil.example").to_string();
    server.becomes(move |_| Say::ok(evil.clone()));
    let verifier = Verifier::start(&config).unwrap();
    assert_eq!(code(&verifier, &token).await, "keys_away");
    assert!(trouble(&verifier).await.contains("of the issuer \"https://evil.example\""));
    assert_eq!(server.asked().len(), 3, "the keys that it names are not asked for");
}

#[tokio::test]
async fn a_file_is_read_anew_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let config = IssuerConfig { jwks_file: Some(file.clone()), ..IssuerConfig::new(ISSUER, "forethought") };
    let verifier = Verifier::start(&config).unwrap();
    assert_eq!(code(&verifier, &old.token(&claims())).await, "keys_away");
    assert!(trouble(&verifier).await.contains("keys.json cannot be read"));
    std::fs::write(&file, set(&[&old])).unwrap();
    until("the file is read", async || code(&verifier, &old.token(&claims())).await == "ok").await;
    std::fs::write(&file, set(&[&new])).unwrap();
    let begin = Instant::now();
    until("the file is read anew", async || code(&verifier, &old.token(&claims())).await == "unknown_key").await;
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(code(&verifier, &new.token(&claims())).await, "ok");
    // Half a file, and none, change nothing for a while.
    std::fs::write(&file, "{\"keys\": [").unwrap();
    until("the file is seen", async || verifier.health().trouble.is_some()).await;
    std::fs::remove_file(&file).unwrap();
    until("it is gone", async || verifier.health().trouble.unwrap_or_default().contains("cannot be read")).await;
    assert_eq!(code(&verifier, &new.token(&claims())).await, "ok");
}

#[tokio::test]
async fn each_token_is_judged_by_its_own_issuer() {
    let (a, b) = (Signer::es256("k"), Signer::es256("k"));
    let (first, second) = (serving(&[&a]).await, serving(&[&b]).await);
    let of = |server: &Server, issuer: &str| IssuerConfig { issuer: issuer.to_owned(), ..config(server) };
    let (one, two) = ("https://one.example", "https://two.example");
    let issuers = Issuers::start(&[of(&first, one), of(&second, two)]).unwrap();
    let token = |signer: &Signer, issuer: &str| signer.token(&claims_but(&json!({"iss": issuer})));
    assert_eq!(issuers.verify(&token(&a, one), now()).await.unwrap().issuer, one);
    assert_eq!(issuers.verify(&token(&b, two), now()).await.unwrap().issuer, two);
    assert_eq!(issuers.verify(&token(&a, two), now()).await, Err(Refused::Signature));
    assert_eq!(issuers.verify(&token(&b, one), now()).await, Err(Refused::Signature));
    let third = issuers.verify(&token(&a, "https://three.example"), now()).await;
    assert_eq!(third, Err(Refused::Issuer("\"https://three.example\"".to_owned())));
    assert_eq!(issuers.health().iter().map(|health| health.usable).collect::<Vec<_>>(), [1, 1]);
    assert!(Issuers::default().is_empty());
    assert_eq!(Issuers::default().verify(&token(&a, one), now()).await.unwrap_err().code(), "issuer");
}

#[tokio::test]
async fn a_new_configuration_keeps_the_keys_of_the_same_source() {
    let signer = Signer::es256("a");
    let server = serving(&[&signer]).await;
    let before = config(&server);
    let issuers = Issuers::start(std::slice::from_ref(&before)).unwrap();
    let token = signer.token(&claims_but(&json!({"groups": "risk"})));
    assert_eq!(issuers.verify(&token, now()).await.unwrap().teams, [""; 0]);
    server.becomes(|_| Say::Now(503, String::new(), vec![]));
    let after = IssuerConfig { teams_claim: Some("groups".to_owned()), ..before };
    let reloaded = issuers.reload(std::slice::from_ref(&after)).unwrap();
    drop(issuers);
    assert_eq!(reloaded.verify(&token, now()).await.unwrap().teams, ["risk"]);
    until("it has failed", async || reloaded.health()[0].trouble.is_some()).await;
    assert_eq!(reloaded.verify(&token, now()).await.unwrap().teams, ["risk"]);
    let elsewhere = IssuerConfig { jwks_url: Some(format!("{}/other", server.url)), ..after.clone() };
    let moved = reloaded.reload(&[elsewhere]).unwrap();
    assert_eq!(moved.verify(&token, now()).await, Err(Refused::KeysAway));
    assert!(reloaded.reload(&[after.clone(), after]).is_err());
    assert_eq!(reloaded.verify(&token, now()).await.unwrap().teams, ["risk"]);
}

#[tokio::test]
async fn nothing_is_asked_once_it_is_dropped() {
    let server = serving(&[&Signer::es256("a")]).await;
    let verifier = Verifier::start(&IssuerConfig { min_interval_s: 1, refresh_s: 1, ..config(&server) }).unwrap();
    until("it was asked", async || verifier.health().usable == 1).await;
    drop(verifier);
    let asked = server.asked().len();
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(server.asked().len(), asked);
}
