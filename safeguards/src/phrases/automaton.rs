//! Many phrases looked for at once (Aho and Corasick, Communications of the ACM 18:6, 1975).
//!
//! Unlike a library's automaton it tells how much of a phrase the end of the text already is: that much must be held back,
//! and no more.

use std::collections::{BTreeMap, VecDeque};

/// A state; the first one has seen nothing.
pub(super) type State = u32;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Automaton {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    next: BTreeMap<char, State>,
    /// The longest proper end of what led here that is a beginning, too.
    fail: State,
    /// Symbols that led here.
    depth: usize,
    /// The phrases that end here, the longest first.
    ends: Vec<Hit>,
}

/// A phrase that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Which one, by the number that it was added with.
    pub(super) phrase: usize,
    /// Its length in symbols.
    pub(super) symbols: usize,
}

impl Automaton {
    /// Looks for these texts, each with the number of its phrase.
    pub(super) fn new(texts: impl IntoIterator<Item = (String, usize)>) -> Self {
        let mut made = Self { nodes: vec![Node::default()] };
        for (text, phrase) in texts {
            made.add(&text, phrase);
        }
        made.link();
        made
    }

    fn node(&self, state: State) -> Option<&Node> {
        self.nodes.get(state as usize)
    }

    fn add(&mut self, text: &str, phrase: usize) {
        let mut at: State = 0;
        for (depth, letter) in (1..).zip(text.chars()) {
            let fresh = State::try_from(self.nodes.len()).unwrap_or(State::MAX);
            let Some(node) = self.nodes.get_mut(at as usize) else { return };
            at = *node.next.entry(letter).or_insert(fresh);
            if at == fresh {
                self.nodes.push(Node { depth, ..Node::default() });
            }
        }
        if let Some(node) = self.nodes.get_mut(at as usize).filter(|node| node.depth > 0) {
            node.ends.push(Hit { phrase, symbols: node.depth });
        }
    }

    /// Breadth first, so that what a node falls back to is known before it.
    fn link(&mut self) {
        let mut open: VecDeque<State> = self.node(0).into_iter().flat_map(|root| root.next.values().copied()).collect();
        while let Some(parent) = open.pop_front() {
            let Some(node) = self.node(parent) else { continue };
            let back = node.fail;
            for (letter, child) in node.next.clone() {
                let fail = self.step(back, letter);
                let inherited = self.node(fail).map(|node| node.ends.clone()).unwrap_or_default();
                if let Some(node) = self.nodes.get_mut(child as usize) {
                    node.fail = fail;
                    node.ends.extend(inherited);
                }
                open.push_back(child);
            }
        }
    }

    /// The state after one more symbol.
    pub(super) fn step(&self, mut state: State, letter: char) -> State {
        loop {
            let Some(node) = self.node(state) else { return 0 };
            match node.next.get(&letter) {
                Some(next) => return *next,
                None if state == 0 => return 0,
                None => state = node.fail,
            }
        }
    }

    /// Symbols at the end of what was seen that may be the beginning of a phrase.
    pub(super) fn depth(&self, state: State) -> usize {
        self.node(state).map_or(0, |node| node.depth)
    }

    /// The phrases that end with the symbol that led to this state, the longest first.
    pub(super) fn hits(&self, state: State) -> &[Hit] {
        self.node(state).map_or(&[], |node| &node.ends)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_a_plain_search_finds(
            phrases in prop::collection::vec("[ab]{1,4}", 1..6), text in "[abc]{0,40}",
        ) {
            let automaton = Automaton::new(phrases.iter().cloned().zip(0..));
            let mut state = 0;
            for (at, letter) in text.char_indices() {
                state = automaton.step(state, letter);
                let seen = &text[..=at];
                let ended = (0..).zip(&phrases).filter(|(_, phrase)| seen.ends_with(phrase.as_str()));
                let expected: Vec<usize> = ended.map(|(at, _)| at).collect();
                let mut hits: Vec<usize> = automaton.hits(state).iter().map(|hit| hit.phrase).collect();
                hits.sort_unstable();
                prop_assert_eq!(hits, expected);
                let begun = |n: &usize| phrases.iter().any(|phrase| phrase.starts_with(&seen[seen.len() - n..]));
                prop_assert_eq!(automaton.depth(state), (0..=seen.len()).rev().find(begun).unwrap_or(0));
            }
        }
    }
}
