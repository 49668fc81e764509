//! The ways in which a text is read to find a phrase that somebody hides.

use super::letter::{Letter, Sort, is_whole_word};

/// A symbol of a reading: a letter, or a blank for whatever stands between words.
pub(super) const BLANK: char = ' ';

/// A way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Words as they stand; whatever is no letter or digit parts them.
    Words,
    /// The same with digits and signs that stand for letters: `b0mb`, `how-to-bu1ld`.
    Leet,
    /// Signs within words are skipped or stand for the letter that they look like: `b0.m-b`. What may be an `i` or an `l` is
    /// the one that is told; it is read in both ways only where there is such a sign.
    Squeezed(char),
    /// Letters that stand alone are one word: `b o m b`.
    Spaced,
}

impl Reading {
    pub(super) const ALL: [Self; 4] = [Self::Words, Self::Leet, Self::SQUEEZED, Self::Spaced];
    /// The one that another may part from.
    pub(super) const SQUEEZED: Self = Self::Squeezed('i');

    /// How a phrase is written to be found in this reading.
    pub(super) fn written(self, words: &[String]) -> Vec<String> {
        let joined = |between: &str| words.join(between);
        let framed = |text: String| format!("{BLANK}{text}{BLANK}");
        let letters: Vec<char> = joined("").chars().collect();
        match self {
            Self::Words | Self::Leet => {
                let plain = joined(" ");
                let mut all = vec![framed(plain.clone())];
                // Short words turned round are other words.
                if self == Self::Words && letters.len() >= TURNED_LETTERS {
                    all.push(framed(rot13(&plain)));
                    all.push(framed(plain.chars().rev().collect()));
                }
                all
            }
            Self::Squeezed(_) => {
                let mut all = vec![framed(joined(" ")), framed(joined(""))];
                all.dedup();
                all
            }
            Self::Spaced => {
                let alone = letters.len() > 1 && letters.iter().all(|letter| is_whole_word(*letter));
                if alone || letters.len() >= SPACED_LETTERS { vec![joined("")] } else { Vec::new() }
            }
        }
    }
}

/// The fewest letters of a phrase that is also looked for backwards and by ROT13.
const TURNED_LETTERS: usize = 6;
/// The fewest letters of a phrase that is looked for among letters that stand alone.
const SPACED_LETTERS: usize = 4;

/// The words of a phrase, folded.
pub(super) fn words(phrase: &str) -> Vec<String> {
    let mut letters = String::new();
    for (at, character) in phrase.char_indices() {
        crate::fold::fold(character, at, |symbol| letters.extend(symbol.letter.to_lowercase()));
    }
    letters.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn rot13(text: &str) -> String {
    let turn = |letter: char| match letter {
        'a'..='z' => char::from((letter as u8 - b'a' + 13) % 26 + b'a'),
        other => other,
    };
    text.chars().map(turn).collect()
}

/// A symbol of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) letter: char,
    /// Where it stands in the text, in bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// How much of a disguise it is: a digit or sign in place of a letter, or behind signs within a word, counts 2; behind an
    /// apostrophe or a hyphen, which stand in plain words, too, 1.
    pub(super) disguise: u8,
}

/// What a reader puts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// A symbol.
    Symbol(Read),
    /// A word ends here.
    Pause,
    /// Nothing that counts, up to here.
    Still(usize),
    /// The last symbol was no word of its own: what came before has nothing to do with what comes now.
    Break,
}

/// Reads symbols one after the other in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    reading: Reading,
    /// Whether the last thing that was put is a blank.
    blank: bool,
    /// Letters of the word that is being read, as far as it matters whether it is one.
    letters: usize,
    /// The disguise of the signs that were skipped since the last symbol.
    skipped: u8,
    /// An exclamation mark whose meaning the next symbol tells.
    pending: Option<(usize, usize)>,
}

impl Reader {
    pub(super) fn new(reading: Reading) -> Self {
        Self { reading, blank: false, letters: 0, skipped: 0, pending: None }
    }

    /// The same that takes signs for an `l`, of one that takes them for an `i`.
    pub(super) fn with_l(&self) -> Option<Self> {
        (self.reading == Reading::SQUEEZED).then(|| Self { reading: Reading::Squeezed('l'), ..self.clone() })
    }

    /// Whether, behind a plain letter, one more is read as that was.
    pub(super) fn is_asleep(&self) -> bool {
        self.reading != Reading::Spaced || self.letters > 1
    }

