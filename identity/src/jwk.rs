//! One key of an issuer's set, and whether it can verify tokens (RFC 7517, RFC 7518 section 6, RFC 8037).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::{Algorithm, token::MAX_KID};

/// RSA keys in bits, as the library allows them.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The longest RSA exponent in bytes; a longer one would make verifying slow.
const MAX_EXPONENT: usize = 4;
/// Members that only a private key has.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A key that can verify tokens.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub kid: Option<String>,
    /// What it may verify.
    pub algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

impl Key {
    /// Reads a key; the error is why it is not used.
    pub(crate) fn read(members: &Map<String, Value>) -> Result<Self, &'static str> {
        let kind = text(members, "kty").ok_or("it has no `kty`")?;
        if kind == "oct" {
            return Err("it is a shared secret, with which whoever verifies can also sign");
        }
        if PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err("it is a private key, which everybody has seen now");
        }
        purpose(members)?;
        let (algorithms, decoding) = match kind {
            "RSA" => (Algorithm::RSA.to_vec(), rsa(members)?),
            "EC" => elliptic(members)?,
            "OKP" => (vec![Algorithm::EdDsa], edwards(members)?),
            _ => return Err("its `kty` is not supported"),
        };
        Ok(Self { kid: kid(members)?, algorithms: narrowed(members, algorithms)?, decoding })
    }

    pub(crate) const fn for_library(&self) -> &DecodingKey {
        &self.decoding
    }

    pub(crate) fn verifies(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether a token could mean either.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        self.kid.is_some() && self.kid == other.kid && self.algorithms.iter().any(|&own| other.verifies(own))
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str()
}

fn kid(members: &Map<String, Value>) -> Result<Option<String>, &'static str> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= MAX_KID => Ok(Some(kid.clone())),
        Some(_) => Err("its `kid` is no text of 1 to 256 bytes"),
    }
}

/// A key for encryption must not verify: what one protocol signs with it could pass in another.
fn purpose(members: &Map<String, Value>) -> Result<(), &'static str> {
    if members.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err("its `use` is not `sig`");
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(_) => Err("its `key_ops` do not list `verify`"),
    }
}

fn narrowed(members: &Map<String, Value>, fitting: Vec<Algorithm>) -> Result<Vec<Algorithm>, &'static str> {
    let Some(algorithm) = members.get("alg") else { return Ok(fitting) };
    let named = algorithm.as_str().and_then(Algorithm::named).filter(|named| fitting.contains(named));
    named.map(|named| vec![named]).ok_or("its `alg` is not supported, or does not fit its type")
}

fn rsa(members: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    let (n, e) = (number(members, "n")?, number(members, "e")?);
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err("its modulus has fewer than 2048 or more than 8192 bits");
    }
    // The library beneath looks at neither. Whoever sees a key with the exponent 1 can sign for it.
    if even(&n) || even(&e) || e == [1] || e.len() > MAX_EXPONENT {
        return Err("its modulus or exponent is not sound");
    }
    Ok(DecodingKey::from_rsa_raw_components(&n, &e))
}

fn even(number: &[u8]) -> bool {
    number.last().is_none_or(|last| last % 2 == 0)
}

fn elliptic(members: &Map<String, Value>) -> Result<(Vec<Algorithm>, DecodingKey), &'static str> {
    match text(members, "crv") {
        Some("P-256") => Ok((vec![Algorithm::ES256], point(members, 32, &ECDSA_P256_SHA256_FIXED)?)),
        Some("P-384") => Ok((vec![Algorithm::ES384], point(members, 48, &ECDSA_P384_SHA384_FIXED)?)),
        _ => Err("its `crv` is not supported; ours are P-256 and P-384"),
    }
}

/// A point on the curve, in the uncompressed form of SEC 1.
fn point(
    members: &Map<String, Value>,
    bytes: usize,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<DecodingKey, &'static str> {
    let mut point = vec![4];
    point.extend(exactly(members, "x", bytes)?);
    point.extend(exactly(members, "y", bytes)?);
    sound(algorithm, &point)?;
    Ok(DecodingKey::from_ec_der(&point))
}

fn edwards(members: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    if text(members, "crv") != Some("Ed25519") {
        return Err("its `crv` is not supported; ours is Ed25519");
    }
    let key = exactly(members, "x", 32)?;
    sound(&ED25519, &key)?;
    Ok(DecodingKey::from_ed_der(&key))
}

/// A key that is not on its curve is seen here, and not at each token.
fn sound(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Result<(), &'static str> {
    ParsedPublicKey::new(algorithm, key).map(drop).map_err(|_| "it is no point on its curve")
}

fn bytes(members: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text(members, name)?).ok()
}

/// A number in as few bytes as it needs; some issuers put a zero before it.
fn number(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = bytes(members, name).ok_or("its `n` or `e` is missing or not base64url")?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn exactly(members: &Map<String, Value>, name: &str, length: usize) -> Result<Vec<u8>, &'static str> {
    let bytes = bytes(members, name).filter(|bytes| bytes.len() == length);
    bytes.ok_or("its `x` or `y` is missing, not base64url, or of a wrong length")
}
