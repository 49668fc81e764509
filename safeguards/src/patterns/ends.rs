//! Where patterns end that begin at a place.

use std::cmp::Reverse;

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
    rules::Rule,
};
use crate::{Action, rules::Actions};

/// Symbols that one thing may have at most, such as a private key; a longer one ends here.
const MAX_LENGTH: usize = 32_768;
/// Of so many symbols from a place on it is remembered where nothing ends within a word.
const REMEMBERED: usize = 24;

/// A place where a rule's pattern ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: usize,
    pub(super) rule: usize,
    action: Action,
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
    /// What is known of the automaton's states until it forgets them.
    clears: usize,
    start: Option<LazyStateID>,
    /// By the number of symbols that led there: the state met last in which nothing ends that may end within a word.
    quiet: [Option<LazyStateID>; REMEMBERED],
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
            clears: 0,
            start: None,
            quiet: [None; REMEMBERED],
        }
    }

    /// Forgets the ends of the last place. Only rules with which at least this is done are noted.
    pub(super) fn begin(&mut self, least: Action) {
        self.all.clear();
        (self.last, self.least) = (None, least);
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
    pub(super) fn walk(&mut self, automaton: &DFA, cache: &mut Cache, text: &Look<'_>, first: usize) -> bool {
        let Some(mut state) = self.start(automaton, cache, text) else { return true };
        let limit = text.bytes.len().min(first + MAX_LENGTH);
        for (at, byte) in (first..limit).zip(text.bytes.get(first..limit).unwrap_or_default()) {
            let Ok(next) = automaton.next_state(cache, state, *byte) else { return true };
            state = next;
            if state.is_tagged() {
                if state.is_dead() {
                    return true;
                }
                // A match is told one symbol late.
                self.note(automaton, cache, text, state, (first, at));
            }
        }
        if !text.whole && text.bytes.len() < first + MAX_LENGTH + BEHIND {
            return false;
        }
        if let Ok(state) = automaton.next_eoi_state(cache, state) {
            self.note(automaton, cache, text, state, (first, limit));
        }
        true
    }

    /// The state before the first symbol. No pattern asks what stands before it, so there is one.
    fn start(&mut self, automaton: &DFA, cache: &mut Cache, text: &Look<'_>) -> Option<LazyStateID> {
        self.forget(cache);
        if self.start.is_none() {
            let input = Input::new(text.bytes).anchored(Anchored::Yes);
            let start = automaton.start_state_forward(cache, &input).ok();
            self.forget(cache);
            self.start = start;
        }
        self.start
    }

    fn forget(&mut self, cache: &Cache) {
        if cache.clear_count() != self.clears {
            (self.clears, self.start, self.quiet) = (cache.clear_count(), None, [None; REMEMBERED]);
        }
    }

    fn note(
        &mut self,
        automaton: &DFA,
        cache: &Cache,
        text: &Look<'_>,
        state: LazyStateID,
        (first, at): (usize, usize),
    ) {
        if !state.is_match() {
            return;
        }
        self.forget(cache);
        // What would end within a word would not stand alone, but what may be cut.
        let inside = is_word(text.get(Some(at))) && is_word(text.get(at.checked_sub(1)));
        if inside && self.quiet.get(at - first) == Some(&Some(state)) {
            return;
        }
        let mut quiet = true;
        for n in 0..automaton.match_len(cache, state) {
            let rule = automaton.match_pattern(cache, state, n).as_usize();
            let Some(known) = self.rules.get(rule).filter(|rule| !inside || rule.cut) else { continue };
            quiet = false;
            self.last = Some(at);
            let action = self.actions.of(known.kind);
            if action >= self.least {
                self.all.push(End { at, rule, action });
            }
        }
        if let Some(place) = self.quiet.get_mut(at - first).filter(|_| inside && quiet) {
            *place = Some(state);
        }
    }
}
