//! The period in pictures.

use std::fmt::Write as _;

use forethought_eval::markup::escape;

use super::{
    chart::{Bar, Part, bars},
    names::{group_page, of},
};
use crate::{Figure, Figures, Group, Report, judge::grouped};

/// Parts of the bars of requests: a class, what it is called, and outcomes.
const OUTCOMES: [(&str, &str, &[&str]); 4] = [
    ("answered", "answered", &["answered"]),
    ("refused", "refused", &["refused"]),
    ("held", "waiting for a person", &["held"]),
    ("lost", "did not finish", &["failed", "cancelled", "deadline", "interrupted", "open"]),
];

pub(super) fn all(report: &Report) -> String {
    let figures = &report.figures;
    let mut text = String::new();
    requests(&mut text, figures);
    one(&mut text, figures, "tokens-by-day", "Tokens that were generated, by day", "tokens");
    one(&mut text, figures, "samples", "Samples per request", "requests, by the number of their samples");
    one(&mut text, figures, "agreement", "How far samples agreed", "requests, by the share of votes for the answer");
    for spread in &figures.spreads {
        let drawn = simple(&spread.steps, |at| of(spread.id, at));
        picture(&mut text, (spread.title, spread.about), "", &bars(spread.title, "how many took how long", &drawn));
    }
    text
}

fn picture(text: &mut String, (title, about): (&str, &str), legend: &str, drawn: &str) {
    _ = writeln!(
        text,
        "<figure>\n<h3>{}</h3>\n<figcaption>{}</figcaption>\n{legend}{drawn}</figure>",
        escape(title),
        escape(about)
    );
}

/// A picture of a group.
fn one(text: &mut String, figures: &Figures, id: &str, title: &str, unit: &str) {
    if let Some(group) = figures.group(id) {
        let drawn = simple(&group.figures, |at| group_page(group, at));
        picture(text, (title, group.about), "", &bars(title, unit, &drawn));
    }
}

/// A bar for each figure.
fn simple(figures: &[Figure], page: impl Fn(usize) -> String) -> Vec<Bar> {
    let bar = |(at, figure): (usize, &Figure)| Bar {
        label: label(&figure.name),
        told: String::new(),
        page: (!figure.entries.is_empty()).then(|| page(at)),
        parts: vec![Part { class: "answered", value: figure.total() }],
    };
    figures.iter().enumerate().map(bar).collect()
}

/// Of a day, the day and the month.
fn label(name: &str) -> String {
    name.parse::<jiff::civil::Date>().map_or_else(|_| name.to_owned(), |day| day.strftime("%-d %b").to_string())
}

/// Requests by day, in parts by what became of them.
fn requests(text: &mut String, figures: &Figures) {
    let Some(days) = figures.group("days") else { return };
    let drawn: Vec<Bar> = days.figures.iter().enumerate().map(|(at, day)| day_bar(figures, days, at, day)).collect();
    let key = |(class, name, _): &(&str, &str, &[&str])| {
        format!(
            "<span class=\"key\"><svg width=\"18\" height=\"12\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"18\" height=\"12\"/></svg> \
             {name}</span> "
        )
    };
    let legend = format!("<p class=\"legend\">{}</p>\n", OUTCOMES.iter().map(key).collect::<String>());
    let about = "On the day, UTC, on which they were let in. A bar leads to the entries of its day, and tells its parts when the pointer rests on it.";
    picture(text, ("Requests by day", about), &legend, &bars("Requests by day", "requests", &drawn));
}

fn day_bar(figures: &Figures, days: &Group, at: usize, day: &Figure) -> Bar {
    let count = |outcomes: &[&str]| {
        let own = day.entries.iter().filter_map(|entry| figures.entry(*entry));
        own.filter(|entry| outcomes.contains(&entry.status.as_ref())).count() as u64
    };
    let parts: Vec<Part> = OUTCOMES.iter().map(|(class, _, outcomes)| Part { class, value: count(outcomes) }).collect();
    let drawn = OUTCOMES.iter().zip(&parts).filter(|(_, part)| part.value > 0);
    let mut told = String::new();
    for ((_, name, _), part) in drawn {
        _ = write!(told, "\n{} {name}", grouped(part.value));
    }
    Bar { label: label(&day.name), told, page: (!day.entries.is_empty()).then(|| group_page(days, at)), parts }
}
