//! What a verified token tells.

use jiff::Timestamp;

/// What a verified token tells of the one who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The issuer's name for the holder (`sub`), 1 to 256 bytes without control characters; only together with `issuer`
    /// does it name one person or program.
    pub subject: String,
    /// The issuer (`iss`), exactly as configured.
    pub issuer: String,
    /// The tenant, fixed or from the token; `None` where neither is configured.
    pub tenant: Option<String>,
    /// Our roles for the token's values, each once; values without a role here are left out.
    pub roles: Vec<String>,
    /// Teams or groups, as the issuer names them, each once.
    pub teams: Vec<String>,
    /// When the token ends (`exp`). It may lie in the past by the leeway.
    pub expires: Timestamp,
    /// The token's own id (`jti`), if it has one; 1 to 256 bytes without control characters.
    pub token_id: Option<String>,
}
