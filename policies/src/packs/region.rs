//! Where a law holds and where a request belongs: countries, their parts, and the European Union.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The Union's 27 member states by ISO 3166-1, `EL` as the Union itself writes Greece, and those parts of member states that
/// have codes of their own and where Union law holds (TFEU Art. 355(1) and (4): the outermost regions of France, and Åland).
const UNION: [&str; 35] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "EL", "GF", "GP", "MF", "MQ", "RE", "YT", "AX",
];

/// A country (ISO 3166-1, such as `DE`), a part of one (ISO 3166-2, such as `US-CO`), a part of that, or `EU`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);

/// A text that is no region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no region; write a country such as `DE`, a part of one such as `US-CO`, or `EU`")]
pub struct MalformedRegion(pub String);

impl Region {
    /// The region as it is written, in capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region itself and everything it lies in: `US-CO` is in `US`, and `DE-BY` in `DE` and in `EU`.
    pub(crate) fn and_around(&self) -> impl Iterator<Item = &str> {
        let ends = self.0.match_indices('-').map(|(at, _)| at).chain([self.0.len()]);
        let parts = ends.filter_map(|end| self.0.get(..end));
        let country = self.0.split('-').next().unwrap_or_default();
        parts.chain(UNION.contains(&country).then_some("EU"))
    }

    /// Whether this region is the other one or lies in it.
    #[must_use]
    pub fn is_in(&self, other: &Self) -> bool {
        self.and_around().any(|region| region == other.as_str())
    }
}

/// So that maps are asked without a copy.
impl Borrow<str> for Region {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = MalformedRegion;

    fn from_str(text: &str) -> Result<Self, MalformedRegion> {
        let text = text.trim().to_ascii_uppercase();
        let mut parts = text.split('-');
        let country = parts.next().is_some_and(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()));
        let fits = |part: &str| (1..=5).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if country && text.len() <= 20 && parts.all(fits) {
            return Ok(Self(text.into()));
        }
        Err(MalformedRegion(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_lie_in_each_other() {
        let check = |inner: &str, outer: &str, expected| {
            let (inner, outer): (Region, Region) = (inner.parse().unwrap(), outer.parse().unwrap());
            assert_eq!(inner.is_in(&outer), expected, "{inner} in {outer}");
        };
        check("DE", "EU", true);
        check("de", "eu", true);
        check("DE-BY", "DE", true);
        check("DE-BY", "EU", true);
        check("EL", "EU", true);
        check("RE", "EU", true);
        check("EU", "DE", false);
        check("EU", "EU", true);
        check("GB", "EU", false);
        check("CH", "EU", false);
        check("US-CO", "US", true);
        check("US-CO", "US-CO", true);
        check("US", "US-CO", false);
        check("US-NY-NYC", "US-NY", true);
        check("US-TX", "US-CO", false);
        check("US-C", "US-CO", false);
        check("US-COX", "US-CO", false);
        check("CO", "US-CO", false);
    }

    #[test]
    fn what_is_no_region_is_refused() {
        for text in ["", "E", "EUR", "D-E", "US_", "US-", "US--CO", "12", "ÄU", "US-COLORADO", "US-A-B-C-D-E-F-G-H-I-J"]
        {
            let error = text.parse::<Region>().unwrap_err().to_string();
            assert!(error.contains("is no region; write"), "{error}");
        }
    }
}
