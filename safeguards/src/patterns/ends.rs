//! Where patterns end that begin at a place.

use std::{cmp::Reverse, ops::Range};

use regex_automata::{
    Anchored, Input,
    hybrid::{
        LazyStateID,
        dfa::{Cache, DFA},
    },
};

use super::{
    BEHIND, MAX_ENDS,
    look::{Look, is_word},
    rules::{Rule, Tail},
};
use crate::{Action, rules::Actions};

/// Symbols that one thing may have at most, such as a private key; a longer one ends here.
const MAX_LENGTH: usize = 32_768;
/// Of so many symbols from a place on it is remembered what ends there.
const REMEMBERED: usize = 600;
/// Sorts of first symbols that are told apart there: what begins with a sign is in other states than what begins with a letter.
const FIRSTS: usize = 4;
/// Rules of one state that are remembered.
const FEW: usize = 3;

/// A place where a rule's pattern ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: usize,
    pub(super) rule: usize,
    action: Action,
}

/// The automaton's states as far as they are known, and what is known of them until it forgets them.
#[derive(Debug)]
pub(super) struct Known {
    cache: Cache,
    clears: usize,
    start: Option<LazyStateID>,
    /// By the number of symbols that led there, and a little of the first one: the state met last in which something ends.
    met: Vec<Option<Met>>,
}

/// A state and the rules whose patterns end there.
#[derive(Clone, Copy, Debug)]
struct Met {
    state: LazyStateID,
    rules: [u8; FEW],
    count: u8,
}

impl Known {
    pub(super) fn new(automaton: &DFA) -> Self {
        Self { cache: automaton.create_cache(), clears: 0, start: None, met: vec![None; REMEMBERED * FIRSTS] }
    }

    /// The state before the first symbol. No pattern asks what stands before it, so there is one.
    fn start(&mut self, automaton: &DFA) -> Option<LazyStateID> {
        self.forget();
        if self.start.is_none() {
            let start = automaton.start_state_forward(&mut self.cache, &Input::new("").anchored(Anchored::Yes)).ok();
            self.forget();
            self.start = start;
        }
        self.start
    }

    /// Forgets what is known of states that the automaton has forgotten.
    fn forget(&mut self) {
        if self.cache.clear_count() != self.clears {
            self.clears = self.cache.clear_count();
            self.start = None;
            self.met.fill(None);
        }
    }

    /// Calls `take` with each rule whose pattern ends in a state, with a place to remember it.
    #[inline]
    fn ending(&mut self, automaton: &DFA, state: LazyStateID, place: usize, mut take: impl FnMut(usize)) {
        self.forget();
        match self.met.get(place) {
            Some(Some(met)) if met.state == state => {
                met.rules.iter().take(usize::from(met.count)).for_each(|rule| take(usize::from(*rule)));
            }
            _ => self.meet(automaton, state, place, take),
        }
    }

    fn meet(&mut self, automaton: &DFA, state: LazyStateID, place: usize, mut take: impl FnMut(usize)) {
        let count = automaton.match_len(&self.cache, state);
        let mut met = Met { state, rules: [0; FEW], count: u8::try_from(count).unwrap_or(u8::MAX) };
        for n in 0..count {
            let rule = automaton.match_pattern(&self.cache, state, n).as_usize();
            if let Some((place, rule)) = met.rules.get_mut(n).zip(u8::try_from(rule).ok()) {
                *place = rule;
            }
            take(rule);
        }
        if let Some(known) = self.met.get_mut(place).filter(|_| count <= FEW) {
            *known = Some(met);
        }
    }
}

/// The ends of one place after the other.
pub(super) struct Ends<'r> {
    rules: &'r [Rule],
    actions: &'r Actions,
    /// What is done less with is not looked for.
    least: Action,
    all: Vec<End>,
    /// Of each rule, how many ends are taken.
    taken: Vec<u8>,
    /// The furthest one, whatever is done with it.
    last: Option<usize>,
    /// Whether more text may lengthen a tail.
    open: bool,
    /// Symbols of a tail that were seen last.
    run: Range<usize>,
}

