//! What has a form: addresses, numbers with check digits, keys.
//!
//! One automaton holds all patterns. From each place where something may begin it is walked until no pattern can go on; what
//! fits is then checked, the longest first. Whether it can go on is all that decides how much of a stream is held back.

mod rules;

use std::{
    cmp::Reverse,
    ops::Range,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::LazyLock,
};

use regex_automata::{
    Anchored, Input, MatchKind,
    hybrid::{
        LazyStateID,
        dfa::{Cache, DFA},
    },
    util::{pool::Pool, syntax},
};

use crate::{Action, Kind, fold::Symbol};
use rules::Rule;

/// Symbols that one thing may have at most, such as a private key; a longer one ends here.
const MAX_LENGTH: usize = 32_768;
/// Of the places where one pattern may end, so many of the furthest are checked.
const MAX_ENDS: usize = 16;
/// Symbols before a place that are looked at for words that say what stands there.
pub(crate) const BEFORE: usize = 64;
/// Symbols behind a place that tell whether it ends there.
const BEHIND: usize = 2;
/// What the states of one thread may take; beyond, they are learnt anew.
const CACHE_BYTES: usize = 8 << 20;
/// Any letter that is not ASCII, and any other sign. No text has these control characters in a reading.
const LETTER: u8 = 0x01;
const SIGN: u8 = 0x02;

/// The patterns of all kinds: one automaton for all streams, which learns its states as they are met.
pub(crate) static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::new);

/// All patterns, ready to be looked for.
pub(crate) struct Patterns {
    automaton: DFA,
    rules: Vec<Rule>,
    /// The states that are known; as many copies as threads have looked at once.
    caches: Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>>,
}

/// Something that was found, by the places of its symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) first: usize,
    /// The place behind its last symbol.
    pub(crate) end: usize,
}

/// What stands at a place.
enum At {
    Nothing,
    Thing(Found, usize),
    /// More text tells.
    Open,
}

impl std::fmt::Debug for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patterns").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Patterns {
    #[expect(clippy::expect_used, reason = "the table of patterns is a part of the program, and a test builds it")]
    fn new() -> Self {
        let rules = rules::rules();
        let config =
            DFA::config().match_kind(MatchKind::All).cache_capacity(CACHE_BYTES).skip_cache_capacity_check(true);
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let written: Vec<String> = rules.iter().map(rules::written).collect();
        let built = DFA::builder().configure(config).syntax(syntax).build_many(&written);
        let automaton = built.expect("the patterns are regular expressions");
        let maker = automaton.clone();
        Self { automaton, rules, caches: Pool::new(Box::new(move || maker.create_cache())) }
    }

    /// Goes on looking where the last look ended, for kinds with which something is done; gives where it ended.
    pub(crate) fn look(
        &self,
        text: Look<'_>,
        looked: Looked,
        action: &dyn Fn(Kind) -> Action,
        found: &mut Vec<Found>,
    ) -> Looked {
        let Looked { mut next, mut flagged } = looked;
        let cache = &mut *self.caches.get();
        while next < text.bytes.len() {
            if !text.may_begin(next) {
                next += 1;
                continue;
            }
            // Within what is only flagged there may be what must not pass.
            let least = if next < flagged { Action::Redact } else { Action::Flag };
            match self.at(cache, &text, next, &|kind| action(kind) >= least, action) {
                At::Nothing => next += 1,
                At::Open => break,
                At::Thing(thing, end) => {
                    found.push(thing);
                    if action(thing.kind) == Action::Flag {
                        (flagged, next) = (end, next + 1);
                    } else {
                        next = end;
                    }
                }
            }
        }
        Looked { next, flagged }
    }

    fn at(
        &self,
        cache: &mut Cache,
        text: &Look<'_>,
        first: usize,
        wanted: &dyn Fn(Kind) -> bool,
        action: &dyn Fn(Kind) -> Action,
    ) -> At {
        let Some(mut ends) = self.walk(cache, text, first) else { return At::Open };
        if !text.whole && ends.iter().any(|(end, _)| end + BEHIND > text.bytes.len()) {
            return At::Open;
        }
        let strictness = |rule: usize| self.rules.get(rule).map(|rule| action(rule.kind)).unwrap_or_default();
        ends.retain(|(_, rule)| self.rules.get(*rule).is_some_and(|rule| wanted(rule.kind)));
        ends.sort_by_key(|(end, rule)| (Reverse(strictness(*rule)), Reverse(*end), *rule));
        if ends.is_empty() {
            return At::Nothing;
        }
        let mut tried = vec![0; self.rules.len()];
        let thing = ends.into_iter().find_map(|(end, rule)| {
            let count = tried.get_mut(rule)?;
            *count += 1;
            // What may be cut ends where it ends, and nowhere before.
            let most = if self.rules.get(rule).is_some_and(|rule| rule.cut) { 1 } else { MAX_ENDS };
            (*count <= most).then(|| self.check(text, first, end, rule)).flatten().map(|thing| (thing, end))
        });
        thing.map_or(At::Nothing, |(found, end)| At::Thing(found, end))
    }

    /// Where patterns end that begin at a place; `None` if more text tells.
    fn walk(&self, cache: &mut Cache, text: &Look<'_>, first: usize) -> Option<Vec<(usize, usize)>> {
        let mut ends = Vec::new();
        let input = Input::new(text.bytes).anchored(Anchored::Yes).range(first..);
        let Ok(mut state) = self.automaton.start_state_forward(cache, &input) else { return Some(ends) };
        let limit = text.bytes.len().min(first + MAX_LENGTH);
        for (at, byte) in (first..limit).zip(text.bytes.get(first..limit).unwrap_or_default()) {
            let Ok(next) = self.automaton.next_state(cache, state, *byte) else { return Some(ends) };
            state = next;
            if state.is_dead() {
                return Some(ends);
            }
            // A match is told one symbol late.
            self.note_ends(cache, text, state, at, &mut ends);
        }
        if !text.whole && text.bytes.len() < first + MAX_LENGTH + BEHIND {
            return None;
        }
        if let Ok(state) = self.automaton.next_eoi_state(cache, state) {
            self.note_ends(cache, text, state, limit, &mut ends);
        }
        Some(ends)
    }

    fn note_ends(&self, cache: &Cache, text: &Look<'_>, state: LazyStateID, at: usize, ends: &mut Vec<(usize, usize)>) {
        if state.is_match() {
            // What would end within a word would not stand alone.
            let inside = is_word(text.get(Some(at))) && is_word(text.get(at.checked_sub(1)));
            let cut = |rule: &usize| self.rules.get(*rule).is_some_and(|rule| rule.cut);
            let rules =
                (0..self.automaton.match_len(cache, state)).map(|n| self.automaton.match_pattern(cache, state, n));
            let rules = rules.map(|rule| rule.as_usize());
            ends.extend(rules.filter(|rule| !inside || cut(rule)).map(|rule| (at, rule)));
        }
    }

    fn check(&self, text: &Look<'_>, first: usize, end: usize, rule: usize) -> Option<Found> {
        let rule = self.rules.get(rule)?;
        if !text.stands_alone(first, end, rule) {
            return None;
        }
        let part = (rule.check)(text.read(first..end))?;
        let before = text.before(first);
        let needs = rule.after.is_empty() || rule.after.iter().any(|word| says(&before, word));
        if !needs || rule.not_after.iter().any(|word| ends_with(&before, word)) {
            return None;
        }
        Some(Found { kind: rule.kind, first: first + part.start, end: first + part.end })
    }
}

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

