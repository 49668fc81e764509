//! What a letter is and what it looks like, in whatever way it is read.

use std::sync::LazyLock;

/// The letter that a digit or sign stands for; of one that stands for an `i` or an `l`, the `i`.
const fn looks_like(letter: char) -> Option<char> {
    Some(match letter {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '8' => 'b',
        '7' | '+' => 't',
        '9' => 'g',
        _ => return None,
    })
}

/// Whether a sign stands for an `i` as well as for an `l`.
const fn is_one(letter: char) -> bool {
    matches!(letter, '1' | '!' | '|')
}

/// A small letter with what all readings ask of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) small: char,
    pub(super) sort: Sort,
    /// The letter that it looks like.
    pub(super) like: Option<char>,
    /// Whether it is a letter in all readings, and of a script that parts words.
    pub(super) plain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A letter or a digit.
    Word,
    Blank,
    Sign,
}

/// What is asked of ASCII again and again.
static ASCII: LazyLock<[Letter; 128]> = LazyLock::new(|| {
    std::array::from_fn(|at| Letter::look(u8::try_from(at).map_or('\0', char::from).to_ascii_lowercase()))
});

impl Letter {
    /// Calls `take` with each small letter of a letter.
    #[inline]
    pub(super) fn each(letter: char, mut take: impl FnMut(Self)) {
        match ASCII.get(letter as usize) {
            Some(known) => take(*known),
            None => letter.to_lowercase().for_each(|letter| take(Self::look(letter))),
        }
    }

    /// Whether it stands for an `i` as well as for an `l`.
    pub(super) const fn is_one(self) -> bool {
        is_one(self.small)
    }

    pub(super) fn is_blank(self) -> bool {
        self.sort == Sort::Blank
    }

    fn look(letter: char) -> Self {
        let sort = if letter.is_alphanumeric() {
            Sort::Word
        } else if letter.is_whitespace() {
            Sort::Blank
        } else {
            Sort::Sign
        };
        let like = looks_like(letter);
        let plain = sort == Sort::Word && like.is_none() && !is_whole_word(letter);
        Self { small: letter, sort, like, plain }
    }
}

/// Scripts that part no words: each of their signs stands alone.
pub(super) fn is_whole_word(letter: char) -> bool {
    !letter.is_ascii()
        && matches!(u32::from(letter), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}
