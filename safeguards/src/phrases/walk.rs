//! How far a text has come in phrases, in each way that it is read.

use std::collections::VecDeque;

use super::{
    MAX_SPAN, Phrases, Said,
    letter::Letter,
    reader::{Gap, Put, Read, Reader},
};
use crate::automaton::State;

/// A text as it is read in both ways.
#[derive(Debug)]
pub(super) struct Sight {
    plain: Walk,
    /// With signs as letters, as long as that differs.
    signs: Walk,
    apart: bool,
    /// Nothing has begun, and one more plain letter changes nothing.
    asleep: bool,
}

/// One reading of the text.
#[derive(Debug, PartialEq, Eq)]
struct Walk {
    reader: Reader,
    path: Path,
}

/// How far a reading has come in phrases.
#[derive(Debug, Default, PartialEq, Eq)]
struct Path {
    state: State,
    /// The letters that may be the beginning of a phrase; the last one last.
    letters: VecDeque<Read>,
    /// What was said if this stands behind it.
    unsure: Vec<(Said, Gap)>,
}

impl Sight {
    pub(super) fn new() -> Self {
        Self { plain: Walk::new(false), signs: Walk::new(true), apart: false, asleep: false }
    }

    /// Reads one more symbol of the text.
    #[inline]
    pub(super) fn read(&mut self, phrases: &Phrases, symbol: char, place: (usize, usize), said: &mut Vec<Said>) {
        Letter::each(symbol, |letter| {
            if !(self.asleep && letter.is_plain()) {
                self.read_letter(phrases, letter, place, said);
            }
        });
    }

    fn read_letter(&mut self, phrases: &Phrases, letter: Letter, place: (usize, usize), said: &mut Vec<Said>) {
        if !self.apart && letter.is_sign_letter() {
            self.apart = true;
            self.signs.copy(&self.plain);
            self.signs.reader.take_signs();
        }
        self.plain.read(phrases, letter, place, said);
        if self.apart {
            self.signs.read(phrases, letter, place, said);
            self.apart = letter.sort != super::letter::Sort::Blank || !self.plain.is_like(&self.signs);
        }
        self.asleep = letter.is_plain() && !self.apart && self.plain.path.is_empty();
    }

    /// Reads the end of the text.
    pub(super) fn end(&mut self, said: &mut Vec<Said>) {
        for walk in [&mut self.plain, &mut self.signs] {
            said.extend(walk.path.unsure.drain(..).map(|(said, _)| said));
        }
    }

    /// From where on a phrase may have begun that is not found yet; `at` is where the text that was read ends.
    pub(super) fn open_from(&self, at: usize) -> usize {
        let signs = if self.apart { self.signs.path.open_from(at) } else { at };
        self.plain.path.open_from(at).min(signs)
    }

    /// Becomes like another one.
    pub(super) fn copy(&mut self, other: &Self) {
        self.plain.copy(&other.plain);
        self.apart = other.apart;
        self.asleep = other.asleep;
        if other.apart {
            self.signs.copy(&other.signs);
        } else {
            self.signs.path.rest();
        }
    }
}

impl PartialEq for Sight {
    /// Whether both read alike whatever comes.
    fn eq(&self, other: &Self) -> bool {
        self.plain == other.plain && self.apart == other.apart && (!self.apart || self.signs == other.signs)
    }
}

impl Walk {
    fn new(signs: bool) -> Self {
        Self { reader: Reader::new(signs), path: Path::default() }
    }

    fn copy(&mut self, other: &Self) {
        self.reader = other.reader.clone();
        self.path.state = other.path.state;
        self.path.letters.clone_from(&other.path.letters);
        self.path.unsure.clone_from(&other.path.unsure);
    }

    fn is_like(&self, other: &Self) -> bool {
        self.reader.is_like(&other.reader) && self.path == other.path
    }

    #[inline]
    fn read(&mut self, phrases: &Phrases, letter: Letter, place: (usize, usize), said: &mut Vec<Said>) {
        match self.reader.read(letter, place) {
            Put::Letter(read) => self.path.take(phrases, read, said),
            Put::Gap(gap, end) => self.path.wait(gap, end, said),
        }
    }
}

impl Path {
    fn is_empty(&self) -> bool {
        self.state == 0 && self.unsure.is_empty()
    }

    /// Nothing has begun.
    fn rest(&mut self) {
        self.state = 0;
        self.letters.clear();
        self.unsure.clear();
    }

    fn open_from(&self, at: usize) -> usize {
        let unsure = self.unsure.iter().map(|(said, _)| said.start);
        self.letters.front().map(|first| first.start).into_iter().chain(unsure).min().unwrap_or(at)
    }

    #[inline]
    fn take(&mut self, phrases: &Phrases, read: Read, said: &mut Vec<Said>) {
        if !self.unsure.is_empty() {
            self.go_on_behind(&read, said);
        }
        // No phrase begins within a word.
        if self.state == 0 && read.edge == Gap::None {
            return;
        }
        self.state = phrases.automaton.step(self.state, read.class);
        self.letters.push_back(read);
        self.forget(phrases);
        for hit in phrases.automaton.hits(self.state) {
            let from = self.letters.len().saturating_sub(hit.symbols);
            let Some(written) = phrases.written.get(hit.phrase) else { continue };
            let letters = self.letters.range(from..);
            let (Some(needs), Some(first)) = (written.needs(letters), self.letters.get(from)) else { continue };
            let found = Said { phrase: written.phrase, start: first.start, end: read.end };
            if read.whole_word {
                said.push(found);
            } else {
                self.unsure.push((found, needs));
            }
        }
        // Behind the last letter of the longest phrase nothing is open any more.
        if phrases.automaton.is_last(self.state) {
            self.state = phrases.automaton.fallback(self.state);
            self.forget(phrases);
        }
    }

