//! Bars in parts, as SVG: told apart by pattern as well as by colour, each with its number as a title and a link to its entries.

use std::fmt::Write as _;

use forethought_eval::{markup::escape, stats::real};

use crate::judge::grouped;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 890.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 250.0;
/// Labels under the bars, at most.
const MOST_LABELS: usize = 11;
/// Bars that are few enough to stand below their numbers.
const FEW: usize = 12;
/// The width of a character of a label.
const CHARACTER: f64 = 7.0;

/// The patterns that classes of bars are filled with; once on a page.
pub(super) const PATTERNS: &str = "<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\
    <pattern id=\"stripes\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect class=\"refused-back\" \
    width=\"6\" height=\"6\"/><rect class=\"refused-ink\" width=\"3\" height=\"6\"/></pattern>\
    <pattern id=\"dots\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect class=\"held-back\" width=\"6\" height=\"6\"/><circle \
    class=\"held-ink\" cx=\"3\" cy=\"3\" r=\"1.6\"/></pattern>\
    <pattern id=\"cross\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><rect class=\"lost-back\" width=\"7\" height=\"7\"/><path \
    class=\"lost-ink\" d=\"M0 0L7 7M7 0L0 7\"/></pattern>\
    </defs></svg>\n";

/// A part of a bar.
pub(super) struct Part {
    /// Its class, which says how it is filled.
    pub(super) class: &'static str,
    pub(super) value: u64,
}

/// A bar.
pub(super) struct Bar {
    /// What stands below it.
    pub(super) label: String,
    /// What is told of it beside its numbers.
    pub(super) told: String,
    /// The page of its entries.
    pub(super) page: Option<String>,
    pub(super) parts: Vec<Part>,
}

impl Bar {
    fn total(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.value))
    }
}

/// A chart of bars under a title; `unit` stands at the left.
pub(super) fn bars(title: &str, unit: &str, bars: &[Bar]) -> String {
    let most = bars.iter().map(Bar::total).max().unwrap_or(0);
    if most == 0 {
        return "<p class=\"dim\">Nothing to draw in this period.</p>\n".to_owned();
    }
    let top = round_up(most);
    let mut text = format!(
        "<div class=\"scroll\"><svg class=\"bars\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
        escape(title)
    );
    grid(&mut text, top, unit);
    let step = (RIGHT - LEFT) / real(bars.len());
    let every = label_step(bars, step);
    for (at, bar) in bars.iter().enumerate() {
        let x = LEFT + step * real(at);
        draw(&mut text, bar, (x + step * 0.12, step * 0.76), (top, bars.len() <= FEW));
        if at.is_multiple_of(every) {
            let (middle, below) = (x + step / 2.0, BOTTOM + 18.0);
            _ = writeln!(
                text,
                "<text class=\"tick\" x=\"{middle:.1}\" y=\"{below}\" text-anchor=\"middle\">{}</text>",
                escape(&bar.label)
            );
        }
    }
    _ = writeln!(text, "<path class=\"axis\" fill=\"none\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\"/>");
    text.push_str("</svg></div>\n");
    text
}

/// From one label to the next, in bars, so that none covers another.
fn label_step(bars: &[Bar], step: f64) -> usize {
    let longest = bars.iter().map(|bar| bar.label.chars().count()).max().unwrap_or(0);
    let wide = real(longest + 2) * CHARACTER;
    let fits = (1..=bars.len()).find(|every| step * real(*every) >= wide).unwrap_or(bars.len().max(1));
    fits.max(bars.len().div_ceil(MOST_LABELS)).max(1)
}

