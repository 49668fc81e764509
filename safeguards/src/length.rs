//! How long what is asked may be.

use serde::{Deserialize, Serialize};

/// Limits; what is left out has none. Letters are Unicode scalar values, bytes those of UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Length {
    /// Messages of a request.
    pub messages: Option<u64>,
    /// Letters of a message.
    pub message_letters: Option<u64>,
    /// Bytes of a message.
    pub message_bytes: Option<u64>,
    /// Letters of all messages.
    pub letters: Option<u64>,
    /// Bytes of all messages.
    pub bytes: Option<u64>,
}

/// What is too long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {found} {unit}, {most} are allowed; shorten it")]
pub struct TooLong {
    /// Its place, such as `messages[2]`, or `the request`.
    pub what: String,
    /// Of what there is too much.
    pub unit: &'static str,
    /// How much there is.
    pub found: u64,
    /// How much there may be.
    pub most: u64,
}

impl Length {
    /// Checks messages in their order.
    ///
    /// # Errors
    /// [`TooLong`] for the first limit that is exceeded.
    pub fn check<'m>(&self, messages: impl IntoIterator<Item = &'m str>) -> Result<(), TooLong> {
        let (mut count, mut letters, mut bytes) = (0_u64, 0_u64, 0_u64);
        for message in messages {
            let what = || format!("messages[{count}]");
            let (of_letters, of_bytes) = (number(message.chars().count()), number(message.len()));
            within(self.message_letters, of_letters, "letters", what)?;
            within(self.message_bytes, of_bytes, "bytes", what)?;
            (count, letters, bytes) = (count + 1, letters.saturating_add(of_letters), bytes.saturating_add(of_bytes));
        }
        let request = || "the request".to_owned();
        within(self.messages, count, "messages", request)?;
        within(self.letters, letters, "letters", request)?;
        within(self.bytes, bytes, "bytes", request)
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn within(most: Option<u64>, found: u64, unit: &'static str, what: impl Fn() -> String) -> Result<(), TooLong> {
    match most {
        Some(most) if found > most => Err(TooLong { what: what(), unit, found, most }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_kept() {
        let limits = Length {
            messages: Some(2),
            message_letters: Some(4),
            message_bytes: Some(5),
            letters: Some(6),
            bytes: Some(8),
        };
        let check = |messages: &[&str], expected: Option<&str>| {
            let told = limits.check(messages.iter().copied()).err().map(|error| error.to_string());
            assert_eq!(told.as_deref(), expected, "{messages:?}");
        };
        check(&[], None);
        check(&["four", "ab"], None);
        check(&["a", "fiver"], Some("messages[1] has 5 letters, 4 are allowed; shorten it"));
        check(&["äöü"], Some("messages[0] has 6 bytes, 5 are allowed; shorten it"));
        check(&["a", "b", "c"], Some("the request has 3 messages, 2 are allowed; shorten it"));
        check(&["four", "abc"], Some("the request has 7 letters, 6 are allowed; shorten it"));
        assert_eq!(Length::default().check(["x".repeat(1_000_000).as_str()]), Ok(()));
    }
}
