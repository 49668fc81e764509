//! What came of the probes, until all of them are there.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use crate::{
    Bits, Digest, Fingerprint, Greedy, Plan, Probe, ProbeKind, Tokenization, fingerprint::refusal::is_refusal,
};

/// Keep this digest apart from every other use of SHA-256.
const DOMAIN: &[u8] = b"forethought tokenization 1\0";
/// Characters that are kept of a greedy answer.
const MOST_TEXT: usize = 400;
/// Characters that are kept of what a fingerprint was taken with.
const MOST_WITH: usize = 400;
/// More tokens than any text of the set can have.
const MOST_COUNT: u32 = 65_535;

/// Tokens, as far as the engine tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// Which.
    Ids(Vec<u32>),
    /// Only how many.
    Count(u32),
    /// Nothing. Not for [`ProbeKind::Tokenization`].
    Unknown,
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The tokens of the text, or of the answer without the token that ends it.
    pub tokens: Tokens,
    /// The answer; empty where nothing is generated.
    pub text: String,
}

/// What cannot have come of a probe, or has not yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TakingError {
    /// The probe is not in the set.
    #[error("the probe {kind:?} {place} is not of this set; ask what `Plan::probes` says")]
    Foreign {
        /// The kind of the probe.
        kind: ProbeKind,
        /// Which of its kind.
        place: usize,
    },
    /// It was observed before.
    #[error("the probe {kind:?} {place} was observed before; ask each once")]
    Twice {
        /// The kind of the probe.
        kind: ProbeKind,
        /// Which of its kind.
        place: usize,
    },
    /// There are more tokens than were asked for.
    #[error("the probe {kind:?} {place} has {found} tokens, at most {most} can be; check the engine's limit of tokens")]
    TooMany {
        /// The kind of the probe.
        kind: ProbeKind,
        /// Which of its kind.
        place: usize,
        /// The most tokens.
        most: u32,
        /// How many there are.
        found: u32,
    },
    /// The engine tells nothing of how a text is tokenized.
    #[error("the engine does not tell how many tokens a text has; a fingerprint needs that")]
    Untold,
    /// Not all probes were observed.
    #[error("{missing} probes were not observed, the first is {kind:?} {place}; ask all of them")]
    Missing {
        /// How many.
        missing: usize,
        /// The kind of the first.
        kind: ProbeKind,
        /// Which of its kind.
        place: usize,
    },
}

/// A fingerprint that is being taken.
#[derive(Clone, Debug)]
pub struct Taking {
    plan: &'static Plan,
    observed: BTreeMap<(ProbeKind, usize), Observed>,
}

impl Taking {
    /// Nothing was observed yet.
    #[must_use]
    pub const fn new(plan: &'static Plan) -> Self {
        Self { plan, observed: BTreeMap::new() }
    }

    /// Takes what came of a probe.
    ///
    /// # Errors
    /// [`TakingError`]: the probe is not of this set or was observed before, there are more tokens than can be, or the tokens of a
    /// text are not told. Then nothing was taken.
    pub fn observe(&mut self, probe: &Probe, observed: Observed) -> Result<(), TakingError> {
        let (kind, place) = (probe.kind, probe.place);
        if !self.plan.probes().contains(probe) {
            return Err(TakingError::Foreign { kind, place });
        }
        if self.observed.contains_key(&(kind, place)) {
            return Err(TakingError::Twice { kind, place });
        }
        within(probe, &observed)?;
        self.observed.insert((kind, place), observed);
        Ok(())
    }

    /// The fingerprint, dated; `with` says with what it was taken, its first 400 characters are kept.
    ///
    /// # Errors
    /// [`TakingError::Missing`] when not every probe was observed.
    pub fn finish(self, on: Date, with: &str) -> Result<Fingerprint, TakingError> {
        let missing = |probe: &&Probe| !self.observed.contains_key(&(probe.kind, probe.place));
        let mut absent = self.plan.probes().iter().filter(missing);
        if let Some(first) = absent.next() {
            let (kind, place) = (first.kind, first.place);
            return Err(TakingError::Missing { missing: absent.count() + 1, kind, place });
        }
        Ok(Fingerprint {
            probes: self.plan.version(),
            set: self.plan.digest(),
            on,
            with: with.chars().take(MOST_WITH).collect(),
            tokenization: tokenization(self.of(ProbeKind::Tokenization)),
            greedy: self.of(ProbeKind::Greedy).map(greedy).collect(),
            harmful: self.of(ProbeKind::Harmful).map(|observed| is_refusal(&observed.text)).collect::<Bits>(),
            benign: self.of(ProbeKind::Benign).map(|observed| is_refusal(&observed.text)).collect(),
            tokens: self.cost(),
        })
    }

    /// What came of the probes of a kind, in their order.
    fn of(&self, kind: ProbeKind) -> impl Iterator<Item = &Observed> + Clone {
        self.observed.iter().filter(move |((of, _), _)| *of == kind).map(|(_, observed)| observed)
    }

    fn cost(&self) -> u32 {
        let generated = self.observed.iter().filter(|((kind, _), _)| *kind != ProbeKind::Tokenization);
        generated.map(|(_, observed)| count(&observed.tokens).unwrap_or(0)).fold(0, u32::saturating_add)
    }
}

fn within(probe: &Probe, observed: &Observed) -> Result<(), TakingError> {
    let (kind, place) = (probe.kind, probe.place);
    let found = count(&observed.tokens);
    let most = if kind == ProbeKind::Tokenization { MOST_COUNT } else { probe.max_tokens };
    match found {
        None if kind == ProbeKind::Tokenization => Err(TakingError::Untold),
        Some(found) if found > most => Err(TakingError::TooMany { kind, place, most, found }),
        _ => Ok(()),
    }
}

fn count(tokens: &Tokens) -> Option<u32> {
    match tokens {
        Tokens::Ids(ids) => Some(u32::try_from(ids.len()).unwrap_or(u32::MAX)),
        Tokens::Count(count) => Some(*count),
        Tokens::Unknown => None,
    }
}

fn tokenization<'o>(observed: impl Iterator<Item = &'o Observed> + Clone) -> Tokenization {
    let counts = observed.clone().map(|observed| count(&observed.tokens).unwrap_or(0)).collect();
    Tokenization { digest: digest(observed), counts }
}

/// The digest of all tokens: for each text their number and then each of them, in four bytes, the lowest first.
fn digest<'o>(observed: impl Iterator<Item = &'o Observed>) -> Option<Digest> {
    let mut hasher = Sha256::new().chain_update(DOMAIN);
    for observed in observed {
        let Tokens::Ids(ids) = &observed.tokens else { return None };
        hasher.update(u32::try_from(ids.len()).unwrap_or(u32::MAX).to_le_bytes());
        for id in ids {
            hasher.update(id.to_le_bytes());
        }
    }
    Some(Digest::from(hasher))
}

fn greedy(observed: &Observed) -> Greedy {
    let ids = match &observed.tokens {
        Tokens::Ids(ids) => Some(ids.clone()),
        Tokens::Count(_) | Tokens::Unknown => None,
    };
    Greedy { ids, text: observed.text.chars().take(MOST_TEXT).collect() }
}

#[cfg(test)]
mod tests;
