//! Why a token is refused.

/// Why a token is refused: for the log, not for the one who sent it, who learns only that it was refused. Texts of the
/// token are quoted and cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The token is longer than 16,384 bytes.
    #[error("the token has {bytes} bytes, more than 16384; have the issuer put fewer claims into it")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The token is not a signed JWT in compact form.
    #[error("the token is malformed: {0}; send a signed JWT as the issuer gave it")]
    Malformed(&'static str),
    /// The header's `typ` is for another kind of token.
    #[error("the token is of the type {0}; send an access token, whose `typ` is `at+jwt` or `JWT`")]
    Type(String),
    /// The header names extensions that must be understood, and none is.
    #[error("the token's header demands extensions (`crit`, `b64`), of which none is supported")]
    Critical,
    /// The algorithm is unknown, not allowed, or not the key's.
    #[error(
        "the token is signed by {0}, which is not allowed for its key; allow it in `algorithms` or change the issuer"
    )]
    Algorithm(String),
    /// The issuer is not one that is configured.
    #[error("the token is of the issuer {0}, which is not configured")]
    Issuer(String),
    /// The token is for somebody else.
    #[error("the token's `aud` names none of the configured `audiences`")]
    Audience,
    /// A claim is missing that must be there.
    #[error("the token lacks the claim `{0}`; have the issuer put it into access tokens")]
    MissingClaim(&'static str),
    /// A claim is there but not of the type or in the range it must have.
    #[error("the token's claim `{0}` has a wrong type or value")]
    WrongClaim(&'static str),
    /// The token has ended.
    #[error("the token has expired; ask the issuer for a new one")]
    Expired,
    /// The token's time has not come: the claim `nbf` or `iat` lies in the future.
    #[error("the token's `{0}` lies in the future; compare the clocks of issuer and service")]
    NotYet(&'static str),
    /// The token is valid for longer than is allowed.
    #[error("the token lives longer than `max_lifetime_s`; have the issuer give shorter ones")]
    LivesTooLong,
    /// The issuer's keys have none of that name, or none or several that a token without a name could mean.
    #[error("the issuer has no key {} for this token", kid.as_deref().unwrap_or("without a name that is the only one"))]
    UnknownKey {
        /// The key's name in the token's header, quoted and cut.
        kid: Option<String>,
    },
    /// The signature is not by the key that the token names.
    #[error("the token's signature is wrong")]
    Signature,
    /// The issuer may not speak for the tenant.
    #[error("the issuer names the tenant {0}, for which it may not speak; list it in `tenants`")]
    Tenant(String),
    /// There are no keys to verify it with: none were ever got, or they are too old.
    #[error("the issuer's keys are away or too old; see the log for why they cannot be fetched")]
    KeysAway,
}

impl Refused {
    /// A short name for metrics, of few values.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::Malformed(_) => "malformed",
            Self::Type(_) => "type",
            Self::Critical => "critical",
            Self::Algorithm(_) => "algorithm",
            Self::Issuer(_) => "issuer",
            Self::Audience => "audience",
            Self::MissingClaim(_) => "missing_claim",
            Self::WrongClaim(_) => "wrong_claim",
            Self::Expired => "expired",
            Self::NotYet(_) => "not_yet",
            Self::LivesTooLong => "lives_too_long",
            Self::UnknownKey { .. } => "unknown_key",
            Self::Signature => "signature",
            Self::Tenant(_) => "tenant",
            Self::KeysAway => "keys_away",
        }
    }

    /// Whether the fault is on this side, so that the same token may be accepted later: an answer of 503, not 401.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::KeysAway)
    }
}
