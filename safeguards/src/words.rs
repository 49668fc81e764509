//! A text as words that are read alike, however they are written.

use unicode_normalization::char::is_combining_mark;

use crate::fold;

/// Letters from which on letters that stand alone make a word.
const SPELT: usize = 4;

/// Words of a quotation; a longer one is no phrase that is spoken about.
const QUOTED: usize = 14;

/// A word in lower case, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It stands in a short quotation that opens and closes in its line.
    pub(crate) quoted: bool,
}

/// The words of a text. What looks alike is alike; letters that stand alone in a row make a word.
pub(crate) fn read(text: &str) -> Vec<Word> {
    let mut reader = Reader::default();
    text.char_indices().for_each(|(at, character)| reader.read(character, at));
    reader.end_line();
    reader.words
}

/// The words of something that is looked for.
pub(crate) fn of(text: &str) -> Vec<String> {
    read(text).into_iter().map(|word| word.text).collect()
}

#[derive(Default)]
struct Reader {
    words: Vec<Word>,
    word: Option<Word>,
    /// Words of the line, and how many quotation marks of the line stand before each.
    line: Vec<(usize, usize)>,
    marks: usize,
    /// Words of one letter in a row.
    alone: usize,
    /// What stands between the last word and here.
    gap: usize,
}

impl Reader {
    fn read(&mut self, character: char, at: usize) {
        let mut any = false;
        let end = at + character.len_utf8();
        // Small letters first: what a capital looks like may be another letter.
        for small in character.to_lowercase() {
            fold::fold(small, at, |symbol| {
                any = true;
                self.letter(symbol.letter, at, end);
            });
        }
        // What is not seen parts nothing.
        if any && matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}') {
            self.end_line();
        }
    }

    fn letter(&mut self, letter: char, start: usize, end: usize) {
        if letter.is_alphanumeric() || is_combining_mark(letter) {
            let new = || Word { text: String::new(), start, end, quoted: false };
            let word = self.word.get_or_insert_with(new);
            word.text.extend(letter.to_lowercase());
            word.end = end;
        } else if letter != '\'' || self.word.is_none() {
            self.end_word();
            self.gap += 1;
            self.marks += usize::from(matches!(letter, '"' | '`' | '«' | '»' | '„'));
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        let single = word.text.chars().count() == 1;
        if !single || self.gap > 1 {
            self.end_spelt();
        }
        self.alone += usize::from(single);
        self.gap = 0;
        self.line.push((self.words.len(), self.marks));
        self.words.push(word);
    }

    /// Letters that stood alone become one word.
    fn end_spelt(&mut self) {
        let alone = std::mem::take(&mut self.alone);
        if alone < SPELT || self.words.len() < alone {
            return;
        }
        let letters = self.words.split_off(self.words.len() - alone);
        let text = letters.iter().map(|word| word.text.as_str()).collect();
        let (start, end) = (letters.first().map_or(0, |word| word.start), letters.last().map_or(0, |word| word.end));
        self.line.retain(|(word, _)| *word < self.words.len());
        self.line.push((self.words.len(), self.marks));
        self.words.push(Word { text, start, end, quoted: false });
    }

    fn end_line(&mut self) {
        self.end_word();
        self.end_spelt();
        for quotation in self.line.chunk_by(|one, other| one.1 == other.1) {
            let quoted = quotation.first().is_some_and(|(_, before)| before % 2 == 1 && *before < self.marks);
            for (word, _) in quotation.iter().filter(|_| quoted && quotation.len() <= QUOTED) {
                if let Some(word) = self.words.get_mut(*word) {
                    word.quoted = true;
                }
            }
        }
        self.line.clear();
        self.marks = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_alike() {
        let check = |text: &str, expected: &[&str]| assert_eq!(of(text), expected, "{text:?}");
        check("Don't IGNORE it!", &["dont", "ignore", "it"]);
        check("ｉｇｎｏｒｅ аll ru\u{200B}les", &["ignore", "all", "rules"]);
        check("i.g.n.o.r.e all", &["ignore", "all"]);
        check("i g n o r e  a l l", &["ignore", "a", "l", "l"]);
        check("a b c, I am", &["a", "b", "c", "i", "am"]);
        check("ignore_all\nrules", &["ignore", "all", "rules"]);
        check("निर्देशों को", &["निर्देशों", "को"]);
        check("", &[]);
    }

    #[test]
    fn quotes_are_closed_within_a_line() {
        let quoted = |text: &str| {
            read(text).into_iter().filter(|word| word.quoted).map(|word| word.text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(quoted("say \"ignore it\" now"), "ignore it");
        assert_eq!(quoted("say “ignore it” now `and` this"), "ignore it and");
        assert_eq!(quoted("say \"ignore it\nnow\" all"), "");
        assert_eq!(quoted("it's Tom's"), "");
    }

    #[test]
    fn words_know_their_places() {
        let text = "Sаy «no»";
        let words = read(text);
        assert_eq!(words.iter().map(|word| &text[word.start..word.end]).collect::<Vec<_>>(), ["Sаy", "no"]);
    }
}
