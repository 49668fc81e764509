//! Text in characters that nobody sees and that models read: Unicode's tags, variation selectors that stand for bytes, and
//! invisible signs that stand for bits.

use std::ops::Range;

/// Characters of hidden text that are read at once.
const MAX_HIDDEN: usize = 256;
/// Letters that name a part of a country behind a flag.
const FLAG_LETTERS: usize = 6;
/// Bits of a letter.
const BITS: u32 = 8;

/// Hidden characters that carry ASCII text: U+E0020 to U+E007E.
const TAGS: std::ops::RangeInclusive<char> = '\u{E0020}'..='\u{E007E}';

/// What a character carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carried {
    Tag(char),
    /// A byte in a variation selector. One alone chooses the form of the letter before it.
    Byte(u8),
    /// A bit in an invisible sign. A few stand in formulas.
    Bit(u8),
}

fn carried(character: char) -> Option<Carried> {
    let code = u32::from(character);
    match character {
        _ if TAGS.contains(&character) => char::from_u32(code - 0xE0000).map(Carried::Tag),
        '\u{E0100}'..='\u{E01EF}' => u8::try_from(code - 0xE0100 + 16).ok().map(Carried::Byte),
        '\u{2062}' => Some(Carried::Bit(0)),
        '\u{2064}' => Some(Carried::Bit(1)),
        _ => None,
    }
}

/// Characters in a row that nobody sees and that carry text.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    run: Option<Run>,
    /// The last character before them is a black flag: with a few of them it is the flag of a part of a country.
    flag: bool,
}

#[derive(Debug)]
struct Run {
    place: Range<usize>,
    text: String,
    /// Characters of it that are tags.
    tags: usize,
    characters: usize,
    bits: u32,
    /// The bits of a letter that is not whole.
    letter: u8,
}

impl Hidden {
    /// Takes a character; `false` if the run must be ended first.
    #[inline]
    pub(crate) fn read(&mut self, character: char, at: usize) -> bool {
        if self.run.is_none() && character.is_ascii() {
            self.flag = false;
            return true;
        }
        match (carried(character), &mut self.run) {
            (Some(_), Some(run)) if run.characters >= MAX_HIDDEN => return false,
            (Some(carried), run) => run.get_or_insert_with(|| Run::new(at)).take(carried, at + character.len_utf8()),
            (None, Some(_)) => return false,
            (None, None) => self.flag = character == '\u{1F3F4}' || (self.flag && character == '\u{E007F}'),
        }
        true
    }

    /// Where the run begins that has not ended.
    pub(crate) fn open_from(&self) -> Option<usize> {
        self.run.as_ref().map(|run| run.place.start)
    }

    /// Ends the run: its place and what it says.
    pub(crate) fn end(&mut self) -> Option<(Range<usize>, String)> {
        let flag = std::mem::take(&mut self.flag);
        let run = self.run.take().filter(|run| run.is_text() && (!flag || run.characters > FLAG_LETTERS))?;
        Some((run.place, run.text))
    }
}

impl Run {
    const fn new(at: usize) -> Self {
        Self { place: at..at, text: String::new(), tags: 0, characters: 0, bits: 0, letter: 0 }
    }

    fn take(&mut self, carried: Carried, end: usize) {
        self.place.end = end;
        self.characters += 1;
        match carried {
            Carried::Tag(letter) => {
                self.tags += 1;
                self.text.push(letter);
            }
            Carried::Byte(byte) => self.text.push(char::from(byte)),
            Carried::Bit(bit) => {
                self.letter = self.letter << 1 | bit;
                self.bits += 1;
                if self.bits.is_multiple_of(BITS) {
                    self.text.push(char::from(self.letter));
                }
            }
        }
    }

    /// Whether it says something, and is not what may stand in a plain text.
    fn is_text(&self) -> bool {
        self.tags > 0 || (self.bits >= BITS) || self.characters > 1 && self.bits == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let mut hidden = Hidden::default();
        text.char_indices().for_each(|(at, character)| assert!(hidden.read(character, at), "{text:?}"));
        assert_eq!(hidden.end().map(|(_, said)| said).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn what_nobody_sees_is_read() {
        check("a\u{E0042}\u{E006F}", Some("Bo"));
        check("😀\u{E0152}\u{E015F}", Some("bo"));
        let bits: String = "01100010".chars().map(|bit| if bit == '1' { '\u{2064}' } else { '\u{2062}' }).collect();
        check(&bits, Some("b"));
    }

    #[test]
    fn what_stands_in_plain_texts_is_none() {
        check("葛\u{E0100}", None);
        check("2\u{2062}", None);
        check("a\u{E0001}", None);
        check("🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}", None);
        check("plain", None);
    }
}
