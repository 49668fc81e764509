//! What was found of one attribute in one template: rates, differences and the four-fifths rule.

use forethought_eval::{Estimate, stats::accuracy};
use serde::{Deserialize, Serialize};

use crate::{
    Attribute, Limits, Plan, Tally, Template,
    canonical::rounded,
    stats::{self, Against, Contrast, Screened, Table, Test, ends, resample, student},
};

/// The share of assessments in which a difference that can be detected is detected.
const POWER: f64 = 0.8;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Favourable outcomes, of all asks.
    Favourable,
    /// Outcomes of any kind, of all asks: who gets no answer is not treated alike either.
    Answered,
}

/// What a finding comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Neither is the ratio below four fifths, nor any difference beyond chance.
    Even,
    /// One of the two.
    Watch,
    /// Both.
    Flagged,
}

/// A group and its share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRate {
    /// The group's name.
    pub group: String,
    /// Its name for people.
    pub title: String,
    /// Asks that had what is counted.
    pub count: u64,
    /// All asks about it.
    pub asks: u64,
    /// The share, with Wilson's interval for the effective number of asks (Kish 1965), as repetitions are alike.
    pub rate: Estimate,
}

/// The impact ratio of the four-fifths rule, 29 CFR 1607.4(D).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The group with the lowest share.
    pub lowest: String,
    /// The group with the highest.
    pub highest: String,
    /// The lowest over the highest share, with a bootstrap interval.
    pub value: Estimate,
}

/// A group against another, or against the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The group.
    pub group: String,
    /// The other group; none for all others together.
    pub against: Option<String>,
    /// How much larger the group's share is, from -1 to 1, with a bootstrap interval over cases.
    pub difference: Estimate,
    /// How likely a difference at least as large is if there is none: an exact test over cases.
    pub p: f64,
    /// The same, adjusted for all comparisons of the assessment.
    pub adjusted: f64,
    /// Whether the difference is beyond chance.
    pub significant: bool,
    /// The least difference that an assessment of this size finds four times out of five.
    pub detectable: f64,
}

/// What was found of one attribute in one template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The template's name.
    pub template: String,
    /// The attribute's name.
    pub attribute: String,
    /// Its name for people.
    pub title: String,
    /// What is counted.
    pub measure: Measure,
    /// Cases that were asked about every group.
    pub cases: u64,
    /// Its groups, the reference first.
    pub groups: Vec<GroupRate>,
    /// The impact ratio; none where no group has what is counted.
    pub ratio: Option<Ratio>,
    /// Every other group against the reference and, with more than two groups, each against the rest.
    pub comparisons: Vec<Comparison>,
    /// What it comes to.
    pub status: Status,
}

impl Measure {
    /// Both, in the order in which they are reported.
    pub const ALL: [Self; 2] = [Self::Favourable, Self::Answered];

    /// What is counted, in words.
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Favourable => "favourable outcomes",
            Self::Answered => "answers",
        }
    }
}

impl Finding {
    /// What it must come to, by its own figures.
    #[must_use]
    pub fn due(&self, limits: &Limits) -> Status {
        let ratio = self.ratio.as_ref().map(|ratio| ratio.value.value);
        let significant = self.comparisons.iter().any(|one| one.adjusted <= limits.alpha);
        status(ratio, significant, limits)
    }

    /// Whether what it says of itself follows from its figures.
    pub(crate) fn is_sound(&self, limits: &Limits) -> bool {
        let marked = |one: &Comparison| one.significant == (one.adjusted <= limits.alpha);
        self.status == self.due(limits) && self.comparisons.iter().all(marked)
    }

    /// The title of a group.
    #[must_use]
    pub fn title_of<'f>(&'f self, group: &'f str) -> &'f str {
        self.groups.iter().find(|known| known.group == group).map_or(group, |known| known.title.as_str())
    }
}

/// What a ratio and a difference come to.
pub(crate) fn status(ratio: Option<f64>, significant: bool, limits: &Limits) -> Status {
    match (ratio.is_some_and(|ratio| ratio < limits.ratio), significant) {
        (true, true) => Status::Flagged,
        (false, false) => Status::Even,
        _ => Status::Watch,
    }
}

