//! Which digests the records of an export name.

use std::collections::BTreeMap;

use crate::{Body, Digest, Record};

const PREFIX: &str = "sha256:";

/// The 64 hexadecimal digits of a digest as records spell it; none for anything else. A shorter text would be found anywhere.
fn digits(digest: &str) -> Option<&str> {
    let digits = digest.strip_prefix(PREFIX).unwrap_or(digest);
    digits.parse::<Digest>().is_ok().then_some(digits)
}

/// Whether a text is a digest as records spell it.
pub(super) fn is_digest(text: &str) -> bool {
    digits(text).is_some()
}

/// Whether a digest as records spell it is this one.
pub(in crate::export) fn is_digest_of(digest: &str, sha256: &Digest) -> bool {
    digits(digest).is_some_and(|digits| digits == sha256.to_string())
}

/// Looks for digests in records.
#[derive(Debug, Default)]
pub(in crate::export) struct Named {
    /// Digits of what is looked for, and whether a record has it.
    found: BTreeMap<String, bool>,
}

impl Named {
    /// Looks for these.
    pub(in crate::export) fn new<'d>(digests: impl Iterator<Item = &'d str>) -> Self {
        Self { found: digests.filter_map(digits).map(|digits| (digits.to_owned(), false)).collect() }
    }

    /// Looks into the next record.
    pub(in crate::export) fn note(&mut self, record: &Record) {
        for (digits, found) in &mut self.found {
            *found = *found || names(record, digits);
        }
    }

    /// Whether a record had this one.
    pub(in crate::export) fn has(&self, digest: &str) -> bool {
        digits(digest).and_then(|digits| self.found.get(digits)).copied().unwrap_or_default()
    }
}

fn names(record: &Record, digits: &str) -> bool {
    let is = |text: &str| self::digits(text) == Some(digits);
    match &record.body {
        Body::Admission(admission) => is(&admission.weights_digest) || is(&admission.policy.digest),
        Body::Act(act) => {
            is(&act.policy.digest)
                || act.object.as_deref().is_some_and(|object| stands_in(object, digits))
                || act.changes.iter().any(|change| stands_in(change, digits))
        }
        _ => false,
    }
}

/// Whether the digits stand in a text by themselves, not within longer ones.
fn stands_in(text: &str, digits: &str) -> bool {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(digits).any(|(at, _)| {
        let (before, after) = (text.get(..at), text.get(at + digits.len()..));
        apart(before.and_then(|text| text.chars().next_back())) && apart(after.and_then(|text| text.chars().next()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_have_64_digits() {
        let check = |text: &str, expected: bool| assert_eq!(is_digest(text), expected, "{text}");
        let some = Digest::of(b"x").to_string();
        check(&some, true);
        check(&format!("sha256:{some}"), true);
        check(&some.to_uppercase(), false);
        check(&format!("sha512:{some}"), false);
        check(&some[1..], false);
        check("", false);
        check("sha256:", false);
    }

    #[test]
    fn digits_stand_by_themselves() {
        let digits = Digest::of(b"x").to_string();
        let check = |text: &str, expected: bool| {
            assert_eq!(stands_in(&text.replace('#', &digits), &digits), expected, "{text}");
        };
        check("#", true);
        check("sha256:#", true);
        check("pack eu (sha256:#), 2026", true);
        check("a#", false);
        check("#0", false);
        check("## #", true);
        check("ä#", false);
        check("", false);
    }
}
