//! Questions with known answers, out of JSONL files.

mod right;

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use forethought_reasoning::AnswerKind;
use forethought_schemas::{ChatMessage, ChatRole};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::EvalError;

/// Where a template has the question.
pub const PLACE: &str = "{question}";

/// What an answer looks like, as `deliberation.answer` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The whole text.
    Text,
    /// A number.
    Number,
    /// One letter, A to J.
    Choice,
    /// A JSON object or array, or a part of one.
    Json,
    /// What stands in `\boxed{…}`.
    Boxed,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Text, Self::Number, Self::Choice, Self::Json, Self::Boxed];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Choice => "choice",
            Self::Json => "json",
            Self::Boxed => "boxed",
        }
    }

    /// The kind as the extraction of answers takes it; a pointer counts in JSON only.
    #[must_use]
    pub fn answer_kind(self, pointer: Option<&str>) -> AnswerKind {
        match self {
            Self::Text => AnswerKind::Text,
            Self::Number => AnswerKind::Number,
            Self::Choice => AnswerKind::Choice,
            Self::Json => AnswerKind::Json { pointer: pointer.map(ToOwned::to_owned) },
            Self::Boxed => AnswerKind::Boxed,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    /// The names that would have been accepted, comma separated.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| Self::ALL.map(Self::as_str).join(", "))
    }
}

/// A question as it is asked, and its right answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The name of its file, without folder and extension.
    pub set: String,
    /// Its name, which no other one of the set has.
    pub id: String,
    /// What is sent.
    pub messages: Vec<ChatMessage>,
    /// What an answer looks like.
    pub answer: Kind,
    /// The part of a JSON answer that is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What a JSON answer must be like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The right answer, in the form in which answers are compared.
    pub right: String,
    /// Questions of a set that say the same here share their seeds, so that what they differ in is not luck; without it, the
    /// seeds are made from the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twins: Option<String>,
}

/// How questions are put where their own lines do not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// Instructions that stand before the question.
    pub system: Option<String>,
    /// What is said around the question: a text with [`PLACE`] in it.
    pub template: Option<String>,
    /// What an answer looks like; without it, the right answer is looked at.
    pub answer: Option<Kind>,
    /// Only the first so many questions of each file.
    pub limit: Option<usize>,
}

/// One line of a file.
#[derive(Deserialize)]
struct Line {
    id: String,
    question: String,
    answer: Value,
    system: Option<String>,
    template: Option<String>,
    kind: Option<Kind>,
    pointer: Option<String>,
    schema: Option<Value>,
}

/// Reads files of questions, one JSON object a line: `id`, `question` and `answer`, and optionally `system`, `template`,
/// `kind`, `pointer` and `schema`. Further keys are for others and are not looked at.
///
/// # Errors
/// [`EvalError::Io`], and [`EvalError::Input`] with the file and the line.
pub fn read(files: &[PathBuf], asking: &Asking) -> Result<Vec<Question>, EvalError> {
    let mut names = HashMap::new();
    let mut questions = Vec::new();
    for file in files {
        let set = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(other) = names.insert(set.clone(), file) {
            return Err(EvalError::Input(format!(
                "{} and {} would both be the set `{set}`; rename one of them",
                other.display(),
                file.display()
            )));
        }
        questions.extend(read_one(file, &set, asking)?);
    }
    Ok(questions)
}

fn read_one(file: &Path, set: &str, asking: &Asking) -> Result<Vec<Question>, EvalError> {
    let text = fs::read_to_string(file).map_err(|source| EvalError::io("read", file, source))?;
    parse(&text, set, asking).map_err(|(line, why)| EvalError::Input(format!("{}:{line}: {why}", file.display())))
}

fn parse(text: &str, set: &str, asking: &Asking) -> Result<Vec<Question>, (usize, String)> {
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut questions = Vec::new();
    let filled = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    for (number, line) in filled.take(asking.limit.unwrap_or(usize::MAX)) {
        let question = question(line, set, asking).map_err(|why| (number, why))?;
        if let Some(first) = lines.insert(question.id.clone(), number) {
            let told = format!("the id `{}` stands on line {first} already: give each its own", question.id);
            return Err((number, told));
        }
        questions.push(question);
    }
    if questions.is_empty() {
        return Err((1, "there is no question: write one JSON object a line".to_owned()));
    }
    Ok(questions)
}

fn question(line: &str, set: &str, asking: &Asking) -> Result<Question, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| {
        format!("this is no question: {error}; write a JSON object with `id`, `question` and `answer`")
    })?;
    if line.id.is_empty() || line.question.trim().is_empty() {
        return Err("`id` or `question` is empty: give both".to_owned());
    }
    let kind = line.kind.or(asking.answer);
    let kind = kind.map_or_else(|| right::kind(&line.answer, &line.question, line.pointer.is_some()), Ok)?;
    if line.pointer.is_some() && kind != Kind::Json {
        return Err(format!(
            "`pointer` is only for answers of the kind `json`, and this one is `{kind}`: leave it out"
        ));
    }
    if line.pointer.as_deref().is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        return Err("`pointer` is no JSON pointer: begin it with `/`, such as `/name`".to_owned());
    }
    let right = right::canonical(kind, line.pointer.as_deref(), &line.answer)?;
    let content = put(line.template.as_ref().or(asking.template.as_ref()), &line.question)?;
    let mut messages = Vec::new();
    if let Some(content) = line.system.or_else(|| asking.system.clone()) {
        messages.push(ChatMessage::new(ChatRole::System, content));
    }
    messages.push(ChatMessage::new(ChatRole::User, content));
    let Line { id, pointer, schema, .. } = line;
    Ok(Question { set: set.to_owned(), id, messages, answer: kind, pointer, schema, right, twins: None })
}

fn put(template: Option<&String>, question: &str) -> Result<String, String> {
    match template {
        None => Ok(question.to_owned()),
        Some(template) if template.contains(PLACE) => Ok(template.replace(PLACE, question)),
        Some(_) => Err(format!("the template has no `{PLACE}`: write it where the question is to stand")),
    }
}

impl Question {
    /// Whether an answer in canonical form is the right one.
    #[must_use]
    pub fn is_right(&self, canonical: &str) -> bool {
        self.right == canonical
    }

    /// The kind of its answer, as the extraction takes it.
    #[must_use]
    pub fn answer_kind(&self) -> AnswerKind {
        self.answer.answer_kind(self.pointer.as_deref())
    }

    /// What is asked, without instructions: the last message.
    #[must_use]
    pub fn text(&self) -> &str {
        self.messages.last().map(|message| message.content.as_str()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
