//! Phrases that must not be said, however they are dressed up.
//!
//! A text is read in two [ways](reader::Reader), and each is searched for all phrases at once, over an alphabet in which letters
//! fall together that one sign may stand for; what is found is [compared](written::Written) letter by letter. Words with
//! escapes in them are also read without, [lists](lists) of numbers or names as the letters that they stand for, and long words
//! that can be read as a code, such as base 64, are [decoded](encoded).

mod base85;
mod encoded;
mod escapes;
mod letter;
mod lists;
mod reader;
mod walk;
mod written;

use crate::{
    automaton::Automaton,
    fold::{self, Symbol},
};
use encoded::Run;
use lists::Lists;
use walk::Sight;
use written::Written;

/// How deep codes within codes are read.
const LAYERS: u32 = 3;
/// Bytes that a phrase may be spread over, with all that stands between its letters.
const MAX_SPAN: usize = 4096;
/// Symbols of a word up to which it is kept, lest escapes stand in it. A longer one is looked at in pieces.
const MAX_WORD: usize = 1024;
/// A sign that stands for a word of which nothing is left.
const NOTHING: char = '\u{FFFC}';

/// Phrases, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Phrases {
    automaton: Automaton,
    written: Vec<Written>,
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
        let words = phrases.map(written::words).enumerate();
        let written: Vec<Written> = words.flat_map(|(at, words)| Written::all(at, &words)).collect();
        let automaton = Automaton::new(written.iter().map(Written::classes).zip(0..));
        Self { automaton, written }
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
        search.end(self, &mut said);
        said.iter().map(|said| said.phrase).min()
    }
}

