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
        let mut verifiers: Vec<Verifier> = Vec::new();
        for config in configs {
            if verifiers.len() == MAX_ISSUERS {
                return Err(config.error(Wrong::new("issuer", "is one of more than 64 issuers; remove some")));
            }
            if verifiers.iter().any(|verifier| verifier.issuer().name() == config.issuer) {
                return Err(config.error(Wrong::new("issuer", "is configured twice; remove one of them")));
            }
            verifiers.push(Verifier::start(config)?);
        }
        Ok(Self { verifiers })
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
        let named = self.verifiers.iter().find(|verifier| verifier.issuer().name() == issuer);
        named.ok_or_else(|| Refused::Issuer(quoted(issuer)))?.judge(&token, now).await
    }

    /// How the keys of each issuer are.
    #[must_use]
    pub fn health(&self) -> Vec<KeysHealth> {
        self.verifiers.iter().map(Verifier::health).collect()
    }
}
