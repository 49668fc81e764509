//! The curve: each way's share of right answers against its tokens, with intervals and the efficient frontier.

use std::fmt::Write as _;

use super::{
    markup::escape,
    percent,
    scale::{Scale, shares, tokens},
};
use crate::{Comparison, Figures, Place, Summary};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 470.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 880.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 412.0;
/// Half the width of an interval's ends.
const CAP: f64 = 5.0;
/// The room of one character and one line of a label.
const CHARACTER: f64 = 7.4;
const LINE: f64 = 15.0;

/// A way's name beside its point.
struct Label {
    x: f64,
    y: f64,
    width: f64,
    to_the_left: bool,
}

/// The chart as an `svg` element.
pub(super) fn chart(summary: &Summary, comparison: &Comparison) -> String {
    let (across, up) = scales(summary);
    let mut text = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"chart-title\">\n\
         <title id=\"chart-title\">Share of right answers against tokens per question</title>\n"
    );
    axes(&mut text, &across, &up);
    frontier(&mut text, summary, comparison, &across, &up);
    let places: Vec<(f64, f64)> =
        summary.ways.iter().map(|way| (across.at(way.tokens), up.at(way.accuracy.value))).collect();
    let mut labels: Vec<Label> = Vec::new();
    for (at, way) in summary.ways.iter().enumerate() {
        let place = comparison.standings.get(at).map_or(Place::Off, |standing| standing.place);
        let label = label(&way.way, places.get(at).copied().unwrap_or_default(), &places, &labels);
        point(&mut text, way, place, &across, &up, &label);
        labels.push(label);
    }
    text.push_str("</svg>\n");
    text
}

fn scales(summary: &Summary) -> (Scale, Scale) {
    let spent = summary.ways.iter().map(|way| way.tokens);
    let (least, most) = spent.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    let ends = summary.ways.iter().map(|way| way.accuracy);
    let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(low, high), of| (low.min(of.low), high.max(of.high)));
    (tokens(least, most, LEFT, RIGHT), shares(low, high, BOTTOM, TOP))
}

fn axes(text: &mut String, across: &Scale, up: &Scale) {
    for (value, y) in up.ticks() {
        _ = writeln!(text, "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>");
        let (x, y, value) = (LEFT - 8.0, y + 4.0, 100.0 * value);
        _ = writeln!(text, "<text class=\"tick\" x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{value:.0} %</text>");
    }
    for (value, x) in across.ticks() {
        let (below, baseline) = (BOTTOM + 5.0, BOTTOM + 20.0);
        _ = writeln!(text, "<line class=\"axis\" x1=\"{x:.1}\" y1=\"{BOTTOM}\" x2=\"{x:.1}\" y2=\"{below}\"/>");
        let value = thousands(value);
        _ = writeln!(text, "<text class=\"tick\" x=\"{x:.1}\" y=\"{baseline}\" text-anchor=\"middle\">{value}</text>");
    }
    _ = writeln!(text, "<path class=\"axis\" fill=\"none\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\"/>");
    let kind = if across.is_log() { " (logarithmic)" } else { "" };
    let (x, y) = (f64::midpoint(LEFT, RIGHT), HEIGHT - 12.0);
    _ = writeln!(text, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">tokens per question{kind}</text>");
    let y = f64::midpoint(TOP, BOTTOM);
    _ = writeln!(
        text,
        "<text x=\"16\" y=\"{y}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {y})\">right answers</text>"
    );
}

fn frontier(text: &mut String, summary: &Summary, comparison: &Comparison, across: &Scale, up: &Scale) {
    let of = |name: &String| summary.ways.iter().find(|way| way.way == *name);
    let on = comparison.frontier.iter().filter_map(of);
    let corners: Vec<String> =
        on.map(|way| format!("{:.1},{:.1}", across.at(way.tokens), up.at(way.accuracy.value))).collect();
    if corners.len() > 1 {
        _ = writeln!(text, "<polyline class=\"frontier\" points=\"{}\"/>", corners.join(" "));
    }
}

