//! A part of a text as patterns read it.

use std::ops::Range;

use super::rules::Rule;
use crate::{Kind, fold::Symbol};

/// Symbols before a place that are looked at for words that say what stands there.
pub(crate) const BEFORE: usize = 64;
/// Any letter that is not ASCII, and any other sign. No text has these control characters in a reading.
const LETTER: u8 = 0x01;
const SIGN: u8 = 0x02;

/// The reading of a symbol behind another one. What programs write for a blank or a line's end is read as that.
pub(crate) fn byte(symbol: Symbol, before: Option<u8>) -> u8 {
    match u8::try_from(symbol.letter) {
        Ok(b'n' | b'r') if before == Some(b'\\') => b'\n',
        Ok(b't') if before == Some(b'\\') => b' ',
        Ok(b'\n' | b'\r') => b'\n',
        Ok(b'\t') => b' ',
        Ok(byte) if byte.is_ascii() && !byte.is_ascii_control() => byte,
        _ if symbol.letter.is_alphanumeric() => LETTER,
        _ => SIGN,
    }
}

/// A part of a text.
#[derive(Clone, Copy)]
pub(crate) struct Look<'t> {
    pub(crate) bytes: &'t [u8],
    /// Whether nothing comes behind it.
    pub(crate) whole: bool,
}

impl<'t> Look<'t> {
    pub(super) fn get(&self, at: Option<usize>) -> u8 {
        at.and_then(|at| self.bytes.get(at)).copied().unwrap_or(b' ')
    }

    pub(super) fn read(&self, range: Range<usize>) -> &'t str {
        self.bytes.get(range).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Whether a place is within a word: at a letter or digit, or at an underscore between two.
    fn in_word(&self, at: Option<usize>) -> bool {
        match self.get(at) {
            b'_' => at.is_some_and(|at| is_word(self.get(at.checked_sub(1))) && is_word(self.get(Some(at + 1)))),
            byte => is_word(byte),
        }
    }

    /// Whether a pattern may begin at a place: at a word's beginning, or at a sign with which some begin.
    pub(super) fn may_begin(&self, at: usize) -> bool {
        let (before, here) = (self.get(at.checked_sub(1)), self.get(Some(at)));
        match here {
            b'+' | b'(' | b':' => !self.in_word(at.checked_sub(1)),
            b'-' => before != b'-',
            _ => (here.is_ascii_alphanumeric() || here == LETTER) && !self.in_word(at.checked_sub(1)),
        }
    }

    /// Whether what stands between two places is all of a word, or of a number.
    pub(super) fn stands_alone(&self, first: usize, end: usize, rule: &Rule) -> bool {
        if rule.cut {
            return true;
        }
        if self.in_word(Some(end)) && is_word(self.get(end.checked_sub(1))) {
            return false;
        }
        let behind = (self.get(Some(end)), self.get(Some(end + 1)));
        // `jdk.internal.misc` goes on.
        if rule.kind == Kind::InternalHost && behind.0 == b'.' && is_word(behind.1) {
            return false;
        }
        if !rule.number {
            return true;
        }
        let joins = |sign: u8| matches!(sign, b'.' | b'-');
        // Of a time of the day, too, the last part is no number of its own.
        let before = self.get(first.checked_sub(1));
        let joined = (joins(before) || before == b':') && self.get(first.checked_sub(2)).is_ascii_digit();
        !(joined || joins(behind.0) && behind.1.is_ascii_digit())
    }

    /// Whether a number is joined to letters before it by a hyphen.
    pub(super) fn ends_name(&self, first: usize) -> bool {
        let before = |more: usize| self.get(first.checked_sub(more));
        self.get(Some(first)).is_ascii_digit() && before(1) == b'-' && before(2).is_ascii_alphabetic()
    }

    /// The text before a place, as far as it tells what stands there.
    pub(super) fn before(&self, first: usize) -> &'t [u8] {
        self.bytes.get(first.saturating_sub(BEFORE)..first).unwrap_or_default()
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}