/// Where a search in one text stands.
#[derive(Debug)]
pub(crate) struct Search {
    sight: Sight,
    /// The sight where the word begins that is being read.
    before: Sight,
    word: Vec<Symbol>,
    /// Whether there may be an escape in the word.
    marked: bool,
    /// The text without its escapes, as long as that differs; it has not read the word yet.
    other: Option<Box<Self>>,
    run: Run,
    lists: Lists,
    layers: u32,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self::with_layers(LAYERS)
    }

    fn with_layers(layers: u32) -> Self {
        Self {
            sight: Sight::new(),
            before: Sight::new(),
            word: Vec::new(),
            marked: false,
            other: None,
            run: Run::default(),
            lists: Lists::default(),
            layers,
        }
    }

    /// Reads one more symbol.
    #[inline]
    pub(crate) fn read(&mut self, phrases: &Phrases, symbol: Symbol, said: &mut Vec<Said>) {
        if phrases.written.is_empty() {
            return;
        }
        let Symbol { letter, start, end } = symbol;
        if self.layers > 0 {
            if let Some(run) = self.run.read(letter, start, end) {
                self.decode(phrases, &run, said);
            }
            if letter.is_whitespace() || letter::is_whole_word(letter) || self.is_long(end) {
                self.part(phrases, symbol, said);
            }
            if !letter.is_whitespace() {
                self.marked |= escapes::may_begin(letter);
                self.word.push(symbol);
            }
        }
        self.sight.read(phrases, letter, (start, end), said);
        if letter.is_whitespace() && self.layers > 0 {
            self.begin_word();
        }
    }

    /// Whether a word that reaches up to here is more than is kept; what nobody sees takes room, too.
    fn is_long(&self, end: usize) -> bool {
        let start = self.word.first().map_or(end, |first| first.start);
        self.word.len() >= MAX_WORD || end.saturating_sub(start) > MAX_SPAN
    }

    /// What stands before this symbol is a word, or as much of one as is kept.
    fn part(&mut self, phrases: &Phrases, next: Symbol, said: &mut Vec<Said>) {
        let blank = next.letter.is_whitespace();
        if !self.word.is_empty() {
            let whole = blank || letter::is_whole_word(next.letter);
            let soft = next.letter == '\n' && self.word.last().is_some_and(|last| last.letter == '=');
            self.end_word(phrases, whole, soft, said);
            if soft {
                return;
            }
            if whole && !blank {
                self.before.copy(&self.sight);
            }
        }
        if let Some(other) = self.other.as_mut().filter(|_| blank) {
            other.read(phrases, next, said);
        }
    }

    /// Reads a word for what is written in it otherwise. A soft one goes on in the next line.
    fn end_word(&mut self, phrases: &Phrases, whole: bool, soft: bool, said: &mut Vec<Said>) {
        let mut word = std::mem::take(&mut self.word);
        if whole {
            self.lists.read(phrases, &word, said);
            self.decode_whole(phrases, &word, said);
        }
        let taken = if whole && !self.marked && self.other.is_none() {
            word.len()
        } else {
            self.undo_escapes(phrases, &word, whole, soft, said)
        };
        self.marked &= !whole;
        word.drain(..if whole { word.len() } else { taken });
        self.word = word;
    }

    /// Goes on without the escapes of a word; gives how many of its symbols were read.
    fn undo_escapes(
        &mut self,
        phrases: &Phrases,
        word: &[Symbol],
        whole: bool,
        soft: bool,
        said: &mut Vec<Said>,
    ) -> usize {
        let kept = if soft { word.split_last().map_or(word, |(_, kept)| kept) } else { word };
        let read = escapes::read(kept, whole, self.marked);
        if (read.found || soft) && self.other.is_none() {
            self.other = Some(Box::new(self.without_escapes()));
        }
        // What leaves nothing takes room, too.
        let nothing = word.first().zip(word.last()).filter(|_| read.symbols.is_empty() && (whole || read.taken > 0));
        let nothing = nothing.map(|(first, last)| Symbol { letter: NOTHING, start: first.start, end: last.end });
        match &mut self.other {
            Some(other) => read.symbols.iter().chain(&nothing).for_each(|symbol| other.read(phrases, *symbol, said)),
            None if whole => {}
            None => word.iter().take(read.taken).for_each(|symbol| {
                self.before.read(phrases, symbol.letter, (symbol.start, symbol.end), &mut Vec::new());
            }),
        }
        read.taken
    }

    /// A search that goes on from where the word begins, one layer deeper.
    fn without_escapes(&self) -> Self {
        let mut other = Self::with_layers(self.layers - 1);
        other.sight.copy(&self.before);
        other.before.copy(&self.before);
        other
    }

    /// Behind a blank.
    fn begin_word(&mut self) {
        if self.other.as_ref().is_some_and(|other| other.is_like(self)) {
            self.other = None;
        }
        self.before.copy(&self.sight);
    }

    /// Whether nothing but what the other reads, too, has begun.
    fn is_like(&self, other: &Self) -> bool {
        self.sight == other.sight && self.other.is_none() && self.word.is_empty() && self.lists.is_idle()
    }

    /// Reads the end of the text.
    pub(crate) fn end(&mut self, phrases: &Phrases, said: &mut Vec<Said>) {
        if self.layers > 0 {
            if let Some(run) = self.run.end() {
                self.decode(phrases, &run, said);
            }
            self.end_word(phrases, true, false, said);
            self.lists.end(said);
        }
        self.sight.end(said);
        if let Some(other) = &mut self.other {
            other.end(phrases, said);
        }
    }

    fn decode(&self, phrases: &Phrases, run: &encoded::Word, said: &mut Vec<Said>) {
        let layers = self.layers - 1;
        let found = run.readings().iter().filter_map(|text| phrases.in_layers(text, layers)).min();
        said.extend(found.map(|phrase| Said { phrase, start: run.start, end: run.end }));
    }

    /// Reads a word in the codes that any sign may stand in.
    fn decode_whole(&self, phrases: &Phrases, word: &[Symbol], said: &mut Vec<Said>) {
        let (Some(first), Some(last)) = (word.first(), word.last()) else { return };
        let layers = self.layers - 1;
        let found = base85::readings(word).iter().filter_map(|text| phrases.in_layers(text, layers)).min();
        said.extend(found.map(|phrase| Said { phrase, start: first.start, end: last.end }));
    }

    /// From where on a phrase may have begun that is not found yet; `at` is where the text that was read ends.
    pub(crate) fn open_from(&self, at: usize) -> usize {
        let word = self.word.first().map_or(at, |first| first.start);
        // Where there is another reading, it goes on from itself.
        let waits = !self.word.is_empty() && self.other.is_none();
        let before = if waits { self.before.open_from(word) } else { at };
        let other = self.other.as_ref().map(|other| other.open_from(word));
        let rest = [Some(self.sight.open_from(at)), self.run.open_from(), other, Some(self.lists.open_from(word))];
        rest.into_iter().flatten().fold(word.min(before), usize::min)
    }
}

#[cfg(test)]
mod tests;
