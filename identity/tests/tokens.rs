//! Which tokens are accepted and which refused, without any I/O.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic, and read better so")]

#[path = "helpers/signer.rs"]
mod signer;

use forethought_identity::{Algorithm, Claims, Issuer, IssuerConfig, KeySet, Refused};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use signer::{ISSUER, NOW, Signer, base64, changed, claims, claims_but, key_set, with_secret};

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn issuer() -> Issuer {
    Issuer::new(&IssuerConfig::new(ISSUER, "forethought")).unwrap()
}

fn keys(signers: &[&Signer]) -> KeySet {
    KeySet::parse(&key_set(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>())).unwrap()
}

fn verify(token: &str, keys: &KeySet) -> Result<Claims, Refused> {
    issuer().verify(token, keys, now())
}

/// Judges a token by the keys of `signers`, in comparison with a code, or `ok`.
#[track_caller]
fn check(token: &str, signers: &[&Signer], expected: &str) {
    let found = verify(token, &keys(signers));
    assert_eq!(found.as_ref().map_or_else(Refused::code, |_| "ok"), expected, "{found:?}");
}

/// The same of claims that `changes` change.
#[track_caller]
fn check_claims(changes: &Value, expected: &str) {
    let signer = Signer::es256("a");
    check(&signer.token(&claims_but(changes)), &[&signer], expected);
}

/// The same of a header that `changes` change.
#[track_caller]
fn check_header(changes: &Value, expected: &str) {
    let signer = Signer::es256("a");
    check(&signer.with(&changed(signer.header(), changes), &claims()), &[&signer], expected);
}

#[test]
fn every_kind_of_key_verifies_its_tokens() {
    let signers = [Signer::rsa("r"), Signer::es256("e"), Signer::es384("f"), Signer::ed25519("d")];
    for signer in &signers {
        check(&signer.token(&claims()), &signers.each_ref(), "ok");
    }
    let rsa = &signers[0];
    check(&rsa.with(&changed(rsa.header(), &json!({"alg": "PS256"})), &claims()), &[rsa], "ok");
}

#[test]
fn the_claims_are_told() {
    let signer = Signer::ed25519("a");
    let config = IssuerConfig {
        tenant: Some("acme".to_owned()),
        roles_claim: Some("/realm_access/roles".to_owned()),
        roles: [("ft-auditor".to_owned(), "auditor".to_owned())].into(),
        teams_claim: Some("groups".to_owned()),
        ..IssuerConfig::new(ISSUER, "forethought")
    };
    let more =
        json!({"realm_access": {"roles": ["ft-auditor", "admin"]}, "groups": ["risk"], "aud": ["x", "forethought"]});
    let found = Issuer::new(&config).unwrap().verify(&signer.token(&claims_but(&more)), &keys(&[&signer]), now());
    let expected = Claims {
        subject: "alice".to_owned(),
        issuer: ISSUER.to_owned(),
        tenant: Some("acme".to_owned()),
        roles: vec!["auditor".to_owned()],
        teams: vec!["risk".to_owned()],
        expires: Timestamp::from_second(NOW + 600).unwrap(),
        token_id: Some("t-1".to_owned()),
    };
    assert_eq!(found, Ok(expected));
}

#[test]
fn times_are_kept_to_with_the_leeway() {
    check_claims(&json!({"exp": NOW - 29}), "ok");
    check_claims(&json!({"exp": NOW - 30}), "expired");
    check_claims(&json!({"nbf": NOW + 30}), "ok");
    check_claims(&json!({"nbf": NOW + 31}), "not_yet");
    check_claims(&json!({"iat": NOW + 31}), "not_yet");
    check_claims(&json!({"iat": null}), "ok");
    for exp in [json!("1800000600"), json!(1_800_000_600.5), json!(-1), json!(true), json!([NOW + 600]), json!(1e20)] {
        check_claims(&json!({"exp": exp}), "wrong_claim");
    }
    for name in ["nbf", "iat"] {
        check_claims(&json!({name: "1800000000"}), "wrong_claim");
        check_claims(&json!({name: 1_799_999_999.5}), "wrong_claim");
    }
}

