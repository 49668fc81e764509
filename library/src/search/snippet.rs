//! What is shown of a passage: the part of it where most of what was searched for stands.

use std::collections::BTreeSet;

use super::words::{Word, words};

/// The longest snippet, in characters.
const MOST: usize = 500;
/// Characters that are shown before the first word that was found.
const BEFORE: usize = 80;

/// The part of a passage with most of these words in it.
pub(super) fn snippet(passage: &str, asked: &BTreeSet<&str>) -> String {
    let trimmed = passage.trim();
    if trimmed.chars().count() <= MOST {
        return trimmed.to_owned();
    }
    let found: Vec<Word> = words(trimmed).into_iter().filter(|word| asked.contains(word.text.as_str())).collect();
    let from = best_start(trimmed, &found);
    let rest = trimmed.get(from..).unwrap_or_default();
    let to = rest.char_indices().nth(MOST).map_or(rest.len(), |(at, _)| at);
    let (begin, end) = (if from > 0 { "… " } else { "" }, if to < rest.len() { " …" } else { "" });
    format!("{begin}{}{end}", rest.get(..to).unwrap_or_default().trim())
}

/// Where the part with most different words begins, a little before the first of them, and at a word.
fn best_start(text: &str, found: &[Word]) -> usize {
    let within = |first: &Word| {
        let end = text.get(first.from..).unwrap_or_default().char_indices().nth(MOST - BEFORE);
        let end = end.map_or(text.len(), |(at, _)| first.from + at);
        let inside = found.iter().filter(|word| word.from >= first.from && word.to <= end);
        inside.map(|word| word.text.as_str()).collect::<BTreeSet<_>>().len()
    };
    // Of several, the first one.
    let Some(first) = found.iter().rev().max_by_key(|word| within(word)) else { return 0 };
    let before = text.get(..first.from).unwrap_or_default();
    let from = before.char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    if from == 0 {
        return 0;
    }
    let blank = before.get(from..).and_then(|before| before.find(char::is_whitespace));
    blank.map_or(from, |blank| from + blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_with_most_of_what_was_asked_is_shown() {
        let check = |passage: &str, asked: &[&str], holds: &[&str], lacks: &[&str]| {
            let shown = snippet(passage, &asked.iter().copied().collect());
            assert!(shown.chars().count() <= MOST + 4, "{}", shown.chars().count());
            assert!(holds.iter().all(|part| shown.contains(part)), "{shown}");
            assert!(!lacks.iter().any(|part| shown.contains(part)), "{shown}");
        };
        check(" short text ", &["text"], &["short text"], &[" …"]);
        let long = format!("apple {}pear apple {}", "filler ".repeat(100), "filler ".repeat(100));
        check(&long, &["apple", "pear"], &["pear apple", "… ", " …"], &[]);
        check(&long, &["apple"], &["apple", " …"], &["pear"]);
        check(&long, &["absent"], &["apple"], &[]);
        check(&format!("{}last", "filler ".repeat(100)), &["last"], &["last"], &[" …"]);
        check(&"東".repeat(1000), &["東"], &["東"], &[]);
    }
}
