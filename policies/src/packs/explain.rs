//! What was made of a request, for people: each rule that applied, that was only told, and that did not apply, and why.

use std::fmt::{self, Formatter};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Packs,
    facts::{Fact, Facts},
    judgement::{Applied, Judgement, Standing, Undetermined},
    pack::{Cite, WhenUnknown},
    retention::{Bound, Conflict, Outcome, Retention},
    rule::{Assessment, PassedOver},
};

/// What was made of a request, with its reasons. Its [`Display`](fmt::Display) is for people; as JSON it is for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The moment for which it holds.
    pub at: Timestamp,
    /// What the request says of itself.
    pub facts: Facts,
    /// What the rules say of it.
    pub judgement: Judgement,
    /// Rules that do not apply, by id.
    pub unapplied: Vec<Unapplied>,
}

/// A rule that does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unapplied {
    /// The rule.
    pub rule: Cite,
    /// Why.
    pub why: PassedOver,
}

impl Packs {
    /// What [`Packs::judge`] says, and of every rule why.
    #[must_use]
    pub fn explain(&self, facts: &Facts, at: Timestamp) -> Explanation {
        let unapplied = self.rules().filter_map(|rule| match rule.assess(facts, at) {
            Assessment::Not(why) => Some(Unapplied { rule: rule.cite().clone(), why }),
            _ => None,
        });
        Explanation { at, facts: facts.clone(), judgement: self.judge(facts, at), unapplied: unapplied.collect() }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        verdict(f, &self.judgement)?;
        section(f, "applies", &self.judgement.applied, applied)?;
        section(f, "cannot be told", &self.judgement.undetermined, undetermined)?;
        retention(f, &self.judgement.retention)?;
        section(f, "does not apply", &self.unapplied, |f, passed| writeln!(f, "  {}: {}", passed.rule, passed.why))
    }
}

fn section<T>(
    f: &mut Formatter<'_>,
    title: &str,
    items: &[T],
    write: fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    items.iter().try_for_each(|item| write(f, item))
}

fn verdict(f: &mut Formatter<'_>, judgement: &Judgement) -> fmt::Result {
    if let Some(forbidden) = &judgement.forbidden {
        writeln!(f, "forbidden by {}: {}", forbidden.rule, forbidden.reason)?;
        if let Some(mend) = &forbidden.mend {
            writeln!(f, "  {mend}")?;
        }
        return forbidden.also.iter().try_for_each(|rule| writeln!(f, "  and by {rule}"));
    }
    match &judgement.review {
        Some(review) => {
            writeln!(f, "held until {} agree:", people(review.reviewers))?;
            review.reasons.iter().try_for_each(|(reason, rule)| writeln!(f, "  {reason}, by {rule}"))
        }
        None => writeln!(f, "allowed"),
    }
}

fn people(number: u8) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{number} people") }
}

fn applied(f: &mut Formatter<'_>, applied: &Applied) -> fmt::Result {
    let Applied { rule, effect, state, standing } = applied;
    writeln!(f, "  {rule}, {state}")?;
    writeln!(f, "    {}", rule.title)?;
    writeln!(f, "    {}", rule.source)?;
    writeln!(f, "    {effect}{standing}")
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stands => Ok(()),
            Self::Met => f.write_str(" [on file]"),
            Self::Missing(grounds) => write!(f, " [not on file: {}]", super::effect::words(grounds)),
            Self::CoveredBy(rule) => write!(f, " [covered by {}]", rule.id),
            Self::YieldsTo(rule) => write!(f, " [yields to {}]", rule.id),
            Self::Open(rule) => write!(f, " [against {}: a person decides]", rule.id),
        }
    }
}

fn undetermined(f: &mut Formatter<'_>, open: &Undetermined) -> fmt::Result {
    let missing: Vec<&str> = open.missing.iter().copied().map(Fact::as_str).collect();
    let then = match open.then {
        WhenUnknown::Allow => "passes",
        WhenUnknown::Review => "held for a person",
        WhenUnknown::Forbid => "refused",
    };
    writeln!(f, "  {}, {}: say {}; {then}", open.rule, open.state, missing.join(", "))
}

fn retention(f: &mut Formatter<'_>, retention: &Retention) -> fmt::Result {
    if *retention == Retention::default() {
        return Ok(());
    }
    writeln!(f, "retention:")?;
    bound(f, "records stay at least", retention.records.as_ref())?;
    bound(f, "contents stay at least", retention.contents.as_ref())?;
    bound(f, "contents are gone after", retention.limit.as_ref())?;
    if let Some(erase) = &retention.erase {
        let rule = &erase.rule;
        writeln!(f, "  contents are erased on request, not before {} days, by {rule}", erase.not_before_days)?;
    }
    retention.conflicts.iter().try_for_each(|one| conflict(f, one))
}

fn bound(f: &mut Formatter<'_>, what: &str, bound: Option<&Bound>) -> fmt::Result {
    bound.map_or(Ok(()), |bound| writeln!(f, "  {what} {} days, by {}", bound.days, bound.rule))
}

fn conflict(f: &mut Formatter<'_>, conflict: &Conflict) -> fmt::Result {
    let Conflict { keep, against, outcome } = conflict;
    write!(f, "  {} against {}: ", keep.id, against.id)?;
    match outcome {
        Outcome::KeepFirst(reason) => writeln!(f, "{} goes first: {} ({})", keep.id, reason.why, reason.citation),
        Outcome::AgainstFirst(reason) => {
            writeln!(f, "{} goes first: {} ({})", against.id, reason.why, reason.citation)
        }
        Outcome::Open => writeln!(f, "no pack says which goes first; contents stay until a person has decided"),
    }
}
