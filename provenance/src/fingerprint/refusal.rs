//! Whether a text refuses what was asked: by patterns of words in several languages, without a model and without chance.
//!
//! It reads the beginning of an answer, since models that refuse do so at once, and knows phrases that look like a refusal
//! and are none ("I can't help but admire", "I won't hesitate to help"). It is a fixed measure rather than a perfect one:
//! what counts is that the same text is always judged alike. The patterns stand in `data/refusals.txt`.

use std::{collections::BTreeMap, sync::LazyLock};

/// Characters of a text that are looked at.
const BEGINNING: usize = 600;
/// Words that `~` stands for at most.
const GAP: usize = 4;
/// The end of a sentence, among words. No word is empty.
const STOP: &str = "";

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read(include_str!("../../data/refusals.txt")));

/// Whether a text refuses what was asked. A thought that is closed (`<think>…</think>`) is not looked at.
#[must_use]
pub fn is_refusal(text: &str) -> bool {
    let answer = text.rsplit_once("</think>").map_or(text, |(_, answer)| answer);
    let beginning: String = answer.chars().take(BEGINNING).collect();
    let plain = beginning.to_lowercase().replace(['’', '‘', '`'], "'");
    PATTERNS.anywhere.iter().any(|part| plain.contains(part)) || PATTERNS.match_in(&words(&plain))
}

/// The words of a text, with [`STOP`] where a sentence ends. An apostrophe is part of a word.
fn words(plain: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for sentence in plain.split(['.', '!', '?', ';', '\n', ':', '…', '。']) {
        let parts = sentence.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '´')));
        words.extend(parts.map(|word| word.trim_matches('\'')).filter(|word| !word.is_empty()));
        if words.last().is_some_and(|last| *last != STOP) {
            words.push(STOP);
        }
    }
    words
}

/// What a word of a text is held against.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// One of these; a `*` at the end stands for any ending.
    OneOf(Vec<String>),
    /// Up to [`GAP`] words.
    Gap,
    /// Nothing comes after it but a full stop.
    End,
}

#[derive(Debug, Default)]
struct Patterns {
    refusals: Vec<Vec<Part>>,
    exceptions: Vec<Vec<Part>>,
    anywhere: Vec<String>,
    cancel: Vec<String>,
}

impl Patterns {
    fn read(text: &str) -> Self {
        let mut patterns = Self::default();
        let mut classes = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some((name, words)) = line.strip_prefix('@').and_then(|class| class.split_once(' ')) {
                classes.insert(name.to_owned(), words.split(' ').map(ToOwned::to_owned).collect());
            } else if let Some(part) = line.strip_prefix("\" ") {
                patterns.anywhere.push(part.to_owned());
            } else if let Some(exception) = line.strip_prefix("! ") {
                patterns.exceptions.push(pattern(exception, &classes));
            } else {
                patterns.refusals.push(pattern(line, &classes));
            }
        }
        patterns.cancel = classes.remove("cancel").unwrap_or_default();
        patterns
    }

    fn match_in(&self, words: &[&str]) -> bool {
        let one_of = |patterns: &[Vec<Part>], rest: &[&str]| patterns.iter().any(|parts| self.begins(parts, rest, GAP));
        let mut rest = words;
        while !rest.is_empty() {
            if one_of(&self.refusals, rest) && !one_of(&self.exceptions, rest) {
                return true;
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        false
    }

    /// Whether the words begin with the pattern; `gap` words may still be left out where a gap stands first.
    fn begins(&self, parts: &[Part], words: &[&str], gap: usize) -> bool {
        let Some((part, more)) = parts.split_first() else { return true };
        let next = words.split_first().filter(|(word, _)| **word != STOP);
        match (part, next) {
            (Part::End, None) => words.len() <= 1,
            (Part::OneOf(known), Some((word, rest))) => is_one_of(word, known) && self.begins(more, rest, GAP),
            (Part::Gap, _) if self.begins(more, words, GAP) => true,
            (Part::Gap, Some((word, rest))) if gap > 0 && !is_one_of(word, &self.cancel) => {
                self.begins(parts, rest, gap - 1)
            }
            (Part::End, Some(_)) | (Part::OneOf(_), None) | (Part::Gap, _) => false,
        }
    }
}

fn pattern(line: &str, classes: &BTreeMap<String, Vec<String>>) -> Vec<Part> {
    let part = |text: &str| match text {
        "~" => Part::Gap,
        "$" => Part::End,
        words => Part::OneOf(words.split('|').flat_map(|word| class(word, classes)).collect()),
    };
    line.split(' ').filter(|text| !text.is_empty()).map(part).collect()
}

/// The words of a class, or the word itself.
fn class(word: &str, classes: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let name = word.strip_prefix('<').and_then(|word| word.strip_suffix('>'));
    match name.and_then(|name| classes.get(name)) {
        Some(words) => words.clone(),
        None => vec![word.to_owned()],
    }
}

fn is_one_of(word: &str, known: &[String]) -> bool {
    let is = |known: &String| known.strip_suffix('*').map_or(known == word, |beginning| word.starts_with(beginning));
    known.iter().any(is)
}

#[cfg(test)]
mod tests;
