//! What the rules of one pack have in common, and what the operator has chosen for it.

use std::{fmt, ops::Deref, sync::Arc};

use jiff::civil::Date;
use serde::{Deserialize, Serialize, Serializer};

use super::{
    condition::Match,
    facts::{Fact, Facts},
    region::Region,
    rule::{Confidence, Role},
};

/// A law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// What it is called.
    pub name: String,
    /// How it is cited.
    pub citation: String,
    /// Where it can be read.
    pub source: String,
}

/// What the rules of one pack have in common.
#[derive(Debug)]
pub struct Pack {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) law: Law,
    pub(super) regions: Vec<Region>,
    pub(super) checked_on: Date,
    pub(super) settings: Settings,
    pub(super) digest: String,
}

/// What the operator has chosen for a pack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) shadow: bool,
    pub(super) when_unknown: WhenUnknown,
    pub(super) role: Role,
    pub(super) enforce_stayed: bool,
}

/// What is done with a request of which a rule cannot tell whether it applies; a later one is stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnknown {
    /// Nothing; it is told.
    #[default]
    Allow,
    /// People decide before the answer leaves.
    Review,
    /// It is refused.
    Forbid,
}

/// Whether a pack has effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It has.
    #[default]
    Enforce,
    /// What it would do is only told.
    Shadow,
}

/// A pack that an operator wants, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackChoice {
    /// The name of a pack that ships with the program, or the path of a file: what holds a `/` or ends in `.yaml`.
    pub pack: String,
    /// Whether it has effect.
    #[serde(default)]
    pub mode: Mode,
    /// In place of what the pack says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_unknown: Option<WhenUnknown>,
    /// What the operator is under this law. Who hosts a model as an assistant of its own may be both, so both is taken
    /// unless said otherwise.
    #[serde(default)]
    pub role: Role,
    /// Rules whose enforcement a court has stayed have effect all the same.
    #[serde(default)]
    pub enforce_stayed: bool,
}

impl PackChoice {
    /// A pack as it comes.
    #[must_use]
    pub fn new(pack: impl Into<String>) -> Self {
        let (mode, role) = (Mode::default(), Role::default());
        Self { pack: pack.into(), mode, when_unknown: None, role, enforce_stayed: false }
    }

    pub(super) fn settings(&self, of_pack: WhenUnknown) -> Settings {
        Settings {
            shadow: self.mode == Mode::Shadow,
            when_unknown: self.when_unknown.unwrap_or(of_pack),
            role: self.role,
            enforce_stayed: self.enforce_stayed,
        }
    }
}

impl Pack {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is, for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The law that it is about.
    #[must_use]
    pub const fn law(&self) -> &Law {
        &self.law
    }

    /// Where the law holds.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// When its contents were last compared with the law.
    #[must_use]
    pub const fn checked_on(&self) -> Date {
        self.checked_on
    }

    /// The SHA-256 of the file's bytes, `sha256:<64 hexadecimal digits>`: which rules were in force, for audit records.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether the law holds where the request belongs.
    pub(super) fn reaches(&self, facts: &Facts) -> Match {
        match &facts.regions {
            None => Match::Unknown(vec![Fact::Regions]),
            Some(regions) if regions.iter().any(|region| self.regions.iter().any(|own| region.is_in(own))) => {
                Match::Yes
            }
            // "In the United States" says nothing of Colorado.
            Some(regions) if regions.iter().any(|region| self.regions.iter().any(|own| own.is_in(region))) => {
                Match::Unknown(vec![Fact::Regions])
            }
            Some(_) => Match::No(Fact::Regions),
        }
    }
}

/// A rule as it is named in judgements. Cheap to clone; equal and ordered by its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cite(Arc<Cited>);

/// What is told of a rule wherever it is named.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cited {
    /// Its id with that of its pack, such as `eu-ai-act/5-1-f`.
    pub id: String,
    /// What it asks for, in a few words of our own.
    pub title: String,
    /// Where the law says so.
    pub citation: String,
    /// Where the law can be read.
    pub source: String,
    /// How sure it is that the law says so.
    pub confidence: Confidence,
}

impl Cite {
    pub(super) fn new(cited: Cited) -> Self {
        Self(Arc::new(cited))
    }
}

impl Deref for Cite {
    type Target = Cited;

    fn deref(&self) -> &Cited {
        &self.0
    }
}

impl Serialize for Cite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Display for Cite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.citation)
    }
}
