//! What a token says, before anybody has looked at its signature (RFC 7515, RFC 7519, RFC 9068).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{Algorithm, Refused, json, quote::quoted};

/// The longest token, in bytes.
const MAX_TOKEN: usize = 16_384;
/// How deep a header and claims may be nested.
const MAX_DEPTH: u8 = 16;
/// The longest name of a key, in bytes.
pub(crate) const MAX_KID: usize = 256;
/// Types of access tokens; they are media types, whose case does not matter and whose `application/` may be left out.
const TYPES: [&str; 2] = ["at+jwt", "jwt"];
/// What stands in the header of encrypted, compressed or nested tokens only.
const FOREIGN: [&str; 3] = ["enc", "zip", "cty"];

/// A well-formed token. Nothing of it is true until its signature was verified.
pub(crate) struct Presented<'a> {
    pub text: &'a str,
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    pub claims: Map<String, Value>,
}

impl<'a> Presented<'a> {
    /// Reads a token in compact form. Keys that a header brings along (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    pub(crate) fn read(text: &'a str) -> Result<Self, Refused> {
        if text.len() > MAX_TOKEN {
            return Err(Refused::TooLong { bytes: text.len() });
        }
        let (header, claims) = parts(text)?;
        let header = object(header, "its header is not one JSON object without duplicates in base64url")?;
        extensions(&header)?;
        kind(&header)?;
        let algorithm = algorithm(&header)?;
        let kid = kid(&header)?;
        let claims = object(claims, "its claims are not one JSON object without duplicates in base64url")?;
        Ok(Self { text, algorithm, kid, claims })
    }

    /// A claim's text; `Err` when it is missing or no text.
    pub(crate) fn text_of(&self, claim: &'static str) -> Result<&str, Refused> {
        let value = self.claims.get(claim).ok_or(Refused::MissingClaim(claim))?;
        value.as_str().ok_or(Refused::WrongClaim(claim))
    }
}

/// Header and claims of three parts, of which the last is a signature.
fn parts(text: &str) -> Result<(&str, &str), Refused> {
    let mut parts = text.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(claims), Some(signature), None) => {
            decoded(signature)
                .filter(|bytes| !bytes.is_empty())
                .ok_or(Refused::Malformed("its signature is not base64url"))?;
            Ok((header, claims))
        }
        (_, _, _, Some(_)) => Err(Refused::Malformed("it has more than three parts")),
        _ => Err(Refused::Malformed("it has fewer than three parts")),
    }
}

/// The bytes of a text in base64url, whose one right form has no padding and no stray bits.
fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn object(text: &str, what: &'static str) -> Result<Map<String, Value>, Refused> {
    let bytes = decoded(text).ok_or(Refused::Malformed(what))?;
    json::object(&bytes, MAX_DEPTH).map_err(|_| Refused::Malformed(what))
}

fn extensions(header: &Map<String, Value>) -> Result<(), Refused> {
    // RFC 7797: `b64` without `crit` is a fault of the issuer's, and what it signed is unclear.
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(Refused::Critical);
    }
    if FOREIGN.iter().any(|name| header.contains_key(*name)) {
        return Err(Refused::Malformed("its header is that of an encrypted, compressed or nested token"));
    }
    Ok(())
}

fn kind(header: &Map<String, Value>) -> Result<(), Refused> {
    let Some(kind) = header.get("typ") else { return Ok(()) };
    let kind = kind.as_str().ok_or(Refused::Malformed("its `typ` is no text"))?;
    let lower = kind.to_ascii_lowercase();
    let short = lower.strip_prefix("application/").unwrap_or(&lower);
    if TYPES.contains(&short) { Ok(()) } else { Err(Refused::Type(quoted(kind))) }
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, Refused> {
    let name =
        header.get("alg").and_then(Value::as_str).ok_or(Refused::Malformed("its `alg` is missing or no text"))?;
    Algorithm::named(name).ok_or_else(|| Refused::Algorithm(quoted(name)))
}

fn kid(header: &Map<String, Value>) -> Result<Option<String>, Refused> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= MAX_KID => Ok(Some(kid.clone())),
        Some(_) => Err(Refused::Malformed("its `kid` is no text of 1 to 256 bytes")),
    }
}
