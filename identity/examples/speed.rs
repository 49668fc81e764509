//! How long it takes to judge a token, good or with a wrong signature, for each algorithm.
//!
//! `cargo run --release -p forethought-identity --example speed`
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it measures, and stops where it cannot")]

#[path = "../tests/helpers/signer.rs"]
mod signer;

use std::time::Instant;

use forethought_identity::{Issuer, IssuerConfig, KeySet};
use jiff::Timestamp;
use signer::{ISSUER, NOW, Signer, claims, key_set};

const ROUNDS: u32 = 2_000;

fn main() {
    let issuer = Issuer::new(&IssuerConfig::new(ISSUER, "forethought")).unwrap();
    println!("{:<6}  {:>8}  {:>15}", "", "good, µs", "wrong, µs");
    for signer in [Signer::rsa("a"), Signer::es256("a"), Signer::es384("a"), Signer::ed25519("a")] {
        let keys = KeySet::parse(&key_set(&[signer.jwk()])).unwrap();
        let good = signer.token(&claims());
        let other = signer.token(&signer::claims_but(&serde_json::json!({"sub": "mallory"})));
        let (message, _) = good.rsplit_once('.').unwrap();
        let wrong = format!("{message}.{}", other.rsplit_once('.').unwrap().1);
        let (good, wrong) = (micros(&issuer, &keys, &good, true), micros(&issuer, &keys, &wrong, false));
        println!("{:<6}  {good:>8.1}  {wrong:>15.1}", signer.algorithm);
    }
}

fn micros(issuer: &Issuer, keys: &KeySet, token: &str, is_good: bool) -> f64 {
    let now = Timestamp::from_second(NOW).unwrap();
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        assert_eq!(issuer.verify(token, keys, now).is_ok(), is_good);
    }
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
}
