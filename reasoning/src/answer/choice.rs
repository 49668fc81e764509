//! The letter of a multiple-choice answer, `A` to `J`.

use super::{Answer, latex, scan::Scan};

/// Looked for in `\boxed{…}`, after "answer is", at the very start, then the last one that stands alone.
pub(super) fn find(text: &str) -> Option<Answer> {
    let boxed = latex::boxed(text).and_then(|content| only(&Scan::new(content)));
    let scan = Scan::new(text);
    let letter = boxed
        .or_else(|| only(&scan))
        .or_else(|| scan.announced().into_iter().find_map(|(from, to)| announced(&scan, from, to)))
        .or_else(|| leading(&scan))
        .or_else(|| (0..scan.len()).rev().find_map(|at| alone(&scan, at)))?;
    Some(Answer { canonical: letter.to_string(), shown: letter.to_string() })
}

fn letter(c: char) -> Option<char> {
    let upper = c.to_ascii_uppercase();
    ('A'..='J').contains(&upper).then_some(upper)
}

fn is_edge(c: char) -> bool {
    c == '\0' || !(c.is_alphanumeric() || "'’_".contains(c))
}

/// A text that is one letter with nothing but punctuation and spaces around it.
fn only(scan: &Scan) -> Option<char> {
    let from = scan.skip(0, |c| is_edge(c) && c != '\0');
    let rest = scan.skip(from + 1, is_edge);
    if rest == scan.len() { letter(scan.at(from)) } else { None }
}

/// The first letter of an announced answer: "(b)", "option C", "**D**".
fn announced(scan: &Scan, from: usize, to: usize) -> Option<char> {
    let first = scan.skip(from, |c| is_edge(c) && c != '\n');
    let direct = (is_edge(scan.at(first + 1)) && !is_article(scan, first)).then(|| letter(scan.at(first))).flatten();
    direct.or_else(|| (from..to).find_map(|at| alone(scan, at)))
}

/// A letter form at the very start, unless another line starts with another one: then the options are being listed.
fn leading(scan: &Scan) -> Option<char> {
    let starts = (0..scan.len()).filter(|at| matches!(scan.before(*at), '\0' | '\n'));
    let mut letters = starts.filter_map(|at| {
        let at = scan.skip(at, |c| matches!(c, ' ' | '(' | '*')).min(at + 4);
        alone(scan, at).map(|letter| (at, letter))
    });
    let (at, first) = letters.next()?;
    (at <= 4 && letters.all(|(_, other)| other == first)).then_some(first)
}

/// A letter that stands alone: upper case, or in brackets. An "A" or "I" that goes on as a sentence is a word.
fn alone(scan: &Scan, at: usize) -> Option<char> {
    let (c, before, after) = (scan.at(at), scan.before(at), scan.at(at + 1));
    let found = letter(c)?;
    let bracketed = before == '(' && after == ')';
    let sound = is_edge(before) && is_edge(after) && (bracketed || c.is_ascii_uppercase());
    (sound && !is_article(scan, at)).then_some(found)
}

fn is_article(scan: &Scan, at: usize) -> bool {
    matches!(scan.at(at), 'A' | 'I' | 'a' | 'i') && scan.at(at + 1) == ' ' && scan.at(at + 2).is_lowercase()
}
