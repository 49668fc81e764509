//! The two ways in which a text is read to find a phrase that somebody hides: signs as what stands between letters, and signs as
//! the letters that they look like.

use super::letter::{Case, Letter, Sort};

/// What stands between two letters; a later one parts them more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    None,
    /// One apostrophe or hyphen, as in plain words.
    Soft,
    Sign,
    /// A blank, with whatever signs.
    Blank,
}

/// A letter of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) class: char,
    pub(super) small: char,
    /// The letters that it may stand for, besides itself.
    pub(super) stands_for: &'static str,
    /// Where it stands in the text, in bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// What stands before it.
    pub(super) gap: Gap,
    /// How much of a beginning it is: what stands before it and before the signs in front of it.
    pub(super) edge: Gap,
    pub(super) sort: Sort,
    pub(super) whole_word: bool,
}

impl Read {
    /// Whether it may be this letter.
    pub(super) fn may_be(&self, letter: char) -> bool {
        self.small == letter || self.stands_for.contains(letter)
    }
}

/// What a reader puts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Letter(Read),
    /// Nothing that counts, up to here.
    Gap(Gap, usize),
}

/// Reads letters one after the other in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    /// Whether signs that look like letters are read as such.
    signs: bool,
    /// What stands behind the last letter.
    gap: Gap,
    /// The edge before signs that nothing but signs came behind.
    fresh: Gap,
    /// Whether the last letter is a small one.
    small: bool,
    /// Whether the last letter stands alone.
    whole_word: bool,
}

impl Reader {
    pub(super) const fn new(signs: bool) -> Self {
        Self { signs, gap: Gap::Blank, fresh: Gap::None, small: false, whole_word: false }
    }

    /// From here on, signs that look like letters are read as such.
    pub(super) const fn take_signs(&mut self) {
        self.signs = true;
    }

    /// Whether both read alike whatever comes that is no such sign.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        Self { signs: other.signs, ..self.clone() } == *other
    }

    /// One more letter, which begins and ends at these places.
    #[inline]
    pub(super) fn read(&mut self, letter: Letter, (start, end): (usize, usize)) -> Put {
        let wider = match letter.sort {
            Sort::Blank => Gap::Blank,
            Sort::Sign if self.signs && letter.is_sign_letter() => return self.letter(letter, start, end),
            Sort::Sign if self.gap == Gap::None && matches!(letter.small, '\'' | '-') => Gap::Soft,
            Sort::Sign => Gap::Sign,
            Sort::Word => return self.letter(letter, start, end),
        };
        self.gap = self.gap.max(wider);
        Put::Gap(self.gap, end)
    }

    #[inline]
    fn letter(&mut self, letter: Letter, start: usize, end: usize) -> Put {
        let alone = letter.whole_word || self.whole_word;
        let edge = match self.gap {
            Gap::None if alone => Gap::Blank,
            Gap::None => self.fresh,
            gap => gap,
        };
        let looks_like_l = letter.case == Case::CapitalI && self.small && self.gap == Gap::None;
        let read = Read {
            class: letter.class,
            small: letter.small,
            stands_for: if looks_like_l { "l" } else { letter.stands_for },
            start,
            end,
            gap: self.gap,
            edge,
            sort: letter.sort,
            whole_word: letter.whole_word,
        };
        self.gap = Gap::None;
        self.fresh = if letter.sort == Sort::Sign { edge } else { Gap::None };
        self.small = letter.case == Case::Small;
        self.whole_word = letter.whole_word;
        Put::Letter(read)
    }
}
