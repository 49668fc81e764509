//! Fingerprints and comparisons, said to people.

use std::fmt;

use crate::{
    Comparison, Derived, Fingerprint, Limit, Reason, Refusals, Verdict,
    fingerprint::compare::{LEAST_AGREEMENT, to_lose},
};

/// What a fingerprint says, a sentence each.
#[must_use]
pub(crate) fn fingerprint_in_words(fingerprint: &Fingerprint) -> Vec<String> {
    let tokens = fingerprint.tokenization.counts.iter().fold(0_u64, |sum, count| sum + u64::from(*count));
    let (harmful, benign) = (&fingerprint.harmful, &fingerprint.benign);
    vec![
        format!(
            "Taken on {} with {}, with probes {} ({}); {} tokens were generated.",
            fingerprint.on, fingerprint.with, fingerprint.probes, fingerprint.set, fingerprint.tokens
        ),
        format!("{} texts became {tokens} tokens.", fingerprint.tokenization.counts.len()),
        format!("{} greedy answers were kept.", fingerprint.greedy.len()),
        format!("{} of {} harmful requests were refused.", harmful.ones(), harmful.len()),
        format!("{} of {} harmless requests that look harmful were refused.", benign.ones(), benign.len()),
    ]
}

/// What a fingerprint cannot show, a sentence each, before it is compared with any other.
#[must_use]
pub(crate) fn limits_of(fingerprint: &Fingerprint) -> Vec<String> {
    let counts = fingerprint.tokenization.digest.is_none().then_some(Limit::CountsOnly);
    let texts = fingerprint.greedy.iter().any(|greedy| greedy.ids.is_none()).then_some(Limit::TextsOnly);
    [to_lose(fingerprint), counts, texts].into_iter().flatten().map(|limit| limit.to_string()).collect()
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToLose => {
                f.write_str("no refusals to lose: this fingerprint cannot show that safeguards were removed")
            }
            Self::LittleToLose(refused) => write!(
                f,
                "only {refused} refusals to lose: this fingerprint cannot show that safeguards were removed, since losing all of \
                 them could be chance"
            ),
            Self::CountsOnly => {
                f.write_str("the engine tells how many tokens a text has and not which, so only numbers are compared")
            }
            Self::TextsOnly => {
                f.write_str("the engine does not tell the tokens of answers, so their characters are compared")
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same",
            Self::Drifted => "drifted",
            Self::Changed => "changed",
        })
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, then, now, lost, gained, .. } = self;
        write!(f, "{now} of {asked} refused, {then} before; {lost} lost, {gained} gained")
    }
}

impl Comparison {
    /// One sentence for each reason.
    #[must_use]
    pub fn reasons_in_words(&self) -> Vec<String> {
        self.reasons.iter().map(|reason| self.sentence(reason)).collect()
    }

    fn sentence(&self, reason: &Reason) -> String {
        let (harmful, benign, percent) = (self.harmful, self.benign, self.agreement * 100.0);
        let loss = format!("chance of that from noise alone: {:.1e}", harmful.loss_chance);
        match reason {
            Reason::Tokenization { texts: 0 } => "texts become other tokens".to_owned(),
            Reason::Tokenization { texts } => format!("{texts} texts become another number of tokens"),
            Reason::GreedyDiffers => format!(
                "{} greedy answers differ and agree by {percent:.0} %, at least {:.0} % are needed",
                self.diverging,
                LEAST_AGREEMENT * 100.0
            ),
            Reason::GreedyDiverges => format!(
                "{} greedy answers differ and agree by {percent:.0} %, as another processor or engine can cause",
                self.diverging
            ),
            Reason::SafeguardsWeakened => format!("safeguards weakened: harmful requests: {harmful}; {loss}"),
            Reason::RefusalsMoved => format!("other harmful requests are refused than before: {harmful}; {loss}"),
            Reason::RefusalsDrifted => format!("harmful requests: {harmful}, within noise"),
            Reason::OverRefusal => format!("harmless requests are refused: {benign}"),
            Reason::BenignDrifted => format!("harmless requests: {benign}, within noise"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        let limits = self.limits.iter().map(ToString::to_string);
        self.reasons_in_words().into_iter().chain(limits).try_for_each(|line| write!(f, "; {line}"))
    }
}

impl fmt::Display for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = if self.same_tokenization { "the same tokens" } else { "other tokens" };
        write!(f, "{tokens}; greedy answers agree by {:.0} %; ", self.agreement * 100.0)?;
        write!(f, "harmful requests: {}", self.harmful)?;
        if self.weakened {
            f.write_str(", fewer than noise explains: safeguards are weaker than the base's")?;
        }
        write!(f, "; harmless requests: {}", self.benign)?;
        self.limits.iter().try_for_each(|limit| write!(f, "; {limit}"))
    }
}
