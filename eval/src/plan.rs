//! What is to be asked: every question in every way, so and so often, each with its seed.

use std::collections::BTreeMap;

use forethought_schemas::ChatMessage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Question, Way, way::SchemaUse};

/// The version of the files of results that this build writes and reads.
pub(crate) const VERSION: u32 = 1;
/// Keep these hashes apart from every other use of SHA-256.
const SEED_DOMAIN: &[u8] = b"forethought eval seed 1\0";
const PLAN_DOMAIN: &[u8] = b"forethought eval plan 1\0";

/// The model that is evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Its name at the service.
    pub id: String,
    /// The digest of its weights, as its engine gives it.
    pub weights: String,
    /// Whether the same seed gives the same answer.
    pub repeatable: bool,
}

/// One file of questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRef {
    /// Its name.
    pub name: String,
    /// How many questions of it are asked.
    pub questions: usize,
    /// The digest of what is asked and what is right, in hexadecimal digits.
    pub digest: String,
}

/// Everything that decides what is asked: the first line of a file of results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the file's format.
    pub version: u32,
    /// The program that began it.
    pub program: String,
    /// When it was begun, UTC.
    pub begun: Timestamp,
    /// The model.
    pub model: Model,
    /// What every seed is made from.
    pub seed: u64,
    /// How often each question is asked in each way, at least 1.
    pub repeats: u32,
    /// The ways.
    pub ways: Vec<Way>,
    /// The questions' files.
    pub sets: Vec<SetRef>,
    /// The digest of all of it but the program and the time, in hexadecimal digits.
    pub digest: String,
}

/// One request that is to be sent. Questions and ways are places in their lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// The question.
    pub question: usize,
    /// Which time it is asked, from 0.
    pub repeat: u32,
    /// The way.
    pub way: usize,
}

/// What is to be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What decides it.
    pub header: Header,
    /// The questions, in the order of their files.
    pub questions: Vec<Question>,
}

impl Plan {
    /// A plan that begins now.
    #[must_use]
    pub fn new(model: Model, questions: Vec<Question>, ways: Vec<Way>, seed: u64, repeats: u32) -> Self {
        let mut header = Header {
            version: VERSION,
            program: format!("forethought {}", env!("CARGO_PKG_VERSION")),
            begun: Timestamp::now(),
            model,
            seed,
            repeats,
            ways,
            sets: sets(&questions),
            digest: String::new(),
        };
        header.digest = header.digest_of_rest();
        Self { header, questions }
    }

    /// Every request, question by question: so what is there when it is broken off can be compared.
    #[must_use]
    pub fn tasks(&self) -> Vec<Task> {
        let (ways, repeats) = (self.header.ways.len(), self.header.repeats);
        let of =
            |question| (0..repeats).flat_map(move |repeat| (0..ways).map(move |way| Task { question, repeat, way }));
        (0..self.questions.len()).flat_map(of).collect()
    }
}

impl Header {
    /// Answers that a whole file has.
    #[must_use]
    pub fn answers(&self) -> usize {
        let questions: usize = self.sets.iter().map(|set| set.questions).sum();
        questions * self.ways.len() * usize::try_from(self.repeats).unwrap_or(usize::MAX)
    }

    fn digest_of_rest(&self) -> String {
        let Self { version, model, seed, repeats, ways, sets, .. } = self;
        let all = json!([version, model.id, model.weights, seed, repeats, ways, sets]);
        hex::encode(Sha256::new().chain_update(PLAN_DOMAIN).chain_update(all.to_string()).finalize())
    }

