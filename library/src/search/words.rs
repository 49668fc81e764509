//! How text becomes words, in documents and in what is searched for.
//!
//! A word is a run of letters and digits, in lower case and without accents (Unicode, NFKD without combining marks). In writing
//! without blanks between words (Han, kana, Thai and its neighbours), and in Hangul, each character is a word: what is searched
//! for is then found as a row of them.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// The longest word, in bytes; longer ones, such as keys and pictures in text, are not found.
const MAX_WORD: usize = 64;

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Bytes from the text's beginning.
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The words of a text, in their order.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut begin = None;
    for (at, character) in text.char_indices() {
        let part = character.is_alphanumeric() || (begin.is_some() && is_combining_mark(character));
        let alone = is_alone(character);
        if begin.is_some() && (!part || alone) {
            push(&mut words, text, begin.take().unwrap_or(at), at);
        }
        if alone {
            push(&mut words, text, at, at + character.len_utf8());
        } else if part && begin.is_none() {
            begin = Some(at);
        }
    }
    if let Some(begin) = begin {
        push(&mut words, text, begin, text.len());
    }
    words
}

fn push(words: &mut Vec<Word>, text: &str, from: usize, to: usize) {
    let part = text.get(from..to).unwrap_or_default();
    if part.len() > 4 * MAX_WORD {
        return;
    }
    let folded: String =
        part.nfkd().filter(|character| !is_combining_mark(*character)).flat_map(char::to_lowercase).collect();
    if (1..=MAX_WORD).contains(&folded.len()) {
        words.push(Word { text: folded, from, to });
    }
}

/// Whether a character is a word by itself.
fn is_alone(character: char) -> bool {
    matches!(character, '\u{0e01}'..='\u{0e2e}' | '\u{0e80}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17b3}'
        | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9d}' | '\u{20000}'..='\u{3ffff}')
        && character.is_alphanumeric()
}

/// Gives the words to tantivy.
#[derive(Clone, Debug, Default)]
pub(super) struct Words;

/// The words of one text.
#[derive(Debug)]
pub(super) struct Stream {
    words: std::vec::IntoIter<Word>,
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream {
        Stream { words: words(text).into_iter(), token: Token::default() }
    }
}

impl TokenStream for Stream {
    fn advance(&mut self) -> bool {
        let Some(word) = self.words.next() else { return false };
        self.token.position = self.token.position.wrapping_add(1);
        (self.token.offset_from, self.token.offset_to, self.token.text) = (word.from, word.to, word.text);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_found_however_they_are_written() {
        let check = |text: &str, expect: &[&str]| {
            assert_eq!(words(text).iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), expect, "{text}");
        };
        check("", &[]);
        check("It's a Test: 3.14!", &["it", "s", "a", "test", "3", "14"]);
        check("Müller MÜLLER mu\u{308}ller", &["muller", "muller", "muller"]);
        check("naïve café ﬁn", &["naive", "cafe", "fin"]);
        check("東京へ行く2024", &["東", "京", "へ", "行", "く", "2024"]);
        check("abc東def", &["abc", "東", "def"]);
        check(&format!("a {} b", "x".repeat(65)), &["a", "b"]);
        check("\u{308}\u{301} _ - ", &[]);
    }

    proptest! {
        #[test]
        fn words_stand_where_they_say(text in "\\PC{0,60}") {
            let mut before = 0;
            for word in words(&text) {
                prop_assert!(before <= word.from && word.from < word.to);
                prop_assert!(text.is_char_boundary(word.from) && text.is_char_boundary(word.to));
                before = word.to;
            }
        }
    }
}
