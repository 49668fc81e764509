//! Whether a number is in its range and carries its unit.

use super::{Verification, Verifier};
use crate::{Answer, SampleResult};

#[derive(Clone, Debug)]
pub(super) struct Range {
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub unit: Option<String>,
}

impl Verifier for Range {
    fn check(&self, sample: &SampleResult, answer: Option<&Answer>) -> Verification {
        let Some(answer) = answer else { return Verification::unchecked() };
        let Some(value) = value(&answer.canonical) else {
            return Verification::refuted(vec!["the answer is no number".to_owned()]);
        };
        let mut findings = Vec::new();
        if let Some(min) = self.min.filter(|min| value < *min) {
            findings.push(format!("{} is less than {min}", answer.shown));
        }
        if let Some(max) = self.max.filter(|max| value > *max) {
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

/// Whether the number stands with its unit somewhere: before it, as `$5`, or behind it, as `5 km`.
fn carries(text: &str, shown: &str, unit: &str) -> bool {
    let unit = unit.to_lowercase();
    let text = text.to_lowercase();
    let shown = shown.to_lowercase();
    let inside =
        |at: usize| text.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit() || c == '.'));
    // The 5 of "15 km" is another number.
    text.match_indices(&shown).filter(|(at, _)| !inside(*at)).any(|(at, found)| {
        let behind = text.get(at + found.len()..).unwrap_or_default().trim_start();
        let before = text.get(..at).unwrap_or_default().trim_end();
        let whole = |rest: &str| !rest.chars().next().is_some_and(char::is_alphanumeric);
        shown.contains(&unit) || behind.strip_prefix(&unit).is_some_and(whole) || before.ends_with(&unit)
    })
}
