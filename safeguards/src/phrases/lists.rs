//! Words that stand for letters, one behind the other: `62 75 69`, `01100010 01110101`, `-... ..-`, `bravo uniform`, and a code
//! in groups, over lines, too.

use super::{Phrases, Said, walk::Sight};
use crate::fold::Symbol;

/// A way to write letters as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Hexadecimal,
    Decimal,
    Octal,
    Binary,
    Morse,
    Spelling,
    Base64,
}

const CODES: [Code; 7] =
    [Code::Hexadecimal, Code::Decimal, Code::Octal, Code::Binary, Code::Morse, Code::Spelling, Code::Base64];
/// Symbols of a word of a list; base 64 stands in lines of 76.
const MAX_TOKEN: usize = 80;

/// The lists that are being read.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// In the order of `CODES`, once there is any.
    all: Vec<List>,
    told: Vec<char>,
    token: String,
}

#[derive(Debug)]
struct List {
    sight: Sight,
    running: bool,
}

impl Lists {
    /// Reads a word.
    pub(super) fn read(&mut self, phrases: &Phrases, word: &[Symbol], said: &mut Vec<Said>) {
        let parts = |symbol: &Symbol| matches!(symbol.letter, ',' | ';' | ':' | '"' | '\'' | '(' | ')' | '[' | ']');
        for token in word.split(parts).filter(|token| !token.is_empty()) {
            self.read_token(phrases, token, said);
        }
    }

    fn read_token(&mut self, phrases: &Phrases, token: &[Symbol], said: &mut Vec<Said>) {
        self.token.clear();
        self.token.extend(token.iter().take(MAX_TOKEN + 1).map(|symbol| symbol.letter));
        let place = token.first().map_or(0, |first| first.start)..token.last().map_or(0, |last| last.end);
        for (at, code) in CODES.into_iter().enumerate() {
            let running = self.all.get(at).is_some_and(|list| list.running);
            self.told.clear();
            // Full stops are signs of morse; behind anything else they end a sentence.
            let bare = self.token.trim_end_matches(['.', '!', '?']);
            let token = if code == Code::Morse { self.token.as_str() } else { bare };
            if code.read(token, running, &mut self.told).is_none() {
                if let Some(list) = self.all.get_mut(at).filter(|_| running) {
                    list.end(said);
                }
                continue;
            }
            if self.all.is_empty() {
                self.all = CODES.iter().map(|_| List { sight: Sight::new(), running: false }).collect();
            }
            let Some(list) = self.all.get_mut(at) else { continue };
            list.running = true;
            for letter in &self.told {
                list.sight.read(phrases, *letter, (place.start, place.end), said);
            }
        }
    }

    /// Ends all lists.
    pub(super) fn end(&mut self, said: &mut Vec<Said>) {
        self.all.iter_mut().for_each(|list| list.end(said));
    }

    /// Whether nothing has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.all.iter().all(|list| !list.running)
    }

    /// From where on a phrase may have begun; `at` is up to where words were read.
    pub(super) fn open_from(&self, at: usize) -> usize {
        self.all.iter().filter(|list| list.running).map(|list| list.sight.open_from(at)).min().unwrap_or(at)
    }
}

impl List {
    fn end(&mut self, said: &mut Vec<Said>) {
        self.sight.end(said);
        self.sight = Sight::new();
        self.running = false;
    }
}

impl Code {
    /// The letters that a word stands for.
    fn read(self, token: &str, running: bool, told: &mut Vec<char>) -> Option<()> {
        match self {
            Self::Hexadecimal => {
                let token = token.strip_prefix("0x").unwrap_or(token);
                numbers(token, 2, 16, told)
            }
            Self::Decimal => (token.len() < 4).then(|| numbers(token, token.len().max(2), 10, told))?,
            Self::Octal => numbers(token, 3, 8, told),
            Self::Binary => numbers(token, 8, 2, told),
            Self::Morse => morse(token, told),
            Self::Spelling => spelling(token, told),
            Self::Base64 => base64(token, running, told),
        }
    }
}

/// Numbers of so many digits each, side by side, that are letters of ASCII.
fn numbers(token: &str, digits: usize, base: u32, told: &mut Vec<char>) -> Option<()> {
    if token.is_empty() || token.len() > MAX_TOKEN || !token.len().is_multiple_of(digits) {
        return None;
    }
    for number in token.as_bytes().chunks(digits) {
        let digit = |byte: &u8| char::from(*byte).to_digit(base);
        let code = number.iter().try_fold(0_u32, |sum, byte| Some(sum * base + digit(byte)?))?;
        told.push(shown(code)?);
    }
    Some(())
}

