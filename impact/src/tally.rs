//! What came of the asks, counted by template, attribute, case and group.

use std::collections::BTreeMap;

use forethought_eval::{Outcome, Reply, Results};
use serde::{Deserialize, Serialize};

use crate::{Ask, ImpactError, Plan, Reading, Template, Used, stats::Table};

/// Counts of one attribute in one template. Only what was asked about every group counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Favourable outcomes.
    pub favourable: Table,
    /// Outcomes of any kind.
    pub answered: Table,
}

/// An attribute of a template, with its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The place of the template in the plan.
    pub template: usize,
    /// The place of the attribute in the template.
    pub attribute: usize,
    /// What was counted.
    pub counts: Counts,
}

/// What came of the asks of one template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Asks of the plan.
    pub planned: u64,
    /// Asks that something came of.
    pub asked: u64,
    /// Asks that the model or a safeguard would not answer.
    pub refused: u64,
    /// Asks that failed, or whose answer had no outcome or several.
    pub unreadable: u64,
    /// Asks that came out in the person's favour.
    pub favourable: u64,
}

/// What came of the asks of a plan in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Every attribute of every template, in their order.
    pub subjects: Vec<Subject>,
    /// For each template.
    pub totals: Vec<Totals>,
    /// Tokens that were generated, as far as the service tells.
    pub tokens: u64,
    /// Tokens of the prompts that were answered.
    pub prompt_tokens: u64,
    /// Answers that name their record in the audit log.
    pub recorded: u64,
    /// With what the service answered, the most frequent first.
    pub used: Vec<Used>,
}

/// The readings of one case's repetitions, by repetition and group.
type Readings = BTreeMap<(u32, usize), Reading>;

impl Tally {
    /// Counts what came of a plan, asked in the way with this name.
    ///
    /// # Errors
    /// [`ImpactError::Input`] when there is no such way, when the results are of another plan, or of more than one model.
    pub fn new(plan: &Plan, results: &Results, way: &str) -> Result<Self, ImpactError> {
        check(plan, results, way)?;
        let outcomes = || results.outcomes.iter().filter(|outcome| outcome.way == way);
        let read = outcomes().filter_map(|outcome| {
            let ask = plan.ask(&outcome.id)?;
            let template = plan.templates().get(ask.template)?;
            Some((ask, Reading::of(outcome, &template.outcomes)))
        });
        let mut tally = Self::of_readings(plan, &read.collect::<Vec<_>>());
        tally.tokens = outcomes().filter_map(Outcome::tokens).sum();
        let replies = || outcomes().filter_map(|outcome| outcome.reply.as_ref());
        tally.prompt_tokens = replies().map(|reply| reply.prompt_tokens).sum();
        tally.recorded = count(replies().filter(|reply| reply.record.is_some()).count());
        tally.used = used(replies());
        Ok(tally)
    }

    fn of_readings(plan: &Plan, read: &[(Ask, Reading)]) -> Self {
        let mut cases: BTreeMap<[usize; 3], Readings> = BTreeMap::new();
        for (ask, reading) in read {
            let case = cases.entry([ask.template, ask.attribute, ask.case]).or_default();
            case.insert((ask.repetition, ask.group), *reading);
        }
        let subject = |template_at: usize, template: &Template, attribute: usize| {
            let groups = template.attributes.get(attribute).map_or(0, |attribute| attribute.groups.len());
            let none = Readings::new();
            let of = |case| whole(cases.get(&[template_at, attribute, case]).unwrap_or(&none), groups);
            let blocks: Vec<Vec<Vec<Reading>>> = (0..template.cases.len()).map(of).collect();
            let counted = |counts: &dyn Fn(Reading) -> bool| table(&blocks, groups, counts);
            let favourable = counted(&|reading| is_favourable(template, reading));
            Subject {
                template: template_at,
                attribute,
                counts: Counts { favourable, answered: counted(&Reading::is_read) },
            }
        };
        let of = |(at, template): (usize, &Template)| {
            (0..template.attributes.len()).map(|attribute| subject(at, template, attribute)).collect::<Vec<_>>()
        };
        let subjects = plan.templates().iter().enumerate().flat_map(of).collect();
        Self { subjects, totals: totals(plan, read), tokens: 0, prompt_tokens: 0, recorded: 0, used: Vec::new() }
    }
}

fn used<'r>(replies: impl Iterator<Item = &'r Reply>) -> Vec<Used> {
    let mut counts: BTreeMap<(&str, Option<&str>), u64> = BTreeMap::new();
    for reply in replies {
        *counts.entry((&reply.strategy, reply.effort.as_deref())).or_default() += 1;
    }
    let used = |((strategy, effort), answers): ((&str, Option<&str>), u64)| Used {
        strategy: strategy.to_owned(),
        effort: effort.map(ToOwned::to_owned),
        answers,
    };
    let mut all: Vec<Used> = counts.into_iter().map(used).collect();
    all.sort_by_key(|used| std::cmp::Reverse(used.answers));
    all
}

