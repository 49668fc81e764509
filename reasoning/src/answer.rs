//! What an answer is: the kinds, how one is found in a sample's text, and the form in which two are compared.

mod boxed;
mod choice;
mod infer;
mod json;
mod latex;
mod number;
mod numbers;
mod pattern;
mod scan;
mod text;

use serde::{Deserialize, Serialize};

pub(crate) use latex::plain;
pub use pattern::AnswerPattern;

/// The most of a text that is looked at, in bytes. Of a longer one the end is read, where answers stand; a longer
/// JSON is looked for at the beginning, and a longer `Text` is no answer.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// What an answer looks like. A declared kind is obeyed; [`AnswerKind::infer`] is the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AnswerKind {
    /// The whole text, compared without case, spacing, and punctuation at its ends.
    Text,
    /// A number, compared by its exact value.
    Number,
    /// One letter, `A` to `J`.
    Choice,
    /// A JSON object or array, compared by value.
    Json {
        /// An RFC 6901 pointer to the part that is compared, such as `/answer`; `None` for the whole value.
        pointer: Option<String>,
    },
    /// What stands in the last `\boxed{…}`, compared by its exact value if it is a number.
    Boxed,
    /// What a pattern finds: its first group, or the whole match where that took no part; the last match counts.
    /// Compared as it is written, without spaces at its ends.
    Regex {
        /// The pattern.
        pattern: AnswerPattern,
    },
}

impl AnswerKind {
    /// The kind that a prompt seems to ask for: `Json` for a schema or the word, `Boxed` for `\boxed`, `Choice` for
    /// lettered options, `Number` for "how many" and its like or a bare sum, else `Text`.
    ///
    /// What is returned is always a whole sample, but a wrong guess makes samples agree that do not, or the reverse:
    /// declare the kind where it matters.
    #[must_use]
    pub fn infer(prompt: &str, has_json_schema: bool) -> Self {
        infer::infer(prompt, has_json_schema)
    }

    /// The kind of what a pattern finds, in Rust's syntax: no look-around, linear time.
    ///
    /// # Errors
    /// When the pattern cannot be compiled, or takes more than a mebibyte.
    pub fn regex(pattern: &str) -> Result<Self, regex::Error> {
        Ok(Self::Regex { pattern: AnswerPattern::new(pattern)? })
    }
}

/// An answer found in a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The form that is compared: equal answers have equal canonical forms.
    pub canonical: String,
    /// The form as the sample wrote it.
    pub shown: String,
}

/// Finds the answer of the given kind. `None` means that the sample does not vote. Takes time linear in the text, which
/// is bounded by [`MAX_TEXT_BYTES`].
///
/// A number is looked for in `\boxed{…}`, then after "answer is" or "answer:", then after the last `=`, then it is the
/// last number that is neither part of a question nor an operand. Where one of these is written in a form that is not
/// understood, such as `2^{10}`, `3\sqrt{2}` or `3:30`, there is no answer. A percent or currency sign is a unit and does not
/// change the value: "50%" and "50" agree. A comma separates thousands, a point decimals.
#[must_use]
pub fn extract(kind: &AnswerKind, text: &str) -> Option<Answer> {
    match kind {
        AnswerKind::Text => text::find(text),
        AnswerKind::Number => numbers::find(scan::tail(text)),
        AnswerKind::Choice => choice::find(scan::tail(text)),
        AnswerKind::Json { pointer } => json::find(scan::head(text), pointer.as_deref()),
        AnswerKind::Boxed => boxed::find(scan::tail(text)),
        AnswerKind::Regex { pattern } => pattern.find(scan::tail(text)),
    }
}

/// The canonical form of a text that is one number and nothing else, but signs of a layout around it.
pub(crate) fn number_alone(text: &str) -> Option<String> {
    let text = latex::unwrapped(text);
    let text = latex::boxed_alone(text).map_or(text, str::trim);
    numbers::whole(text.strip_prefix('+').unwrap_or(text))
}

/// What stands in a box beside which there is nothing.
pub(crate) fn boxed_alone(text: &str) -> Option<&str> {
    latex::boxed_alone(latex::unwrapped(text))
}