#[test]
fn a_token_is_for_us_by_our_issuer() {
    for aud in [json!("forethought"), json!(["x", "forethought"]), json!(["forethought"])] {
        check_claims(&json!({"aud": aud}), "ok");
    }
    for aud in [json!("Forethought"), json!("forethought "), json!("forethought,x"), json!(["x"]), json!([]), json!("")]
    {
        check_claims(&json!({"aud": aud}), "audience");
    }
    for aud in [json!(["forethought", 1]), json!({"forethought": 1}), json!(1), json!([["forethought"]])] {
        check_claims(&json!({"aud": aud}), "wrong_claim");
    }
    for iss in ["https://id.example/realms/b", "https://id.example/realms/a/", "https://ID.example/realms/a", ""] {
        check_claims(&json!({"iss": iss}), "issuer");
    }
    for iss in [json!([ISSUER]), json!({"a": 1}), json!(1)] {
        check_claims(&json!({"iss": iss}), "wrong_claim");
    }
}

#[test]
fn claims_must_be_there_and_sound() {
    for name in ["iss", "aud", "sub", "exp"] {
        check_claims(&json!({name: null}), "missing_claim");
    }
    for sub in [json!(""), json!(1), json!(["alice"]), json!("a\nb"), json!("x".repeat(257))] {
        check_claims(&json!({"sub": sub}), "wrong_claim");
    }
    for jti in [json!(""), json!(1), json!("a\u{7}")] {
        check_claims(&json!({"jti": jti}), "wrong_claim");
    }
    check_claims(&json!({"jti": null}), "ok");
    let signer = Signer::es256("a");
    for name in ["iss", "aud", "sub", "exp", "nbf", "iat", "jti"] {
        let mut claims = claims();
        claims[name] = Value::Null;
        check(&signer.token(&claims), &[&signer], "wrong_claim");
    }
}

#[test]
fn only_access_tokens_are_accepted() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt", "application/jwt"] {
        check_header(&json!({"typ": typ}), "ok");
    }
    check_header(&json!({"typ": null}), "ok");
    for typ in ["id+jwt", "logout+jwt", "dpop+jwt", "", "at+jwt ", "text/jwt", "application/application/jwt"] {
        check_header(&json!({"typ": typ}), "type");
    }
    check_header(&json!({"typ": 1}), "malformed");
}

#[test]
fn extensions_and_nested_tokens_are_refused() {
    for crit in [json!([]), json!(["b64"]), json!(["exp"]), json!("exp"), json!(1)] {
        check_header(&json!({"crit": crit}), "critical");
    }
    check_header(&json!({"b64": false}), "critical");
    check_header(&json!({"b64": false, "crit": ["b64"]}), "critical");
    for (name, value) in [("cty", "JWT"), ("enc", "A256GCM"), ("zip", "DEF")] {
        check_header(&json!({name: value}), "malformed");
    }
    let signer = Signer::es256("a");
    let inner = signer.token(&claims());
    check(&signer.raw(&signer.header().to_string(), &inner, "ES256"), &[&signer], "malformed");
    check(&signer.raw(&signer.header().to_string(), &format!("\"{inner}\""), "ES256"), &[&signer], "malformed");
    check(&format!("{inner}.AAAA.AAAA"), &[&signer], "malformed");
}

#[test]
fn without_a_signature_there_is_no_token() {
    let signer = Signer::rsa("a");
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = changed(signer.header(), &json!({"alg": alg}));
        check(&signer.with(&header, &claims()), &[&signer], "algorithm");
        let token = signer.with(&header, &claims());
        let (message, _) = token.rsplit_once('.').unwrap();
        check(&format!("{message}."), &[&signer], "malformed");
        check(message, &[&signer], "malformed");
    }
    check_header(&json!({"alg": null}), "malformed");
    check_header(&json!({"alg": ["ES256"]}), "malformed");
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let signer = Signer::rsa("a");
    let jwk = signer.jwk();
    let header = json!({"typ": "JWT", "alg": "HS256", "kid": "a"});
    for secret in [jwk["n"].as_str().unwrap(), &jwk.to_string(), ""] {
        check(&with_secret(&header, &claims(), secret.as_bytes()), &[&signer], "algorithm");
    }
    // Nor does it help to say that it is signed by RSA.
    let lying = changed(header, &json!({"alg": "RS256"}));
    check(&with_secret(&lying, &claims(), jwk["n"].as_str().unwrap().as_bytes()), &[&signer], "signature");
}

#[test]
fn the_key_that_is_named_must_have_signed() {
    let (a, b) = (Signer::rsa("a"), Signer::other_rsa("b"));
    let swapped = Signer::other_rsa("a");
    check(&swapped.token(&claims()), &[&a, &b], "signature");
    check(&swapped.token(&claims()), &[&b], "unknown_key");
    let (e, f) = (Signer::es256("e"), Signer::es256("e"));
    check(&f.token(&claims()), &[&e], "signature");
    check_header(&json!({"kid": "b"}), "unknown_key");
    check_header(&json!({"kid": "A"}), "unknown_key");
    for kid in [json!(""), json!(1), json!(["a"]), json!("x".repeat(257))] {
        check_header(&json!({"kid": kid}), "malformed");
    }
}

