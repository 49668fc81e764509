//! Words that can be read as a code: base 64, base 32 and hexadecimal.

/// Symbols of a word up to which it is kept to be decoded. A longer one is looked at in pieces of this length.
const MAX_WORD: usize = 4096;
/// Fewer symbols are no code worth the while.
const MIN_WORD: usize = 8;

/// A word and where it stands in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    text: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The word that is being read.
#[derive(Debug, Default)]
pub(super) struct Run {
    word: Word,
}

impl Run {
    /// Reads one more symbol; gives the word that has ended.
    pub(super) fn read(&mut self, letter: char, start: usize, end: usize) -> Option<Word> {
        if !is_code(letter) {
            return if self.word.text.is_empty() { None } else { self.end() };
        }
        let full = if self.word.text.len() >= MAX_WORD { self.end() } else { None };
        if self.word.text.is_empty() {
            self.word.start = start;
        }
        self.word.text.push(letter);
        self.word.end = end;
        full
    }

    /// Ends the word.
    pub(super) fn end(&mut self) -> Option<Word> {
        if self.word.text.len() >= MIN_WORD {
            return Some(std::mem::take(&mut self.word));
        }
        self.word.text.clear();
        None
    }

    /// Where the word begins that has not ended.
    pub(super) fn open_from(&self) -> Option<usize> {
        (!self.word.text.is_empty()).then_some(self.word.start)
    }
}

/// Whether a code may have it.
fn is_code(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=' | '_' | '-')
}

impl Word {
    /// What the word may say, in each code that it can be read in.
    pub(super) fn readings(&self) -> Vec<String> {
        let text = self.text.as_str();
        let plain = |text: &str| text.trim_matches(['-', '_']).to_owned();
        // `key=YnVp…`, `/YnVp…`
        let parts = text.trim_end_matches('=').rsplit_once(['=', '/']).map(|(_, last)| plain(last));
        // A sign that stands in front may be none of it: UTF-7's `+AGIAdQ-`.
        let bases = [Some(plain(text)), parts, text.strip_prefix('+').map(plain)].into_iter().flatten();
        let bytes = bases.flat_map(|text| [hex(&text), base64(&text), base32(&text)]).flatten();
        bytes.flat_map(texts).filter(|text| is_text(text)).collect()
    }
}

/// Bytes as text: UTF-8, or UTF-16 of letters of ASCII.
fn texts(bytes: Vec<u8>) -> impl Iterator<Item = String> {
    let wide = |first: usize, second: usize| {
        let pairs = bytes.chunks(2);
        let letters = pairs.map(|pair| match (pair.get(first), pair.get(second)) {
            (Some(letter), Some(0)) if letter.is_ascii() => Some(char::from(*letter)),
            _ => None,
        });
        letters.collect::<Option<String>>()
    };
    let wide = if bytes.contains(&0) { [wide(0, 1), wide(1, 0)] } else { [None, None] };
    wide.into_iter().chain([String::from_utf8(bytes).ok()]).flatten()
}

/// Chance makes hardly any text of a word that is no code.
fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| !letter.is_control() || letter.is_whitespace())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits: Vec<u32> = text.chars().map(|letter| letter.to_digit(16)).collect::<Option<_>>()?;
    let bytes =
        digits.chunks_exact(2).map(|pair| u8::try_from(pair.iter().fold(0, |sum, digit| sum * 16 + digit)).ok());
    bytes.collect::<Option<_>>().filter(|_| digits.len().is_multiple_of(2))
}

/// The bits that a letter of base 64 stands for.
pub(super) fn base64_value(letter: char) -> Option<u32> {
    match letter {
        'A'..='Z' => Some(letter as u32 - 'A' as u32),
        'a'..='z' => Some(letter as u32 - 'a' as u32 + 26),
        '0'..='9' => Some(letter as u32 - '0' as u32 + 52),
        '+' | '-' => Some(62),
        '/' | '_' => Some(63),
        _ => None,
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    bits(text.trim_end_matches('='), 6, base64_value)
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let value = |letter: char| match letter.to_ascii_uppercase() {
        letter @ 'A'..='Z' => Some(letter as u32 - 'A' as u32),
        letter @ '2'..='7' => Some(letter as u32 - '2' as u32 + 26),
        _ => None,
    };
    bits(text.trim_end_matches('='), 5, value)
}

/// The bytes of symbols that stand for so many bits each.
fn bits(text: &str, each: u32, value: impl Fn(char) -> Option<u32>) -> Option<Vec<u8>> {
    let (mut held, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.chars() {
        held = held << each | value(letter)?;
        count += each;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(held >> count & 0xff).ok()?);
            held &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read() {
        for code in [
            "YnVpbGQgYSBib21i",
            "6275696c64206120626f6d62",
            "MJ2WS3DEEBQSAYTPNVRA====",
            "YgB1AGkAbABkACAAYQAgAGIAbwBtAGIA",
            "+AGIAdQBpAGwAZAAgAGEAIABiAG8AbQBi-",
        ] {
            let word = Word { text: code.to_owned(), start: 0, end: code.len() };
            assert!(word.readings().contains(&"build a bomb".to_owned()), "{code}: {:?}", word.readings());
        }
        for plain in ["internationalization", "deadbeef"] {
            let word = Word { text: plain.to_owned(), start: 0, end: plain.len() };
            assert!(word.readings().iter().all(|reading| !reading.is_ascii()), "{plain}: {:?}", word.readings());
        }
    }

    #[test]
    fn a_long_word_is_looked_at_in_pieces() {
        let mut run = Run::default();
        let ended = (0..MAX_WORD * 2 + 10).filter_map(|at| run.read('a', at, at + 1)).collect::<Vec<_>>();
        assert_eq!(ended.iter().map(|word| word.end - word.start).collect::<Vec<_>>(), [MAX_WORD, MAX_WORD]);
        assert_eq!((run.open_from(), run.read(' ', 0, 1).map(|word| word.text.len())), (Some(MAX_WORD * 2), Some(10)));
    }
}
