//! Letters as they are read: what looks alike becomes alike, and what is not seen goes.
//!
//! Each character is folded by itself, so a text gives the same symbols in whatever pieces it comes.

use std::sync::atomic::{AtomicU32, Ordering};

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// A character as it is read, and where it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// Its letter, with its case, without marks; ASCII wherever it looks like that.
    pub(crate) letter: char,
    /// Where its character begins, in bytes from the text's beginning.
    pub(crate) start: usize,
    /// Where its character ends.
    pub(crate) end: usize,
}

/// The first of ten digits in scripts other than Latin.
const ZEROS: &[char] = &[
    '\u{0660}', '\u{06F0}', '\u{07C0}', '\u{0966}', '\u{09E6}', '\u{0A66}', '\u{0AE6}', '\u{0B66}', '\u{0BE6}',
    '\u{0C66}', '\u{0CE6}', '\u{0D66}', '\u{0E50}', '\u{0ED0}', '\u{0F20}', '\u{1040}', '\u{17E0}', '\u{1810}',
];

/// Letters that Unicode does not list as alike, and that people use as if they were.
const ALIKE: &[(&str, char)] = &[
    ("ᴀɐ", 'a'),
    ("вьъβʙ", 'b'),
    ("ᴄɔ", 'c'),
    ("ᴅ", 'd'),
    ("εᴇ€ǝ", 'e'),
    ("ꜰɟ", 'f'),
    ("ɢƃ", 'g'),
    ("нʜɥ", 'h'),
    ("ɪᴉ", 'i'),
    ("ᴊɾ", 'j'),
    ("кκᴋʞ", 'k'),
    ("ʟ£ꞁ", 'l'),
    ("мᴍɯ", 'm'),
    ("ηпɴ", 'n'),
    ("ᴏ", 'o'),
    ("ᴘ", 'p'),
    ("ꞯ", 'q'),
    ("ʀɹ", 'r'),
    ("ꜱ", 's'),
    ("тτᴛʇ", 't'),
    ("иᴜ", 'u'),
    ("ᴠʌ", 'v'),
    ("ᴡʍ", 'w'),
    ("χ", 'x'),
    ("ʏʎ", 'y'),
    ("ᴢ", 'z'),
];

/// The letters of braille from U+2800 on; a dot for what is no letter.
const BRAILLE: &[u8; 64] = b" a.b.k.l.cif.msp.e.h.o.r.djg.ntq.....u.v.....x.......z....w..y..";

/// Calls `push` with each symbol of a character that begins at `start`.
pub(crate) fn fold(character: char, start: usize, mut push: impl FnMut(Symbol)) {
    let end = start + character.len_utf8();
    let mut put = |letter| push(Symbol { letter, start, end });
    if character.is_ascii() {
        return put(character);
    }
    decompose_compatible(character, |part| {
        // An accent that stands alone is a blank with a mark: a sign, and no blank.
        let accent = part == ' ' && !character.is_whitespace();
        if accent || is_unseen(part) || (is_combining_mark(part) && is_dropped(part)) {
            return;
        }
        if part == 'ß' {
            put('s');
            return put('s');
        }
        put(known(part));
    });
}

/// What each letter of the first plane is read as, once it was looked up; 0 before. To look one up takes a microsecond, and
/// most of a text in another script than Latin would be nothing else.
static READ: [AtomicU32; 0x10000] = [const { AtomicU32::new(0) }; 0x10000];

/// What a letter is read as.
fn known(part: char) -> char {
    let Some(place) = READ.get(part as usize) else { return look(part) };
    match char::from_u32(place.load(Ordering::Relaxed)) {
        Some('\0') | None => {
            let letter = look(part);
            place.store(u32::from(letter), Ordering::Relaxed);
            letter
        }
        Some(letter) => letter,
    }
}

fn look(part: char) -> char {
    plain(part).unwrap_or_else(|| likeness(part))
}

/// Marks of Indic and other scripts are vowels: without them words become others.
fn is_dropped(mark: char) -> bool {
    matches!(u32::from(mark), 0x0300..=0x0489 | 0x0591..=0x06ED | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F)
}

