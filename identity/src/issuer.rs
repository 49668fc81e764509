//! Judges tokens of one issuer: no I/O, no clock.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Validation, crypto::aws_lc::DEFAULT_PROVIDER, decode, errors::ErrorKind};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{
    Algorithm, Claims, ConfigError, IssuerConfig, KeySet, Refused,
    config::Wrong,
    key_set::Key,
    mapping::{Mapping, is_value},
    quote::quoted,
    times::{TimeRules, Times},
    token::Presented,
};

/// The longest leeway, in seconds.
const MAX_LEEWAY: u32 = 300;
/// The longest `max_lifetime_s`: ten years.
const MAX_LIFETIME: u32 = 315_360_000;
/// What a token must have; that they are of the right type is checked before.
const REQUIRED: [&str; 4] = ["exp", "iss", "aud", "sub"];

/// Judges tokens of one issuer.
#[derive(Clone, Debug)]
pub struct Issuer {
    name: String,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    times: TimeRules,
    mapping: Mapping,
}

impl Issuer {
    /// An issuer by its configuration, without its keys.
    ///
    /// # Errors
    /// [`ConfigError`] tells which key is wrong and the mend.
    pub fn new(config: &IssuerConfig) -> Result<Self, ConfigError> {
        Self::checked(config).map_err(|wrong| config.error(wrong))
    }

    fn checked(config: &IssuerConfig) -> Result<Self, Wrong> {
        // The library panics at the first token where no provider, or more than one, was compiled in and none chosen.
        // When another part of the process chose before, that choice stands, and is as good.
        let _ = DEFAULT_PROVIDER.install_default();
        texts(config)?;
        if config.algorithms.is_empty() {
            return Err(Wrong::new("algorithms", "is empty; leave it out for the defaults"));
        }
        Wrong::unless_within("leeway_s", config.leeway_s, 0, MAX_LEEWAY)?;
        Wrong::unless_within("max_lifetime_s", config.max_lifetime_s.unwrap_or(1), 1, MAX_LIFETIME)?;
        Ok(Self {
            name: config.issuer.clone(),
            audiences: config.audiences.clone(),
            algorithms: config.algorithms.clone(),
            times: TimeRules {
                leeway: SignedDuration::from_secs(config.leeway_s.into()),
                max_lifetime: config.max_lifetime_s.map(|most| SignedDuration::from_secs(most.into())),
            },
            mapping: Mapping::new(config)?,
        })
    }

    /// The issuer, as in its tokens' `iss`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Judges a token at a time.
    ///
    /// # Errors
    /// [`Refused`] tells why the token is refused.
    pub fn verify(&self, token: &str, keys: &KeySet, now: Timestamp) -> Result<Claims, Refused> {
        let presented = Presented::read(token)?;
        self.look(&presented, now)?;
        self.admit(&presented, keys, now)
    }

    /// What can be said against a token without a key. It costs little, and saves fetching keys for what is refused.
    pub(crate) fn look(&self, token: &Presented<'_>, now: Timestamp) -> Result<(), Refused> {
        let issuer = token.text_of("iss")?;
        if issuer != self.name {
            return Err(Refused::Issuer(quoted(issuer)));
        }
        if !self.algorithms.contains(&token.algorithm) {
            return Err(Refused::Algorithm(token.algorithm.to_string()));
        }
        self.audience(token)?;
        Times::of(&token.claims)?.expires(self.times, now)?;
        subject(token)?;
        token_id(token).map(drop)
    }

    /// Verifies the signature and tells what the token says.
    pub(crate) fn admit(&self, token: &Presented<'_>, keys: &KeySet, now: Timestamp) -> Result<Claims, Refused> {
        let key = keys.find(token.kid.as_deref(), token.algorithm)?;
        self.signature(token, key)?;
        let mapped = self.mapping.of(&token.claims)?;
        Ok(Claims {
            subject: subject(token)?.to_owned(),
            issuer: self.name.clone(),
            tenant: mapped.tenant,
            roles: mapped.roles,
            teams: mapped.teams,
            expires: Times::of(&token.claims)?.expires(self.times, now)?,
            token_id: token_id(token)?.map(str::to_owned),
        })
    }

    fn audience(&self, token: &Presented<'_>) -> Result<(), Refused> {
        let ours = |audience: &str| self.audiences.iter().any(|our| our == audience);
        let meant = match token.claims.get("aud").ok_or(Refused::MissingClaim("aud"))? {
            Value::String(audience) => ours(audience),
            Value::Array(audiences) => {
                let texts: Option<Vec<&str>> = audiences.iter().map(Value::as_str).collect();
                texts.ok_or(Refused::WrongClaim("aud"))?.into_iter().any(ours)
            }
            _ => return Err(Refused::WrongClaim("aud")),
        };
        if meant { Ok(()) } else { Err(Refused::Audience) }
    }

    /// The library reads the token anew, and must come to the same judgement.
    fn signature(&self, token: &Presented<'_>, key: &Key) -> Result<(), Refused> {
        let verified = decode::<IgnoredAny>(token.text, key.for_library(), &self.validation(token.algorithm));
        verified.map(drop).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Refused::Signature,
            ErrorKind::InvalidAlgorithm => Refused::Algorithm(token.algorithm.to_string()),
            ErrorKind::InvalidIssuer => Refused::Issuer(quoted(&self.name)),
            ErrorKind::InvalidAudience => Refused::Audience,
            _ => Refused::Malformed("the signature library cannot read it"),
        })
    }

    /// The one algorithm is the key's: [`KeySet::find`] gives no key that is for another. Times are judged here and not
    /// by the library, which reads the system's clock and subtracts without looking at the sign.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm.of_library());
        validation.set_issuer(&[&self.name]);
        validation.set_audience(&self.audiences);
        validation.set_required_spec_claims(&REQUIRED);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation
    }
}

fn texts(config: &IssuerConfig) -> Result<(), Wrong> {
    if !is_value(&config.issuer) {
        return Err(Wrong::new("issuer", "is no text of 1 to 256 bytes; write it as in the tokens' `iss`"));
    }
    if config.audiences.is_empty() || !config.audiences.iter().all(|audience| is_value(audience)) {
        return Err(Wrong::new("audiences", "lacks a text of 1 to 256 bytes; write what the tokens' `aud` names"));
    }
    Ok(())
}

fn subject<'a>(token: &'a Presented<'_>) -> Result<&'a str, Refused> {
    let subject = token.text_of("sub")?;
    if is_value(subject) { Ok(subject) } else { Err(Refused::WrongClaim("sub")) }
}

fn token_id<'a>(token: &'a Presented<'_>) -> Result<Option<&'a str>, Refused> {
    let Some(id) = token.claims.get("jti") else { return Ok(None) };
    let id = id.as_str().filter(|id| is_value(id));
    id.map(Some).ok_or(Refused::WrongClaim("jti"))
}
