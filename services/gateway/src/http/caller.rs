//! Who calls: by a key of ours, or by the token of an identity provider; and what they may do.

use actix_web::{
    HttpRequest,
    http::header::{AUTHORIZATION, HeaderMap},
};
use forethought_authorization::Action;
use forethought_identity::{Claims, Refused};
use forethought_policies::{Principal, Role, Vouched};
use forethought_schemas::{ApiError, ErrorKind};
use jiff::Timestamp;
use tracing::{info, warn};

use super::Gateway;

/// With which somebody who has several roles says in which of them they act.
const ROLE_HEADER: &str = "x-forethought-role";

/// What [`Action`]s on the whole installation are done to: no tenant has this name, so only who acts everywhere may.
pub(super) const INSTALLATION: &str = "*";

impl Gateway {
    /// Who calls.
    ///
    /// # Errors
    /// 401 for whoever is not known, 403 for a token that leaves open as what its holder acts.
    pub(super) async fn principal(&self, request: &HttpRequest) -> Result<Principal, ApiError> {
        let bearer = bearer(request.headers());
        if let Some(token) = bearer.filter(|text| is_token(text) && !self.issuers.is_empty()) {
            let claims =
                self.issuers.verify(token, Timestamp::now()).await.map_err(|refused| not_accepted(&refused))?;
            return self.vouched(&claims, request.headers());
        }
        self.desk.authenticate(bearer).map_err(|denied| {
            info!(reason = ?denied.reason, key = denied.key_id.as_deref().unwrap_or("-"), "authentication refused");
            denied.into()
        })
    }

    /// Who calls, if they may do this to a tenant's things.
    ///
    /// # Errors
    /// As [`Gateway::principal`]; 403 where rules forbid it.
    pub(super) async fn may(&self, request: &HttpRequest, action: Action, tenant: &str) -> Result<Principal, ApiError> {
        let principal = self.principal(request).await?;
        self.desk.authorize(&principal, action, tenant)?;
        Ok(principal)
    }

    fn vouched(&self, claims: &Claims, headers: &HeaderMap) -> Result<Principal, ApiError> {
        let Some(tenant) = claims.tenant.as_deref() else {
            return Err(unassigned("names no tenant; have the identity provider put it in"));
        };
        let wanted = headers.get(ROLE_HEADER).map(|value| value.to_str().unwrap_or("?"));
        let role = role(&claims.roles, wanted)?;
        let (issuer, subject) = (claims.issuer.as_str(), claims.subject.as_str());
        let vouched = Vouched { issuer, subject, tenant, role, teams: claims.teams.clone() };
        self.desk.vouched(&vouched).map_err(|denied| {
            warn!(tenant, issuer, "a token names a tenant that the policy does not have");
            denied.into()
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, rest) = header?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

/// Whether a text has the outward form of a token; no key of ours has a dot.
fn is_token(text: &str) -> bool {
    text.contains('.')
}

/// The one role in which somebody acts: duties that one person has are still done one at a time.
fn role(granted: &[String], wanted: Option<&str>) -> Result<Role, ApiError> {
    let mut roles: Vec<Role> = granted.iter().filter_map(|name| Role::named(name)).collect();
    roles.sort_by_key(|role| role.as_str());
    roles.dedup();
    let names = || roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    match (roles.as_slice(), wanted) {
        ([], _) => Err(unassigned("grants no role; have the identity provider put one in")),
        (roles, Some(wanted)) => roles.iter().copied().find(|role| role.as_str() == wanted).ok_or_else(|| {
            let message =
                format!("the token does not grant the role that `{ROLE_HEADER}` names; it grants {}", names());
            ApiError::new(ErrorKind::Permission, "role_not_granted", message)
        }),
        ([role], None) => Ok(*role),
        (_, None) => {
            let message = format!(
                "the token grants several roles: {}; say with the header `{ROLE_HEADER}` in which you act",
                names()
            );
            Err(ApiError::new(ErrorKind::Permission, "role_not_chosen", message))
        }
    }
}

fn unassigned(what: &str) -> ApiError {
    ApiError::new(ErrorKind::Permission, "token_without_standing", format!("the token is good, but {what}"))
}

/// The client is told the same for every bad token but one that has expired; the reason is for the log.
fn not_accepted(refused: &Refused) -> ApiError {
    info!(reason = refused.code(), %refused, "a token was refused");
    let denied = |message| ApiError::new(ErrorKind::Authentication, "invalid_token", message);
    match refused {
        Refused::Expired => denied("the token has expired; get a new one from the identity provider"),
        ours if ours.is_ours() => ApiError::new(
            ErrorKind::Unavailable,
            "identity_unavailable",
            "the identity provider's keys are not known now, so no token can be checked; try again shortly",
        )
        .retry_after(5),
        _ => denied(
            "the token is not accepted; check that it is an access token for this service, from the configured identity \
             provider",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_acts_in_one_role_at_a_time() {
        let check = |granted: &[&str], wanted: Option<&str>, expected: Result<Role, &str>| {
            let granted: Vec<String> = granted.iter().map(|role| (*role).to_owned()).collect();
            assert_eq!(role(&granted, wanted).map_err(|error| error.code), expected, "{granted:?} {wanted:?}");
        };
        check(&["user"], None, Ok(Role::User));
        check(&["user", "user", "emperor"], None, Ok(Role::User));
        check(&["auditor", "user"], None, Err("role_not_chosen"));
        check(&["auditor", "user"], Some("auditor"), Ok(Role::Auditor));
        check(&["auditor", "user"], Some("admin"), Err("role_not_granted"));
        check(&["user"], Some("admin"), Err("role_not_granted"));
        check(&["emperor"], None, Err("token_without_standing"));
        check(&[], Some("user"), Err("token_without_standing"));
    }
}
