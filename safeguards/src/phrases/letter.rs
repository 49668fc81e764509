//! What a letter is and what it may stand for, in whatever way it is read.

use std::sync::LazyLock;

/// Digits and signs, and the letters that each of them stands for in place of itself.
const STANDS_FOR: &[(char, &str)] = &[
    ('0', "o"),
    ('1', "il"),
    ('2', "z"),
    ('3', "e"),
    ('4', "a"),
    ('5', "s"),
    ('6', "bg"),
    ('7', "t"),
    ('8', "b"),
    ('9', "gq"),
    ('!', "il"),
    ('|', "il"),
    ('¡', "il"),
    ('@', "a"),
    ('^', "a"),
    ('$', "s"),
    ('§', "s"),
    ('+', "t"),
    ('#', "h"),
    ('(', "c"),
    ('<', "c"),
    ('[', "c"),
    ('¢', "c"),
    ('©', "c"),
    ('®', "r"),
    ('¥', "y"),
];

/// Letters that fall together, since one digit or sign may stand for each of them.
const TOGETHER: &[(&str, char)] = &[("l", 'i'), ("gq", 'b')];

/// A small letter with what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) small: char,
    /// What it is looked for as: alike for all letters and signs that may stand for one another.
    pub(super) class: char,
    pub(super) sort: Sort,
    /// The letters that it may stand for, besides itself.
    pub(super) stands_for: &'static str,
    pub(super) case: Case,
    /// Whether it parts words: scripts without blanks.
    pub(super) whole_word: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A letter or a digit.
    Word,
    Blank,
    Sign,
}

/// As far as it matters: a capital I among small letters looks like an l.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Small,
    CapitalI,
    Other,
}

/// What is asked of ASCII again and again.
static ASCII: LazyLock<[Letter; 128]> = LazyLock::new(|| {
    std::array::from_fn(|at| {
        let letter = u8::try_from(at).map_or('\0', char::from);
        Letter::look(letter, letter.to_ascii_lowercase())
    })
});

impl Letter {
    /// Calls `take` with each small letter of a letter.
    #[inline]
    pub(super) fn each(letter: char, mut take: impl FnMut(Self)) {
        match ASCII.get(letter as usize) {
            Some(known) => take(*known),
            None => letter.to_lowercase().for_each(|small| take(Self::look(letter, small))),
        }
    }

    /// Whether it is a letter and nothing else, of a script that parts words.
    #[inline]
    pub(super) fn is_plain(self) -> bool {
        self.sort == Sort::Word && self.stands_for.is_empty() && !self.whole_word
    }

    /// Whether it is a sign that may be a letter.
    #[inline]
    pub(super) fn is_sign_letter(self) -> bool {
        self.sort == Sort::Sign && !self.stands_for.is_empty()
    }

    fn look(letter: char, small: char) -> Self {
        let sort = if small.is_alphanumeric() {
            Sort::Word
        } else if small.is_whitespace() {
            Sort::Blank
        } else {
            Sort::Sign
        };
        let case = match letter {
            'I' => Case::CapitalI,
            _ if letter.is_lowercase() => Case::Small,
            _ => Case::Other,
        };
        let (class, stands_for) = (class(small), stands_for(small));
        Self { small, class, sort, stands_for, case, whole_word: is_whole_word(small) }
    }
}

fn stands_for(letter: char) -> &'static str {
    STANDS_FOR.iter().find(|(sign, _)| *sign == letter).map_or("", |(_, letters)| letters)
}

/// The letter by which a letter and all that may stand for it are looked for.
pub(super) fn class(letter: char) -> char {
    let letter = stands_for(letter).chars().next().unwrap_or(letter);
    TOGETHER.iter().find(|(letters, _)| letters.contains(letter)).map_or(letter, |(_, class)| *class)
}

/// Scripts that part no words: each of their signs stands alone.
pub(super) fn is_whole_word(letter: char) -> bool {
    !letter.is_ascii()
        && matches!(u32::from(letter), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_may_stand_for_one_another_falls_together() {
        for (sign, letters) in STANDS_FOR {
            for letter in letters.chars() {
                assert_eq!(class(*sign), class(letter), "{sign} for {letter}");
            }
        }
    }
}
