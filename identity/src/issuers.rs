//! Several issuers: a token is judged by the one that it names.

use jiff::Timestamp;

use crate::{
    Claims, ConfigError, IssuerConfig, KeysHealth, Refused, Verifier, config::Wrong, quote::quoted, token::Presented,
};

/// The most issuers of one service.
const MAX_ISSUERS: usize = 64;

/// Several issuers. None knows another's keys, so none can sign for another.
#[derive(Debug, Default)]
pub struct Issuers {
    verifiers: Vec<Verifier>,
}

impl Issuers {
    /// Begins to look for the keys of each issuer.
    ///
    /// # Errors
    /// [`ConfigError`] tells which issuer's configuration is wrong, or that two are the same.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(configs: &[IssuerConfig]) -> Result<Self, ConfigError> {
        Self::default().reload(configs)
    }

    /// Issuers by another configuration. Those that were there before keep their keys until new ones are fetched; this
    /// value goes on as it was, until it is dropped.
    ///
    /// # Errors
    /// [`ConfigError`] tells which issuer's configuration is wrong, or that two are the same. Then nothing has changed.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn reload(&self, configs: &[IssuerConfig]) -> Result<Self, ConfigError> {
        let mut new = Self::default();
        for config in configs {
            new.may_add(config).map_err(|wrong| config.error(wrong))?;
            let verifier = match self.named(&config.issuer) {
                Some(before) => Verifier::start_after(before, config)?,
                None => Verifier::start(config)?,
            };
            new.verifiers.push(verifier);
        }
        Ok(new)
    }

    fn may_add(&self, config: &IssuerConfig) -> Result<(), Wrong> {
        if self.verifiers.len() == MAX_ISSUERS {
            return Err(Wrong::new("issuer", "is one of more than 64 issuers; remove some"));
        }
        match self.named(&config.issuer) {
            Some(_) => Err(Wrong::new("issuer", "is configured twice; remove one of them")),
            None => Ok(()),
        }
    }

    fn named(&self, issuer: &str) -> Option<&Verifier> {
        self.verifiers.iter().find(|verifier| verifier.issuer().name() == issuer)
    }

    /// Whether there are none, so that every token is refused.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.verifiers.is_empty()
    }

    /// Judges a token at a time; see [`Verifier::verify`].
    ///
    /// # Errors
    /// [`Refused`] tells why the token is refused.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Refused> {
        let token = Presented::read(token)?;
        let issuer = token.text_of("iss")?;
        self.named(issuer).ok_or_else(|| Refused::Issuer(quoted(issuer)))?.judge(&token, now).await
    }

    /// How the keys of each issuer are.
    #[must_use]
    pub fn health(&self) -> Vec<KeysHealth> {
        self.verifiers.iter().map(Verifier::health).collect()
    }
}