#[test]
fn a_key_of_the_header_is_not_used() {
    let (ours, theirs) = (Signer::es256("a"), Signer::es256("a"));
    let header = changed(theirs.header(), &json!({"jwk": theirs.jwk(), "jku": "https://evil.example/jwks"}));
    check(&theirs.with(&header, &claims()), &[&ours], "signature");
    let header = changed(header, &json!({"kid": "b"}));
    check(&theirs.with(&header, &claims()), &[&ours], "unknown_key");
}

#[test]
fn without_a_name_only_one_key_may_fit() {
    let nameless = |signer: &Signer| signer.with(&changed(signer.header(), &json!({"kid": null})), &claims());
    let (a, b, e) = (Signer::rsa("a"), Signer::other_rsa("b"), Signer::es256("e"));
    check(&nameless(&a), &[&a, &e], "ok");
    check(&nameless(&e), &[&a, &b, &e], "ok");
    check(&nameless(&a), &[&a, &b], "unknown_key");
    check(&nameless(&a), &[&e], "unknown_key");
}

#[test]
fn the_algorithm_is_the_keys_and_allowed() {
    let signer = Signer::rsa("a");
    let of = |alg: &str| signer.with(&changed(signer.header(), &json!({"alg": alg})), &claims());
    for alg in ["RS384", "RS512", "PS384", "PS512", "ES512", "Ed25519", "HS256", "RS256 ", "rs256"] {
        check(&of(alg), &[&signer], "algorithm");
    }
    // The key's own kind, and its `alg`, bind as well.
    check(&of("ES256"), &[&signer], "algorithm");
    let only_pss = KeySet::parse(&key_set(&[changed(signer.jwk(), &json!({"alg": "PS256"}))])).unwrap();
    assert_eq!(verify(&of("RS256"), &only_pss), Err(Refused::Algorithm("RS256".to_owned())));
    assert!(verify(&of("PS256"), &only_pss).is_ok());
    // What is signed as one and named as the other has no right signature.
    let raw = signer.raw(&signer.header().to_string(), &claims().to_string(), "PS256");
    check(&raw, &[&signer], "signature");
    let all = IssuerConfig {
        algorithms: vec![Algorithm::RS512, Algorithm::PS384],
        ..IssuerConfig::new(ISSUER, "forethought")
    };
    let issuer = Issuer::new(&all).unwrap();
    for alg in ["RS512", "PS384"] {
        assert!(issuer.verify(&of(alg), &keys(&[&signer]), now()).is_ok(), "{alg}");
    }
    assert_eq!(issuer.verify(&of("RS256"), &keys(&[&signer]), now()).unwrap_err().code(), "algorithm");
}

#[test]
fn members_twice_are_refused() {
    let signer = Signer::es256("a");
    let (header, claims) = (signer.header().to_string(), claims().to_string());
    let twice = |text: &str, more: &str| text.replacen('{', &format!("{{{more},"), 1);
    check(&signer.raw(&header, &claims, "ES256"), &[&signer], "ok");
    for more in ["\"sub\":\"mallory\"", "\"exp\":9999999999", "\"s\\u0075b\":\"mallory\"", "\"x\":{\"a\":1,\"a\":2}"] {
        check(&signer.raw(&header, &twice(&claims, more), "ES256"), &[&signer], "malformed");
    }
    for more in ["\"alg\":\"none\"", "\"kid\":\"b\"", "\"x\":1,\"x\":1"] {
        check(&signer.raw(&twice(&header, more), &claims, "ES256"), &[&signer], "malformed");
    }
}

