//! How a phrase is written, and whether what was read is it.

use super::{
    letter::{self, Sort, is_whole_word},
    reader::{Gap, Read},
};

/// The fewest letters of a phrase that is also looked for turned round: short words turned round are other words.
const TURNED_LETTERS: usize = 6;
/// The fewest letters of a phrase that is looked for among letters that stand alone.
const SPACED_LETTERS: usize = 4;
/// The fewest letters of a phrase that is found wherever its blanks stand, if it has several words.
const LOOSE_LETTERS: usize = 8;
/// The same of a single word: many shorter ones are two others, as in "the rapist".
const LOOSE_WORD: usize = 10;
/// The fewest letters of a phrase that may be signs and digits for the most part.
const MASKED_LETTERS: usize = 5;
/// The same of one that may be digits but for one letter or sign.
const LONG_LETTERS: usize = 8;

/// A way to write a phrase.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) phrase: usize,
    letters: Vec<char>,
    /// Before which letters a word begins.
    begins: Vec<bool>,
    /// Turned round, or moved through the alphabet: found only as it stands.
    turned: bool,
    /// Found wherever its blanks stand.
    loose: bool,
}

/// The words of a phrase, folded.
pub(super) fn words(phrase: &str) -> Vec<String> {
    let mut letters = String::new();
    for (at, character) in phrase.char_indices() {
        crate::fold::fold(character, at, |symbol| letters.extend(symbol.letter.to_lowercase()));
    }
    letters.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl Written {
    /// All ways to write a phrase; none of one without a letter.
    pub(super) fn all(phrase: usize, words: &[String]) -> Vec<Self> {
        let plain = words.join(" ");
        let letters = plain.chars().filter(|letter| *letter != ' ').count();
        let mut texts = vec![plain.clone()];
        if letters >= TURNED_LETTERS {
            for text in turned(words, &plain) {
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
        }
        let loose = letters >= if words.len() > 1 { LOOSE_LETTERS } else { LOOSE_WORD };
        let texts = texts.into_iter().enumerate().filter(|_| letters > 0);
        texts.map(|(at, text)| Self::new(phrase, &text, at > 0, loose)).collect()
    }

    fn new(phrase: usize, text: &str, turned: bool, loose: bool) -> Self {
        let (mut letters, mut begins) = (Vec::new(), Vec::new());
        for word in text.split(' ') {
            begins.extend(word.chars().enumerate().map(|(at, _)| at == 0));
            letters.extend(word.chars());
        }
        Self { phrase, letters, begins, turned, loose: loose && !turned }
    }

    /// What it is looked for as.
    pub(super) fn classes(&self) -> String {
        self.letters.iter().map(|letter| letter::class(*letter)).collect()
    }

    /// What must stand behind it, if the letters that were read are it.
    pub(super) fn needs<'r>(&self, read: impl Iterator<Item = &'r Read> + Clone) -> Option<Gap> {
        let edge = read.clone().next()?.edge;
        if edge == Gap::None || !read.clone().zip(&self.letters).all(|(read, letter)| read.may_be(*letter)) {
            return None;
        }
        let told = self.tell(read);
        if (told.as_words && told.is_meant(self.turned)) || (!self.turned && told.is_spaced()) {
            return Some(Gap::Soft);
        }
        let squeezed = (told.blanks_within == 0 && told.is_disguised()) || (self.loose && told.is_seldom_sign());
        (!self.turned && squeezed && edge == Gap::Blank).then_some(Gap::Blank)
    }

    fn tell<'r>(&self, read: impl Iterator<Item = &'r Read> + Clone) -> Told {
        let mut told = Told { as_words: true, alone: true, ..Told::default() };
        let (mut before_whole, mut signs) = (true, Vec::new());
        for (at, ((read, letter), begins)) in read.zip(&self.letters).zip(&self.begins).enumerate() {
            let gap = if at == 0 { Gap::None } else { read.gap };
            told.letters += 1;
            told.as_words &= at == 0 || *begins == (gap != Gap::None);
            told.blanks_within += usize::from(!*begins && gap == Gap::Blank);
            told.alone &= gap != Gap::None || before_whole || read.whole_word;
            told.whole_words += usize::from(is_whole_word(*letter));
            let in_place = read.small != *letter;
            told.in_place += usize::from(in_place);
            if in_place {
                told.mixed |= signs.iter().any(|(sign, stood_for)| *sign == read.small && stood_for != letter);
                signs.push((read.small, *letter));
            }
            told.plain += usize::from(!read.small.is_ascii_digit() && read.sort == Sort::Word);
            told.signs += usize::from(read.sort == Sort::Sign);
            told.weight += match gap {
                _ if in_place => 2,
                Gap::Soft => 1,
                Gap::Sign => 2,
                Gap::None | Gap::Blank => 0,
            };
            before_whole = read.whole_word;
        }
        told
    }
}

/// How letters were read.
#[derive(Debug, Default)]
struct Told {
    letters: usize,
    /// Letters that stand for what they are.
    plain: usize,
    /// Signs that stand for letters.
    signs: usize,
    /// Digits and signs that stand for other letters.
    in_place: usize,
    /// How much of a disguise it is.
    weight: usize,
    /// There is something between letters exactly where the phrase has a blank.
    as_words: bool,
    /// Each letter stands alone.
    alone: bool,
    /// A sign stands for one letter here and for another one there.
    mixed: bool,
    /// Blanks within words.
    blanks_within: usize,
    /// Letters that are words.
    whole_words: usize,
}

impl Told {
    /// Whether so much disguise is one: a number is no word.
    fn is_meant(&self, turned: bool) -> bool {
        let shown = self.plain + self.signs;
        let masked = (self.letters >= MASKED_LETTERS && shown >= 2) || (self.letters >= LONG_LETTERS && shown >= 1);
        if turned { self.in_place == 0 } else { self.is_seldom_sign() || masked }
    }

    /// Short words that one sign is all letters of are names in programs: `a11` is no "ali".
    fn is_seldom_sign(&self) -> bool {
        3 * self.in_place <= 2 * self.letters && (!self.mixed || self.letters >= MASKED_LETTERS)
    }

    /// An apostrophe or a hyphen stands in plain words.
    fn is_disguised(&self) -> bool {
        self.weight != 1 && self.is_meant(false)
    }

    fn is_spaced(&self) -> bool {
        let enough = self.letters >= SPACED_LETTERS || (self.whole_words == self.letters && self.letters > 1);
        self.alone && enough && self.is_seldom_sign()
    }
}

/// A phrase moved through the alphabet and turned round, in all ways that are looked for.
fn turned(words: &[String], plain: &str) -> Vec<String> {
    let moved = |letter: fn(u8) -> u8| -> String { plain.chars().map(|from| map(from, letter)).collect() };
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    let each: Vec<String> = words.iter().map(|word| backwards(word)).collect();
    let upside_down: String = backwards(plain).chars().map(upside_down).collect();
    vec![moved(|place| (place + 13) % 26), moved(|place| 25 - place), backwards(plain), each.join(" "), upside_down]
}

/// Moves a letter of the alphabet from its place, counted from 0, to another one.
fn map(letter: char, to: fn(u8) -> u8) -> char {
    match letter {
        'a'..='z' => char::from(to(letter as u8 - b'a') + b'a'),
        other => other,
    }
}

/// The plain letter that a letter is on its head; what has a letter of its own on its head is folded to itself.
fn upside_down(letter: char) -> char {
    match letter {
        'b' => 'q',
        'q' => 'b',
        'd' => 'p',
        'p' => 'd',
        'n' => 'u',
        'u' => 'n',
        other => other,
    }
}
