//! What an answer is: the kinds, how one is found in a sample's text, and the form in which two are compared.

mod boxed;
mod choice;
mod infer;
mod json;
mod latex;
mod number;
mod numbers;
mod scan;
mod text;

/// The most of a text that is looked at, in bytes. Of a longer one the end is read, where answers stand; a longer
/// JSON is looked for at the beginning, and a longer `Text` is no answer.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// What an answer looks like. A declared kind is obeyed; [`AnswerKind::infer`] is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
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
/// last number that is neither part of a question nor an operand. A percent or currency sign is a unit and does not
/// change the value: "50%" and "50" agree. A comma separates thousands, a point decimals.
#[must_use]
pub fn extract(kind: &AnswerKind, text: &str) -> Option<Answer> {
    match kind {
        AnswerKind::Text => text::find(text),
        AnswerKind::Number => numbers::find(scan::tail(text)),
        AnswerKind::Choice => choice::find(scan::tail(text)),
        AnswerKind::Json { pointer } => json::find(scan::head(text), pointer.as_deref()),
        AnswerKind::Boxed => boxed::find(scan::tail(text)),
    }
}
