//! Many phrases looked for at once (Aho and Corasick, Communications of the ACM 18:6, 1975).
//!
//! Unlike a library's automaton it tells how much of a phrase the end of the text already is: that much must be held back,
//! and no more. Most symbols of a text begin no phrase, so the first states have a table of where each ASCII letter leads.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

/// A state; the first one has seen nothing.
pub(crate) type State = u32;

/// States with at most so many symbols behind them have a table.
const TABLE_DEPTH: usize = 2;
/// Tables of one automaton, of 512 bytes each.
const MAX_TABLES: usize = 64;

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Automaton {
    nodes: Vec<Node>,
    /// Where letters lead, of one node after the other, each node's in their order.
    edges: Vec<(char, State)>,
    /// Of the first nodes: where each ASCII letter leads, by whatever way.
    tables: Vec<[State; 128]>,
}

#[derive(Debug, Default)]
struct Node {
    edges: Range<usize>,
    /// The longest proper end of what led here that is a beginning, too.
    fail: State,
    /// Symbols that led here.
    depth: usize,
    /// The phrases that end here, the longest first.
    ends: Vec<Hit>,
}

/// A phrase that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Which one, by the number that it was added with.
    pub(crate) phrase: usize,
    /// Its length in symbols.
    pub(crate) symbols: usize,
}

/// A tree of texts while it grows.
#[derive(Debug, Default)]
struct Growing {
    nodes: Vec<(BTreeMap<char, State>, Node)>,
}

impl Growing {
    fn add(&mut self, text: &str, phrase: usize) {
        let mut at: State = 0;
        for (depth, letter) in (1..).zip(text.chars()) {
            let fresh = State::try_from(self.nodes.len()).unwrap_or(State::MAX);
            let Some((next, _)) = self.nodes.get_mut(at as usize) else { return };
            at = *next.entry(letter).or_insert(fresh);
            if at == fresh {
                self.nodes.push((BTreeMap::new(), Node { depth, ..Node::default() }));
            }
        }
        if let Some((_, node)) = self.nodes.get_mut(at as usize).filter(|(_, node)| node.depth > 0) {
            node.ends.push(Hit { phrase, symbols: node.depth });
        }
    }
}

impl Automaton {
    /// Looks for these texts, each with the number of its phrase.
    pub(crate) fn new(texts: impl IntoIterator<Item = (String, usize)>) -> Self {
        let mut growing = Growing { nodes: vec![Default::default()] };
        for (text, phrase) in texts {
            growing.add(&text, phrase);
        }
        let mut made = Self { nodes: Vec::new(), edges: Vec::new(), tables: Vec::new() };
        for (next, node) in growing.nodes {
            let from = made.edges.len();
            made.edges.extend(next);
            made.nodes.push(Node { edges: from..made.edges.len(), ..node });
        }
        made.link();
        made
    }

    fn node(&self, state: State) -> Option<&Node> {
        self.nodes.get(state as usize)
    }

    fn edges(&self, node: &Node) -> &[(char, State)] {
        self.edges.get(node.edges.clone()).unwrap_or_default()
    }

    /// Breadth first, so that what a node falls back to is known before it.
    fn link(&mut self) {
        let mut open = VecDeque::from([0]);
        let mut order = Vec::new();
        while let Some(parent) = open.pop_front() {
            let Some(node) = self.node(parent) else { continue };
            let back = node.fail;
            for (letter, child) in self.edges(node).to_vec() {
                let fail = if parent == 0 { 0 } else { self.step(back, letter) };
                let inherited = self.node(fail).map(|node| node.ends.clone()).unwrap_or_default();
                if let Some(node) = self.nodes.get_mut(child as usize) {
                    node.fail = fail;
                    node.ends.extend(inherited);
                }
                open.push_back(child);
            }
            order.push(parent);
        }
        self.number(&order);
        self.tabulate();
    }

    /// Numbers the states in an order, so that those with tables are the first.
    fn number(&mut self, order: &[State]) {
        let mut places = vec![0; self.nodes.len()];
        for (place, old) in (0..).zip(order) {
            if let Some(new) = places.get_mut(*old as usize) {
                *new = place;
            }
        }
        let new = |old: State| places.get(old as usize).copied().unwrap_or_default();
        self.edges.iter_mut().for_each(|(_, to)| *to = new(*to));
        self.nodes.iter_mut().for_each(|node| node.fail = new(node.fail));
        let mut nodes: Vec<Option<Node>> = std::mem::take(&mut self.nodes).into_iter().map(Some).collect();
        self.nodes = order.iter().filter_map(|old| nodes.get_mut(*old as usize)?.take()).collect();
    }

    fn tabulate(&mut self) {
        let shallow = self.nodes.iter().take(MAX_TABLES).take_while(|node| node.depth <= TABLE_DEPTH).count();
        let ascii = |state: usize| {
            let state = State::try_from(state).unwrap_or_default();
            std::array::from_fn(|letter| self.step(state, u8::try_from(letter).map_or('\0', char::from)))
        };
        self.tables = (0..shallow).map(ascii).collect();
    }

    /// The state after one more symbol.
    #[inline]
    pub(crate) fn step(&self, mut state: State, letter: char) -> State {
        loop {
            if let Some(next) = self.tables.get(state as usize).and_then(|table| table.get(letter as usize)) {
                return *next;
            }
            let Some(node) = self.node(state) else { return 0 };
            let edges = self.edges(node);
            match edges.binary_search_by_key(&letter, |(letter, _)| *letter).ok().and_then(|at| edges.get(at)) {
                Some((_, next)) => return *next,
                None if state == 0 => return 0,
                None => state = node.fail,
            }
        }
    }

    /// Whether no phrase goes on from a state.
    #[inline]
    pub(crate) fn is_last(&self, state: State) -> bool {
        state != 0 && self.node(state).is_some_and(|node| node.edges.is_empty())
    }

    /// The longest proper end of what led to a state that is a beginning, too.
    #[inline]
    pub(crate) fn fallback(&self, state: State) -> State {
        self.node(state).map_or(0, |node| node.fail)
    }

    /// Symbols at the end of what was seen that may be the beginning of a phrase.
    #[inline]
    pub(crate) fn depth(&self, state: State) -> usize {
        self.node(state).map_or(0, |node| node.depth)
    }

    /// The phrases that end with the symbol that led to this state, the longest first.
    #[inline]
    pub(crate) fn hits(&self, state: State) -> &[Hit] {
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
