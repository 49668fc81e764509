//! One issuer together with its keys.

use jiff::Timestamp;

use crate::{Claims, ConfigError, Issuer, IssuerConfig, Keys, KeysHealth, Refused, token::Presented};

/// Judges tokens of one issuer with the keys that it publishes.
#[derive(Debug)]
pub struct Verifier {
    issuer: Issuer,
    keys: Keys,
}

impl Verifier {
    /// Begins to look for the issuer's keys; see [`Keys::start`].
    ///
    /// # Errors
    /// [`ConfigError`] tells which key of the configuration is wrong and the mend.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(config: &IssuerConfig) -> Result<Self, ConfigError> {
        Ok(Self { issuer: Issuer::new(config)?, keys: Keys::start(config)? })
    }

    /// The same issuer by another configuration; see [`Keys::start_after`].
    ///
    /// # Errors
    /// [`ConfigError`] tells which key of the configuration is wrong and the mend.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start_after(before: &Self, config: &IssuerConfig) -> Result<Self, ConfigError> {
        Ok(Self { issuer: Issuer::new(config)?, keys: Keys::start_after(&before.keys, config)? })
    }

    /// The issuer.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// How the issuer's keys are.
    #[must_use]
    pub fn health(&self) -> KeysHealth {
        self.keys.health()
    }

    /// Judges a token at a time. Waits only when the token names a key that is not known, at most 11 s, and only for a
    /// look at the keys' source that is not younger than `min_interval_s`.
    ///
    /// # Errors
    /// [`Refused`] tells why the token is refused.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Refused> {
        self.judge(&Presented::read(token)?, now).await
    }

    pub(crate) async fn judge(&self, token: &Presented<'_>, now: Timestamp) -> Result<Claims, Refused> {
        self.issuer.look(token, now)?;
        match self.admit(token, self.keys.current().as_deref(), now) {
            Err(Refused::UnknownKey { .. } | Refused::KeysAway) => {
                self.admit(token, self.keys.renewed().await.as_deref(), now)
            }
            judged => judged,
        }
    }

    fn admit(&self, token: &Presented<'_>, keys: Option<&crate::KeySet>, now: Timestamp) -> Result<Claims, Refused> {
        self.issuer.admit(token, keys.ok_or(Refused::KeysAway)?, now)
    }
}
