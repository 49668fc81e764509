//! Words in codes that any sign may stand in: Ascii85, base 85 (RFC 1924) and uuencode.

use crate::fold::Symbol;

/// Fewer symbols are no code worth the while.
const MIN_WORD: usize = 8;
/// What stands behind a word and is none of it.
const BEHIND: &[char] = &[',', '.', ';', ':', '!', '?', ')', '"', '\''];

/// What a word may say.
pub(super) fn readings(word: &[Symbol]) -> Vec<String> {
    let mixed = word.iter().any(|symbol| !symbol.letter.is_ascii_alphabetic());
    if word.len() < MIN_WORD || !mixed || !word.iter().all(|symbol| symbol.letter.is_ascii_graphic()) {
        return Vec::new();
    }
    let text: String = word.iter().map(|symbol| symbol.letter).collect();
    let text = text.trim_start_matches("<~").trim_end_matches("~>");
    let shorter = text.strip_suffix(BEHIND);
    let candidates = std::iter::once(text).chain(shorter);
    candidates.flat_map(|text| [fives(text, ascii85), fives(text, rfc1924), uuencode(text)]).flatten().collect()
}

fn ascii85(letter: u8) -> Option<u32> {
    (b'!'..=b'u').contains(&letter).then(|| u32::from(letter - b'!'))
}

fn rfc1924(letter: u8) -> Option<u32> {
    const SIGNS: &[u8] = b"!#$%&()*+-;<=>?@^_`{|}~";
    match letter {
        b'0'..=b'9' => Some(u32::from(letter - b'0')),
        b'A'..=b'Z' => Some(u32::from(letter - b'A') + 10),
        b'a'..=b'z' => Some(u32::from(letter - b'a') + 36),
        sign => SIGNS.iter().position(|known| *known == sign).and_then(|at| u32::try_from(at + 62).ok()),
    }
}

/// Five symbols to base 85 that stand for four bytes.
fn fives(text: &str, value: fn(u8) -> Option<u32>) -> Option<String> {
    let mut told = String::new();
    for group in text.as_bytes().chunks(5) {
        let mut sum = 0_u32;
        for at in 0..5 {
            let digit = group.get(at).map_or(Some(84), |letter| value(*letter))?;
            sum = sum.checked_mul(85)?.checked_add(digit)?;
        }
        let bytes = sum.to_be_bytes();
        push(&mut told, bytes.get(..group.len().saturating_sub(1))?)?;
    }
    Some(told)
}

/// A line: the number of its bytes, then four symbols for three of them.
fn uuencode(text: &str) -> Option<String> {
    let value = |letter: u8| (b' '..=b'`').contains(&letter).then(|| u32::from(letter - b' ') & 63);
    let (first, rest) = text.as_bytes().split_first()?;
    let length = usize::try_from(value(*first)?).ok()?;
    let mut told = String::new();
    for group in rest.chunks(4).take_while(|_| length > 0) {
        let mut sum = 0_u32;
        for at in 0..4 {
            sum = sum << 6 | group.get(at).map_or(Some(0), |letter| value(*letter))?;
        }
        let [_, bytes @ ..] = sum.to_be_bytes();
        let left = length.checked_sub(told.len()).filter(|left| *left > 0)?;
        push(&mut told, bytes.get(..left.min(3))?)?;
    }
    Some(told).filter(|told| told.len() == length && rest.len() <= length.div_ceil(3) * 4)
}

/// Chance makes hardly any text of what is no code.
fn push(told: &mut String, bytes: &[u8]) -> Option<()> {
    for byte in bytes {
        let shown = byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        told.push(shown.then_some(char::from(*byte))?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Vec<Symbol> {
        text.char_indices().map(|(at, letter)| Symbol { letter, start: at, end: at + 1 }).collect()
    }

    #[test]
    fn codes_are_read() {
        for code in ["@WcC$A0>;'@W-*m", "Vs&Y3WFTQ6VsC9?", ",8G5I;&0@82!B;VUB", "<~@WcC$A0>;'@W-*m~>"] {
            assert!(readings(&word(code)).contains(&"build a bomb".to_owned()), "{code}: {:?}", readings(&word(code)));
        }
    }

    #[test]
    fn plain_words_are_none() {
        for plain in ["well-known,", "https://example.org/a?b=c", "self.held_from", "3.14159265", "'quotation'"] {
            assert!(readings(&word(plain)).is_empty(), "{plain}: {:?}", readings(&word(plain)));
        }
    }
}
