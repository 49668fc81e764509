//! A piece of configuration that gives the efforts what was found to be efficient.

use std::fmt::Write as _;

use forethought_schemas::Effort;
use serde_json::Value;

use super::{Standing, Summary, compare};
use crate::{Figures, Header};

/// The efforts that are given a way, from the cheapest on; `none` is no deliberation at all.
const EFFORTS: [Effort; 5] = [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh];

/// The presets, as they stand under a model in the configuration. `None` when no way can be said there.
pub(super) fn suggest(header: &Header, summary: &Summary, standings: &[Standing]) -> Option<String> {
    let said = |figures: &Figures| header.ways.iter().find(|way| way.name == figures.way).map(crate::Way::preset);
    let (sayable, unsaid): (Vec<Figures>, Vec<Figures>) =
        summary.ways.iter().cloned().partition(|figures| matches!(said(figures), Some(Ok(_))));
    let frontier = compare::frontier(&sayable);
    if frontier.is_empty() || !summary.has_enough() {
        return None;
    }
    let mut text = String::from("models:\n");
    _ = writeln!(text, "  - id: {}\n    presets:", Value::from(header.model.id.as_str()));
    for (at, effort) in EFFORTS.into_iter().enumerate() {
        let chosen = spread(at, frontier.len()).and_then(|rank| frontier.get(rank)).and_then(|at| sayable.get(*at));
        let fields = chosen.and_then(said)?.ok()?;
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        let figures = chosen?;
        _ = writeln!(text, "      {effort}: {{ {} }}  # {}", fields.join(", "), remark(figures, standings));
    }
    let on =
        |figures: &&Figures| compare::frontier(&summary.ways).iter().any(|at| summary.ways.get(*at) == Some(figures));
    for figures in unsaid.iter().filter(on) {
        let keys = said(figures).and_then(Result::err).unwrap_or_default().join(", ");
        _ = writeln!(text, "# `{}` is on the frontier too, but a preset cannot say: {keys}", figures.way);
    }
    Some(text)
}

/// The rank on a frontier of so many ways, for the effort at this place: the first and the last get its ends.
fn spread(at: usize, ways: usize) -> Option<usize> {
    let steps = EFFORTS.len() - 1;
    let last = ways.checked_sub(1)?;
    Some((at * last * 2 + steps) / (steps * 2))
}

fn remark(figures: &Figures, standings: &[Standing]) -> String {
    let accuracy = 100.0 * figures.accuracy.value;
    let mut text = format!("{}: {accuracy:.1} % right, {:.0} tokens", figures.way, figures.tokens);
    let standing = standings.iter().find(|standing| standing.way == figures.way);
    if let Some(cheaper) = standing.and_then(|standing| standing.as_good_for_less.as_ref()) {
        _ = write!(text, "; not told apart from {cheaper}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts_are_spread_over_the_frontier() {
        let check = |ways, expect: [usize; 5]| {
            let ranks: Vec<usize> = (0..5).filter_map(|at| spread(at, ways)).collect();
            assert_eq!(ranks, expect, "{ways}");
        };
        check(1, [0, 0, 0, 0, 0]);
        check(2, [0, 0, 1, 1, 1]);
        check(3, [0, 1, 1, 2, 2]);
        check(5, [0, 1, 2, 3, 4]);
        check(9, [0, 2, 4, 6, 8]);
        assert_eq!(spread(0, 0), None);
    }
}
