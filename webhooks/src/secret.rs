//! What signatures are made with, and how (Standard Webhooks 1, symmetric keys).

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";
/// The fewest and most bytes of a secret.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// More at a time than any change of secrets needs.
const MOST: usize = 4;

/// The secrets of one webhook. Every one of them signs, so that a secret can be changed while its receiver knows only the old
/// or only the new one.
#[derive(Clone)]
pub struct Secrets(Vec<hmac::Key>);

/// The headers of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: String,
    /// `webhook-signature`: `v1,` and base64, one for each secret, with blanks between.
    pub signature: String,
}

/// A text that holds no secrets. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "does not hold 1 to {MOST} secrets of `whsec_` and 24 to 64 bytes in base64, with blanks between; make one with \
    `echo whsec_$(openssl rand -base64 32)`"
)]
pub struct MalformedSecret;

impl Secrets {
    /// Reads secrets: each `whsec_` and base64 of 24 to 64 bytes, with blanks between.
    ///
    /// # Errors
    /// [`MalformedSecret`].
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let keys: Vec<_> = text.split_whitespace().map(key).collect::<Option<_>>().ok_or(MalformedSecret)?;
        if keys.is_empty() || keys.len() > MOST { Err(MalformedSecret) } else { Ok(Self(keys)) }
    }

    /// Signs a message that is sent at a time, in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> Signed {
        let signed = format!("{id}.{timestamp}.{body}");
        let one = |key: &hmac::Key| format!("v1,{}", STANDARD.encode(hmac::sign(key, signed.as_bytes())));
        let signature = self.0.iter().map(one).collect::<Vec<_>>().join(" ");
        Signed { id: id.to_owned(), timestamp: timestamp.to_string(), signature }
    }
}

fn key(text: &str) -> Option<hmac::Key> {
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    BYTES.contains(&bytes.len()).then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_reference_implementation() {
        // From the tests of the reference libraries of Standard Webhooks.
        let secrets = Secrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(signed.timestamp, "1614265330");
    }

    #[test]
    fn each_secret_signs() {
        let (old, new) = (format!("whsec_{}", STANDARD.encode([1; 24])), format!("whsec_{}", STANDARD.encode([2; 64])));
        let sign = |text: &str| Secrets::parse(text).unwrap().sign("id", 1, "body").signature;
        assert_eq!(sign(&format!(" {old}\t{new} ")), format!("{} {}", sign(&old), sign(&new)));
        assert_ne!(sign(&old), sign(&new));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        let good = format!("whsec_{}", STANDARD.encode([7; 24]));
        let check = |text: &str| {
            let error = Secrets::parse(text).unwrap_err().to_string();
            assert!(text.trim().is_empty() || !error.contains(text), "{error}");
        };
        check("");
        check("  ");
        check(&good.replace("whsec_", ""));
        check(&format!("whsec_{}", STANDARD.encode([7; 23])));
        check(&format!("whsec_{}", STANDARD.encode([7; 65])));
        check("whsec_not base64");
        check(&format!("{good} {}", good.replace("whsec_", "")));
        check(&[good.as_str(); MOST + 1].join(" "));
        assert_eq!(format!("{:?}", Secrets::parse(&good).unwrap()), "Secrets(1)");
    }
}
