//! Every group of figures as a table, and every spread.

use std::fmt::Write as _;

use forethought_eval::markup::{Cell, escape, table};

use super::{
    names::{group_page, of},
    number_link,
};
use crate::{Figure, Group, Report, Spread, judge::grouped, summary::time};

/// Rows of a table that are shown; the rest is in `report.json`.
const MOST_ROWS: usize = 200;

pub(super) fn all(report: &Report) -> String {
    let figures = &report.figures;
    let groups: String = figures.groups.iter().map(group).collect();
    let spreads: String = figures.spreads.iter().map(spread).collect();
    format!("{groups}{spreads}")
}

/// A figure's number with its link.
pub(super) fn number(figure: &Figure, page: &str) -> String {
    number_link(&grouped(figure.total()), (!figure.entries.is_empty()).then_some(page))
}

fn group(group: &Group) -> String {
    let mut text = heading(group.id, group.title, group.about);
    if group.figures.iter().all(|figure| figure.entries.is_empty()) && !is_told_when_empty(group) {
        text.push_str("<p class=\"dim\">None in this period.</p>\n");
        return text;
    }
    let row = |(at, figure): (usize, &Figure)| {
        let number = format!("<span class=\"number\">{}</span>", number(figure, &group_page(group, at)));
        (
            if figure.entries.is_empty() { "none" } else { "" },
            vec![Cell::Text(figure.name.clone()), Cell::Markup(number)],
        )
    };
    let rows: Vec<_> = group.figures.iter().enumerate().take(MOST_ROWS).map(row).collect();
    text.push_str(&table(&[(group.of, false), (group.unit, true)], &rows));
    if group.figures.len() > MOST_ROWS {
        _ = writeln!(text, "<p class=\"dim\">{} more are in report.json.</p>", group.figures.len() - MOST_ROWS);
    }
    text
}

/// Of these, that there was none is worth its lines.
fn is_told_when_empty(group: &Group) -> bool {
    matches!(group.id, "totals" | "outcomes" | "log")
}

fn heading(id: &str, title: &str, about: &str) -> String {
    format!("<h3 id=\"f-{id}\">{}</h3>\n<p class=\"dim\">{}</p>\n", escape(title), escape(about))
}

fn spread(spread: &Spread) -> String {
    let mut text = heading(spread.id, spread.title, spread.about);
    if spread.count == 0 {
        text.push_str("<p class=\"dim\">None in this period.</p>\n");
        return text;
    }
    _ = writeln!(
        text,
        "<p>Of {}: half within <strong>{}</strong>, nine of ten within <strong>{}</strong>, all but one of a hundred within <strong>{}</strong>; \
         the longest took <strong>{}</strong>.</p>",
        grouped(spread.count),
        time(spread.median_ms),
        time(spread.p90_ms),
        time(spread.p99_ms),
        time(spread.longest_ms)
    );
    let row = |(at, figure): (usize, &Figure)| {
        let number = format!("<span class=\"number\">{}</span>", number(figure, &of(spread.id, at)));
        (
            if figure.entries.is_empty() { "none" } else { "" },
            vec![Cell::Text(figure.name.clone()), Cell::Markup(number)],
        )
    };
    let rows: Vec<_> = spread.steps.iter().enumerate().map(row).collect();
    text.push_str(&table(&[("time", false), ("how many", true)], &rows));
    text
}
