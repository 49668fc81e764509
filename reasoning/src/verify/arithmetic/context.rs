//! What stands around an equation: whether its ends are its own, and whether the trace itself doubts it.

use super::{
    read::{CURRENCIES, Kind, Run, head, tail},
    words,
};

/// The most that is looked at before and behind an equation, in bytes. It keeps the whole linear.
const REACH: usize = 160;
/// The first words of a sentence, which tell whether it takes back the one before.
const FIRST_WORDS: usize = 4;

/// How far an end of a run can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    Sure,
    /// It may be a part of something larger, so that it is not held against the trace.
    Doubtful,
    /// It is a part of something larger.
    Unknown,
}

use Trust::{Doubtful, Sure, Unknown};

/// What stands before a run on its line.
pub(super) fn before<'a>(text: &'a str, run: &Run) -> &'a str {
    let start = run.pieces.first().map_or(run.floor, |first| first.start);
    tail(text.get(run.floor..start).unwrap_or_default(), REACH)
}

/// What stands behind a run, lines after it included.
pub(super) fn behind<'a>(text: &'a str, run: &Run) -> &'a str {
    head(text.get(run.end..).unwrap_or_default(), REACH)
}

/// Whether a run begins where its first side does.
pub(super) fn begins(text: &str, run: &Run) -> Trust {
    let minus = run.pieces.first().is_some_and(|first| first.kind == Kind::Sign('-'));
    let spaced = |end: usize| text.get(end..).is_some_and(|rest| rest.starts_with(' '));
    if minus && run.pieces.first().is_some_and(|first| spaced(first.end)) {
        return Unknown;
    }
    let all = before(text, run);
    let rest = all.trim_end_matches(is_opening).trim_end_matches(CURRENCIES).trim_end_matches(is_opening);
    let touches = all.ends_with(|c: char| !c.is_whitespace() && !is_opening(c) && !CURRENCIES.contains(&c));
    let Some(last) = rest.chars().next_back() else { return begins_line(text, run) };
    if last.is_alphanumeric() {
        return if touches { Unknown } else { after_word(rest, run, minus) };
    }
    let shorter = rest.get(..rest.len() - last.len_utf8()).unwrap_or_default();
    let number = shorter.trim_end().ends_with(|c: char| c.is_ascii_digit());
    match last {
        '.' if touches => Unknown,
        ':' | ',' if touches && number => Unknown,
        ',' if number && !run.follows => Doubtful,
        '.' | ':' | ',' | ';' | '!' | '?' | '=' | '<' | '>' | '≤' | '≥' | '≈' | '→' | '⇒' | '∴' => Sure,
        '_' if matches!(shorter.trim_end_matches('_').chars().next_back(), None | Some(' ')) => Sure,
        ')' | ']' | '}' | '|' if minus => Unknown,
        ')' | ']' | '}' if touches => Unknown,
        // The last are all mathematical operators.
        '%' | '‰' | '°' | '^' | '_' | '/' | '+' | '&' | '#' | '~' | '@' | '±' | '¬' | '¢' | '\u{2200}'..='\u{22ff}' => {
            Unknown
        }
        _ => Sure,
    }
}

/// Layout, quotes and brackets before a number.
fn is_opening(c: char) -> bool {
    matches!(c, ' ' | '\t' | '*' | '\\' | '(' | '[' | '{' | '"' | '“' | '\'' | '‘' | '`')
}

/// At the beginning of a line, what the line before leaves open.
fn begins_line(text: &str, run: &Run) -> Trust {
    let all = tail(text.get(..run.floor).unwrap_or_default(), REACH);
    let Some((previous, mark)) = all.rsplit_once('\n') else { return Sure };
    let previous = previous.trim_end();
    let previous = previous.rsplit('\n').next().unwrap_or_default();
    let open = previous.ends_with(['+', '×', '÷', '/', '−', '^', '·'])
        || previous.ends_with("\\times")
        || previous.ends_with("\\cdot")
        || ["-", "*"].iter().any(|sign| previous.strip_suffix(sign).is_some_and(|rest| rest.ends_with(' ')));
    // A sum written in lines, of which this one is to be taken away.
    let column = mark.contains(['-', '–'])
        && previous.ends_with(|c: char| c.is_ascii_digit())
        && !previous.contains(|c: char| c.is_alphabetic() || c == '=');
    let words = words::OPERATORS.contains(&last_word(previous).1.as_str());
    if open || column || words { Unknown } else { Sure }
}