    /// Before the first symbol.
    pub(super) fn begin(&mut self, at: usize, mut put: impl FnMut(Put)) {
        if self.reading != Reading::Spaced {
            self.part(at, at, &mut put);
        }
    }

    /// One more letter.
    #[inline]
    pub(super) fn read(&mut self, letter: Letter, place: (usize, usize), mut put: impl FnMut(Put)) {
        match self.reading {
            Reading::Words => self.read_words(letter, None, place, &mut put),
            Reading::Leet => {
                let like = letter.like.filter(|_| letter.sort == Sort::Word);
                self.read_words(letter, like, place, &mut put);
            }
            Reading::Squeezed(one) => self.read_squeezed(letter, one, place, &mut put),
            Reading::Spaced => self.read_spaced(letter, place, &mut put),
        }
    }

    /// After the last symbol.
    pub(super) fn end(&mut self, at: usize, mut put: impl FnMut(Put)) {
        self.pending = None;
        match self.reading {
            Reading::Spaced => put(Put::Pause),
            _ => self.part(at, at, &mut put),
        }
    }

    /// Where what is not put yet begins.
    pub(super) fn pending(&self) -> Option<usize> {
        self.pending.map(|(start, _)| start)
    }

    #[inline]
    fn part(&mut self, start: usize, end: usize, put: &mut impl FnMut(Put)) {
        self.skipped = 0;
        if std::mem::replace(&mut self.blank, true) {
            put(Put::Still(end));
        } else {
            put(Put::Symbol(Read { letter: BLANK, start, end, disguise: 0 }));
        }
    }

    #[inline]
    fn put(&mut self, letter: char, (start, end): (usize, usize), disguise: u8, put: &mut impl FnMut(Put)) {
        let skipped = std::mem::take(&mut self.skipped);
        self.blank = false;
        put(Put::Symbol(Read { letter, start, end, disguise: disguise.max(skipped) }));
    }

    #[inline]
    fn read_words(&mut self, read: Letter, like: Option<char>, place: (usize, usize), put: &mut impl FnMut(Put)) {
        if read.sort == Sort::Word {
            self.put(like.unwrap_or(read.small), place, if like.is_some() { DISGUISED } else { 0 }, put);
        } else {
            self.part(place.0, place.1, put);
        }
    }

    #[inline]
    fn read_squeezed(&mut self, read: Letter, one: char, (start, end): (usize, usize), put: &mut impl FnMut(Put)) {
        // At a word's end it is what it looks like.
        if let Some(place) = self.pending.take().filter(|_| read.sort == Sort::Word) {
            self.put(one, place, DISGUISED, put);
        }
        match read.like {
            _ if read.small == '!' => self.pending = Some((start, end)).filter(|_| !self.blank),
            Some(_) if read.is_one() => self.put(one, (start, end), DISGUISED, put),
            Some(like) => self.put(like, (start, end), DISGUISED, put),
            None if read.sort == Sort::Word => self.put(read.small, (start, end), 0, put),
            None if read.sort == Sort::Blank => self.part(start, end, put),
            None => {
                self.skip(read.small);
                put(Put::Still(end));
            }
        }
    }

    /// A sign within a word that stands for nothing.
    fn skip(&mut self, sign: char) {
        let plain = matches!(sign, '\'' | '-') && self.skipped == 0;
        self.skipped = if self.blank {
            0
        } else if plain {
            1
        } else {
            DISGUISED
        };
    }

    #[inline]
    fn read_spaced(&mut self, read: Letter, (start, end): (usize, usize), put: &mut impl FnMut(Put)) {
        let like = read.like.filter(|_| read.small != '!');
        if like.is_none() && read.sort != Sort::Word {
            if self.letters > 0 {
                put(Put::Pause);
            }
            self.letters = 0;
            put(Put::Still(end));
            return;
        }
        let whole_word = is_whole_word(read.small);
        self.letters = if whole_word { 1 } else { self.letters + 1 };
        match self.letters {
            1 => {
                if whole_word {
                    put(Put::Pause);
                }
                let disguise = if like.is_some() { DISGUISED } else { 0 };
                put(Put::Symbol(Read { letter: like.unwrap_or(read.small), start, end, disguise }));
            }
            _ => put(Put::Break),
        }
    }
}

/// The disguise of a letter that is not what it seems.
const DISGUISED: u8 = 2;