#[test]
fn garbage_is_refused() {
    let signer = Signer::es256("a");
    let token = signer.token(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
    for text in ["", ".", "..", "...", "a.b.c", "Bearer x", "é.é.é", "ft-k_0123-secret"] {
        check(text, &[&signer], "malformed");
    }
    for text in [
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}="),
        format!("{token}.x"),
        token.replace('.', ".."),
        format!("{}==.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], base64(b"[]"), parts[2]),
        format!("{}.{}.{}", parts[0], base64(b"{"), parts[2]),
        format!("{}.{}.{}", parts[0], base64(b"\xff\xfe"), parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}..{}", parts[0], parts[2]),
    ] {
        check(&text, &[&signer], "malformed");
    }
    check_claims(&json!({"x": serde_json::from_str::<Value>(&deep).unwrap()}), "malformed");
    check(&"a".repeat(16_385), &[&signer], "too_long");
    let long = claims_but(&json!({"x": "y".repeat(13_000)}));
    assert!(signer.token(&long).len() > 16_384);
    check(&signer.token(&long), &[&signer], "too_long");
    check_claims(&json!({"x": "y".repeat(11_000)}), "ok");
}

#[test]
fn a_long_life_can_be_refused() {
    let signer = Signer::es256("a");
    let config = IssuerConfig { max_lifetime_s: Some(660), ..IssuerConfig::new(ISSUER, "forethought") };
    let issuer = Issuer::new(&config).unwrap();
    let code = |changes: &Value| issuer.verify(&signer.token(&claims_but(changes)), &keys(&[&signer]), now());
    assert!(code(&json!({})).is_ok());
    assert_eq!(code(&json!({"exp": NOW + 601})), Err(Refused::LivesTooLong));
    assert_eq!(code(&json!({"iat": null})), Err(Refused::MissingClaim("iat")));
}

#[test]
fn reasons_are_fit_for_a_log() {
    let signer = Signer::es256("a");
    let kid = format!("b\n{}", "x".repeat(200));
    let refused = verify(&signer.with(&changed(signer.header(), &json!({"kid": kid})), &claims()), &keys(&[&signer]));
    let text = refused.unwrap_err().to_string();
    assert!(!text.contains('\n') && text.len() < 150, "{text}");
}

/// A good token of each kind, and the keys that verify it.
fn samples() -> &'static [(String, KeySet)] {
    static SAMPLES: std::sync::OnceLock<Vec<(String, KeySet)>> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(|| {
        let signers = [Signer::rsa("r"), Signer::es256("e"), Signer::es384("f"), Signer::ed25519("d")];
        signers.iter().map(|signer| (signer.token(&claims()), keys(&[signer]))).collect()
    })
}

#[test]
fn no_character_of_a_token_can_be_exchanged() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ";
    for (token, keys) in samples() {
        assert!(verify(token, keys).is_ok());
        // Each place with a few others, the last places, which hold stray bits, with all.
        for place in 0..token.len() {
            let step = if place + 4 > token.len() || token[place + 1..].starts_with('.') { 1 } else { 23 };
            for other in ALPHABET.iter().skip(place % step).step_by(step) {
                let mut bytes = token.clone().into_bytes();
                if bytes[place] == *other {
                    continue;
                }
                bytes[place] = *other;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(verify(&changed, keys).is_err(), "{place}: {changed}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_flipped_bit_is_refused(which in 0_usize..4, place: prop::sample::Index, bit in 0_u8..7) {
        let (token, keys) = &samples()[which];
        let mut bytes = token.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(verify(&String::from_utf8(bytes).unwrap(), keys).is_err());
    }

    #[test]
    fn a_piece_put_in_or_taken_out_is_refused(
        which in 0_usize..4,
        from: prop::sample::Index,
        len in 0_usize..9,
        text in "[A-Za-z0-9_.=-]{0,4}",
    ) {
        let (token, keys) = &samples()[which];
        let from = from.index(token.len());
        let to = (from + len).min(token.len());
        let changed = format!("{}{text}{}", &token[..from], &token[to..]);
        prop_assume!(changed != *token);
        prop_assert!(verify(&changed, keys).is_err());
    }

    #[test]
    fn no_text_is_a_token_by_chance(text in ".{0,200}") {
        prop_assert!(verify(&text, &samples()[0].1).is_err());
    }

    /// What is accepted was good by the rules, said anew and simply.
    #[test]
    fn times_are_judged_by_the_rule(exp in -90_i64..90, nbf in -90_i64..90, iat in -90_i64..90) {
        let (signer, keys) = time_signer();
        let token = signer.token(&claims_but(&json!({"exp": NOW + exp, "nbf": NOW + nbf, "iat": NOW + iat})));
        let good = exp > -30 && nbf <= 30 && iat <= 30 && exp > nbf && exp > iat;
        prop_assert_eq!(verify(&token, keys).is_ok(), good);
    }
}

fn time_signer() -> &'static (Signer, KeySet) {
    static SIGNER: std::sync::OnceLock<(Signer, KeySet)> = std::sync::OnceLock::new();
    SIGNER.get_or_init(|| {
        let signer = Signer::ed25519("t");
        let keys = keys(&[&signer]);
        (signer, keys)
    })
}
