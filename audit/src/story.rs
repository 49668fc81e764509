//! One decision as a story: who asked what, what had a say in it, what was drawn and voted for, what was answered, and who decided on it.
//!
//! A story is made of what [`crate::AuditLog::show`] gives and of nothing else: it tells what the records say and adds no guess. As JSON
//! it has every text as it is; as plain text ([`std::fmt::Display`]) characters that would do something to a terminal are written out,
//! and no line is wider than [`MAX_COLUMNS`].

mod asked;
mod called;
mod contents;
mod drawn;
mod ended;
mod review;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Body, Shown};
use contents::Contents;

/// Columns of the plain text, where wide characters take two.
pub const MAX_COLUMNS: usize = 100;

/// One decision as a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The request.
    pub request_id: String,
    /// How it stands, as [`crate::Status::as_str`] has it.
    pub status: String,
    /// Its parts, in their order.
    pub sections: Vec<Section>,
}

/// A part of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// What it is about, for programs: `asked`, `question`, `rules`, `budget`, `tools`, `samples`, `vote`, `answer`, `review`, `end`, or
    /// `proof`.
    pub id: String,
    /// What it is about, for people.
    pub title: String,
    /// What it says.
    pub parts: Vec<Part>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// What the log says, in words.
    Sentence {
        /// The words.
        text: String,
    },
    /// What somebody else has written: a prompt, an answer, a reason.
    Quote {
        /// Their text as it is.
        text: String,
    },
    /// Rows of cells.
    Table {
        /// The head of each column.
        head: Vec<String>,
        /// The rows; each has a cell for every column.
        rows: Vec<Vec<String>>,
    },
}

impl Part {
    fn sentence(text: impl Into<String>) -> Self {
        Self::Sentence { text: text.into() }
    }

    fn quote(text: impl Into<String>) -> Self {
        Self::Quote { text: text.into() }
    }

    fn table(head: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self::Table { head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows }
    }
}

impl Story {
    /// The story of a request. Contents stand in it where `shown` has them; where they were not asked for, that they are sealed.
    #[must_use]
    pub fn of(shown: &Shown) -> Self {
        let contents = Contents::of(shown);
        let mut story = Self { request_id: String::new(), status: shown.status.to_string(), sections: Vec::new() };
        let Body::Admission(admission) = &shown.admission.body else { return story };
        let outcome = match shown.end.as_ref().map(|end| &end.body) {
            Some(Body::Outcome(outcome)) => Some(outcome),
            _ => None,
        };
        story.request_id = admission.request_id.to_string();
        story.section("asked", "Who asked", asked::asked(shown.admission.time, admission));
        story.section("question", "What was asked", contents.told("prompt"));
        story.section("rules", "Rules and safeguards", rules::rules(admission, outcome));
        story.section("budget", "Budget", drawn::budget(admission, outcome));
        story.section("tools", "Tools", called::calls(shown, outcome, &contents));
        if let Some(outcome) = outcome {
            story.section("samples", "Samples", drawn::samples(outcome, &contents));
            story.section("vote", "Vote", drawn::vote(admission, outcome, &contents));
            story.section("answer", "Answer", ended::answer(outcome, shown, &contents));
            story.section("review", "Review", review::review(outcome, shown));
        }
        story.section("end", "End", ended::end(shown, outcome));
        story.section("proof", "Proof", ended::proof(shown));
        story
    }

    fn section(&mut self, id: &str, title: &str, parts: Vec<Part>) {
        if !parts.is_empty() {
            self.sections.push(Section { id: id.to_owned(), title: title.to_owned(), parts });
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}