fn shown(code: u32) -> Option<char> {
    char::from_u32(code).filter(|letter| matches!(letter, ' '..='~' | '\n' | '\t'))
}

/// From `a` on.
const MORSE: &[&str] = &[
    ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--", "-.", "---", ".--.",
    "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..",
];

fn nth_letter(at: usize) -> Option<char> {
    u8::try_from(at).ok().and_then(|at| b'a'.checked_add(at)).map(char::from)
}

fn morse(token: &str, told: &mut Vec<char>) -> Option<()> {
    if matches!(token, "/" | "|") {
        told.push(' ');
        return Some(());
    }
    let (mut signs, mut count) = ([0; 4], 0);
    for letter in token.chars() {
        *signs.get_mut(count)? = match letter {
            '.' | '·' | '•' => b'.',
            '-' | '_' | '−' => b'-',
            _ => return None,
        };
        count += 1;
    }
    let signs = signs.get(..count)?;
    told.push(nth_letter(MORSE.iter().position(|known| known.as_bytes() == signs)?)?);
    Some(())
}

/// The spelling alphabet of aviation, from `a` on, with what is often written otherwise.
const SPELLING: &[&[&str]] = &[
    &["alfa", "alpha"],
    &["bravo"],
    &["charlie"],
    &["delta"],
    &["echo"],
    &["foxtrot"],
    &["golf"],
    &["hotel"],
    &["india"],
    &["juliett", "juliet"],
    &["kilo"],
    &["lima"],
    &["mike"],
    &["november"],
    &["oscar"],
    &["papa"],
    &["quebec"],
    &["romeo"],
    &["sierra"],
    &["tango"],
    &["uniform"],
    &["victor"],
    &["whiskey", "whisky"],
    &["xray", "x-ray"],
    &["yankee"],
    &["zulu"],
];

fn spelling(token: &str, told: &mut Vec<char>) -> Option<()> {
    let first = token.bytes().next()?.to_ascii_lowercase().checked_sub(b'a')?;
    let names = SPELLING.get(usize::from(first))?;
    names.iter().any(|name| name.eq_ignore_ascii_case(token)).then(|| told.extend(nth_letter(usize::from(first))))
}

/// Whole groups of four; the last one may be shorter.
fn base64(token: &str, running: bool, told: &mut Vec<char>) -> Option<()> {
    let groups = token.len().is_multiple_of(4);
    if token.len() > MAX_TOKEN || token.len() < 2 || !(groups || running) {
        return None;
    }
    for group in token.trim_end_matches('=').as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            bits = bits << 6
                | group.get(at).map_or(Some(0), |letter| super::encoded::base64_value(char::from(*letter)))?;
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        for byte in bytes.get(..group.len().saturating_sub(1))? {
            told.push(shown(u32::from(*byte))?);
        }
    }
    (!told.is_empty()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: bool) {
        let phrases = Phrases::new(["build a bomb"].into_iter());
        let (mut lists, mut found) = (Lists::default(), Vec::new());
        for (at, word) in text.split(' ').enumerate() {
            let symbols: Vec<Symbol> = word.chars().map(|letter| Symbol { letter, start: at, end: at + 1 }).collect();
            lists.read(&phrases, &symbols, &mut found);
        }
        lists.end(&mut found);
        assert_eq!(!found.is_empty(), expected, "{text}: {found:?}");
    }

    #[test]
    fn lists_are_read_as_letters() {
        for text in [
            "62 75 69 6c 64 20 61 20 62 6f 6d 62",
            "say 0x62, 0x75, 0x69, 0x6c, 0x64, 0x61, 0x62, 0x6f, 0x6d, 0x62.",
            "6275 696c 6420 6120 626f 6d62",
            "98 117 105 108 100 32 97 32 98 111 109 98, yes",
            "142 165 151 154 144 040 141 040 142 157 155 142",
            "01100010 01110101 01101001 01101100 01100100 01100001 0110001001101111 01101101 01100010",
            "-... ..- .. .-.. -.. / .- / -... --- -- -...",
            "Bravo uniform INDIA lima delta alpha bravo oscar mike bravo",
            "YnVp bGQg YSBi b21i",
            "YnVpbGQg YSBib21i, thanks",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn what_is_no_list_is_none() {
        for text in [
            "62 75 69 6c 64 20 and 61 20 62 6f 6d 62",
            "1 2 3 4 5",
            "- .. ... - --- -----",
            "hotel india and golf",
            "have been with them",
        ] {
            check(text, false);
        }
    }
}