fn after_word(rest: &str, run: &Run, minus: bool) -> Trust {
    let (before, word) = last_word(rest);
    if before.ends_with('\\') {
        let relation = words::RELATIONS.contains(&word.as_str()) || words::BOXES.contains(&word.as_str());
        return if relation { Sure } else { Unknown };
    }
    if minus && !words::PLAIN.contains(&word.as_str()) {
        return Unknown;
    }
    if word.chars().count() == 1 || word.contains(|c: char| c.is_numeric()) {
        return Unknown;
    }
    let number = before.trim_end_matches([' ', '*']).ends_with(|c: char| c.is_ascii_digit());
    match word.as_str() {
        "of" if words::SUMS.contains(&last_word(before.trim_end()).1.as_str()) => Sure,
        "and" | "&" if number && (!run.follows || is_proper(run)) => Unknown,
        word if words::OPERATORS.contains(&word) || words::LABELS.contains(&word) => Unknown,
        word if words::TRIALS.contains(&word) => Doubtful,
        _ => Sure,
    }
}

/// Whether a run begins with a fraction below 1, as in "3 and 1/2".
fn is_proper(run: &Run) -> bool {
    match run.pieces.as_slice() {
        [over, sign, under, ..] if sign.kind == Kind::Sign('/') => {
            matches!((over.kind, under.kind), (Kind::Number(a, _), Kind::Number(b, _)) if a < b)
        }
        _ => false,
    }
}

/// Whether a run ends where its last side does.
pub(super) fn ends(text: &str, run: &Run) -> Trust {
    let rest = behind(text, run);
    let line = rest.split('\n').next().unwrap_or_default();
    let mut letters = line.chars();
    let (first, second) = (letters.next().unwrap_or('\n'), letters.next().unwrap_or('\n'));
    if first.is_alphanumeric() || "%‰¢′″~^√#@".contains(first) || (first == '_' && second.is_alphanumeric()) {
        return Unknown;
    }
    match (first, second) {
        ('.', '(' | '\\') => return Unknown,
        ('.', '.') | ('…', _) => return Doubtful,
        _ if goes_on(rest) => return Unknown,
        _ => {}
    }
    let line = line.replace('’', "'").to_lowercase();
    let words = line.split("\\\\").next().unwrap_or_default().trim_start_matches(is_closing);
    let words = words.strip_prefix("text{").or_else(|| words.strip_prefix("mathrm{")).unwrap_or(words).trim_start();
    match words.chars().next() {
        Some('%' | '¢' | '?' | '±' | '√' | '\u{2200}'..='\u{22ff}') => Unknown,
        Some('(') => remark(words),
        Some(c) if c.is_alphabetic() => before_words(words),
        Some(_) if is_operator(words) => Unknown,
        _ => Sure,
    }
}

fn is_closing(c: char) -> bool {
    matches!(c, ' ' | '\t' | '*' | '\\' | ')' | ']' | '}' | '"' | '”' | '\'' | '`') || CURRENCIES.contains(&c)
}

/// Whether the next line begins with a sign that goes on with the sum.
fn goes_on(rest: &str) -> bool {
    let Some((line, next)) = rest.split_once('\n') else { return false };
    let next = next.trim_start();
    line.trim().is_empty() && next.starts_with(['+', '×', '÷', '/', '·']) && is_operator(next)
}

/// Whether a text begins with an operator and a number.
fn is_operator(text: &str) -> bool {
    let rest = text.trim_start();
    let Some(operand) = rest.strip_prefix(['+', '-', '−', '–', '*', '/', '×', '÷', '·']) else {
        return false;
    };
    operand.trim_start_matches([' ', '(']).trim_start_matches(CURRENCIES).starts_with(|c: char| c.is_ascii_digit())
}

/// A remark in brackets: "(since 3 is odd)", but not "2 (y + 1)".
fn remark(words: &str) -> Trust {
    let inside = words.trim_start_matches('(');
    let (word, _) = first_word(inside);
    let behind = words.split_once(')').map_or("", |(_, behind)| behind);
    if word.chars().count() == 1 || is_operator(behind) { Unknown } else { Sure }
}

/// Words behind a number, in lower case: they may change it, or the sum may go on after them.
fn before_words(words: &str) -> Trust {
    let (mut rest, mut trust, mut unit) = (words, Sure, false);
    if rest.starts_with("p.m") || rest.starts_with("a.m") || rest.starts_with("per cent") {
        return Unknown;
    }
    for at in 0..FIRST_WORDS {
        let (word, more) = first_word(rest);
        let more = more.trim_start_matches([' ', '}', '*']);
        if word == "and" {
            return and(more, unit).max(trust);
        }
        if at == 0 && (words::CHANGES.contains(&word) || is_remainder(word)) {
            return Unknown;
        }
        if words::CLAUSES.contains(&word) && word != "in" {
            return trust;
        }
        unit |= words::factors(word).next().is_some();
        // "5 x", "15 m": a letter may be a unit.
        trust = if at == 0 && word.chars().count() == 1 { Doubtful } else { trust };
        let joined = more.strip_prefix([',', '&']).map(str::trim_start);
        let number = more.trim_start_matches(CURRENCIES).starts_with(|c: char| c.is_ascii_digit());
        if (number && word != "in") || is_operator(more) {
            return Unknown;
        }
        if unit && joined.is_some_and(is_amount) {
            return Unknown;
        }
        if !more.starts_with(char::is_alphabetic) {
            return trust;
        }
        rest = more;
    }
    trust
}

