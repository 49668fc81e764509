//! Whether a number is in its range and carries its unit.

use super::{Verification, Verifier};
use crate::{
    Answer, SampleResult,
    answer::{number_alone, plain},
};

/// Words behind a number that multiply it.
const SCALES: [(&str, f64); 6] =
    [("hundred", 1e2), ("thousand", 1e3), ("million", 1e6), ("billion", 1e9), ("trillion", 1e12), ("dozen", 12.0)];

#[derive(Clone, Debug)]
pub(super) struct Range {
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub unit: Option<String>,
}

impl Verifier for Range {
    fn check(&self, sample: &SampleResult, answer: Option<&Answer>) -> Verification {
        let Some(answer) = answer else { return Verification::unchecked() };
        let Some(value) = value(&answer.canonical).or_else(|| within_box(answer)) else {
            return Verification::refuted(vec!["the answer is no number".to_owned()]);
        };
        let values = readings(value, &sample.text, &answer.shown, self.unit.as_deref());
        let mut findings = Vec::new();
        if let Some(min) = self.min.filter(|min| values.iter().all(|value| value < min)) {
            findings.push(format!("{} is less than {min}", answer.shown));
        }
        if let Some(max) = self.max.filter(|max| values.iter().all(|value| value > max)) {
            findings.push(format!("{} is more than {max}", answer.shown));
        }
        if let Some(unit) = self.unit.as_deref().filter(|unit| !carries(&sample.text, &answer.shown, unit)) {
            findings.push(format!("the answer is not given in {unit}"));
        }
        if findings.is_empty() { Verification::passed() } else { Verification::refuted(findings) }
    }
}

/// The value of a canonical number: a decimal, or a fraction.
fn value(canonical: &str) -> Option<f64> {
    let value = match canonical.split_once('/') {
        None => canonical.parse::<f64>().ok()?,
        Some((over, under)) => over.parse::<f64>().ok()? / under.parse::<f64>().ok()?,
    };
    value.is_finite().then_some(value)
}

/// The number of a box that holds a number and its unit: `5\text{ km}`, `5 km`.
fn within_box(answer: &Answer) -> Option<f64> {
    let is_unit = |c: char| c.is_alphabetic() || " {}\\/^°²³~,.;!".contains(c);
    let value = value(&number_alone(answer.shown.trim_end_matches(is_unit))?)?;
    let shown = answer.shown.to_lowercase();
    let scale = SCALES.iter().find(|(name, _)| holds(&shown, name)).map_or(1.0, |(_, scale)| *scale);
    Some(value * scale)
}

/// What a number may stand for: "5 million" is not 5. Where it stands in both ways, either may be meant.
fn readings(value: f64, text: &str, shown: &str, unit: Option<&str>) -> Vec<f64> {
    let text = plain(text).to_lowercase();
    let scale = |at: usize| {
        let behind = inside(text.get(at..).unwrap_or_default());
        let found = SCALES.iter().find(|(name, _)| behind.strip_prefix(name).is_some_and(is_end));
        found
            .filter(|(name, _)| unit.is_none_or(|unit| !unit.eq_ignore_ascii_case(name)))
            .map_or(1.0, |(_, scale)| *scale)
    };
    let mut values: Vec<f64> = places(&text, &shown.to_lowercase()).map(|(_, end)| value * scale(end)).collect();
    if values.is_empty() {
        values.push(value);
    }
    values
}

/// Whether the number stands with its unit somewhere: before it, as `$5`, or behind it, as `5 km`.
fn carries(text: &str, shown: &str, unit: &str) -> bool {
    let (unit, text, shown) = (unit.trim().to_lowercase(), plain(text).to_lowercase(), shown.to_lowercase());
    holds(&shown, &unit)
        || places(&text, &shown).any(|(start, end)| {
            let behind = inside(text.get(end..).unwrap_or_default());
            let before = text.get(..start).unwrap_or_default().trim_end_matches([' ', '\\', '*']);
            let leads = before.strip_suffix(&unit).is_some_and(|rest| is_begin(rest, &unit));
            leads || behind.strip_prefix(&unit).is_some_and(|rest| !is_letter(&unit) || is_end(rest))
        })
}

/// Whether a text has a unit that is no part of a longer word.
fn holds(text: &str, unit: &str) -> bool {
    text.match_indices(unit).any(|(at, _)| {
        let (before, behind) = (text.get(..at).unwrap_or_default(), text.get(at + unit.len()..).unwrap_or_default());
        is_begin(before, unit) && (!is_letter(unit) || is_end(behind))
    })
}

/// Where a number stands in a text; the 5 of "15 km" and of "5.2 km" are other numbers.
fn places<'a>(text: &'a str, shown: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    text.match_indices(shown).map(|(at, found)| (at, at + found.len())).filter(|(start, end)| {
        let before = text.get(..*start).unwrap_or_default();
        let mut behind = text.get(*end..).unwrap_or_default().chars();
        let next = behind.next();
        let longer = matches!(next, Some('.' | ',')) && behind.next().is_some_and(|c| c.is_ascii_digit());
        !before.ends_with(|c: char| c.is_ascii_digit() || c == '.')
            && !longer
            && !next.is_some_and(|c| c.is_ascii_digit())
    })
}

/// Without the spaces and the LaTeX between a number and its unit.
fn inside(mut text: &str) -> &str {
    let layout = ["\\text{", "\\mathrm{", "\\,", "\\;", "\\ ", "**", "~", " ", "\n", "\\"];
    while let Some(rest) = layout.iter().find_map(|sign| text.strip_prefix(sign)) {
        text = rest;
    }
    text
}

/// Whether a unit is written in letters, which may be a part of a word.
fn is_letter(unit: &str) -> bool {
    unit.ends_with(char::is_alphanumeric)
}

fn is_begin(before: &str, unit: &str) -> bool {
    !(unit.starts_with(char::is_alphabetic) && before.ends_with(|c: char| c.is_alphabetic() || c == '\\'))
}

/// Whether a word ends here, and the unit with it: "km" is not the unit of "5 km/h" or "5 km^2".
fn is_end(behind: &str) -> bool {
    let mut letters = behind.chars();
    match letters.next() {
        None => true,
        Some('/') => !letters.next().is_some_and(char::is_alphabetic),
        Some(c) => !c.is_alphanumeric() && c != '^',
    }
}