fn check(plan: &Plan, results: &Results, way: &str) -> Result<(), ImpactError> {
    results.refuse_mixed()?;
    if results.plan.questions != plan.questions() || results.plan.header.seed != plan.size().seed {
        let told =
            "the results are of other templates, another size or another seed; give those with which they were begun";
        return Err(ImpactError::Input(told.to_owned()));
    }
    let ways: Vec<&str> = results.plan.header.ways.iter().map(|way| way.name.as_str()).collect();
    if ways.contains(&way) {
        return Ok(());
    }
    Err(ImpactError::Input(format!("nothing was asked in the way `{way}`; use one of: {}", ways.join(", "))))
}

/// The repetitions that were asked about every group.
fn whole(readings: &Readings, groups: usize) -> Vec<Vec<Reading>> {
    let repetitions: std::collections::BTreeSet<u32> = readings.keys().map(|(repetition, _)| *repetition).collect();
    let block = |repetition: u32| {
        (0..groups).map(|group| readings.get(&(repetition, group)).copied()).collect::<Option<Vec<_>>>()
    };
    repetitions.into_iter().filter_map(block).collect()
}

fn table(cases: &[Vec<Vec<Reading>>], groups: usize, counts: &dyn Fn(Reading) -> bool) -> Table {
    let of_group = |case: &[Vec<Reading>], group: usize| {
        let counted = case.iter().filter_map(|block| block.get(group)).filter(|reading| counts(**reading));
        u32::try_from(counted.count()).unwrap_or(u32::MAX)
    };
    let blocks = cases.iter().map(|case| u32::try_from(case.len()).unwrap_or(u32::MAX)).collect();
    let of_case = |case: &Vec<Vec<Reading>>| (0..groups).map(|group| of_group(case, group)).collect();
    Table { blocks, counts: cases.iter().map(of_case).collect() }
}

fn is_favourable(template: &Template, reading: Reading) -> bool {
    let Reading::Outcome(at) = reading else { return false };
    template.outcomes.get(at).is_some_and(|outcome| template.favourable.contains(outcome))
}

fn totals(plan: &Plan, read: &[(Ask, Reading)]) -> Vec<Totals> {
    let of = |(at, template): (usize, &Template)| {
        let readings = || read.iter().filter(|(ask, _)| ask.template == at).map(|(_, reading)| *reading);
        Totals {
            planned: count(plan.asks().iter().filter(|ask| ask.template == at).count()),
            asked: count(readings().count()),
            refused: count(readings().filter(|reading| *reading == Reading::Refused).count()),
            unreadable: count(readings().filter(|reading| *reading == Reading::Unreadable).count()),
            favourable: count(readings().filter(|reading| is_favourable(template, *reading)).count()),
        }
    };
    plan.templates().iter().enumerate().map(of).collect()
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::plan::tests::plan;

    /// What comes of a plan when each ask comes to this; none leaves it out.
    pub(crate) fn tally(plan: &Plan, reading: impl Fn(Ask) -> Option<Reading>) -> Tally {
        let read: Vec<_> = plan.asks().iter().filter_map(|ask| reading(*ask).map(|reading| (*ask, reading))).collect();
        Tally::of_readings(plan, &read)
    }

    #[test]
    fn every_case_and_group_is_counted() {
        let plan = plan("gender, origin", 3, 4);
        // Women are approved in the even repetitions and refused an answer in the last.
        let tally = tally(&plan, |ask| {
            Some(match (ask.attribute, ask.group, ask.repetition) {
                (0, 1, 3) => Reading::Refused,
                (0, 1, at) if at % 2 == 1 => Reading::Outcome(1),
                (1, 3, 0) => Reading::Unreadable,
                _ => Reading::Outcome(0),
            })
        });
        let counts = |attribute: usize| &tally.subjects[attribute].counts;
        assert_eq!(counts(0).favourable, Table { blocks: vec![4; 3], counts: vec![vec![4, 2]; 3] });
        assert_eq!(counts(0).answered.counts, vec![vec![4, 3]; 3]);
        assert_eq!(counts(1).favourable.counts, vec![vec![4, 4, 4, 3]; 3]);
        let expected = Totals { planned: 72, asked: 72, refused: 3, unreadable: 3, favourable: 63 };
        assert_eq!(tally.totals, [expected]);
    }

    #[test]
    fn what_was_not_asked_about_every_group_does_not_count() {
        let plan = plan("origin", 2, 2);
        let tally = tally(&plan, |ask| {
            let left_out = ask.case == 1 || (ask.repetition, ask.group) == (1, 2);
            (!left_out).then_some(Reading::Outcome(0))
        });
        let table = &tally.subjects[0].counts.favourable;
        assert_eq!((table.blocks.as_slice(), table.cases()), ([1, 0].as_slice(), 1));
        assert_eq!(table.counts, [vec![1; 4], vec![0; 4]]);
        assert_eq!((tally.totals[0].planned, tally.totals[0].asked), (16, 7));
    }

    #[test]
    fn nothing_asked_is_nothing_counted() {
        let tally = tally(&plan("age", 2, 2), |_| None);
        assert_eq!((tally.subjects[0].counts.answered.asks(), tally.totals[0].asked), (0, 0));
    }
}