/// "30 minutes", but not "120 - 20".
fn is_amount(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    rest.len() < text.len() && rest.trim_start().starts_with(char::is_alphabetic)
}

/// "3 R 1", "3 r1".
fn is_remainder(word: &str) -> bool {
    word.strip_prefix('r').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

/// What "and" adds to a number: "3 and 1/2", "2 and a half", "1 hour and 30 minutes"; or another equation.
fn and(more: &str, unit: bool) -> Trust {
    let sum = |c: char| c.is_ascii_digit() || " .,+-−–*/×÷·^()=$€£¥₹".contains(c);
    let figures = more.trim_start_matches(CURRENCIES);
    if figures.starts_with(|c: char| c.is_ascii_digit()) {
        let whole = more.split(|c| !sum(c)).next().unwrap_or_default();
        let part = whole.split('=').next().unwrap_or_default();
        let fraction = part
            .split_once('/')
            .and_then(|(over, under)| Some(over.trim().parse::<u64>().ok()? < under.trim().parse::<u64>().ok()?));
        return if unit || !whole.contains('=') || fraction == Some(true) { Unknown } else { Sure };
    }
    let mut rest = more;
    for _ in 0..3 {
        let (word, more) = first_word(rest);
        if words::FRACTIONS.contains(&word) {
            return Unknown;
        }
        rest = more.trim_start_matches([' ', '-']);
    }
    Sure
}

/// Whether the trace asks for an equation, takes it back, tells it from hearsay, or says that it is only near.
pub(super) fn is_denied(text: &str, run: &Run) -> bool {
    let clause = lower(before(text, run));
    let clause = clause.rsplit(['.', ',', ';', '?', '!']).next().unwrap_or_default();
    let told = lower(behind(text, run));
    let (sentence, next) = sentence(&told);
    all_words(clause).any(|word| words::DENIALS_BEFORE.contains(&word))
        || all_words(sentence).any(|word| words::DENIALS.contains(&word))
        || sentence.ends_with('?')
        || sentence.contains(['✗', '✘', '❌', '≠'])
        || next.starts_with(['✗', '✘', '❌'])
        || [sentence, next]
            .iter()
            .any(|part| all_words(part).take(FIRST_WORDS).any(|word| words::DOUBTS.contains(&word)))
}

/// Whether a mean is worked out, whose brackets models forget.
pub(super) fn is_mean(text: &str, run: &Run) -> bool {
    all_words(&lower(before(text, run))).any(|word| matches!(word, "average" | "mean"))
}

/// Whether only the whole part of a quotient may be meant.
pub(super) fn is_whole_part(text: &str, run: &Run) -> bool {
    let (before, behind) = (lower(before(text, run)), lower(behind(text, run)));
    let (sentence, next) = sentence(&behind);
    [before.as_str(), sentence, next].iter().any(|part| all_words(part).any(|word| words::WHOLES.contains(&word)))
}

/// The names of units right behind a run: how many of one make another.
pub(super) fn factors(text: &str, run: &Run) -> Vec<i128> {
    let told = lower(behind(text, run));
    let told = told.trim_start_matches(is_closing);
    let (word, _) = first_word(told.strip_prefix("text{").unwrap_or(told).trim_start());
    words::factors(word).collect()
}

/// Whether a word stands right before a run: what it begins with may be a name, as in "Day 1 = 3 + 2".
pub(super) fn follows_word(text: &str, run: &Run) -> bool {
    before(text, run).trim_end_matches([' ', '*']).ends_with(|c: char| c.is_alphanumeric() || c == '#')
}

/// The same for a word that is no part of the sentence around it: "Items 1 - 3".
pub(super) fn follows_name(text: &str, run: &Run) -> bool {
    let (_, word) = last_word(before(text, run).trim_end_matches([' ', '*']));
    !word.is_empty() && !words::PLAIN.contains(&word.as_str())
}

fn lower(text: &str) -> String {
    text.replace('’', "'").to_lowercase()
}

/// The rest of a sentence with its end, and what follows.
fn sentence(text: &str) -> (&str, &str) {
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let ends = match c {
            '\n' => true,
            '.' | '!' | '?' => letters.peek().is_none_or(|(_, next)| !next.is_alphanumeric()),
            _ => false,
        };
        if ends {
            let (sentence, next) = text.split_at(at + 1);
            return (sentence.trim_end(), next.trim_start());
        }
    }
    (text.trim_end(), "")
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '\''
}

fn all_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_letter(c)).filter(|word| word.starts_with(char::is_alphabetic))
}

fn first_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_letter(c)).unwrap_or(text.len()))
}

/// The word at the end of a text in lower case, and what stands before it.
fn last_word(text: &str) -> (&str, String) {
    let (before, word) = text.split_at(text.trim_end_matches(is_letter).len());
    (before, word.to_lowercase())
}
