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
    /// Its tokens over the other's; none where the other has none.
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
        let frontier = frontier(&summary.ways);
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

/// The places of the ways on the frontier, the cheapest first. Of two with the same figures it is the earlier one.
pub(super) fn frontier(ways: &[Figures]) -> Vec<usize> {
    let mut on: Vec<(usize, &Figures)> =
        ways.iter().enumerate().filter(|(at, way)| dominating(ways, *at, way).next().is_none()).collect();
    on.sort_by(|(_, a), (_, b)| a.tokens.total_cmp(&b.tokens));
    on.into_iter().map(|(at, _)| at).collect()
}

/// Ways that are at least as often right for at most as many tokens.
fn dominating<'w>(ways: &'w [Figures], at: usize, way: &'w Figures) -> impl Iterator<Item = usize> {
    let better = move |other: &Figures, there: usize| {
        let (right, tokens) = (other.accuracy.value - way.accuracy.value, way.tokens - other.tokens);
        right >= 0.0 && tokens >= 0.0 && (right > 0.0 || tokens > 0.0 || there < at)
    };
    ways.iter().enumerate().filter(move |(there, other)| *there != at && better(other, *there)).map(|(there, _)| there)
}

fn standing(summary: &Summary, frontier: &[usize], at: usize) -> Option<Standing> {
    let way = summary.ways.get(at)?;
    let alike = |other: usize| summary.difference(other, at).holds(0.0);
    let place = if frontier.contains(&at) {
        Place::On
    } else if dominating(&summary.ways, at, way).all(alike) {
        Place::Near
    } else {
        Place::Off
    };
    let cheaper =
        summary.ways.iter().enumerate().filter(|(other, figures)| figures.tokens < way.tokens && alike(*other));
    let cheapest = cheaper.min_by(|(_, a), (_, b)| a.tokens.total_cmp(&b.tokens));
    Some(Standing { way: way.way.clone(), place, as_good_for_less: cheapest.map(|(_, figures)| figures.way.clone()) })
}

fn differences(summary: &Summary) -> Vec<Difference> {
    let ways = summary.ways.iter().enumerate();
    let pairs = ways.flat_map(|(at, way)| summary.ways.iter().enumerate().take(at).map(move |other| (at, way, other)));
    pairs
        .map(|(at, way, (other_at, other))| Difference {
            way: way.way.clone(),
            against: other.way.clone(),
            accuracy: summary.difference(other_at, at),
            tokens: (other.tokens > 0.0).then(|| way.tokens / other.tokens),
        })
        .collect()
}
