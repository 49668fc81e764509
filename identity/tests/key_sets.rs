//! Which keys of a set are used, and which sets and configurations are refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic, and read better so")]

#[path = "helpers/signer.rs"]
mod signer;

use forethought_identity::{Issuer, IssuerConfig, KeySet, KeySetError};
use jiff::Timestamp;
use serde_json::{Value, json};
use signer::{ISSUER, NOW, Signer, base64, changed, claims, key_set};

/// What is said of one key: `used`, or why it is not.
#[track_caller]
fn check(key: &Value, expected: &str) {
    let found = match KeySet::parse(&key_set(std::slice::from_ref(key))) {
        Ok(set) => {
            assert_eq!((set.len(), set.skipped()), (1, &[][..]));
            "used"
        }
        Err(KeySetError::NoUsableKey(skipped)) => skipped[0].why,
        Err(error) => panic!("{error}"),
    };
    assert!(found.contains(expected), "{key}: {found}");
}

#[track_caller]
fn check_set(text: &[u8], expected: &str) {
    let error = KeySet::parse(text).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn verifies(signer: &Signer, set: &KeySet) -> bool {
    let issuer = Issuer::new(&IssuerConfig::new(ISSUER, "forethought")).unwrap();
    issuer.verify(&signer.token(&claims()), set, Timestamp::from_second(NOW).unwrap()).is_ok()
}

#[test]
fn keys_for_signatures_are_used() {
    for signer in [Signer::rsa("a"), Signer::es256("a"), Signer::es384("a"), Signer::ed25519("a")] {
        let key = signer.jwk();
        check(&key, "used");
        check(&changed(key.clone(), &json!({"kid": null})), "used");
        check(&changed(key.clone(), &json!({"alg": signer.algorithm, "use": "sig", "key_ops": ["verify"]})), "used");
        check(&changed(key, &json!({"x5t": "abc", "x5c": ["abc"], "ext": true})), "used");
    }
}

#[test]
fn keys_for_other_ends_are_skipped() {
    let key = Signer::rsa("a").jwk();
    for purpose in [json!("enc"), json!(""), json!(["sig"]), json!(1)] {
        check(&changed(key.clone(), &json!({"use": purpose})), "`use`");
    }
    for operations in [json!([]), json!(["sign"]), json!(["encrypt", "wrapKey"]), json!("verify"), json!(1)] {
        check(&changed(key.clone(), &json!({"key_ops": operations})), "`key_ops`");
    }
    for alg in [json!("RSA-OAEP"), json!("ES256"), json!("HS256"), json!("none"), json!("rs256"), json!(1)] {
        check(&changed(key.clone(), &json!({"alg": alg})), "`alg`");
    }
    check(&changed(Signer::es256("a").jwk(), &json!({"alg": "ES384"})), "`alg`");
    check(&changed(Signer::ed25519("a").jwk(), &json!({"alg": "ES256"})), "`alg`");
}

#[test]
fn secrets_are_skipped() {
    check(&json!({"kty": "oct", "k": base64(b"secret"), "kid": "a", "alg": "HS256"}), "shared secret");
    check(&json!({"kty": "oct", "k": base64(b"secret"), "alg": "RS256"}), "shared secret");
    for signer in [Signer::rsa("a"), Signer::es256("a"), Signer::ed25519("a")] {
        check(&changed(signer.jwk(), &json!({"d": base64(b"private")})), "private key");
    }
}

#[test]
fn unsound_keys_are_skipped() {
    let (rsa, ec, ed) = (Signer::rsa("a").jwk(), Signer::es256("a").jwk(), Signer::ed25519("a").jwk());
    for bits in [512, 1024, 2040, 8200] {
        check(&changed(rsa.clone(), &json!({"n": base64(&vec![0xff; bits / 8])})), "modulus has");
    }
    let mut short = vec![0xff; 256];
    short[0] = 0x7f;
    check(&changed(rsa.clone(), &json!({"n": base64(&short)})), "modulus has");
    for e in [vec![], vec![0], vec![1], vec![0, 0, 1], vec![2], vec![1, 0, 0], vec![0xff; 5]] {
        check(&changed(rsa.clone(), &json!({"e": base64(&e)})), "not sound");
    }
    check(&changed(rsa.clone(), &json!({"n": base64(&[0xfe; 256])})), "not sound");
    check(&changed(rsa.clone(), &json!({"n": "+/+/"})), "not base64url");
    check(&changed(rsa, &json!({"e": null})), "missing");
    check(&changed(ec.clone(), &json!({"x": base64(&[1; 32])})), "no point");
    check(&changed(ec.clone(), &json!({"x": base64(&[1; 31])})), "wrong length");
    check(&changed(ec.clone(), &json!({"y": base64(&[1; 33])})), "wrong length");
    check(&changed(ec.clone(), &json!({"y": null})), "missing");
    check(&changed(ed.clone(), &json!({"x": base64(&[1; 31])})), "wrong length");
    for curve in ["P-521", "secp256k1", "Ed25519", ""] {
        check(&changed(ec.clone(), &json!({"crv": curve})), "`crv`");
    }
    check(&changed(ec.clone(), &json!({"crv": "P-384"})), "wrong length");
    for curve in ["Ed448", "X25519", "P-256"] {
        check(&changed(ed.clone(), &json!({"crv": curve})), "`crv`");
    }
    for kty in [json!("AKP"), json!("rsa"), json!("")] {
        check(&changed(ec.clone(), &json!({"kty": kty})), "`kty` is not supported");
    }
    check(&changed(ec.clone(), &json!({"kty": 1})), "no `kty`");
    for kid in [json!(""), json!(1), json!("x".repeat(257))] {
        check(&changed(ec.clone(), &json!({"kid": kid})), "`kid`");
    }
    check(&json!("key"), "no object");
}

#[test]
fn a_zero_before_a_number_does_no_harm() {
    let signer = Signer::rsa("a");
    let mut key = signer.jwk();
    key["n"] = base64(&[vec![0], decoded(&key["n"])].concat()).into();
    key["e"] = base64(&[vec![0], decoded(&key["e"])].concat()).into();
    assert!(verifies(&signer, &KeySet::parse(&key_set(&[key])).unwrap()));
}

fn decoded(text: &Value) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

#[test]
fn one_bad_key_does_not_spoil_the_others() {
    let signer = Signer::es256("good");
    let oct = json!({"kty": "oct", "k": "AAAA", "kid": "bad\n"});
    let set = KeySet::parse(&key_set(&[oct, signer.jwk(), json!(1)])).unwrap();
    assert!(verifies(&signer, &set));
    let told: Vec<_> = set.skipped().iter().map(|key| (key.place, key.kid.as_deref())).collect();
    assert_eq!(told, [(0, Some("\"bad\\n\"")), (2, None)]);
}

#[test]
fn keys_of_one_name_and_algorithm_are_all_skipped() {
    let (one, two, other) = (Signer::es256("a"), Signer::es256("a"), Signer::es256("b"));
    let set = KeySet::parse(&key_set(&[one.jwk(), two.jwk(), other.jwk()])).unwrap();
    assert!(!verifies(&one, &set) && !verifies(&two, &set) && verifies(&other, &set));
    assert_eq!(set.skipped().iter().map(|key| key.place).collect::<Vec<_>>(), [0, 1]);
    // For different algorithms the standard allows it, and no token can mean both.
    let (rsa, ed) = (Signer::rsa("a"), Signer::ed25519("a"));
    let set = KeySet::parse(&key_set(&[one.jwk(), rsa.jwk(), ed.jwk()])).unwrap();
    assert!(verifies(&one, &set) && verifies(&rsa, &set) && verifies(&ed, &set));
}

#[test]
fn what_is_no_key_set_is_refused() {
    for text in ["", "null", "[]", "{}", "{\"keys\": {}}", "{\"keys\": null}", "<html>", "{\"keys\": []} x"] {
        check_set(text.as_bytes(), "no JSON object with a list");
    }
    check_set(b"{\"keys\": []}", "no key that can be used; have");
    check_set(b"{\"keys\": [], \"keys\": []}", "twice");
    check_set(b"{\"keys\": [{\"kty\": \"RSA\", \"kty\": \"EC\"}]}", "twice");
    check_set(b"{\"keys\": [1]}", "of key 0 it is no object");
    check_set(&key_set(&vec![Signer::es256("a").jwk(); 129]), "129 keys, more than 128");
    let large = [key_set(&[Signer::es256("a").jwk()]), vec![b' '; 1 << 20]].concat();
    check_set(&large, "more than 1048576 bytes");
    check_set(format!("{{\"keys\": {}", "[".repeat(1000)).as_bytes(), "too deep");
}

fn good() -> IssuerConfig {
    IssuerConfig::new("https://id.example", "forethought")
}

/// A configuration that `change` changes is refused for `expected`.
fn refused(change: impl Fn(&mut IssuerConfig), expected: &str) {
    let mut config = good();
    change(&mut config);
    let error = forethought_identity::Verifier::start(&config).unwrap_err().to_string();
    assert!(error.starts_with("issuer \"") && error.contains(expected), "{error}");
}

/// A text, as a configuration holds it.
fn some<T: From<String>>(text: &str) -> T {
    T::from(text.to_owned())
}

#[tokio::test]
async fn a_wrong_configuration_is_told() {
    refused(|config| config.issuer.clear(), "`issuer` is no text");
    refused(|config| config.issuer = "http://id.example".to_owned(), "`issuer` is neither https");
    refused(|config| config.issuer = "id.example".to_owned(), "`issuer` is no address");
    refused(|config| config.audiences.clear(), "`audiences` lacks");
    refused(|config| config.audiences.push(String::new()), "`audiences` lacks");
    refused(|config| config.algorithms.clear(), "`algorithms` is empty");
    refused(|config| config.leeway_s = 301, "`leeway_s` is 301; write 0 to 300");
    refused(|config| config.max_lifetime_s = Some(0), "`max_lifetime_s` is 0");
    refused(|config| config.refresh_s = 9, "`refresh_s` is 9; write 10 to");
    refused(|config| config.min_interval_s = 0, "`min_interval_s` is 0; write 1 to");
    refused(|config| config.max_age_s = 599, "`max_age_s` is 599; write 600 to");
    refused(|config| config.roles_claim = some("roles"), "`roles` is empty");
    refused(|config| _ = config.roles.insert("a".to_owned(), "user".to_owned()), "`roles` maps values of no claim");
    refused(|config| config.teams_claim = some("/a~b"), "`teams_claim` has a `~`");
    refused(|config| config.tenant_claim = some("/"), "`tenant_claim` has an empty name");
    refused(|config| config.tenants = vec!["a".to_owned()], "`tenants` restricts no claim");
    refused(|config| config.tenant = some("a\n"), "`tenant` is no name");
    refused(
        |config| (config.tenant, config.tenant_claim) = (some("a"), some("b")),
        "`tenant` stands beside `tenant_claim`",
    );
    refused(
        |config| (config.jwks_file, config.jwks_url) = (Some("a".into()), some("https://a.example")),
        "`jwks_file` stands beside `jwks_url`",
    );
    refused(|config| config.jwks_url = some("http://a.example/jwks"), "`jwks_url` is neither https");
    refused(|config| config.ca_file = Some("/nowhere.pem".into()), "`ca_file` /nowhere.pem cannot be read");
    refused(
        |config| (config.jwks_file, config.ca_file) = (Some("a".into()), Some("b".into())),
        "`ca_file` is for an address with https",
    );
    refused(
        |config| (config.jwks_url, config.ca_file) = (some("http://[::1]:1/"), Some("b".into())),
        "`ca_file` is for an address with https",
    );
}

#[tokio::test]
async fn an_issuer_is_configured_once() {
    let mut config = good();
    config.jwks_file = Some("/nowhere.json".into());
    let error = forethought_identity::Issuers::start(&[config.clone(), config]).unwrap_err();
    assert_eq!(error.to_string(), "issuer \"https://id.example\": `issuer` is configured twice; remove one of them");
}

#[test]
fn a_configuration_is_read_with_defaults_and_without_strange_keys() {
    let least = json!({"issuer": "https://id.example", "audiences": ["forethought"]});
    assert_eq!(serde_json::from_value::<IssuerConfig>(least.clone()).unwrap(), good());
    for (key, value) in
        [("algoritms", json!(["RS256"])), ("algorithms", json!(["HS256"])), ("algorithms", json!(["none"]))]
    {
        assert!(serde_json::from_value::<IssuerConfig>(changed(least.clone(), &json!({key: value}))).is_err(), "{key}");
    }
}
