//! What has a form: addresses, numbers with check digits, keys.
//!
//! One automaton holds all patterns. From each place where something may begin it is walked until no pattern can go on; what
//! fits is then checked, the longest first. Whether it can go on is all that decides how much of a stream is held back.

mod ends;
mod look;
mod rules;
mod words;

use std::{
    panic::{RefUnwindSafe, UnwindSafe},
    sync::LazyLock,
};

use regex_automata::{
    MatchKind,
    hybrid::dfa::DFA,
    util::{pool::Pool, syntax},
};

use crate::{Action, Kind, rules::Actions};
use ends::{End, Ends, Known};
pub(crate) use look::{BEFORE, Look, byte};
use rules::Rule;
use words::Words;

/// Of the places where one pattern may end, so many of the furthest are checked.
const MAX_ENDS: u8 = 16;
/// Symbols behind a place that tell whether it ends there.
const BEHIND: usize = 2;
/// What the states of one thread may take; beyond, they are learnt anew.
const CACHE_BYTES: usize = 8 << 20;

/// The patterns of all kinds: one automaton for all streams, which learns its states as they are met.
pub(crate) static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::new);

/// All patterns, ready to be looked for.
pub(crate) struct Patterns {
    automaton: DFA,
    rules: Vec<Rule>,
    words: Words,
    /// The rules that find a telephone's number behind a word for one.
    phones: words::Rules,
    /// The states that are known; as many copies as threads have looked at once.
    caches: Pool<Known, Box<dyn Fn() -> Known + Send + Sync + UnwindSafe + RefUnwindSafe>>,
}

/// Something that was found, by the places of its symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) first: usize,
    /// The place behind its last symbol.
    pub(crate) end: usize,
}

/// Where a look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// The place up to which all is settled.
    pub(crate) next: usize,
    /// Up to where something was found that only is flagged.
    pub(crate) flagged: usize,
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
        let words = Words::new(&rules);
        let called = |rule: &Rule| rule.kind == Kind::Phone && !rule.after.is_empty();
        let phones = (0..).zip(&rules).filter(|(_, rule)| called(rule)).fold(0, |all, (at, _)| all | 1 << at);
        Self { automaton, rules, words, phones, caches: Pool::new(Box::new(move || Known::new(&maker))) }
    }

    /// Goes on looking where the last look ended, for kinds with which something is done; gives where it ended.
    pub(crate) fn look(&self, text: Look<'_>, looked: Looked, actions: &Actions, found: &mut Vec<Found>) -> Looked {
        let Looked { mut next, mut flagged } = looked;
        let known = &mut *self.caches.get();
        let mut ends = Ends::new(&self.rules, actions);
        while next < text.bytes.len() {
            // Within what is only flagged there may be what must not pass.
            let least = if next < flagged { Action::Redact } else { Action::Flag };
            if least > actions.strictest {
                next = flagged.min(text.bytes.len());
                continue;
            }
            if !text.may_begin(next) {
                next += 1;
                continue;
            }
            match self.at(known, &text, next, least, &mut ends) {
                At::Nothing => next += 1,
                At::Open => break,
                At::Thing(thing, end) => {
                    found.push(thing);
                    if actions.of(thing.kind) == Action::Flag {
                        (flagged, next) = (end, next + 1);
                    } else {
                        next = end;
                    }
                }
            }
        }
        Looked { next, flagged }
    }

    fn at(&self, known: &mut Known, text: &Look<'_>, first: usize, least: Action, ends: &mut Ends<'_>) -> At {
        ends.begin(least);
        if !ends.walk(&self.automaton, known, text, first) {
            return At::Open;
        }
        if !text.whole && ends.last().is_some_and(|last| last + BEHIND > text.bytes.len()) {
            return At::Open;
        }
        let mut known = Asked { words: &self.words, before: text.before(first), said: None, hopeless: 0 };
        let mut ends = ends.strictest_first().iter();
        let thing = ends.find_map(|end| Some((self.check(text, first, *end, &mut known)?, end.at)));
        thing.map_or(At::Nothing, |(found, end)| At::Thing(found, end))
    }

    /// Whether what stands between two places is what a rule looks for.
    fn check(&self, text: &Look<'_>, first: usize, end: End, asked: &mut Asked<'_>) -> Option<Found> {
        let rule = self.rules.get(end.rule)?;
        let this: words::Rules = 1 << end.rule;
        if asked.hopeless & this != 0 || !text.stands_alone(first, end.at, rule) {
            return None;
        }
        let Some(part) = (rule.check)(text.read(first..end.at)) else {
            asked.hopeless |= if rule.longest { this } else { 0 };
            return None;
        };
        let needs = rule.after.is_empty() || asked.said() & this != 0;
        if !needs || rule.not_after.iter().any(|word| words::ends_with(asked.before, word)) {
            return None;
        }
        // `KW-0699-32897` is a reference, unless somebody calls it a telephone's.
        if rule.kind == Kind::Phone && text.ends_name(first) && asked.said() & self.phones == 0 {
            return None;
        }
        Some(Found { kind: rule.kind, first: first + part.start, end: first + part.end })
    }
}

/// What was asked about one place.
struct Asked<'t> {
    words: &'t Words,
    /// The text before it.
    before: &'t [u8],
    /// The rules of which a word stands there, once somebody asked.
    said: Option<words::Rules>,
    /// The rules that need not be asked again.
    hopeless: words::Rules,
}

impl Asked<'_> {
    fn said(&mut self) -> words::Rules {
        *self.said.get_or_insert_with(|| self.words.said_in(self.before))
    }
}