    /// Forgets letters that are no beginning.
    #[inline]
    fn forget(&mut self, phrases: &Phrases) {
        loop {
            let depth = phrases.automaton.depth(self.state);
            while self.letters.len() > depth {
                self.letters.pop_front();
            }
            match self.letters.front() {
                Some(first) if first.edge == Gap::None => self.state = phrases.automaton.fallback(self.state),
                _ => return,
            }
        }
    }

    /// A letter stands behind what is unsure. Signs at a word's end may be what they are.
    fn go_on_behind(&mut self, read: &Read, said: &mut Vec<Said>) {
        if read.whole_word {
            said.extend(self.unsure.drain(..).map(|(said, _)| said));
        } else if read.sort == super::letter::Sort::Word {
            self.unsure.clear();
        }
    }

    /// What stands between letters: a blank makes sure, and what goes on for too long is no phrase any more.
    #[inline]
    fn wait(&mut self, gap: Gap, end: usize, said: &mut Vec<Said>) {
        if self.letters.is_empty() && self.unsure.is_empty() {
            return;
        }
        let sure = |unsure: &Said, needs: Gap| gap >= needs || end.saturating_sub(unsure.end) > MAX_SPAN;
        said.extend(self.unsure.iter().filter(|(said, needs)| sure(said, *needs)).map(|(said, _)| *said));
        self.unsure.retain(|(said, needs)| !sure(said, *needs));
        if self.letters.front().is_some_and(|first| end.saturating_sub(first.start) > MAX_SPAN) {
            self.state = 0;
            self.letters.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fold::{self, Symbol};

    fn symbols(text: &str) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        text.char_indices().for_each(|(at, character)| fold::fold(character, at, |symbol| symbols.push(symbol)));
        symbols
    }

    fn sorted(mut said: Vec<Said>) -> Vec<Said> {
        said.sort_by_key(|said| (said.start, said.end, said.phrase));
        said.dedup();
        said
    }

    /// Both readings walked through every letter, and where phrases were open.
    fn walked(phrases: &Phrases, symbols: &[Symbol]) -> (Vec<Said>, Vec<usize>) {
        let (mut said, mut open) = (Vec::new(), Vec::new());
        let mut walks = [Walk::new(false), Walk::new(true)];
        for symbol in symbols {
            for walk in &mut walks {
                Letter::each(symbol.letter, |letter| {
                    walk.read(phrases, letter, (symbol.start, symbol.end), &mut said);
                });
            }
            open.extend(walks.iter().map(|walk| walk.path.open_from(symbol.end)).min());
        }
        said.extend(walks.into_iter().flat_map(|walk| walk.path.unsure).map(|(said, _)| said));
        (sorted(said), open)
    }

    /// Every stretch of letters compared with every phrase.
    fn compared(phrases: &Phrases, symbols: &[Symbol]) -> Vec<Said> {
        [false, true].into_iter().flat_map(|signs| compared_in(phrases, symbols, signs)).collect()
    }

    fn compared_in(phrases: &Phrases, symbols: &[Symbol], signs: bool) -> Vec<Said> {
        let (mut reader, mut letters, mut puts, mut said) = (Reader::new(signs), Vec::new(), Vec::new(), Vec::new());
        for symbol in symbols {
            Letter::each(symbol.letter, |letter| match reader.read(letter, (symbol.start, symbol.end)) {
                Put::Letter(read) => {
                    puts.push(Put::Letter(read));
                    letters.push((read, puts.len()));
                }
                gap @ Put::Gap(..) => puts.push(gap),
            });
        }
        for written in &phrases.written {
            let size = written.classes().chars().count();
            for stretch in letters.windows(size) {
                let reads: Vec<Read> = stretch.iter().map(|(read, _)| *read).collect();
                let (Some(first), Some((last, behind))) = (reads.first(), stretch.last()) else { continue };
                let Some(needs) = written.needs(reads.iter()) else { continue };
                let mut sure = last.whole_word.then_some(true);
                for put in &puts[*behind..] {
                    sure = sure.or(match put {
                        Put::Letter(read) if read.whole_word => Some(true),
                        Put::Letter(read) if read.sort == crate::phrases::letter::Sort::Word => Some(false),
                        Put::Letter(_) => None,
                        Put::Gap(gap, _) => (*gap >= needs).then_some(true),
                    });
                }
                if sure.unwrap_or(true) {
                    said.push(Said { phrase: written.phrase, start: first.start, end: last.end });
                }
            }
        }
        said
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn what_is_not_walked_changes_nothing(
            phrases in prop::collection::vec("[ailbt1 ]{1,8}", 1..5),
            text in prop::collection::vec(prop::sample::select(vec![
                "a", "i", "l", "b", "g", "t", "I", "1", "!", "|", "4", "8", "+", " ", " ", "-", "'", "c", "İ", "制", "\n",
            ]), 0..60),
        ) {
            let phrases = Phrases::new(phrases.iter().map(String::as_str));
            let symbols = symbols(&text.concat());
            let (mut sight, mut said, mut open) = (Sight::new(), Vec::new(), Vec::new());
            for symbol in &symbols {
                sight.read(&phrases, symbol.letter, (symbol.start, symbol.end), &mut said);
                open.push(sight.open_from(symbol.end));
            }
            sight.end(&mut said);
            let (expected, expected_open) = walked(&phrases, &symbols);
            prop_assert_eq!(&sorted(said), &expected);
            prop_assert_eq!(open, expected_open);
            prop_assert_eq!(expected, sorted(compared(&phrases, &symbols)));
        }
    }
}
