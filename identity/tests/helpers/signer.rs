//! Makes keys and signs tokens, as they should be and as they should not. Nothing of it is the library under test: an
//! issuer of its own.
#![allow(dead_code, reason = "each test program uses another part")]

use std::sync::OnceLock;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The time of the tests.
pub const NOW: i64 = 1_800_000_000;
pub const ISSUER: &str = "https://id.example/realms/a";

pub struct Signer {
    pub kid: Option<&'static str>,
    /// What it signs with unless a header says otherwise.
    pub algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(&'static RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// Making an RSA key takes long, so there are two for all tests.
fn rsa_pair(which: usize) -> &'static RsaKeyPair {
    static PAIRS: [OnceLock<RsaKeyPair>; 2] = [OnceLock::new(), OnceLock::new()];
    PAIRS[which].get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

impl Signer {
    pub fn rsa(kid: &'static str) -> Self {
        Self { kid: Some(kid), algorithm: "RS256", pair: Pair::Rsa(rsa_pair(0)) }
    }

    pub fn other_rsa(kid: &'static str) -> Self {
        Self { kid: Some(kid), algorithm: "RS256", pair: Pair::Rsa(rsa_pair(1)) }
    }

    pub fn es256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: Some(kid), algorithm: "ES256", pair: Pair::Ec(pair) }
    }

    pub fn es384(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        Self { kid: Some(kid), algorithm: "ES384", pair: Pair::Ec(pair) }
    }

    pub fn ed25519(kid: &'static str) -> Self {
        Self { kid: Some(kid), algorithm: "EdDSA", pair: Pair::Ed(Ed25519KeyPair::generate().unwrap()) }
    }

    /// The public key, with `kid` but without `alg`.
    pub fn jwk(&self) -> Value {
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair);
                json!({"kty": "RSA", "n": base64(&n), "e": base64(&e)})
            }
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if self.algorithm == "ES256" { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": curve, "x": base64(x), "y": base64(y)})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref())}),
        };
        if let Some(kid) = self.kid {
            key["kid"] = kid.into();
        }
        key
    }

    /// The header of a plain token.
    pub fn header(&self) -> Value {
        let mut header = json!({"typ": "at+jwt", "alg": self.algorithm});
        if let Some(kid) = self.kid {
            header["kid"] = kid.into();
        }
        header
    }

    pub fn token(&self, claims: &Value) -> String {
        self.with(&self.header(), claims)
    }

    /// A token with this header, signed as its `alg` says if this key can, and else as this key would.
    pub fn with(&self, header: &Value, claims: &Value) -> String {
        self.raw(&header.to_string(), &claims.to_string(), header["alg"].as_str().unwrap_or_default())
    }

    /// The same of texts that need not be JSON.
    pub fn raw(&self, header: &str, claims: &str, algorithm: &str) -> String {
        let message = format!("{}.{}", base64(header.as_bytes()), base64(claims.as_bytes()));
        let signature = self.sign(message.as_bytes(), algorithm);
        format!("{message}.{}", base64(&signature))
    }

    fn sign(&self, message: &[u8], algorithm: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

fn rsa_numbers(pair: &RsaKeyPair) -> (Vec<u8>, Vec<u8>) {
    let key = pair.public_key();
    (
        key.modulus().big_endian_without_leading_zero().to_vec(),
        key.exponent().big_endian_without_leading_zero().to_vec(),
    )
}

/// A token of this header, signed with a shared secret.
pub fn with_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{message}.{}", base64(hmac::sign(&key, message.as_bytes()).as_ref()))
}

pub fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn key_set(keys: &[Value]) -> Vec<u8> {
    json!({"keys": keys}).to_string().into_bytes()
}

/// The claims of a good token of the tests' time.
pub fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "forethought", "sub": "alice", "iat": NOW - 60, "exp": NOW + 600, "jti": "t-1"})
}

/// The same with some changed; `null` takes one away.
pub fn claims_but(changes: &Value) -> Value {
    changed(claims(), changes)
}

pub fn changed(mut value: Value, changes: &Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
    value
}
