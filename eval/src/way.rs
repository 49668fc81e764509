//! Ways of answering: a strategy and a budget under a name.

mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use forethought_policies::{Document, FileKind, Problem};
use forethought_schemas::{CONFIG_SCHEMA, WAYS_SCHEMA};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::EvalError;

/// The file of ways, in the version that this build reads.
static WAYS_FILE: FileKind = FileKind {
    name: "file of ways",
    create: "write one as `forethought eval --help` shows it, or give ways with `--way`",
    version: 1,
    schema: &WAYS_SCHEMA,
};

/// Fields that stand beside `deliberation` in a request, each with its name there.
const BESIDE: [(&str, &str); 7] = [
    ("effort", "reasoning_effort"),
    ("temperature", "temperature"),
    ("tool_choice", "tool_choice"),
    ("top_p", "top_p"),
    ("max_completion_tokens", "max_completion_tokens"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
];
/// Fields of `deliberation` that the questions and the seed say.
const OURS: [&str; 5] = ["answer", "answer_pattern", "answer_pointer", "include_samples", "seed"];

/// What is done with the schema of a question that has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SchemaUse {
    /// Nothing.
    #[default]
    Ignore,
    /// Each sample is verified with it.
    Verify,
    /// Nothing that does not fit it is generated.
    Require,
}

/// One way of answering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// Its name, which no other one has.
    pub name: String,
    /// What it says, by the keys of a file of ways.
    #[serde(flatten)]
    fields: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Contents {
    ways: Vec<Way>,
}

impl Way {
    /// The ways that are evaluated when none are given: one sample, votes of growing size, and `auto`.
    ///
    /// # Errors
    /// None but those of [`Way::from_texts`].
    pub fn usual() -> Result<Vec<Self>, EvalError> {
        let texts = [
            "single=single",
            "vote4=self_consistency,max_samples=4",
            "vote8=self_consistency,max_samples=8",
            "vote16=self_consistency,max_samples=16",
            "auto16=auto,max_samples=16",
        ];
        Self::from_texts(&texts.map(ToOwned::to_owned))
    }

    /// Ways out of a file, YAML or JSON.
    ///
    /// # Errors
    /// [`EvalError::File`] with everything that is wrong.
    pub fn from_file(file: &Path) -> Result<Vec<Self>, EvalError> {
        Self::read(&Document::load(file, &WAYS_FILE)?)
    }

    /// Ways as the command line gives them: `NAME=STRATEGY,KEY=VALUE,…`, with the keys of a file of ways.
    ///
    /// # Errors
    /// [`EvalError::Input`] and [`EvalError::File`].
    pub fn from_texts(texts: &[String]) -> Result<Vec<Self>, EvalError> {
        let ways = texts.iter().map(|text| text::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let whole = json!({ "version": 1, "ways": ways }).to_string();
        // JSON is YAML too, so that a wrong value is told here as it is told of a file.
        Self::read(&Document::parse(Path::new("--way"), whole.as_bytes(), &WAYS_FILE)?)
    }

    fn read(document: &Document) -> Result<Vec<Self>, EvalError> {
        let contents: Contents = document.read(problems(document))?;
        Ok(contents.ways)
    }

    /// The time that one answer may take, if the way says it, in milliseconds.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.fields.get("deadline_ms").and_then(Value::as_u64)
    }

    /// The same way, in which nothing is generated that does not fit the schema of a question that has one.
    #[must_use]
    pub fn requiring_schema(mut self) -> Self {
        self.fields.insert("schema".to_owned(), json!("require"));
        self
    }

    /// What it says under one of the keys of a file of ways.
    #[must_use]
    pub fn says(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// What it says, in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let strategy = self.fields.get("strategy").map(plain);
        let rest = self.fields.iter().filter(|(key, _)| *key != "strategy");
        let rest = rest.map(|(key, value)| format!("{key} {}", plain(value)));
        strategy.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn schema_use(&self) -> SchemaUse {
        let named = self.fields.get("schema").cloned().and_then(|named| serde_json::from_value(named).ok());
        named.unwrap_or_default()
    }

    /// The fields of a request, and those of its `deliberation`.
    pub(crate) fn request(&self) -> (Map<String, Value>, Map<String, Value>) {
        let (mut beside, mut inside) = (Map::new(), Map::new());
        for (key, value) in &self.fields {
            let outer = BESIDE.iter().find(|(name, _)| name == key);
            match (outer, key.as_str()) {
                (Some((_, name)), _) => drop(beside.insert((*name).to_owned(), value.clone())),
                (None, "schema") => {}
                (None, "deliberation") => inside.extend(value.as_object().cloned().unwrap_or_default()),
                (None, _) => drop(inside.insert(key.clone(), value.clone())),
            }
        }
        (beside, inside)
    }

    /// What a preset of the configuration says to the same effect; or what it cannot say.
    pub(crate) fn preset(&self) -> Result<&BTreeMap<String, Value>, Vec<&str>> {
        let known = CONFIG_SCHEMA.document().pointer("/$defs/preset/properties").and_then(Value::as_object);
        let sayable = |key: &str| known.is_some_and(|known| known.contains_key(key));
        let unsaid: Vec<&str> = self.fields.keys().map(String::as_str).filter(|key| !sayable(key)).collect();
        if unsaid.is_empty() { Ok(&self.fields) } else { Err(unsaid) }
    }
}

/// What the schema cannot say: names that stand twice, and fields that are not a way's to say.
fn problems(document: &Document) -> Vec<Problem> {
    let whole = document.value();
    let ways = whole.get("ways").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut names = BTreeSet::new();
    let mut problems = Vec::new();
    for (at, way) in ways.iter().enumerate() {
        if way.get("name").and_then(Value::as_str).is_some_and(|name| !names.insert(name)) {
            let mend = "give each way its own name";
            problems.push(document.problem(&format!("/ways/{at}/name"), "the name stands twice", mend));
        }
        let inside = way.get("deliberation").and_then(Value::as_object);
        for key in inside.into_iter().flat_map(Map::keys) {
            let place = format!("/ways/{at}/deliberation/{key}");
            if OURS.contains(&key.as_str()) {
                let mend = "leave it out; the questions and `--seed` say it";
                problems.push(document.problem(&place, "this is not for a way to say", mend));
            } else if way.get(key).is_some() {
                problems.push(document.problem(&place, "the way says this already", "keep one of the two"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests;