/// What has one reading.
fn plain(part: char) -> Option<char> {
    if part.is_ascii() {
        return Some(part);
    }
    if let Some(zero) = ZEROS.iter().find(|zero| (**zero..=after(**zero, 9)).contains(&part)) {
        return char::from_digit(u32::from(part) - u32::from(*zero), 10);
    }
    if let Some(letter) = u32::from(part).checked_sub(0x2800).and_then(|at| BRAILLE.get(at as usize)) {
        return Some(char::from(*letter));
    }
    match part {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{058A}' => Some('-'),
        '\u{2018}'..='\u{201B}' | '\u{2032}' | '\u{02B9}'..='\u{02BC}' => Some('\''),
        '\u{201C}'..='\u{201F}' | '\u{2033}' => Some('"'),
        '\u{2044}' | '\u{2215}' => Some('/'),
        '\u{2024}' | '\u{3002}' => Some('.'),
        _ if part.is_whitespace() => Some(' '),
        _ => None,
    }
}

fn after(zero: char, more: u32) -> char {
    char::from_u32(u32::from(zero) + more).unwrap_or(zero)
}

/// What looks like ASCII becomes that; the rest stays. Unicode's own list of what looks alike (UTS 39).
fn likeness(part: char) -> char {
    if let Some((_, like)) = ALIKE.iter().find(|(parts, _)| parts.contains(part)) {
        return *like;
    }
    // Letters on a ground of their own, such as those of flags.
    for first in ['\u{1F130}', '\u{1F150}', '\u{1F170}', '\u{1F1E6}'] {
        if let Some(letter @ 0..26) = u32::from(part).checked_sub(u32::from(first)) {
            return char::from_u32(u32::from('a') + letter).unwrap_or(part);
        }
    }
    let mut bytes = [0; 4];
    let mut seen = unicode_security::skeleton(part.encode_utf8(&mut bytes)).filter(|like| !is_combining_mark(*like));
    match (seen.next(), seen.next()) {
        (Some(like), None) if like.is_ascii_alphanumeric() => like,
        _ => part,
    }
}

/// Takes no room on paper: joiners, marks of direction, variation selectors, soft hyphens, tags.
pub(crate) fn is_unseen(part: char) -> bool {
    matches!(part,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let mut letters = String::new();
        text.char_indices().for_each(|(at, character)| fold(character, at, |symbol| letters.push(symbol.letter)));
        letters
    }

    #[test]
    fn what_looks_alike_is_read_alike() {
        for (text, expected) in [
            ("plain m1I0|", "plain m1I0|"),
            ("ｂｏｂ＠example．com", "bob@example.com"),
            ("𝐛𝑜𝓶𝔟", "bomb"),
            ("бomb аррle", "6omb apple"),
            ("b\u{200B}o\u{00AD}m\u{FE0F}b", "bomb"),
            ("Zoë Müller, Straße", "Zoe Muller, Strasse"),
            ("z\u{0337}a\u{0301}lgo", "zalgo"),
            ("٠١٢ ۴۵", "012 45"),
            ("4111\u{2011}1111\u{00A0}1111\u{202F}1111", "4111-1111 1111 1111"),
            ("ﬁne", "fine"),
            ("炸弹", "炸弹"),
            ("ʙᴏᴍʙ 🅱🇴🅼🅑", "bomb bomb"),
            ("bo´mb", "bomb"),
            ("मेरा मार", "मेरा मार"),
            ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"),
            ("⠃⠕⠍⠃ ⠼", "bomb ."),
            ("qɯoq ɐ plᴉnq", "qmoq a plinq"),
            ("օսհցѕ ԁеіјκӏмт", "ouhgs deijklmt"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_remembered_is_what_was_looked_up() {
        for part in ('\u{80}'..='\u{1FFFF}').step_by(7) {
            assert_eq!([known(part), known(part)], [look(part); 2], "{part:?}");
        }
    }

    #[test]
    fn symbols_know_their_places() {
        let mut symbols = Vec::new();
        "a\u{200B}ﬁ".char_indices().for_each(|(at, c)| fold(c, at, |symbol| symbols.push(symbol)));
        let places: Vec<_> = symbols.iter().map(|s| (s.letter, s.start, s.end)).collect();
        assert_eq!(places, [('a', 0, 1), ('f', 4, 7), ('i', 4, 7)]);
    }
}
