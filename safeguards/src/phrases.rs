//! Phrases that must not be said, however they are dressed up.
//!
//! A text is read in several [ways](readings::Reading), and each reading is searched for all phrases at once. Long words
//! that can be read as a code, such as base 64, are [decoded](encoded) and searched, too.

mod encoded;
mod letter;
mod readings;

use std::collections::VecDeque;

use crate::{
    automaton::{Automaton, State},
    fold::{self, Symbol},
};
use encoded::Run;
use letter::Letter;
use readings::{Put, Read, Reader, Reading};

/// How deep codes within codes are read.
const LAYERS: u32 = 3;
/// Bytes that a phrase may be spread over, with all that stands between its letters.
const MAX_SPAN: usize = 4096;

/// Phrases, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Phrases {
    readings: Vec<(Reading, Automaton)>,
    none: bool,
}

/// A phrase that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Which one, by its place in the list.
    pub(crate) phrase: usize,
    /// Where it begins in the text, in bytes.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

impl Phrases {
    /// Looks for these phrases. One without a letter or digit is never found.
    pub(crate) fn new<'p>(phrases: impl Iterator<Item = &'p str>) -> Self {
        let words: Vec<Vec<String>> = phrases.map(readings::words).collect();
        let all = || words.iter().enumerate().filter(|(_, words)| !words.is_empty());
        let written = |reading: Reading| {
            let texts =
                all().flat_map(move |(at, words)| reading.written(words).into_iter().map(move |text| (text, at)));
            (reading, Automaton::new(texts))
        };
        Self { none: words.iter().all(Vec::is_empty), readings: Reading::ALL.into_iter().map(written).collect() }
    }

    /// What is looked for where signs within words are skipped.
    fn squeezed(&self) -> Option<&Automaton> {
        self.readings.iter().find(|(reading, _)| *reading == Reading::SQUEEZED).map(|(_, automaton)| automaton)
    }

    /// All that is said in a whole text, and in the codes in it.
    pub(crate) fn in_text(&self, text: &str) -> Option<usize> {
        self.in_layers(text, LAYERS)
    }

    fn in_layers(&self, text: &str, layers: u32) -> Option<usize> {
        let mut search = Search::with_layers(layers);
        let mut said = Vec::new();
        for (at, character) in text.char_indices() {
            fold::fold(character, at, |symbol| search.read(self, symbol, &mut said));
        }
        search.end(self, text.len(), &mut said);
        said.iter().map(|said| said.phrase).min()
    }
}

/// Where a search in one text stands.
#[derive(Debug)]
pub(crate) struct Search {
    walks: Vec<Walk>,
    /// The text with an `l` for each sign that may be an `i`, as long as that differs.
    apart: Option<Walk>,
    /// Nothing has begun, and one more plain letter changes nothing.
    asleep: bool,
    run: Run,
    layers: u32,
    begun: bool,
}

/// One reading of the text.
#[derive(Debug)]
struct Walk {
    reader: Reader,
    path: Path,
}

/// How far a reading has come in phrases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Path {
    state: State,
    /// The symbols that may be the beginning of a phrase; the last one last.
    symbols: VecDeque<Read>,
    /// What was said if the last symbol is a word of its own.
    unsure: Vec<Said>,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self::with_layers(LAYERS)
    }

    fn with_layers(layers: u32) -> Self {
        let walk = |reading| Walk { reader: Reader::new(reading), path: Path::default() };
        let walks = Reading::ALL.into_iter().map(walk).collect();
        Self { walks, apart: None, asleep: false, run: Run::default(), layers, begun: false }
    }

    /// Reads one more symbol.
    pub(crate) fn read(&mut self, phrases: &Phrases, symbol: Symbol, said: &mut Vec<Said>) {
        if phrases.none {
            return;
        }
        let Symbol { letter, start, end } = symbol;
        if !std::mem::replace(&mut self.begun, true) {
            for (Walk { reader, path }, (_, automaton)) in self.walks.iter_mut().zip(&phrases.readings) {
                reader.begin(start, |put| path.take(automaton, put, said));
            }
        }
        Letter::each(letter, |letter| {
            if !(self.asleep && letter.plain) {
                self.read_letter(phrases, letter, (start, end), said);
            }
        });
        if self.layers > 0
            && let Some(run) = self.run.read(letter, start, end)
        {
            self.decode(phrases, &run, said);
        }
    }

    fn read_letter(&mut self, phrases: &Phrases, letter: Letter, place: (usize, usize), said: &mut Vec<Said>) {
        if letter.is_one() && self.apart.is_none() {
            self.apart = self.walks.iter().find_map(Walk::with_l);
        }
        for (walk, (_, automaton)) in self.walks.iter_mut().zip(&phrases.readings) {
            walk.read(automaton, letter, place, said);
        }
        if let (Some(walk), Some(automaton)) = (&mut self.apart, phrases.squeezed()) {
            walk.read(automaton, letter, place, said);
            let joined = letter.is_blank() && self.walks.iter().any(|other| other.is_like(walk));
            self.apart = self.apart.take().filter(|_| !joined);
        }
        self.asleep = letter.plain && self.apart.is_none() && self.walks.iter().all(Walk::is_asleep);
    }

    /// All walks, each with what it looks for.
    fn walks<'s>(&'s mut self, phrases: &'s Phrases) -> impl Iterator<Item = (&'s mut Walk, &'s Automaton)> {
        let walks = self.walks.iter_mut().zip(phrases.readings.iter().map(|(_, automaton)| automaton));
        walks.chain(self.apart.as_mut().zip(phrases.squeezed()))
    }

    /// Reads the end of the text.
    pub(crate) fn end(&mut self, phrases: &Phrases, at: usize, said: &mut Vec<Said>) {
        for (Walk { reader, path }, automaton) in self.walks(phrases) {
            reader.end(at, |put| path.take(automaton, put, said));
            said.append(&mut path.unsure);
        }
        if let Some(run) = self.run.end().filter(|_| self.layers > 0) {
            self.decode(phrases, &run, said);
        }
    }

    fn decode(&self, phrases: &Phrases, run: &encoded::Word, said: &mut Vec<Said>) {
        let layers = self.layers - 1;
        let found = run.readings().iter().filter_map(|text| phrases.in_layers(text, layers)).min();
        said.extend(found.map(|phrase| Said { phrase, start: run.start, end: run.end }));
    }

    /// From where on a phrase may have begun that is not found yet; `at` is where the text that was read ends.
    pub(crate) fn open_from(&self, at: usize) -> usize {
        let walks = self.walks.iter().chain(&self.apart).map(|walk| walk.open_from(at));
        let run = self.run.open_from().filter(|_| self.layers > 0);
        walks.chain(run).min().unwrap_or(at)
    }
}