/// Where a look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// The place up to which all is settled.
    pub(crate) next: usize,
    /// Up to where something was found that only is flagged.
    pub(crate) flagged: usize,
}

/// A part of a text.
#[derive(Clone, Copy)]
pub(crate) struct Look<'t> {
    pub(crate) bytes: &'t [u8],
    /// Whether nothing comes behind it.
    pub(crate) whole: bool,
}

impl<'t> Look<'t> {
    fn get(&self, at: Option<usize>) -> u8 {
        at.and_then(|at| self.bytes.get(at)).copied().unwrap_or(b' ')
    }

    fn read(&self, range: Range<usize>) -> &'t str {
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
    fn may_begin(&self, at: usize) -> bool {
        let (before, here) = (self.get(at.checked_sub(1)), self.get(Some(at)));
        match here {
            b'+' | b'(' | b':' => !self.in_word(at.checked_sub(1)),
            b'-' => before != b'-',
            _ => (here.is_ascii_alphanumeric() || here == LETTER) && !self.in_word(at.checked_sub(1)),
        }
    }

    /// Whether what stands between two places is all of a word, or of a number.
    fn stands_alone(&self, first: usize, end: usize, rule: &Rule) -> bool {
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

    /// The text before a place, in lower case.
    fn before(&self, first: usize) -> String {
        self.read(first.saturating_sub(BEFORE)..first).to_ascii_lowercase()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// Whether a text has a word, or the beginning of one.
fn says(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.bytes().next_back()).unwrap_or(b' ');
        let behind = text.get(at + word.len()..).and_then(|behind| behind.bytes().next()).unwrap_or(b' ');
        // Short words are too often the beginning of others.
        !before.is_ascii_alphanumeric() && (word.len() > 3 || !behind.is_ascii_alphanumeric())
    })
}

/// Whether a word is the last thing that a text says.
fn ends_with(text: &str, word: &str) -> bool {
    let text = text.trim_end_matches([' ', ':', '=', '/', '-', '"', '\'']);
    let rest = text.strip_suffix(word);
    rest.is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_alphanumeric()))
}
