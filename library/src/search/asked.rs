//! What is searched for: plain words, and phrases in quotes. Nothing else means anything, so nothing can be written wrongly.

use super::words::words;

/// The most words that are searched for at once.
const MOST: usize = 50;

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// What must be there: words in this order.
    pub(super) phrases: Vec<Vec<String>>,
    /// What makes a passage better; one of them must be there where no phrase must. What is written as one and is several words, such as
    /// `e-mail`, is best as a row of them, and its words count by themselves, too, unless they are single characters.
    pub(super) words: Vec<Vec<String>>,
}

impl Asked {
    /// Reads what is searched for.
    ///
    /// # Errors
    /// Why there is nothing to be found by it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut asked = Self { phrases: Vec::new(), words: Vec::new() };
        let mut parts = text.split(['"', '“', '”', '„', '«', '»']).peekable();
        let mut quoted = false;
        while let Some(part) = parts.next() {
            // A quote that is not closed is none.
            if quoted && parts.peek().is_some() {
                asked.phrases.extend(row(part));
            } else {
                asked.words.extend(part.split_whitespace().filter_map(row).flat_map(with_parts));
            }
            quoted = !quoted;
        }
        let count = asked.all().count();
        if count == 0 {
            return Err("there is no word to search for; give some words of what you expect to read".to_owned());
        }
        if count > MOST {
            return Err(format!("there are {count} words to search for; {MOST} are the most"));
        }
        Ok(asked)
    }

    /// All words.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.phrases.iter().chain(&self.words).flatten().map(String::as_str)
    }
}

fn row(text: &str) -> Option<Vec<String>> {
    let row: Vec<String> = words(text).into_iter().map(|word| word.text).collect();
    (!row.is_empty()).then_some(row)
}

/// A row of words, and those of them that say something by themselves.
fn with_parts(row: Vec<String>) -> Vec<Vec<String>> {
    let several = row.len() > 1;
    let parts = row.iter().filter(|word| several && word.chars().count() > 1).map(|word| vec![word.clone()]).collect();
    [vec![row], parts].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_words_and_phrases() {
        let check = |text: &str, phrases: &[&str], words: &[&str]| {
            let rows = |texts: &[&str]| -> Vec<Vec<String>> {
                texts.iter().map(|text| text.split(' ').map(str::to_owned).collect()).collect()
            };
            assert_eq!(Asked::parse(text), Ok(Asked { phrases: rows(phrases), words: rows(words) }), "{text}");
        };
        check("annual report", &[], &["annual", "report"]);
        check("\"Annual Report\" 2024", &["annual report"], &["2024"]);
        check("“annual report”", &["annual report"], &[]);
        check("an \"open quote", &[], &["an", "open", "quote"]);
        check("\"\" x", &[], &["x"]);
        check(
            "e-mail title:x +y -z (a OR b)^2 *",
            &[],
            &["e mail", "mail", "title x", "title", "y", "z", "a", "or", "b 2"],
        );
        check("東京", &[], &["東 京"]);
        for nothing in ["", " ", "\"\"", "***", "\" \" -"] {
            assert!(Asked::parse(nothing).is_err(), "{nothing}");
        }
        assert!(Asked::parse(&"a ".repeat(51)).is_err());
    }
}