fn point(text: &mut String, way: &Figures, place: Place, across: &Scale, up: &Scale, label: &Label) {
    let (x, y) = (across.at(way.tokens), up.at(way.accuracy.value));
    let (low, high) = (up.at(way.accuracy.low), up.at(way.accuracy.high));
    let (from, to) = (x - CAP, x + CAP);
    let told = format!(
        "{} ({})\n{} right, {} to {} at 95 %\n{:.1} tokens, {:.1} samples\nmedian {} ms, 95 % within {} ms",
        way.way,
        way.says,
        percent(way.accuracy.value),
        percent(way.accuracy.low),
        percent(way.accuracy.high),
        way.tokens,
        way.samples,
        way.p50_ms,
        way.p95_ms,
    );
    _ = writeln!(
        text,
        "<g class=\"point {}\" data-way=\"{}\"><title>{}</title>",
        class(place),
        escape(&way.way),
        escape(&told)
    );
    _ = writeln!(
        text,
        "<path class=\"bar\" fill=\"none\" d=\"M{from:.1} {high:.1}H{to:.1}M{x:.1} {high:.1}V{low:.1}M{from:.1} \
         {low:.1}H{to:.1}\"/><circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/><circle class=\"hit\" cx=\"{x:.1}\" \
         cy=\"{y:.1}\" r=\"14\"/>"
    );
    let anchor = if label.to_the_left { "end" } else { "start" };
    let (x, y, name) = (label.x, label.y, escape(&way.way));
    _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{name}</text></g>");
}

pub(super) const fn class(place: Place) -> &'static str {
    match place {
        Place::On => "on",
        Place::Near => "near",
        Place::Off | Place::FailsOften | Place::TooFewQuestions => "off",
    }
}

/// The first place around a point where its name covers neither another name nor another point.
fn label(name: &str, (x, y): (f64, f64), points: &[(f64, f64)], others: &[Label]) -> Label {
    let width = crate::stats::real(name.chars().count()) * CHARACTER;
    let far = x + 12.0 + width > WIDTH;
    let sides = if far { [true, false] } else { [false, true] };
    let lines = [-0.45, 0.95, -1.45, 1.95, -2.45, 2.95];
    let places = lines.iter().flat_map(|line| sides.map(|left| (left, y + line * LINE)));
    let made = |(to_the_left, y): (bool, f64)| Label {
        x: if to_the_left { x - 11.0 } else { x + 11.0 },
        y,
        width,
        to_the_left,
    };
    let free = |label: &Label| {
        label.is_inside()
            && !others.iter().any(|other| label.meets(other))
            && !points.iter().any(|point| *point != (x, y) && label.covers(*point))
    };
    places.map(made).find(free).unwrap_or_else(|| made((far, y - 0.45 * LINE)))
}

impl Label {
    fn span(&self) -> (f64, f64) {
        if self.to_the_left { (self.x - self.width, self.x) } else { (self.x, self.x + self.width) }
    }

    fn is_inside(&self) -> bool {
        let (from, to) = self.span();
        from >= LEFT && to <= WIDTH && self.y >= TOP && self.y <= BOTTOM
    }

    fn meets(&self, other: &Self) -> bool {
        let ((from, to), (other_from, other_to)) = (self.span(), other.span());
        from < other_to && other_from < to && (self.y - other.y).abs() < LINE
    }

    fn covers(&self, (x, y): (f64, f64)) -> bool {
        let (from, to) = self.span();
        (from - 8.0..=to + 8.0).contains(&x) && (self.y - LINE..=self.y + 4.0).contains(&y)
    }
}

/// A number with thin spaces between thousands, and as many decimals as a small one needs.
fn thousands(value: f64) -> String {
    let plain = if value < 10.0 && value.fract() > 0.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    let (whole, rest) = plain.split_once('.').map_or((plain.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut spaced = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            spaced.push('\u{2009}');
        }
        spaced.push(digit);
    }
    rest.map_or_else(|| spaced.clone(), |rest| format!("{spaced}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |value, expect: &str| assert_eq!(thousands(value), expect);
        check(0.0, "0");
        check(2.5, "2.5");
        check(500.0, "500");
        check(1000.0, "1\u{2009}000");
        check(1_250_000.0, "1\u{2009}250\u{2009}000");
    }

    #[test]
    fn names_do_not_cover_each_other() {
        let points = [(400.0, 200.0), (402.0, 204.0), (404.0, 198.0), (875.0, 100.0)];
        let mut labels: Vec<Label> = Vec::new();
        for point in points {
            let next = label("a-rather-long-name", point, &points, &labels);
            assert!(next.is_inside() && !labels.iter().any(|other| next.meets(other)));
            assert!(!points.iter().any(|other| *other != point && next.covers(*other)));
            labels.push(next);
        }
        assert!(labels[3].to_the_left);
    }
}
