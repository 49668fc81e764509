//! How the effects of all rules become one judgement.

use std::{cmp::Reverse, sync::Arc};

use super::{
    effect::{Effect, words},
    facts::{Fact, Facts},
    judgement::{Applied, Disclosed, Forbidden, Judgement, Owed, Reviewed, Screening, Standing, Undetermined},
    order::Order,
    pack::{Cite, WhenUnknown},
    retention::{Bound, Claims, Conflict, Outcome, Retention},
    rule::{Rule, State},
    words::Ground,
};

/// Rules that apply or may, as they are found.
#[derive(Default)]
pub(super) struct Found {
    applied: Vec<Applied>,
    undetermined: Vec<Undetermined>,
}

impl Found {
    /// A rule applies.
    pub(super) fn applies(&mut self, rule: &Rule, state: State, facts: &Facts) {
        let effects = rule.effects.iter().map(|effect| Applied {
            rule: rule.cite.clone(),
            effect: Arc::clone(effect),
            state,
            standing: first_standing(effect, facts),
        });
        self.applied.extend(effects);
    }

    /// Facts are missing to say whether a rule applies.
    pub(super) fn undetermined(&mut self, rule: &Rule, missing: Vec<Fact>, state: State) {
        let wanted = rule.pack.settings.when_unknown;
        let then = if state == State::Enforced { wanted } else { WhenUnknown::Allow };
        self.undetermined.push(Undetermined { rule: rule.cite.clone(), missing, state, then });
    }

    /// What comes of all of them.
    pub(super) fn settle(mut self, orders: &[&Order]) -> Judgement {
        let retention = Retention::settle(&self.claims(), orders);
        let (forbidden, review) = (self.forbidden(), self.review());
        let disclosures = self.disclosures();
        for applied in self.applied.iter_mut().filter(|applied| applied.state == State::Enforced) {
            let standing = match &*applied.effect {
                Effect::Review(own) => {
                    covered(review.as_ref().filter(|all| all.reviewers > own.reviewers), &applied.rule)
                }
                Effect::Disclose(own) => {
                    let same = disclosures.iter().find(|told| told.disclose == *own);
                    same.and_then(|told| told.rules.first()).and_then(|first| cover(first, &applied.rule))
                }
                Effect::Retain(_) | Effect::Limit(_) | Effect::Erase(_) => {
                    beside(&applied.rule, &applied.effect, &retention)
                }
                _ => None,
            };
            if let Some(standing) = standing {
                applied.standing = standing;
            }
        }
        let (owed, safeguards) = (self.owed(), self.safeguards());
        let Self { applied, undetermined } = self;
        Judgement { applied, undetermined, forbidden, review, disclosures, owed, safeguards, retention }
    }

    /// What has effect.
    fn enforced(&self) -> impl Iterator<Item = (&Applied, &Effect)> {
        self.applied
            .iter()
            .filter(|applied| applied.state == State::Enforced)
            .map(|applied| (applied, &*applied.effect))
    }

    fn forbidden(&self) -> Option<Forbidden> {
        let banned = self.enforced().filter_map(|(applied, effect)| match (effect, &applied.standing) {
            (Effect::Forbid(ban), _) => Some((applied.rule.clone(), ban.reason.clone(), None)),
            _ => None,
        });
        let closed = self.enforced().filter_map(|(applied, effect)| match (effect, &applied.standing) {
            (Effect::Require(wanted), Standing::Missing(missing)) => {
                let mend = format!("have this on file for the use: {}", words(missing));
                Some((applied.rule.clone(), wanted.reason.clone(), Some(mend)))
            }
            _ => None,
        });
        let unknown = self.unknown(WhenUnknown::Forbid).map(|open| {
            let mend = format!("say {} in the request", names(&open.missing));
            (open.rule.clone(), not_known(open), Some(mend))
        });
        let mut all = banned.chain(closed).chain(unknown);
        let (rule, reason, mend) = all.next()?;
        let mut also: Vec<Cite> = all.map(|(other, ..)| other).filter(|other| *other != rule).collect();
        also.sort();
        also.dedup();
        Some(Forbidden { rule, reason, mend, also })
    }

    fn review(&self) -> Option<Reviewed> {
        let asked = self.enforced().filter_map(|(applied, effect)| match effect {
            Effect::Review(review) => Some((review.reviewers, review.reason.clone(), applied.rule.clone())),
            _ => None,
        });
        let unknown = self.unknown(WhenUnknown::Review).map(|open| (1, not_known(open), open.rule.clone()));
        let mut all: Vec<_> = asked.chain(unknown).collect();
        all.sort_by_key(|(reviewers, _, rule)| (Reverse(*reviewers), rule.clone()));
        let reviewers = all.first()?.0;
        Some(Reviewed { reviewers, reasons: all.into_iter().map(|(_, reason, rule)| (reason, rule)).collect() })
    }

