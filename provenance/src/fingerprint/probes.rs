//! The set of probes, part of the binary. A set is never edited: another one gets another version and another file.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::Digest;

/// Tokens of a greedy answer.
const GREEDY_TOKENS: u32 = 16;
/// Tokens of an answer to a request that may be refused; a refusal comes at once.
const REFUSAL_TOKENS: u32 = 24;

const TEXT: &str = include_str!("../../data/probes-1.json");

#[expect(clippy::expect_used, reason = "the text is part of the binary and a test reads it")]
static CURRENT: LazyLock<Plan> = LazyLock::new(|| Plan::read(TEXT).expect("the set of probes is JSON of this form"));

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeKind {
    /// How a text becomes tokens. Nothing is generated.
    Tokenization,
    /// What the model says to a harmless prompt.
    Greedy,
    /// Whether a harmful request is refused. No request asks for more than a model would name in its refusal.
    Harmful,
    /// Whether a harmless request that looks harmful is refused.
    Benign,
}

/// One thing to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it is for.
    pub kind: ProbeKind,
    /// Which of its kind it is, from 0.
    pub place: usize,
    /// [`ProbeKind::Tokenization`]: the text to be tokenized, as it is: without a chat template, markers of begin and end,
    /// and without giving special tokens in the text a meaning, if the engine lets one choose. Otherwise: the only
    /// message, of a user; there is no system message.
    pub text: String,
    /// The most tokens to generate, at temperature 0; 0 where nothing is to be generated.
    pub max_tokens: u32,
}

/// A set of probes.
#[derive(Debug)]
pub struct Plan {
    version: u32,
    digest: Digest,
    probes: Vec<Probe>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    tokenization: Vec<String>,
    greedy: Vec<String>,
    harmful: Vec<String>,
    benign: Vec<String>,
}

impl Plan {
    /// The set that is used for new fingerprints.
    #[must_use]
    pub fn current() -> &'static Self {
        &CURRENT
    }

    /// The set of a version, if this build has it.
    #[must_use]
    pub fn of(version: u32) -> Option<&'static Self> {
        Some(Self::current()).filter(|plan| plan.version == version)
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The digest of all that it asks.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Everything to ask, each once, in any order.
    #[must_use]
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// The most tokens that all probes together generate.
    #[must_use]
    pub fn most_tokens(&self) -> u32 {
        self.probes.iter().map(|probe| probe.max_tokens).sum()
    }

    fn read(text: &str) -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_str(text)?;
        let kinds = [
            (ProbeKind::Tokenization, 0, file.tokenization),
            (ProbeKind::Greedy, GREEDY_TOKENS, file.greedy),
            (ProbeKind::Harmful, REFUSAL_TOKENS, file.harmful),
            (ProbeKind::Benign, REFUSAL_TOKENS, file.benign),
        ];
        let of = |(kind, max_tokens, texts): (ProbeKind, u32, Vec<String>)| {
            let probe = move |(place, text)| Probe { kind, place, text, max_tokens };
            texts.into_iter().enumerate().map(probe)
        };
        let probes = kinds.into_iter().flat_map(of).collect();
        Ok(Self { version: file.version, digest: Digest::of(text.as_bytes()), probes })
    }

    /// Probes of one kind.
    pub(crate) fn count(&self, kind: ProbeKind) -> usize {
        self.probes.iter().filter(|probe| probe.kind == kind).count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_set_is_as_the_docs_say() {
        let plan = Plan::current();
        let check = |kind, expected| assert_eq!(plan.count(kind), expected, "{kind:?}");
        check(ProbeKind::Tokenization, 24);
        check(ProbeKind::Greedy, 12);
        check(ProbeKind::Harmful, 24);
        check(ProbeKind::Benign, 12);
        assert_eq!(plan.most_tokens(), 12 * 16 + 36 * 24);
        let texts: BTreeSet<_> = plan.probes().iter().map(|probe| &probe.text).collect();
        assert_eq!(texts.len(), plan.probes().len(), "a probe stands there twice");
        assert_eq!(Plan::of(1).map(Plan::version), Some(1));
        assert!(Plan::of(2).is_none());
    }

    /// A set that is edited would be compared with fingerprints of another one.
    #[test]
    fn the_set_of_version_1_is_not_edited() {
        assert_eq!(
            Plan::current().digest().to_string(),
            "sha256:22b4cccffa60c2ab3fa9b9036e1cb2455dbef93faef7b76d3ee2e83fec0e0d48"
        );
    }
}
