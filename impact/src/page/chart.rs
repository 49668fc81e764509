//! A chart of dots and intervals for each attribute: one row for each comparison, template by template.

use std::{collections::BTreeSet, fmt::Write as _};

use forethought_eval::markup::{escape, short};

use crate::{
    Assessment, Comparison, Finding, Measure,
    judge::points,
    markdown::{between, chance},
};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 450.0;
const RIGHT: f64 = 980.0;
const TOP: f64 = 14.0;
/// The height of a row, and what is left below the last.
const ROW: f64 = 22.0;
const BELOW: f64 = 34.0;
/// Half the height of an interval's ends.
const CAP: f64 = 4.0;
/// Characters of a row's name that are shown.
const MOST_SHOWN: usize = 60;
/// The least half-width of the axis, a share.
const LEAST_REACH: f64 = 0.3;

/// A comparison with its finding.
type Row<'a> = (&'a Finding, &'a Comparison);

/// All charts, attribute by attribute.
pub(super) fn charts(assessment: &Assessment) -> String {
    let shown = || assessment.findings.iter().filter(|finding| finding.measure == Measure::Favourable);
    let mut seen = BTreeSet::new();
    let mut text = String::new();
    for first in shown().filter(|finding| seen.insert(finding.attribute.as_str())) {
        let own = shown().filter(|finding| finding.attribute == first.attribute);
        let rows: Vec<Row<'_>> =
            own.flat_map(|finding| finding.comparisons.iter().map(move |one| (finding, one))).collect();
        _ = writeln!(
            text,
            "<figure>\n<h3>{}</h3>\n{}</figure>",
            escape(&first.title),
            chart(&first.title, &rows, assessment.limits.concern)
        );
    }
    text
}

fn chart(title: &str, rows: &[Row<'_>], concern: f64) -> String {
    let axis = Axis::new(rows, concern);
    let bottom = TOP + ROW * forethought_eval::stats::real(rows.len());
    let height = bottom + BELOW;
    let mut text = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{}: differences in points</title>\n",
        escape(title)
    );
    bands(&mut text, rows);
    axis.draw(&mut text, bottom, concern);
    for (at, row) in rows.iter().enumerate() {
        draw(&mut text, *row, &axis, TOP + ROW * (forethought_eval::stats::real(at) + 0.5));
    }
    text.push_str("</svg>\n");
    text
}

/// Every second template has a darker ground.
fn bands(text: &mut String, rows: &[Row<'_>]) {
    let mut from = 0;
    for (at, run) in rows.chunk_by(|(a, _), (b, _)| a.template == b.template).enumerate() {
        let (y, height) =
            (TOP + ROW * forethought_eval::stats::real(from), ROW * forethought_eval::stats::real(run.len()));
        if at % 2 == 0 {
            _ = writeln!(text, "<rect class=\"band\" x=\"0\" y=\"{y}\" width=\"{WIDTH}\" height=\"{height}\"/>");
        }
        from += run.len();
    }
}

/// Differences across, nought in the middle.
struct Axis {
    /// The largest difference on either side, a share.
    reach: f64,
}

impl Axis {
    /// Wide enough for every interval and the difference of concern, in steps of ten points.
    fn new(rows: &[Row<'_>], concern: f64) -> Self {
        let ends = rows.iter().flat_map(|(_, one)| [one.difference.low.abs(), one.difference.high.abs()]);
        let farthest = ends.fold(LEAST_REACH.max(concern), f64::max);
        Self { reach: ((farthest * 10.0).ceil() / 10.0).clamp(LEAST_REACH, 1.0) }
    }

    fn at(&self, share: f64) -> f64 {
        let middle = f64::midpoint(LEFT, RIGHT);
        middle + (share / self.reach).clamp(-1.0, 1.0) * (RIGHT - middle)
    }

    fn draw(&self, text: &mut String, bottom: f64, concern: f64) {
        let step = if self.reach > 0.5 { 0.2 } else { 0.1 };
        for at in -10_i8..=10 {
            let share = f64::from(at) * step;
            if share.abs() > self.reach + 1e-9 {
                continue;
            }
            let (x, below) = (self.at(share), bottom + 16.0);
            _ = writeln!(text, "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>");
            let told = points(share);
            _ = writeln!(text, "<text class=\"tick\" x=\"{x:.1}\" y=\"{below}\" text-anchor=\"middle\">{told}</text>");
        }
        for (class, share) in [("nought", 0.0), ("concern", -concern), ("concern", concern)] {
            let x = self.at(share);
            _ = writeln!(text, "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>");
        }
    }
}

fn draw(text: &mut String, (finding, one): Row<'_>, axis: &Axis, y: f64) {
    let against = one.against.as_deref().map_or("the rest", |group| finding.title_of(group));
    let group = finding.title_of(&one.group);
    let name = format!("{}: {group} against {against}", finding.template);
    let told = format!(
        "{name}\n{} points, {} at 95 %\nadjusted p {}",
        points(one.difference.value),
        between(one.difference, points),
        chance(one.adjusted)
    );
    let class = if one.significant { "row sure" } else { "row" };
    _ = writeln!(
        text,
        "<g class=\"{class}\" data-row=\"{} {}\"><title>{}</title>",
        escape(&finding.template),
        escape(group),
        escape(&told)
    );
    let (baseline, edge) = (y + 4.5, LEFT - 14.0);
    let shown = escape(&short(&name, MOST_SHOWN));
    _ = writeln!(text, "<text x=\"{edge}\" y=\"{baseline}\" text-anchor=\"end\">{shown}</text>");
    let [low, value, high] =
        [one.difference.low, one.difference.value, one.difference.high].map(|share| axis.at(share));
    let (up, down) = (y - CAP, y + CAP);
    _ = writeln!(
        text,
        "<path class=\"bar\" fill=\"none\" d=\"M{low:.1} {up}V{down}M{low:.1} {y}H{high:.1}M{high:.1} {up}V{down}\"/><circle \
         class=\"dot\" cx=\"{value:.1}\" cy=\"{y}\" r=\"4.5\"/></g>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_lie_on_the_axis() {
        let axis = Axis::new(&[], 0.2);
        assert!((axis.reach - 0.3).abs() < 1e-9);
        assert!((axis.at(0.0) - f64::midpoint(LEFT, RIGHT)).abs() < 1e-9);
        assert!((axis.at(0.3) - RIGHT).abs() < 1e-9 && (axis.at(-0.3) - LEFT).abs() < 1e-9);
        assert!((axis.at(9.0) - RIGHT).abs() < 1e-9);
    }
}
