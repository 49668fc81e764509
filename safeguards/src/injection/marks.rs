//! Signs that are no words: turns of a conversation, control tokens, addresses with room for data.

use std::ops::Range;

use super::{Found, Reason, Sign};
use crate::words::Word;

/// Who speaks at the beginning of a line of a conversation.
const SPEAKERS: &[&str] =
    &["system", "assistant", "user", "human", "developer", "instruction", "response", "ai", "bot"];
/// Tokens of chat templates that are not between `<|` and `|>`, with their case, and what they weigh: some are HTML, too.
const TOKENS: &[(&str, u8)] = &[
    ("[INST]", 60),
    ("[/INST]", 60),
    ("<<SYS>>", 60),
    ("<</SYS>>", 60),
    ("<start_of_turn>", 60),
    ("<end_of_turn>", 60),
    ("<start_of_role>", 60),
    ("</s>", 25),
    ("[system]", 40),
];
/// The most letters of a token between `<|` and `|>`.
const TOKEN_LETTERS: usize = 40;
/// Ends that only the service knows.
const ENDS: &[&str] =
    &["<end of", "[end of", "--- end of", "###end###", "[rest-of-document]", "</instruction", "</document"];
/// Bytes of an address that are looked at.
const ADDRESS_BYTES: usize = 512;
/// What an address leaves room for, behind its question mark.
const HOLES: &[char] = &['{', '[', '<', '$', '%'];

/// Signs in the text itself. Their places among the words are found beside.
pub(super) fn look(text: &str, words: &[Word]) -> Vec<Found> {
    let mut found = turns(text);
    found.extend(tokens(text));
    found.extend(addresses(text));
    let at = |place: &Range<usize>| words.partition_point(|word| word.start < place.start);
    found.into_iter().map(|reason| Found { word: at(&reason.place), reason }).collect()
}

/// Lines that begin with a speaker, the first line apart. One may be a log; two of different speakers are a forgery.
/// In small letters they may be a configuration.
fn turns(text: &str) -> Vec<Reason> {
    let mut seen: Vec<&str> = Vec::new();
    let mut at = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        let place = at..at + line.len();
        at += line.len();
        let Some((speaker, capital)) = speaker(line).filter(|_| place.start > 0) else { continue };
        if !seen.contains(&speaker) {
            let weight = match (seen.is_empty(), capital) {
                (true, true) => 30,
                (false, true) => 50,
                (_, false) => 15,
            };
            found.push(Reason { sign: Sign::FakeTurn, weight, place });
            seen.push(speaker);
        }
    }
    found
}

/// Who speaks in a line, and whether in a capital.
fn speaker(line: &str) -> Option<(&'static str, bool)> {
    let line = line.trim_start_matches(|character: char| character.is_whitespace() || "#*>-[<".contains(character));
    let end = line.find(|character: char| !character.is_ascii_alphabetic())?;
    let (head, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_start_matches([']', '>', '*', ' ', '#']);
    let speaker = SPEAKERS.iter().find(|speaker| head.eq_ignore_ascii_case(speaker))?;
    rest.starts_with(':').then_some((*speaker, head.starts_with(|first: char| first.is_ascii_uppercase())))
}

/// Tokens and ends. Behind a quotation mark they are spoken about.
fn tokens(text: &str) -> Vec<Reason> {
    let mut found = Vec::new();
    let mut note = |sign, weight: u8, place: Range<usize>| {
        let quoted = text.get(..place.start).is_some_and(|before| before.ends_with(['`', '"']));
        found.push(Reason { sign, weight: if quoted { weight / 2 } else { weight }, place });
    };
    for (token, weight) in TOKENS {
        text.match_indices(token).for_each(|(at, _)| note(Sign::ControlToken, *weight, at..at + token.len()));
    }
    for (open, close) in [("<|", "|>"), ("<｜", "｜>")] {
        for (at, _) in text.match_indices(open) {
            if let Some(length) = between(text.get(at + open.len()..).unwrap_or_default(), close) {
                note(Sign::ControlToken, 60, at..at + open.len() + length + close.len());
            }
        }
    }
    let lower = text.to_ascii_lowercase();
    for end in ENDS {
        lower.match_indices(end).for_each(|(at, _)| note(Sign::FakeEnd, 30, at..at + end.len()));
    }
    found
}

/// The length of a token's name, if one stands here and ends with `close`: `<|` and `|>` are operators, too.
fn between(text: &str, close: &str) -> Option<usize> {
    let named = |character: char| character.is_alphanumeric() || "_/▁:-".contains(character);
    let end = text.find(|character| !named(character))?;
    let ends = text.get(end..).is_some_and(|rest| rest.starts_with(close));
    (ends && (1..=TOKEN_LETTERS).contains(&end)).then_some(end)
}

/// Addresses whose query has a hole, or ends with a sign of equality: something is to be put there.
fn addresses(text: &str) -> Vec<Reason> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let rest = text.get(at..).unwrap_or_default();
        let most =
            (0..=ADDRESS_BYTES.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or_default();
        let rest = rest.get(..most).unwrap_or_default();
        let end = rest
            .find(|character: char| character.is_whitespace() || matches!(character, ')' | '"'))
            .unwrap_or(rest.len());
        let query = rest.get(..end).and_then(|address| address.split_once('?')).map(|(_, query)| query);
        let image = text.get(..at).is_some_and(|before| before.ends_with("](https") || before.ends_with("](http"));
        let Some(query) = query else { continue };
        let value = query.trim_end_matches(['.', ',', '\'']);
        let hole = value.ends_with('=') || value.split('=').skip(1).any(|value| value.starts_with(HOLES));
        let named = image && value.split('=').skip(1).any(is_placeholder);
        if hole || named {
            let weight = if image { 50 } else { 20 };
            found.push(Reason { sign: Sign::OpenAddress, weight, place: at..at + end });
        }
    }
    found
}

/// A value that is a word in capitals, such as `SUMMARY`.
fn is_placeholder(value: &str) -> bool {
    value.len() > 3 && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