    fn unknown(&self, then: WhenUnknown) -> impl Iterator<Item = &Undetermined> {
        self.undetermined.iter().filter(move |open| open.then == then)
    }

    fn disclosures(&self) -> Vec<Disclosed> {
        let mut all: Vec<Disclosed> = Vec::new();
        for (applied, effect) in self.enforced() {
            let Effect::Disclose(disclose) = effect else { continue };
            match all.iter_mut().find(|told| told.disclose == *disclose) {
                Some(told) => told.rules.push(applied.rule.clone()),
                None => all.push(Disclosed { disclose: disclose.clone(), rules: vec![applied.rule.clone()] }),
            }
        }
        all
    }

    fn owed(&self) -> Vec<Owed> {
        let owed = self.enforced().filter_map(|(applied, effect)| match effect {
            Effect::Owe(owe) => Some(Owed { owe: owe.clone(), rule: applied.rule.clone() }),
            _ => None,
        });
        owed.collect()
    }

    fn safeguards(&self) -> Vec<Screening> {
        let screened = self.applied.iter().filter(|applied| applied.state == State::Enforced);
        let screened = screened.filter(|applied| matches!(&*applied.effect, Effect::Safeguards(_)));
        screened.map(|applied| Screening::new(&applied.rule, &applied.effect)).collect()
    }

    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        for (applied, effect) in self.enforced() {
            let bound = |days| Bound { days, rule: applied.rule.clone() };
            match effect {
                Effect::Retain(retain) => {
                    claims.records.extend(retain.records_days.map(bound));
                    claims.contents.extend(retain.contents_days.map(bound));
                }
                Effect::Limit(limit) => claims.limits.push(bound(limit.contents_days)),
                Effect::Erase(erase) => claims.erasures.push((erase.within_days, applied.rule.clone())),
                _ => {}
            }
        }
        claims
    }
}

/// What can be said of an effect by itself.
fn first_standing(effect: &Effect, facts: &Facts) -> Standing {
    let Effect::Require(wanted) = effect else { return Standing::Stands };
    let missing = wanted.grounds.iter().filter(|ground| !facts.grounds.contains(ground));
    let missing: Vec<Ground> = missing.cloned().collect();
    if missing.is_empty() { Standing::Met } else { Standing::Missing(missing) }
}

fn not_known(open: &Undetermined) -> String {
    format!("whether \"{}\" applies hangs on what the request does not say: {}", open.rule.title, names(&open.missing))
}

fn names(facts: &[Fact]) -> String {
    facts.iter().map(|fact| format!("`{fact}`")).collect::<Vec<_>>().join(", ")
}

fn covered(by: Option<&Reviewed>, own: &Cite) -> Option<Standing> {
    by.and_then(|all| all.reasons.first()).and_then(|(_, first)| cover(first, own))
}

fn cover(first: &Cite, own: &Cite) -> Option<Standing> {
    (first != own).then(|| Standing::CoveredBy(first.clone()))
}

/// What has become of an effect on retention.
fn beside(rule: &Cite, effect: &Effect, retention: &Retention) -> Option<Standing> {
    let keeps = matches!(effect, Effect::Retain(_));
    let mine = |conflict: &&Conflict| *(if keeps { &conflict.keep } else { &conflict.against }) == *rule;
    let other = |conflict: &Conflict| if keeps { conflict.against.clone() } else { conflict.keep.clone() };
    let lost = |conflict: &&Conflict| match conflict.outcome {
        Outcome::KeepFirst(_) => !keeps,
        Outcome::AgainstFirst(_) => keeps,
        Outcome::Open => false,
    };
    let mut conflicts = retention.conflicts.iter().filter(mine);
    let open = conflicts.clone().find(|conflict| conflict.outcome == Outcome::Open);
    if let Some(open) = open {
        return Some(Standing::Open(other(open)));
    }
    conflicts
        .find(lost)
        .map(|conflict| Standing::YieldsTo(other(conflict)))
        .or_else(|| outdone(rule, effect, retention))
}

/// Another rule asks for as much or more.
fn outdone(rule: &Cite, effect: &Effect, retention: &Retention) -> Option<Standing> {
    let bound = |wanted: bool, bound: &Option<Bound>| bound.as_ref().filter(|_| wanted).map(|bound| bound.rule.clone());
    let winners = match effect {
        Effect::Retain(retain) => {
            let records = bound(retain.records_days.is_some(), &retention.records);
            [records, bound(retain.contents_days.is_some(), &retention.contents)]
        }
        Effect::Limit(_) => [bound(true, &retention.limit), None],
        _ => [retention.erase.as_ref().map(|erase| erase.rule.clone()), None],
    };
    let mut winners = winners.into_iter().flatten();
    if winners.clone().any(|winner| winner == *rule) {
        return None;
    }
    winners.next().map(Standing::CoveredBy)
}
