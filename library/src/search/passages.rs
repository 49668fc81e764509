//! Documents cut into passages, so that what is found is a part that can be read.
//!
//! A passage ends at a paragraph's end where there is one, else at a sentence's, else between words. The next one begins a little
//! before, so that a phrase at the seam is whole in one of them.

use std::io::{self, Read};

/// The longest passage, in characters.
pub(super) const MOST: usize = 800;
/// A passage is not cut before this many characters, unless the text ends.
const LEAST: usize = 400;
/// Characters that the next passage begins before the end of the last one.
const OVERLAP: usize = 160;
/// Bytes that are read at once. A passage has at most four bytes a character.
const READ: usize = 64 * 1024;

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// Bytes from the document's beginning.
    pub(super) at: u64,
    pub(super) text: String,
}

/// The passages of a document, one after the other; never more of it in memory than a few.
pub(super) struct Passages<R> {
    reader: R,
    /// What was read and is not given away for good.
    buffer: Vec<u8>,
    /// Where the buffer begins in the document.
    at: u64,
    ended: bool,
}

impl<R: Read> Passages<R> {
    /// The passages of what `reader` gives, which begins `at` so many bytes in the document.
    pub(super) fn new(reader: R, at: u64) -> Self {
        Self { reader, buffer: Vec::new(), at, ended: false }
    }

    /// Where the next passage begins, in bytes from the document's beginning.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// The next passage.
    pub(super) fn next(&mut self) -> io::Result<Option<Passage>> {
        self.fill()?;
        let text = valid(&self.buffer);
        if text.is_empty() {
            return Ok(None);
        }
        let end = end_of(text);
        let passage = Passage { at: self.at, text: text.get(..end).unwrap_or_default().to_owned() };
        let next = if end == text.len() { end } else { begin_of_next(text, end) };
        self.buffer.drain(..next);
        self.at += next as u64;
        Ok(Some(passage))
    }

    /// Reads until a whole passage is there.
    fn fill(&mut self) -> io::Result<()> {
        while !self.ended && self.buffer.len() <= 4 * MOST + 4 {
            let read = self.reader.by_ref().take(READ as u64).read_to_end(&mut self.buffer)?;
            self.ended = read == 0;
        }
        Ok(())
    }
}

/// The text that bytes begin with. The shelf takes text only, so that all that can be cut is a character at the end.
fn valid(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            bytes.get(..error.valid_up_to()).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
        }
    }
}

/// Where the first passage of a text ends, in bytes.
fn end_of(text: &str) -> usize {
    let Some((most, _)) = text.char_indices().nth(MOST) else { return text.len() };
    let least = text.char_indices().nth(LEAST).map_or(most, |(at, _)| at);
    let window = text.get(least..most).unwrap_or_default();
    let last = |ends: &[&str]| ends.iter().filter_map(|end| window.rfind(end).map(|at| at + end.len())).max();
    let cut = last(&["\n\n", "\r\n\r\n"])
        .or_else(|| last(&[". ", "! ", "? ", ".\n", "!\n", "?\n", "。", "！", "？"]))
        .or_else(|| last(&["\n"]))
        .or_else(|| last(&[" ", "\t", "　"]));
    least + cut.unwrap_or(window.len())
}

/// Where the passage behind one that ends there begins: at a word.
fn begin_of_next(text: &str, end: usize) -> usize {
    let before = text.get(..end).unwrap_or_default();
    let from = before.char_indices().rev().nth(OVERLAP - 1).map_or(0, |(at, _)| at);
    let overlap = before.get(from..).unwrap_or_default();
    let word = overlap.find(char::is_whitespace).map(|at| from + at);
    let begin = word.map(|at| text.get(at..end).map_or(end, |rest| end - rest.trim_start().len()));
    // Without a blank there is no better place; and there must be something of it.
    begin.filter(|begin| *begin < end).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<Passage> {
        let mut passages = Passages::new(text.as_bytes(), 0);
        std::iter::from_fn(|| passages.next().unwrap()).collect()
    }

    #[test]
    fn a_short_document_is_one_passage() {
        assert_eq!(all(""), []);
        assert_eq!(all("abc"), [Passage { at: 0, text: "abc".to_owned() }]);
        assert_eq!(all(&"é".repeat(MOST)).len(), 1);
    }

    #[test]
    fn passages_end_where_a_reader_would_end() {
        let sentence = "The quick brown fox jumps over the lazy dog. ";
        let check = |text: &str, ends: &str| {
            let passages = all(text);
            assert!(passages.len() > 1);
            for passage in &passages[..passages.len() - 1] {
                assert!(passage.text.ends_with(ends), "{:?}", passage.text);
            }
        };
        check(&sentence.repeat(100), ". ");
        check(&format!("{}\n\n", sentence.repeat(12)).repeat(10), "\n\n");
        check(&"word ".repeat(1000), " ");
        check(&"x".repeat(10_000), "x");
        check(&"東京は大きい。".repeat(500), "。");
    }

    proptest! {
        #[test]
        fn passages_cover_the_document_and_overlap(text in "([a-zé東 ]{1,30}[.\\n ]{0,3}){0,200}") {
            let passages = all(&text);
            let (mut before, mut covered) = (None, 0);
            for Passage { at, text: passage } in &passages {
                let at = usize::try_from(*at).unwrap();
                prop_assert_eq!(&text[at..at + passage.len()], passage);
                prop_assert!(at <= covered, "a gap");
                prop_assert!(before.is_none_or(|before| at > before), "no progress");
                prop_assert!(passage.chars().count() <= MOST);
                (before, covered) = (Some(at), at + passage.len());
            }
            prop_assert_eq!(covered, text.len());
        }
    }
}