    /// What another header says otherwise, each with both sides; nothing when both ask the same.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = [
            ("model", self.model.id.clone(), other.model.id.clone()),
            ("weights", self.model.weights.clone(), other.model.weights.clone()),
            ("seed", self.seed.to_string(), other.seed.to_string()),
            ("repeats", self.repeats.to_string(), other.repeats.to_string()),
            ("ways", ways_text(&self.ways), ways_text(&other.ways)),
            ("questions", sets_text(&self.sets), sets_text(&other.sets)),
        ];
        let differ = pairs.into_iter().filter(|(_, here, there)| here != there);
        let told: Vec<String> =
            differ.map(|(what, here, there)| format!("{what}: {here} in the file, {there} now")).collect();
        // Whatever else may differ is in the digest.
        if told.is_empty() && self.digest != other.digest { vec!["the digest of the plan".to_owned()] } else { told }
    }
}

fn ways_text(ways: &[Way]) -> String {
    ways.iter().map(|way| format!("{} ({})", way.name, way.describe())).collect::<Vec<_>>().join("; ")
}

fn sets_text(sets: &[SetRef]) -> String {
    let one = |set: &SetRef| format!("{} × {} {:.12}…", set.questions, set.name, set.digest);
    sets.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn sets(questions: &[Question]) -> Vec<SetRef> {
    let mut sets: Vec<(SetRef, Sha256)> = Vec::new();
    for question in questions {
        if sets.last().is_none_or(|(set, _)| set.name != question.set) {
            sets.push((SetRef { name: question.set.clone(), questions: 0, digest: String::new() }, Sha256::new()));
        }
        if let Some((set, hash)) = sets.last_mut() {
            set.questions += 1;
            hash.update(json!(question).to_string());
            hash.update(b"\n");
        }
    }
    sets.into_iter().map(|(set, hash)| SetRef { digest: hex::encode(hash.finalize()), ..set }).collect()
}

/// The seed with which a question is asked: other questions and repeats have other ones, twins the same, and all the same in
/// every run. It has 53 bits, which every JSON library keeps.
///
/// All ways of one question and repeat share it (common random numbers): where two ways draw the same first samples, what
/// they differ in is the strategy and not the luck, and paired differences come out narrower.
#[must_use]
pub fn seed(base: u64, question: &Question, repeat: u32) -> u64 {
    let name = match &question.twins {
        Some(twins) => json!([question.set, null, twins]),
        None => json!([question.set, question.id]),
    };
    let hash = Sha256::new()
        .chain_update(SEED_DOMAIN)
        .chain_update(base.to_le_bytes())
        .chain_update(repeat.to_le_bytes())
        .chain_update(name.to_string())
        .finalize();
    hash.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte)) >> 11
}

/// The body of the request.
#[must_use]
pub(crate) fn body(model: &str, question: &Question, way: &Way, seed: u64) -> Value {
    let (mut body, mut deliberation) = way.request();
    deliberation.insert("answer".to_owned(), json!(question.answer));
    deliberation.insert("include_samples".to_owned(), json!(true));
    if let Some(pointer) = &question.pointer {
        deliberation.insert("answer_pointer".to_owned(), json!(pointer));
    }
    match (way.schema_use(), &question.schema) {
        (SchemaUse::Verify, Some(schema)) => {
            let verifiers = deliberation.entry("verifiers").or_insert_with(|| json!([]));
            if let Some(list) = verifiers.as_array_mut() {
                list.push(json!({ "type": "json_schema", "schema": schema }));
            }
        }
        (SchemaUse::Require, Some(schema)) => {
            let named = json!({ "name": "answer", "schema": schema });
            body.insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": named }));
        }
        _ => {}
    }
    let messages: Vec<&ChatMessage> = question.messages.iter().collect();
    body.insert("model".to_owned(), json!(model));
    body.insert("messages".to_owned(), json!(messages));
    body.insert("seed".to_owned(), json!(seed));
    body.insert("deliberation".to_owned(), Value::Object(deliberation));
    Value::Object(body)
}

/// The place of each question by set and id.
pub(crate) fn places(questions: &[Question]) -> BTreeMap<(&str, &str), usize> {
    questions.iter().enumerate().map(|(at, question)| ((question.set.as_str(), question.id.as_str()), at)).collect()
}

#[cfg(test)]
pub(crate) mod tests;