impl<'r> Ends<'r> {
    pub(super) fn new(rules: &'r [Rule], actions: &'r Actions) -> Self {
        Self {
            rules,
            actions,
            least: Action::Flag,
            all: Vec::new(),
            taken: Vec::new(),
            last: None,
            open: false,
            run: 0..0,
        }
    }

    /// Forgets the ends of the last place. Only rules with which at least this is done are noted.
    pub(super) fn begin(&mut self, least: Action) {
        self.all.clear();
        (self.last, self.open, self.least) = (None, false, least);
    }

    /// The furthest end, whatever is done with it.
    pub(super) const fn last(&self) -> Option<usize> {
        self.last
    }

    /// The strictest first, then the longest; of each rule only the furthest few.
    pub(super) fn strictest_first(&mut self) -> &[End] {
        self.taken.clear();
        self.taken.resize(self.rules.len(), 0);
        let Self { all, taken, rules, .. } = self;
        all.reverse();
        all.retain(|end| {
            // What may be cut ends where it ends, and nowhere before.
            let most = if rules.get(end.rule).is_some_and(|rule| rule.cut) { 1 } else { MAX_ENDS };
            let taken = taken.get_mut(end.rule).filter(|taken| **taken < most);
            taken.map(|taken| *taken += 1).is_some()
        });
        all.sort_unstable_by_key(|end| (Reverse(end.action), Reverse(end.at), end.rule));
        all
    }

    /// Walks from a place on until no pattern can go on; `false` if more text tells.
    pub(super) fn walk(&mut self, automaton: &DFA, known: &mut Known, text: &Look<'_>, first: usize) -> bool {
        let Some(mut state) = known.start(automaton) else { return true };
        let limit = text.bytes.len().min(first + MAX_LENGTH);
        let kind = usize::from(text.get(Some(first))) % FIRSTS;
        for (at, byte) in (first..limit).zip(text.bytes.get(first..limit).unwrap_or_default()) {
            let Ok(next) = automaton.next_state(&mut known.cache, state, *byte) else { return true };
            state = next;
            if state.is_dead() {
                return !self.open;
            }
            // A match is told one symbol late.
            if state.is_match() {
                known.ending(automaton, state, (at - first) * FIRSTS + kind, |rule| self.note(text, at, rule));
            }
        }
        if !text.whole && text.bytes.len() < first + MAX_LENGTH + BEHIND {
            return false;
        }
        if let Ok(state) = automaton.next_eoi_state(&mut known.cache, state)
            && state.is_match()
        {
            known.ending(automaton, state, (limit - first) * FIRSTS + kind, |rule| self.note(text, limit, rule));
        }
        !self.open
    }

    fn note(&mut self, text: &Look<'_>, at: usize, rule: usize) {
        // What would end within a word would not stand alone, but what may be cut.
        let inside = is_word(text.get(Some(at))) && is_word(text.get(at.checked_sub(1)));
        let Some(known) = self.rules.get(rule).filter(|rule| !inside || rule.cut) else { return };
        let Some(at) = known.tail.map_or(Some(at), |tail| self.tail(text, at, tail)) else { return };
        self.last = self.last.max(Some(at));
        let action = self.actions.of(known.kind);
        if action >= self.least {
            self.all.push(End { at, rule, action });
        }
    }

    /// Where a tail ends that begins at a place, if it is long enough.
    fn tail(&mut self, text: &Look<'_>, from: usize, tail: Tail) -> Option<usize> {
        let limit = text.bytes.len().min(from + tail.most);
        // What was seen for one beginning is not looked at again for the next.
        if !(self.run.start <= from && from <= self.run.end) {
            self.run = from..from;
        }
        let more = text.bytes.get(self.run.end..limit).unwrap_or_default();
        self.run.end += more.iter().take_while(|byte| (tail.of)(**byte)).count();
        let end = self.run.end.min(limit);
        self.open |= !text.whole && end == text.bytes.len();
        (end - from >= tail.least).then_some(end)
    }
}
