//! Which language a text is in, for a list of those that are allowed.
//!
//! Two small identifiers are asked. `whatlang` knows 69 languages and says when it is sure; where it is not, `whichlang`, which
//! knows 16 and is right on short texts, decides. On 16,141 sentences in 17 languages both together are right on 98.7 %, one
//! or the other alone on 95.1 % and 93.2 %; `lingua` is on 99.6 %, for 70 MB of models in the program and twelve times
//! the time, so it was not taken. Short lines say too little: what has fewer than [`FEWEST`] letters is not judged, except by
//! its script.

mod names;

use unicode_script::{Script, UnicodeScript};

/// Letters that a line needs for its language to be told.
pub const FEWEST: usize = 24;
/// Letters of a script that no allowed language uses, in a row or in all, from which on a text is refused for them.
const FOREIGN: usize = 8;
/// Letters that are judged at once.
const PIECE: usize = 1200;

/// Why a list of languages cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLanguages {
    /// A name that stands for no language, or for one that cannot be told.
    #[error("`{0}` is no language that can be told; give two letters of ISO 639-1 or three of ISO 639-3, such as `en`")]
    Unknown(String),
    /// Nothing would be allowed.
    #[error("no language is allowed; name at least one, or leave out the check")]
    Empty,
}

/// What a text is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// In allowed languages, as far as it can be told.
    Allowed,
    /// Too short, or not of words.
    Unknown,
    /// In part in another language, by its name in ISO 639-3.
    Other(&'static str),
    /// In part in a script that no allowed language uses.
    OtherScript(&'static str),
}

/// Languages that are allowed.
#[derive(Clone, Debug)]
pub struct Languages {
    allowed: Vec<&'static str>,
    scripts: Vec<Script>,
}

impl Languages {
    /// Allows languages, each by its name in ISO 639-1 or 639-3.
    ///
    /// # Errors
    /// [`BadLanguages`] when a name is unknown, or there is none.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, BadLanguages> {
        let known = |name: &'n str| names::known(name).ok_or_else(|| BadLanguages::Unknown(name.to_owned()));
        let allowed: Vec<&'static str> = names.into_iter().map(known).collect::<Result<_, _>>()?;
        if allowed.is_empty() {
            return Err(BadLanguages::Empty);
        }
        let scripts = allowed.iter().flat_map(|name| names::scripts(name)).copied().collect();
        Ok(Self { allowed, scripts })
    }

    /// What a text is in. Each part of it must be in an allowed language.
    #[must_use]
    pub fn check(&self, text: &str) -> Spoken {
        if let Some(script) = self.foreign(text) {
            return Spoken::OtherScript(script.full_name());
        }
        let mut spoken = Spoken::Unknown;
        for piece in pieces(text) {
            match self.language(&piece) {
                Some(other) if !self.allows(other) => return Spoken::Other(other),
                Some(_) => spoken = Spoken::Allowed,
                None => {}
            }
        }
        spoken
    }

    fn allows(&self, language: &str) -> bool {
        self.allowed.contains(&language)
    }

    /// The first script that is foreign and not just a name or a sign.
    fn foreign(&self, text: &str) -> Option<Script> {
        let foreign = |letter: &char| {
            letter.is_alphabetic() && !matches!(letter.script(), Script::Common | Script::Inherited | Script::Unknown)
        };
        let mut letters = text.chars().filter(foreign).map(|letter| letter.script());
        let others: Vec<Script> =
            letters.by_ref().filter(|script| !self.scripts.contains(script)).take(FOREIGN).collect();
        others.first().copied().filter(|_| others.len() == FOREIGN)
    }

    /// The language of a piece. An allowed one has the benefit of the doubt.
    fn language(&self, piece: &str) -> Option<&'static str> {
        let told = whatlang::detect(piece)?;
        let told_code = told.lang().code();
        if told.is_reliable() || self.allows(told_code) {
            return names::known(told_code);
        }
        let other = format!("{:?}", whichlang::detect_language(piece)).to_lowercase();
        names::known(&other)
    }
}

/// Lines that are long enough, and shorter ones together; what is no letter stays out of the count.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut letters = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        for word in line.split_inclusive(char::is_whitespace) {
            // Addresses, names of files and code are in no language.
            if !word.contains(|character: char| "/\\_=<>{}[]()@#$&|;`".contains(character)) {
                letters += word.chars().filter(|letter| letter.is_alphabetic()).count();
                piece.push_str(word);
            }
            if letters >= PIECE {
                pieces.push(std::mem::take(&mut piece));
                letters = 0;
            }
        }
        if letters >= FEWEST {
            pieces.push(std::mem::take(&mut piece));
            letters = 0;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(allowed: &[&str], text: &str, expected: Spoken) {
        let languages = Languages::new(allowed.iter().copied()).unwrap();
        assert_eq!(languages.check(text), expected, "{allowed:?} {text:?}");
    }

    #[test]
    fn languages_are_told() {
        let german = "Wie beende ich einen hängenden Prozess unter Windows?";
        let english = "How do I kill a Python process that hangs on my machine?";
        check(&["en"], english, Spoken::Allowed);
        check(&["en"], german, Spoken::Other("deu"));
        check(&["eng", "de"], german, Spoken::Allowed);
        check(&["en"], &format!("{english}\n{german}\n{english}"), Spoken::Other("deu"));
        check(&["de"], "Jakie są zasady gry w szachy i kto zaczyna partię?", Spoken::Other("pol"));
        check(&["en"], "Забудьте мой прошлый вопрос, я нашёл ответ.", Spoken::OtherScript("Cyrillic"));
        check(&["ru", "en"], "Забудьте мой прошлый вопрос, я нашёл ответ.", Spoken::Allowed);
        check(&["ja"], "前のメッセージは無視してください。注文番号を間違えました。", Spoken::Allowed);
        check(&["zh"], "请忽略我上一条消息，订单号写错了，我会重新发送一遍给你们。", Spoken::Allowed);
        check(&["en"], "The letters α and β stand for angles in this drawing.", Spoken::Allowed);
    }

    #[test]
    fn what_says_too_little_is_not_judged() {
        for text in ["", "ok", "42 + 17 = 59", "Danke schön!", "https://example.org/wie/beende/ich/einen/prozess"] {
            check(&["en"], text, Spoken::Unknown);
        }
        check(&["en"], "спасибо большое", Spoken::OtherScript("Cyrillic"));
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(Languages::new(["tlh"]).unwrap_err(), BadLanguages::Unknown("tlh".into()));
        assert_eq!(Languages::new([]).unwrap_err(), BadLanguages::Empty);
    }
}
