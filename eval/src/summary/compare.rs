//! Which ways are worth their tokens.

use serde::Serialize;

use super::{Summary, presets};
use crate::{Estimate, Figures, Results};

/// Where a way stands towards the efficient frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// No other way is at least as often right for at most as many tokens.
    On,
    /// Another way is, but these questions do not tell the two apart: more questions might put it on the frontier.
    Near,
    /// Another way is, and more often right beyond chance.
    Off,
    /// More than 1 % of its requests failed, and nobody knows what they cost: it is held against no other way.
    FailsOften,
    /// There are too few questions to say.
    TooFewQuestions,
}

/// What is to be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// More often right, beyond chance.
    MoreOften,
    /// Less often right, beyond chance.
    LessOften,
    /// It may be chance.
    NotToldApart,
    /// There are too few questions to say.
    TooFewQuestions,
}

impl Verdict {
    fn of(accuracy: &Estimate, summary: &Summary) -> Self {
        match accuracy {
            _ if !summary.has_enough() => Self::TooFewQuestions,
            of if of.low > 0.0 => Self::MoreOften,
            of if of.high < 0.0 => Self::LessOften,
            _ => Self::NotToldApart,
        }
    }

    /// The verdict in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MoreOften => "more often right",
            Self::LessOften => "less often right",
            Self::NotToldApart => "not told apart",
            Self::TooFewQuestions => "too few questions",
        }
    }
}

/// What is to be said of one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The way.
    pub way: String,
    /// Where it stands.
    pub place: Place,
    /// The cheapest way with fewer tokens that these questions do not tell apart from it.
    pub as_good_for_less: Option<String>,
}

/// How much more often one way is right than another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The way.
    pub way: String,
    /// The way that it is compared with.
    pub against: String,
    /// The difference of the shares of right answers, over the same questions, with its interval at 95 %.
    pub accuracy: Estimate,
    /// What that comes to.
    pub verdict: Verdict,
    /// Its tokens over the other's; none where the other has none, or one of the two fails often.
    pub tokens: Option<f64>,
}

/// What comes of comparing the ways.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The ways, in the plan's order.
    pub standings: Vec<Standing>,
    /// Each way against each one before it in the plan's order.
    pub differences: Vec<Difference>,
    /// The ways on the frontier, the cheapest first.
    pub frontier: Vec<String>,
    /// A piece of configuration that gives each effort a way of the frontier; none where no way can be said there.
    pub presets: Option<String>,
}

impl Comparison {
    /// Compares all ways of these results.
    #[must_use]
    pub fn new(results: &Results, summary: &Summary) -> Self {
        let frontier = if summary.has_enough() { frontier(&summary.ways) } else { Vec::new() };
        let names = |at: &usize| summary.ways.get(*at).map(|figures| figures.way.clone());
        let standings: Vec<Standing> =
            (0..summary.ways.len()).filter_map(|at| standing(summary, &frontier, at)).collect();
        Self {
            differences: differences(summary),
            frontier: frontier.iter().filter_map(names).collect(),
            presets: presets::suggest(&results.plan.header, summary, &standings),
            standings,
        }
    }
}

/// The places of the ways on the frontier, the cheapest first. Of two with the same figures it is the earlier one, and one
/// that fails often is not there.
pub(super) fn frontier(ways: &[Figures]) -> Vec<usize> {
    let is_on = |at: usize, way: &Figures| !way.fails_often() && dominating(ways, at, way).next().is_none();
    let mut on: Vec<(usize, &Figures)> = ways.iter().enumerate().filter(|(at, way)| is_on(*at, way)).collect();
    on.sort_by(|(_, a), (_, b)| a.tokens.total_cmp(&b.tokens));
    on.into_iter().map(|(at, _)| at).collect()
}

/// Ways that are at least as often right for at most as many tokens.
fn dominating<'w>(ways: &'w [Figures], at: usize, way: &'w Figures) -> impl Iterator<Item = usize> {
    let better = move |other: &Figures, there: usize| {
        let (right, tokens) = (other.accuracy.value - way.accuracy.value, way.tokens - other.tokens);
        !other.fails_often() && right >= 0.0 && tokens >= 0.0 && (right > 0.0 || tokens > 0.0 || there < at)
    };
    ways.iter().enumerate().filter(move |(there, other)| *there != at && better(other, *there)).map(|(there, _)| there)
}

fn standing(summary: &Summary, frontier: &[usize], at: usize) -> Option<Standing> {
    let way = summary.ways.get(at)?;
    let alone = |place| Some(Standing { way: way.way.clone(), place, as_good_for_less: None });
    if way.fails_often() {
        return alone(Place::FailsOften);
    }
    if !summary.has_enough() {
        return alone(Place::TooFewQuestions);
    }
    let alike = |other: usize| summary.difference(other, at).holds(0.0);
    let place = if frontier.contains(&at) {
        Place::On
    } else if dominating(&summary.ways, at, way).all(alike) {
        Place::Near
    } else {
        Place::Off
    };
    let is_cheaper = |figures: &Figures| !figures.fails_often() && figures.tokens < way.tokens;
    let cheaper = summary.ways.iter().enumerate().filter(|(other, figures)| is_cheaper(figures) && alike(*other));
    let cheapest = cheaper.min_by(|(_, a), (_, b)| a.tokens.total_cmp(&b.tokens));
    Some(Standing { way: way.way.clone(), place, as_good_for_less: cheapest.map(|(_, figures)| figures.way.clone()) })
}

fn differences(summary: &Summary) -> Vec<Difference> {
    let ways = summary.ways.iter().enumerate();
    let pairs = ways.flat_map(|(at, way)| summary.ways.iter().enumerate().take(at).map(move |other| (at, way, other)));
    let costs_are_known = |way: &Figures, other: &Figures| !way.fails_often() && !other.fails_often();
    pairs
        .map(|(at, way, (other_at, other))| {
            let accuracy = summary.difference(other_at, at);
            let known = other.tokens > 0.0 && costs_are_known(way, other);
            Difference {
                way: way.way.clone(),
                against: other.way.clone(),
                verdict: Verdict::of(&accuracy, summary),
                accuracy,
                tokens: known.then(|| way.tokens / other.tokens),
            }
        })
        .collect()
}
