//! What a text is about, by an operator's own words.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::words;

/// A topic, as a policy says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its name, for records and errors.
    pub id: String,
    /// Words and phrases, and what each weighs, from 1 to 100. A `*` at the end stands for any ending.
    pub words: HashMap<String, u8>,
}

/// A topic that can never be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the topic `{id}` {why}")]
pub struct BadTopic {
    /// Its name.
    pub id: String,
    /// What is wrong, and the mend.
    pub why: String,
}

/// A topic, ready to be looked for.
#[derive(Clone, Debug)]
pub struct Topics {
    id: String,
    /// By the first word: all words, whether the last is a stem, the weight, and the entry's place.
    entries: HashMap<String, Vec<Entry>>,
    /// Entries whose only word is a stem.
    stems: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Its place among the topic's words.
    at: usize,
    words: Vec<String>,
    stem: bool,
    weight: u8,
}

impl Topics {
    /// Makes a topic ready.
    ///
    /// # Errors
    /// [`BadTopic`] when it has no words, or one without a letter, or with a weight beyond 1 to 100.
    pub fn new(topic: &Topic) -> Result<Self, BadTopic> {
        let bad = |why: String| BadTopic { id: topic.id.clone(), why };
        if topic.words.is_empty() {
            return Err(bad("has no words; give some".to_owned()));
        }
        let mut made = Self { id: topic.id.clone(), entries: HashMap::new(), stems: Vec::new() };
        for (at, (text, weight)) in topic.words.iter().enumerate() {
            if !(1..=100).contains(weight) {
                return Err(bad(format!("gives `{text}` a weight of {weight}; 1 to 100 are allowed")));
            }
            let entry = Entry { at, words: words::of(text), stem: text.trim_end().ends_with('*'), weight: *weight };
            match (entry.words.first().cloned(), entry.words.len()) {
                (None, _) => return Err(bad(format!("has the word `{text}` without a letter; change it"))),
                (_, 1) if entry.stem => made.stems.push(entry),
                (Some(first), _) => made.entries.entry(first).or_default().push(entry),
            }
        }
        Ok(made)
    }

    /// The topic's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How much a text is about it, from 0 to 100: the weights of its different words that are found, added up. Words are
    /// read as they look, in any case.
    #[must_use]
    pub fn score(&self, text: &str) -> u8 {
        let read = words::read(text);
        let mut found: HashMap<usize, u32> = HashMap::new();
        for (at, word) in read.iter().enumerate() {
            let behind = read.get(at..).unwrap_or_default();
            let entries = self.entries.get(&word.text).into_iter().flatten().chain(&self.stems);
            for entry in entries.filter(|entry| entry.begins(behind)) {
                found.insert(entry.at, u32::from(entry.weight));
            }
        }
        u8::try_from(found.values().sum::<u32>().min(100)).unwrap_or(100)
    }
}

impl Entry {
    fn begins(&self, read: &[words::Word]) -> bool {
        let last = self.words.len().saturating_sub(1);
        self.words.iter().enumerate().all(|(at, wanted)| {
            let alike = |text: &str| if self.stem && at == last { text.starts_with(wanted) } else { text == wanted };
            read.get(at).is_some_and(|word| alike(&word.text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(words: &[(&str, u8)]) -> Topic {
        Topic { id: "law".into(), words: words.iter().map(|(word, weight)| ((*word).to_owned(), *weight)).collect() }
    }

    #[test]
    fn words_add_up() {
        let topics =
            Topics::new(&topic(&[("lawsuit*", 40), ("sue", 30), ("legal advice", 50), ("court", 20)])).unwrap();
        let check = |text: &str, expected: u8| assert_eq!(topics.score(text), expected, "{text:?}");
        check("", 0);
        check("Lawsuits, lawsuit and LAWSUIT", 40);
        check("Can I sue? I need lеgal  advice.", 80);
        check("legal, and advice", 0);
        check("issue a courtesy", 0);
        check("lawsuit sue court legal advice", 100);
    }

    #[test]
    fn a_topic_must_be_findable() {
        let refused = |words: &[(&str, u8)]| Topics::new(&topic(words)).unwrap_err().to_string();
        assert_eq!(refused(&[]), "the topic `law` has no words; give some");
        assert_eq!(refused(&[("a", 0)]), "the topic `law` gives `a` a weight of 0; 1 to 100 are allowed");
        assert_eq!(refused(&[("…", 5)]), "the topic `law` has the word `…` without a letter; change it");
    }
}