impl Walk {
    fn read(&mut self, automaton: &Automaton, letter: Letter, place: (usize, usize), said: &mut Vec<Said>) {
        let Self { reader, path } = self;
        reader.read(letter, place, |put| path.take(automaton, put, said));
    }

    /// Whether one more plain letter behind another one changes nothing.
    fn is_asleep(&self) -> bool {
        self.path.state == 0 && self.path.unsure.is_empty() && self.reader.is_asleep()
    }

    /// A walk that goes on from here with an `l` for what may be an `i`, if this one takes it for that.
    fn with_l(&self) -> Option<Self> {
        Some(Self { reader: self.reader.with_l()?, path: self.path.clone() })
    }

    /// Whether all that comes is read alike by both.
    fn is_like(&self, other: &Self) -> bool {
        self.reader.with_l().as_ref() == Some(&other.reader) && self.path == other.path
    }

    fn open_from(&self, at: usize) -> usize {
        // A character may be several symbols, so that a later one may stand further in front.
        let symbols = self
            .path
            .symbols
            .iter()
            .map(|symbol| if symbol.letter == readings::BLANK { symbol.end } else { symbol.start });
        let unsure = self.path.unsure.iter().map(|said| said.start);
        symbols.chain(unsure).chain(self.reader.pending()).min().unwrap_or(at)
    }
}

impl Path {
    /// Takes one symbol of a reading.
    #[inline]
    fn take(&mut self, automaton: &Automaton, put: Put, said: &mut Vec<Said>) {
        let read = match put {
            Put::Symbol(read) => read,
            Put::Pause => return said.append(&mut self.unsure),
            Put::Still(end) => return self.wait(automaton, end),
            Put::Break => return self.rest(),
        };
        let before = self.state;
        self.state = automaton.step(before, read.letter);
        if self.state != 0 {
            self.go_on(automaton, read);
        } else if before != 0 {
            self.symbols.clear();
        }
        // A blank ends a word, so what ends with it is sure.
        if read.letter == readings::BLANK {
            said.append(&mut self.unsure);
        }
    }

    /// Nothing has begun.
    fn rest(&mut self) {
        self.state = 0;
        self.symbols.clear();
        self.unsure.clear();
    }

    /// Takes a symbol that may be of a phrase.
    fn go_on(&mut self, automaton: &Automaton, read: Read) {
        self.symbols.push_back(read);
        for hit in automaton.hits(self.state) {
            let from = self.symbols.len().saturating_sub(hit.symbols);
            let inside = || self.symbols.iter().skip(from).filter(|symbol| symbol.letter != readings::BLANK);
            let place = inside().next().zip(inside().next_back()).map(|(first, last)| (first.start, last.end));
            if let Some((start, end)) = place.filter(|_| is_meant(inside())) {
                self.unsure.push(Said { phrase: hit.phrase, start, end });
            }
        }
        while self.symbols.len() > automaton.depth(self.state) {
            self.symbols.pop_front();
        }
    }
}

impl Path {
    /// What stands between symbols: a blank reaches on, and what goes on for too long is no phrase any more.
    fn wait(&mut self, automaton: &Automaton, end: usize) {
        if self.symbols.is_empty() {
            return;
        }
        let blank = self.symbols.back_mut().filter(|last| last.letter == readings::BLANK);
        let blank = blank.map(|last| {
            last.end = end;
            *last
        });
        let start = self
            .symbols
            .front()
            .map_or(end, |first| if first.letter == readings::BLANK { first.end } else { first.start });
        if end.saturating_sub(start) > MAX_SPAN {
            self.state = if blank.is_some() { automaton.step(0, readings::BLANK) } else { 0 };
            self.symbols = blank.into_iter().take(automaton.depth(self.state)).collect();
        }
    }
}

/// Whether so much disguise is one: an apostrophe or a hyphen stands in plain words, and a number is no word.
fn is_meant<'r>(symbols: impl Iterator<Item = &'r Read>) -> bool {
    let (mut all, mut in_place, mut signs) = (0, 0, 0);
    // What stands before the first letter is none of it.
    for (at, symbol) in symbols.enumerate() {
        all += 1;
        let disguise = if at == 0 && symbol.disguise < 2 { 0 } else { symbol.disguise };
        in_place += usize::from(disguise > 1);
        signs += usize::from(disguise);
    }
    signs != 1 && 3 * in_place <= 2 * all
}

#[cfg(test)]
mod tests;
