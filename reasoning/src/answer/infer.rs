//! The kind of answer that a prompt seems to ask for, when the client declares none.

use super::{AnswerKind, scan::Scan};

/// Words that ask for a number whatever else is asked.
const NUMBER: [&str; 12] = [
    "how many",
    "how much",
    "with the number",
    "with a number",
    "with only the number",
    "with just the number",
    "only the number",
    "as a number",
    "as an integer",
    "what number",
    "what percent",
    "numeric answer",
];
/// Words that ask for a number when the prompt has numbers in it.
const MEASURE: [&str; 20] = [
    "how long",
    "how tall",
    "how far",
    "how old",
    "how fast",
    "how heavy",
    "calculate",
    "compute",
    "in total",
    "what is the sum",
    "what is the product",
    "what is the difference",
    "what is the total",
    "what is the average",
    "what is the value",
    "what is the price",
    "what is the cost",
    "what is the area",
    "what is the remainder",
    "what is the result",
];

pub(super) fn infer(prompt: &str, has_json_schema: bool) -> AnswerKind {
    let prompt = super::scan::tail(prompt);
    let lower = prompt.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| has_word(&lower, word));
    if has_json_schema || has(&["json"]) {
        return AnswerKind::Json { pointer: None };
    }
    if lower.contains("\\boxed") {
        return AnswerKind::Boxed;
    }
    if has_options(prompt) {
        return AnswerKind::Choice;
    }
    let digits = lower.bytes().any(|b| b.is_ascii_digit());
    if has(&NUMBER) || (digits && has(&MEASURE)) || is_sum(&Scan::new(prompt)) {
        return AnswerKind::Number;
    }
    AnswerKind::Text
}

/// Whether the words stand in a text, and not inside of longer ones: a computer is nothing to compute.
fn has_word(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, found)| {
        let before = text.get(..at).is_some_and(|before| before.ends_with(char::is_alphanumeric));
        let after = text.get(at + found.len()..).is_some_and(|after| after.starts_with(char::is_alphanumeric));
        !before && !after
    })
}

/// `A)`, `A.`, `(A)` or `A:` and the same for `B`, each at the start of a line or after a space.
fn has_options(prompt: &str) -> bool {
    let scan = Scan::new(prompt);
    let option = |letter: char| {
        (0..scan.len()).any(|at| {
            let (before, after) = (scan.before(at), scan.at(at + 1));
            scan.at(at) == letter
                && (before == '\0' || before == '(' || before.is_whitespace())
                && ").:".contains(after)
        })
    };
    option('A') && option('B')
}

/// A number, an operator and a number: "what is 12 + 30?".
fn is_sum(scan: &Scan) -> bool {
    (0..scan.len()).any(|at| {
        let sign = "+*/×÷−-".contains(scan.at(at));
        let spaced = scan.before(at) == ' ' && scan.at(at + 1) == ' ';
        let (left, right) = if spaced { (at.saturating_sub(1), at + 2) } else { (at, at + 1) };
        // Without spaces a hyphen or a slash is a range or a date.
        let sure = spaced || "+*×÷".contains(scan.at(at));
        sign && sure && scan.before(left).is_ascii_digit() && scan.at(right).is_ascii_digit()
    })
}
