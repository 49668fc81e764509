//! A token's times (RFC 7519, section 4.1): read strictly, compared exactly.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::Refused;

/// How times are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeRules {
    /// By how much the clocks of issuer and service may differ.
    pub leeway: SignedDuration,
    /// The longest time between `iat` and `exp`.
    pub max_lifetime: Option<SignedDuration>,
}

/// The times of one token.
pub(crate) struct Times {
    expires: Timestamp,
    not_before: Option<Timestamp>,
    issued: Option<Timestamp>,
}

impl Times {
    pub(crate) fn of(claims: &Map<String, Value>) -> Result<Self, Refused> {
        Ok(Self {
            expires: seconds(claims, "exp")?.ok_or(Refused::MissingClaim("exp"))?,
            not_before: seconds(claims, "nbf")?,
            issued: seconds(claims, "iat")?,
        })
    }

    /// When the token ends, which must lie in the future, but for the leeway.
    pub(crate) fn expires(&self, rules: TimeRules, now: Timestamp) -> Result<Timestamp, Refused> {
        if now.duration_since(self.expires) >= rules.leeway {
            return Err(Refused::Expired);
        }
        for (claim, begin) in [("nbf", self.not_before), ("iat", self.issued)] {
            let Some(begin) = begin else { continue };
            if begin.duration_since(now) > rules.leeway {
                return Err(Refused::NotYet(claim));
            }
            // Such a token was never valid; only the leeway would let it in.
            if begin >= self.expires {
                return Err(Refused::WrongClaim("exp"));
            }
        }
        self.lifetime(rules)?;
        Ok(self.expires)
    }

    fn lifetime(&self, rules: TimeRules) -> Result<(), Refused> {
        let Some(most) = rules.max_lifetime else { return Ok(()) };
        let issued = self.issued.ok_or(Refused::MissingClaim("iat"))?;
        if self.expires.duration_since(issued) > most { Err(Refused::LivesTooLong) } else { Ok(()) }
    }
}

/// Whole seconds since 1970 that are a time before the year 10,000. RFC 7519 would allow fractions, which no issuer
/// writes and which programs round differently.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, Refused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_i64().filter(|seconds| *seconds >= 0);
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(Some).ok_or(Refused::WrongClaim(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const EDGE: i64 = 253_402_207_200;

    #[track_caller]
    fn check(claims: &str, max_lifetime: Option<i64>, now_ns: i128, expected: Result<i64, &Refused>) {
        let claims = serde_json::from_str(claims).unwrap();
        let rules = TimeRules {
            leeway: SignedDuration::from_secs(30),
            max_lifetime: max_lifetime.map(SignedDuration::from_secs),
        };
        let now = Timestamp::from_nanosecond(i128::from(NOW) * 1_000_000_000 + now_ns).unwrap();
        let found = Times::of(&claims).and_then(|times| times.expires(rules, now));
        assert_eq!(found.as_ref().map(|time| time.as_second()), expected, "{claims:?}");
    }

    #[test]
    fn the_edges_are_exact() {
        let ended = format!("{{\"exp\": {}}}", NOW - 30);
        check(&ended, None, -1, Ok(NOW - 30));
        check(&ended, None, 0, Err(&Refused::Expired));
        for claim in ["nbf", "iat"] {
            let early = format!("{{\"exp\": {}, \"{claim}\": {}}}", NOW + 900, NOW + 30);
            check(&early, None, -1, Err(&Refused::NotYet(if claim == "nbf" { "nbf" } else { "iat" })));
            check(&early, None, 0, Ok(NOW + 900));
        }
    }

    #[test]
    fn only_whole_seconds_of_our_time_are_times() {
        for exp in
            ["-1", "1.8e9", "1800000000.5", "\"1800000900\"", "null", "true", "[1800000900]", "9223372036854775807"]
        {
            check(&format!("{{\"exp\": {exp}}}"), None, 0, Err(&Refused::WrongClaim("exp")));
        }
        for exp in ["18446744073709551615", "253402300800", "1e300"] {
            check(&format!("{{\"exp\": {exp}}}"), None, 0, Err(&Refused::WrongClaim("exp")));
        }
        check(&format!("{{\"exp\": {EDGE}}}"), None, 0, Ok(EDGE));
        check("{\"exp\": 0}", None, 0, Err(&Refused::Expired));
        check("{}", None, 0, Err(&Refused::MissingClaim("exp")));
        for claim in ["nbf", "iat"] {
            for value in ["\"1\"", "null", "1.5", "-1"] {
                let wrong = Refused::WrongClaim(if claim == "nbf" { "nbf" } else { "iat" });
                check(&format!("{{\"exp\": {EDGE}, \"{claim}\": {value}}}"), None, 0, Err(&wrong));
            }
        }
    }

    #[test]
    fn a_token_that_was_never_valid_is_refused() {
        check(&format!("{{\"exp\": {NOW}, \"iat\": {NOW}}}"), None, 0, Err(&Refused::WrongClaim("exp")));
        check(&format!("{{\"exp\": {NOW}, \"nbf\": {}}}", NOW + 5), None, 0, Err(&Refused::WrongClaim("exp")));
    }

    #[test]
    fn a_lifetime_can_be_capped() {
        let of = |iat: i64, exp: i64| format!("{{\"iat\": {}, \"exp\": {}}}", NOW + iat, NOW + exp);
        check(&of(0, 3600), Some(3600), 0, Ok(NOW + 3600));
        check(&of(-1, 3600), Some(3600), 0, Err(&Refused::LivesTooLong));
        check(&of(-1, 3600), None, 0, Ok(NOW + 3600));
        check(&format!("{{\"exp\": {}}}", NOW + 9), Some(3600), 0, Err(&Refused::MissingClaim("iat")));
    }
}
