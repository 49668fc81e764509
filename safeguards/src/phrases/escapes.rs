//! Words as they are read by whoever undoes the escapes in them: percent signs, quoted-printable, HTML's and programs' escapes,
//! HTML's tags, and letters with a backspace behind them.

use crate::fold::{self, Symbol};

/// Symbols that an escape or a tag may take.
const LONGEST: usize = 32;

/// A word without its escapes.
#[derive(Debug, Default)]
pub(super) struct Unescaped {
    pub(super) symbols: Vec<Symbol>,
    /// Whether there was any escape.
    pub(super) found: bool,
    /// Symbols of the word that were read.
    pub(super) taken: usize,
}

/// What an escape stands for, if for anything, and how many symbols it takes.
type Escape = (Option<char>, usize);

/// Whether an escape may begin, or be, with it.
#[inline]
pub(super) const fn may_begin(letter: char) -> bool {
    matches!(letter, '\\' | '%' | '=' | '&' | '<') || is_backspace(letter)
}

const fn is_backspace(letter: char) -> bool {
    matches!(letter, '\u{8}' | '\u{7f}')
}

/// Reads a word; of one that goes on, as much as more of it cannot change.
pub(super) fn read(word: &[Symbol], whole: bool, marked: bool) -> Unescaped {
    let until = if whole { word.len() } else { word.len().saturating_sub(LONGEST) };
    let mut read = Unescaped::default();
    if !marked {
        read.symbols.extend(word.iter().take(until));
        read.taken = until;
        return read;
    }
    while let Some((first, rest)) = word.get(read.taken..).and_then(<[Symbol]>::split_first) {
        if is_backspace(first.letter) {
            read.found = true;
            read.symbols.pop();
            read.taken += 1;
            continue;
        }
        if read.taken >= until {
            break;
        }
        match escape(first.letter, rest) {
            Some((told, more)) => read.take(told, first, rest.get(..more).unwrap_or_default()),
            None => read.symbols.push(*first),
        }
        read.taken += 1;
    }
    read
}

impl Unescaped {
    fn take(&mut self, told: Option<char>, first: &Symbol, more: &[Symbol]) {
        self.found = true;
        self.taken += more.len();
        let (start, end) = (first.start, more.last().unwrap_or(first).end);
        if let Some(character) = told {
            fold::fold(character, start, |symbol| self.symbols.push(Symbol { start, end, ..symbol }));
        }
    }
}

/// The escape that begins with this letter; how many symbols behind it are of it.
fn escape(first: char, rest: &[Symbol]) -> Option<Escape> {
    match first {
        '\\' => behind_backslash(rest),
        '%' | '=' => bytes(first, rest),
        '&' => entity(rest),
        '<' => tag(rest),
        _ => None,
    }
}

fn letter(rest: &[Symbol], at: usize) -> Option<char> {
    rest.get(at).map(|symbol| symbol.letter)
}

/// So many digits from a place on.
fn number(rest: &[Symbol], from: usize, digits: usize, base: u32) -> Option<u32> {
    let symbols = rest.get(from..from + digits)?;
    symbols.iter().try_fold(0_u32, |sum, symbol| Some(sum * base + symbol.letter.to_digit(base)?))
}

/// What is written is no sign that nobody sees.
fn shown(code: u32) -> Option<char> {
    char::from_u32(code).filter(|letter| !letter.is_control() || letter.is_whitespace())
}

/// `\x62`, `\u0062`, `\u{62}`, `\U00000062`, `\142`, `\000062` and `\n`, with any number of backslashes.
fn behind_backslash(rest: &[Symbol]) -> Option<Escape> {
    let slashes = rest.iter().take(LONGEST / 2).take_while(|symbol| symbol.letter == '\\').count();
    let rest = rest.get(slashes..)?;
    let (told, taken) = match letter(rest, 0)? {
        'x' => return bytes('x', rest.get(1..)?).map(|(told, taken)| (told, slashes + 1 + taken)),
        'u' if letter(rest, 1) == Some('{') => {
            let digits = rest.get(2..)?.iter().take(9).position(|symbol| symbol.letter == '}')?;
            (shown(number(rest, 2, digits, 16)?)?, digits + 3)
        }
        'u' => unit(rest)?,
        'U' => (shown(number(rest, 1, 8, 16)?)?, 9),
        'n' | 't' | 'r' => (' ', 1),
        '0' if letter(rest, 1) == Some('0') => (shown(number(rest, 0, 6, 16)?)?, 6),
        '0'..='3' => (shown(number(rest, 0, 3, 8)?)?, 3),
        _ => return None,
    };
    Some((Some(told), slashes + taken))
}

/// A unit of UTF-16, or two of them that are one letter.
fn unit(rest: &[Symbol]) -> Option<(char, usize)> {
    let high = number(rest, 1, 4, 16)?;
    if let Some(told) = shown(high) {
        return Some((told, 5));
    }
    let second = rest.get(5..)?;
    let slashes = second.iter().take(LONGEST / 2).take_while(|symbol| symbol.letter == '\\').count();
    let low = number(second, slashes + 1, 4, 16).filter(|low| (0xDC00..0xE000).contains(low))?;
    let high = high.checked_sub(0xD800).filter(|high| *high < 0x400)?;
    Some((shown(0x10000 + (high << 10) + (low - 0xDC00))?, 5 + slashes + 5))
}