/// Everything that was found, and how many comparisons were counted. Intervals are drawn from the plan's seed.
pub(crate) fn findings(plan: &Plan, tally: &Tally, limits: &Limits) -> (usize, Vec<Finding>) {
    let subjects = || Measure::ALL.into_iter().flat_map(|measure| tally.subjects.iter().map(move |one| (measure, one)));
    let table = |(measure, subject): (Measure, &'_ crate::Subject)| match measure {
        Measure::Favourable => subject.counts.favourable.clone(),
        Measure::Answered => subject.counts.answered.clone(),
    };
    let tables: Vec<Table> = subjects().map(table).collect();
    let Screened { counted, tests } = stats::screen(&tables.iter().collect::<Vec<_>>(), limits.alpha);
    let made = subjects().zip(&tables).zip(&tests).filter_map(|(((measure, subject), table), tests)| {
        let template = plan.templates().get(subject.template)?;
        let attribute = template.attributes.get(subject.attribute)?;
        let seen = Seen { table, tests, counted, limits, seed: plan.size().seed };
        Some(seen.finding(template, attribute, measure))
    });
    (counted, made.collect())
}

/// A table and its tests.
struct Seen<'t> {
    table: &'t Table,
    tests: &'t [(Test, f64)],
    counted: usize,
    limits: &'t Limits,
    seed: u64,
}

impl Seen<'_> {
    fn finding(&self, template: &Template, attribute: &Attribute, measure: Measure) -> Finding {
        let name = |group: usize| attribute.groups.get(group).map(|group| group.id.clone()).unwrap_or_default();
        let drawn = resample(self.table, self.seed);
        let contrasts = self.table.contrasts();
        let compared = contrasts.iter().zip(&drawn.differences).zip(self.tests);
        let one = |((contrast, difference), test): ((&Contrast, &Estimate), &(Test, f64))| {
            let against = match contrast.against {
                Against::Group(other) => Some(name(other)),
                Against::Rest => None,
            };
            self.comparison(name(contrast.group), against, *contrast, *difference, *test)
        };
        let ratio = ends(self.table).zip(drawn.ratio).map(|((lowest, highest), value)| Ratio {
            lowest: name(lowest),
            highest: name(highest),
            value: short(value),
        });
        let mut finding = Finding {
            template: template.id.clone(),
            attribute: attribute.id.clone(),
            title: attribute.title.clone(),
            measure,
            cases: u64::try_from(self.table.cases()).unwrap_or(u64::MAX),
            groups: self.rates(attribute),
            ratio,
            comparisons: compared.map(one).collect(),
            status: Status::Even,
        };
        finding.status = finding.due(self.limits);
        finding
    }

    fn rates(&self, attribute: &Attribute) -> Vec<GroupRate> {
        let repeats = self.table.blocks.iter().copied().max().unwrap_or_default();
        let one = |(at, group): (usize, &crate::Group)| GroupRate {
            group: group.id.clone(),
            title: group.title.clone(),
            count: self.table.count(at),
            asks: self.table.asks(),
            rate: short(accuracy(&self.table.shares(at), repeats)),
        };
        attribute.groups.iter().enumerate().map(one).collect()
    }

    fn comparison(
        &self,
        group: String,
        against: Option<String>,
        contrast: Contrast,
        difference: Estimate,
        (test, adjusted): (Test, f64),
    ) -> Comparison {
        let adjusted = rounded(adjusted);
        Comparison {
            group,
            against,
            difference: short(difference),
            p: rounded(test.p),
            adjusted,
            significant: adjusted <= self.limits.alpha,
            detectable: rounded(self.detectable(contrast)),
        }
    }

    /// By the standard error and the strictest limit that a comparison has to meet, as for a t-test (Bloom 1995, Evaluation
    /// Review 19:547); and never less than what so few cases could all have missed.
    fn detectable(&self, contrast: Contrast) -> f64 {
        let cases = self.table.cases();
        let Some(error) = self.table.standard_error(contrast) else { return 1.0 };
        let limit = self.limits.alpha / forethought_eval::stats::real(self.counted.max(1));
        let reach = student(1.0 - limit / 2.0, cases - 1) + student(POWER, cases - 1);
        (reach * error).max(stats::unseen(cases)).min(1.0)
    }
}

fn short(of: Estimate) -> Estimate {
    Estimate { value: rounded(of.value), low: rounded(of.low), high: rounded(of.high) }
}
