//! A range of addresses, such as `10.0.0.0/8`.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Range {
    first: IpAddr,
    bits: u32,
}

/// A text that is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of addresses; write one such as `10.0.0.0/8` or `fd00::/8`, with zeros behind its prefix")]
pub struct MalformedRange(String);

impl Range {
    /// Whether an address is in it.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let ((first, width), (address, other)) = (number(self.first), number(address));
        width == other && high(first, width, self.bits) == high(address, width, self.bits)
    }
}

fn number(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(four) => (u128::from(four.to_bits()), 32),
        IpAddr::V6(six) => (six.to_bits(), 128),
    }
}

/// The first bits. All of none are alike.
fn high(number: u128, width: u32, bits: u32) -> u128 {
    number.checked_shr(width - bits).unwrap_or(0)
}

impl FromStr for Range {
    type Err = MalformedRange;

    fn from_str(text: &str) -> Result<Self, MalformedRange> {
        let malformed = || MalformedRange(text.chars().take(64).collect());
        let (first, bits) = match text.split_once('/') {
            None => (text, None),
            Some((first, bits)) => (first, Some(bits)),
        };
        let first: IpAddr = first.parse().map_err(|_| malformed())?;
        let (value, width) = number(first);
        let bits = bits.map_or(Ok(width), |bits| bits.parse::<u8>().map(u32::from)).map_err(|_| malformed())?;
        let rest = width.checked_sub(bits).ok_or_else(malformed)?;
        let cleared = value.checked_shr(rest).unwrap_or(0).checked_shl(rest).unwrap_or(0);
        if cleared == value { Ok(Self { first, bits }) } else { Err(malformed()) }
    }
}

impl TryFrom<String> for Range {
    type Error = MalformedRange;

    fn try_from(text: String) -> Result<Self, MalformedRange> {
        text.parse()
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_has_what_begins_like_it() {
        let check = |range: &str, address: &str, expected: bool| {
            let range: Range = range.parse().unwrap();
            assert_eq!(range.has(address.parse().unwrap()), expected, "{range} {address}");
        };
        check("10.0.0.0/8", "10.255.255.255", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", false);
        check("127.0.0.1", "127.0.0.1", true);
        check("127.0.0.1", "127.0.0.2", false);
        check("0.0.0.0/0", "8.8.8.8", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "::1", true);
        check("fd00::/8", "fdff::1", true);
        check("fd00::/8", "fe00::1", false);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "10", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/", "a/8", "10.0.0.0/-1", "fd00::1/8"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_range_is_read_as_it_is_written(value in any::<u32>(), bits in 0_u32..=32) {
            let first = std::net::Ipv4Addr::from_bits(value.checked_shr(32 - bits).unwrap_or(0).checked_shl(32 - bits).unwrap_or(0));
            let range: Range = format!("{first}/{bits}").parse().unwrap();
            prop_assert_eq!(range.to_string().parse::<Range>(), Ok(range));
            prop_assert!(range.has(first.into()));
        }
    }
}