/// `%62`, `=62` or `\x62`: bytes that are one letter in UTF-8.
fn bytes(mark: char, rest: &[Symbol]) -> Option<Escape> {
    let byte = |from: usize| u8::try_from(number(rest, from, 2, 16)?).ok();
    // In quoted-printable they are capitals, and an address has `?a=be`.
    let small = |from: usize| rest.iter().skip(from).take(2).any(|symbol| symbol.letter.is_ascii_lowercase());
    let first = byte(0).filter(|_| mark != '=' || !small(0))?;
    let (mut read, mut taken) = (vec![first], 2);
    let wanted = match first {
        0..0x80 => 1,
        0xC2..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF5 => 4,
        _ => return None,
    };
    while read.len() < wanted {
        let marks = rest.get(taken..)?.iter().take_while(|symbol| matches!(symbol.letter, '\\')).count();
        taken += marks;
        (letter(rest, taken)? == mark).then_some(())?;
        read.push(byte(taken + 1)?);
        taken += 3;
    }
    let told = std::str::from_utf8(&read).ok()?.chars().next()?;
    Some((Some(shown(u32::from(told))?), taken))
}

/// `&#98;`, `&#x62;`, and names of what stands between letters.
fn entity(rest: &[Symbol]) -> Option<Escape> {
    if letter(rest, 0)? != '#' {
        return named(rest);
    }
    let base = if matches!(letter(rest, 1)?, 'x' | 'X') { 16 } else { 10 };
    let from = if base == 16 { 2 } else { 1 };
    let digits = rest.get(from..)?.iter().take(8).take_while(|symbol| symbol.letter.is_digit(base)).count();
    let told = shown(number(rest, from, digits, base).filter(|_| digits > 0)?)?;
    Some((Some(told), from + digits + usize::from(letter(rest, from + digits) == Some(';'))))
}

fn named(rest: &[Symbol]) -> Option<Escape> {
    const NAMES: &[(&str, Option<char>)] = &[
        ("amp;", Some('&')),
        ("nbsp;", Some(' ')),
        ("ensp;", Some(' ')),
        ("emsp;", Some(' ')),
        ("thinsp;", Some(' ')),
        ("shy;", None),
        ("zwj;", None),
        ("zwnj;", None),
    ];
    let is = |name: &str| name.chars().zip(0..).all(|(wanted, at)| letter(rest, at) == Some(wanted));
    NAMES.iter().find(|(name, _)| is(name)).map(|(name, told)| (*told, name.len()))
}

/// `<b>`, `</b>` and `<!---->`: whoever sees the page does not see them.
fn tag(rest: &[Symbol]) -> Option<Escape> {
    letter(rest, 0).filter(|first| first.is_ascii_alphabetic() || matches!(first, '/' | '!'))?;
    let end = rest.iter().take(LONGEST - 1).position(|symbol| matches!(symbol.letter, '<' | '>'))?;
    (letter(rest, end)? == '>').then_some((None, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(text: &str) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        text.char_indices().for_each(|(at, character)| fold::fold(character, at, |symbol| symbols.push(symbol)));
        symbols
    }

    fn check(word: &str, expected: Option<&str>) {
        let read = read(&symbols(word), true, true);
        let told: String = read.symbols.iter().map(|symbol| symbol.letter).collect();
        assert_eq!(read.found.then_some(told.as_str()), expected, "{word}");
        assert_eq!(read.taken, word.chars().count(), "{word}");
    }

    #[test]
    fn escapes_are_undone() {
        for word in [
            "%62uild%20%61",
            "=62uild=20=61",
            "\\x62\\x75ild\\x20a",
            "\\\\u0062uild\\u0020\\u{61}",
            "\\U00000062uild\\n\\141",
            "\\000062uild a",
            "&#98;uild&nbsp;a",
            "&#x62;uild&#32a",
            "bu<b></b>ild<br/>&nbsp;a",
            "bxu\u{8}\u{8}uild&nbsp;&zwj;a",
            "%D0%B2uild%20a",
            "\\ud835\\udc1fuild\\u0020a",
        ] {
            let expected = if word.contains("dc1f") { "fuild a" } else { "build a" };
            check(word, Some(expected));
        }
    }

    #[test]
    fn what_is_none_stays() {
        for word in ["100%", "a=be", "AT&T", "C:\\Windows", "a<b", "%zz%D0%41", "\\ud835", "&#;", "\\"] {
            let expected = (word == "%zz%D0%41").then_some("%zz%D0A");
            check(word, expected);
        }
        check("\u{8}a", Some("a"));
    }

    #[test]
    fn a_word_in_pieces_is_read_as_the_whole() {
        let word = symbols(&"%62\\u0061x\u{8}<b>".repeat(60));
        let whole: Vec<char> = read(&word, true, true).symbols.iter().map(|symbol| symbol.letter).collect();
        let (mut rest, mut told) = (word.as_slice(), Vec::new());
        for size in 1.. {
            let last = rest.len() <= 100 + size % 40;
            let part = if last { rest } else { &rest[..100 + size % 40] };
            let read = read(part, last, true);
            told.extend(read.symbols.iter().map(|symbol| symbol.letter));
            rest = &rest[read.taken..];
            if last {
                break;
            }
        }
        assert_eq!(told, whole);
    }
}