fn grid(text: &mut String, top: u64, unit: &str) {
    for quarter in 0..=4 {
        let value = top / 4 * quarter;
        let y = BOTTOM - (BOTTOM - TOP) * share(value, top);
        _ = writeln!(text, "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>");
        let (x, y) = (LEFT - 8.0, y + 4.0);
        _ = writeln!(text, "<text class=\"tick\" x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", short(value));
    }
    let (x, y) = (f64::midpoint(LEFT, RIGHT), HEIGHT - 8.0);
    _ = writeln!(text, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", escape(unit));
}

/// A bar, with its number above it where there are few.
fn draw(text: &mut String, bar: &Bar, (x, width): (f64, f64), (top, is_told): (u64, bool)) {
    let told = format!("{}: {}{}", bar.label, grouped(bar.total()), bar.told);
    let (open, close) = match &bar.page {
        Some(page) => (format!("<a href=\"entries/{}\">", escape(page)), "</a>"),
        None => ("<g>".to_owned(), "</g>"),
    };
    _ = write!(text, "{open}<title>{}</title>", escape(&told));
    let mut y = BOTTOM;
    for part in bar.parts.iter().filter(|part| part.value > 0) {
        // What is there is seen, however little it is.
        let height = ((BOTTOM - TOP) * share(part.value, top)).max(1.5);
        y -= height;
        _ = write!(
            text,
            "<rect class=\"{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
            part.class
        );
    }
    if is_told {
        let (middle, y, total) = (x + width / 2.0, y - 6.0, grouped(bar.total()));
        _ = write!(text, "<text x=\"{middle:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{total}</text>");
    }
    _ = writeln!(text, "{close}");
}

/// A share of a whole, 0 to 1. Pictures need no more than a few digits.
#[expect(clippy::cast_precision_loss, reason = "a pixel is coarser than that")]
fn share(value: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { value as f64 / whole as f64 }
}

/// The next round number that four quarters can be told of.
fn round_up(most: u64) -> u64 {
    let mut scale = 1_u64;
    loop {
        for round in [4, 8, 12, 20, 40] {
            match scale.checked_mul(round) {
                Some(top) if top >= most => return top,
                Some(_) => {}
                None => return most,
            }
        }
        scale = match scale.checked_mul(10) {
            Some(next) => next,
            None => return most,
        };
    }
}

/// A number at an axis: `12k` for 12,000.
fn short(value: u64) -> String {
    let tenths = |of: u64, unit: &str| {
        let tenths = value / (of / 10);
        if tenths.is_multiple_of(10) {
            format!("{}{unit}", tenths / 10)
        } else {
            format!("{}.{}{unit}", tenths / 10, tenths % 10)
        }
    };
    match value {
        0..10_000 => grouped(value),
        10_000..1_000_000 => tenths(1_000, " k"),
        1_000_000..1_000_000_000 => tenths(1_000_000, " m"),
        _ => tenths(1_000_000_000, " bn"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: u64) -> Bar {
        Bar { label: label.to_owned(), told: String::new(), page: None, parts: vec![Part { class: "answered", value }] }
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |most, expected| assert_eq!(round_up(most), expected);
        check(1, 4);
        check(4, 4);
        check(5, 8);
        check(13, 20);
        check(41, 80);
        check(401, 800);
        check(u64::MAX, u64::MAX);
    }

    #[test]
    fn numbers_at_axes_are_short() {
        let check = |value, expected: &str| assert_eq!(short(value), expected);
        check(9_999, "9\u{202f}999");
        check(12_500, "12.5 k");
        check(3_000_000, "3 m");
        check(7_500_000_000, "7.5 bn");
    }

    #[test]
    fn bars_stay_within_the_picture() {
        let many: Vec<Bar> = (0..93).map(|day| bar(&format!("2026-11-{day:02}"), day)).collect();
        let text = bars("t", "u", &many);
        assert!(text.matches("class=\"tick\"").count() <= MOST_LABELS + 5, "{text}");
        for value in text.split("height=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok()) {
            assert!(value <= HEIGHT, "{value}");
        }
        assert!(bars("t", "u", &[bar("a", 0)]).contains("Nothing to draw"));
        assert!(bars("<b>", "\"", &[bar("<script>", 1)]).contains("&lt;script&gt;"));
    }
}
