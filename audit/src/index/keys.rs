//! What one record can be found by.

use forethought_schemas::Facts;
use jiff::{Timestamp, tz::TimeZone};

use super::{IdKind, Usage};
use crate::{Body, ClassifierNote, Outcome, Record, SafeguardNote};

/// A word that a record can be found by, such as `tenant` and `acme`. No field has a space in its name, so whatever a value is, it makes
/// no word of another field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Word(String);

impl Word {
    pub(crate) fn new(field: &str, value: &str) -> Self {
        Self(format!("{field} {value}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What one record can be found by.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) time: Timestamp,
    pub(crate) words: Vec<Word>,
    pub(crate) ids: Vec<(IdKind, String)>,
    pub(crate) usage: Option<Usage>,
}

impl Keys {
    pub(crate) fn of(record: &Record) -> Self {
        let mut keys = Self {
            time: record.time,
            words: vec![Word::new("kind", record.body.kind())],
            ids: vec![(IdKind::Record, record.record_id.to_string())],
            usage: None,
        };
        keys.words.extend(record.tenant().map(|tenant| Word::new("tenant", tenant)));
        match &record.body {
            Body::Admission(admission) => {
                keys.ids.push((IdKind::Request, admission.request_id.to_string()));
                keys.words.push(Word::new("principal", &admission.key_id));
                keys.words.push(Word::new("model", &admission.model));
                keys.rules(admission.laws.iter().map(|law| law.rule.as_str()));
                keys.safeguards(&admission.safeguards);
                keys.about(&admission.facts);
            }
            Body::Outcome(outcome) => keys.outcome(outcome, record.time),
            Body::Interrupted(interrupted) => {
                keys.ids.push((IdKind::End, interrupted.admission.to_string()));
                keys.words.push(Word::new("status", "interrupted"));
            }
            Body::Review(review) => {
                let of = if review.call.is_some() { IdKind::Call } else { IdKind::Review };
                keys.ids.push((of, review.admission.to_string()));
                keys.words.push(Word::new("review", review.decision.as_str()));
                keys.words.extend(review.by.as_ref().map(|by| Word::new("principal", &by.key_id)));
            }
            Body::Act(act) => {
                keys.words.push(Word::new("act", &act.what));
                keys.words.extend(act.object.as_ref().map(|object| Word::new("object", object)));
                keys.words.extend(act.by.as_ref().map(|by| Word::new("principal", &by.key_id)));
            }
            Body::ToolCall(call) => {
                keys.ids.push((IdKind::Call, call.admission.to_string()));
                keys.words.push(Word::new("tool", &call.tool));
                keys.words.push(Word::new("decision", call.decision.as_str()));
                keys.rules(call.because.iter().map(String::as_str));
                keys.safeguards(&call.safeguards);
            }
            Body::ToolResult(result) => {
                keys.ids.push((IdKind::Call, result.admission.to_string()));
                keys.safeguards(&result.safeguards);
            }
            Body::TailCut(_) => {}
        }
        keys
    }

    /// Whether it can be found by this word.
    pub(crate) fn has(&self, word: &Word) -> bool {
        self.words.contains(word)
    }

    /// What a request is about.
    fn about(&mut self, facts: &Facts) {
        self.words.extend(facts.purpose.as_ref().map(|purpose| Word::new("purpose", purpose)));
        let lists = [("sector", &facts.sectors), ("region", &facts.regions), ("data_class", &facts.data_classes)];
        for (field, values) in lists {
            self.words.extend(values.iter().map(|value| Word::new(field, value)));
        }
    }

    fn outcome(&mut self, outcome: &Outcome, time: Timestamp) {
        self.ids.push((IdKind::End, outcome.admission.to_string()));
        self.words.push(Word::new("status", outcome.status.as_str()));
        self.words.extend(outcome.review.as_ref().map(|_| Word::new("review", "asked")));
        self.safeguards(&outcome.safeguards);
        let violated = |note: &&ClassifierNote| note.action.is_some();
        self.rules(outcome.classifiers.iter().filter(violated).map(|note| note.id.as_str()));
        let tokens = outcome.spent.prompt_tokens + outcome.spent.generated_tokens;
        let since = day(outcome.since.unwrap_or(time));
        self.usage = Some(Usage { tenant: outcome.tenant.clone(), since, tokens, cost: outcome.cost });
    }

    fn rules<'r>(&mut self, rules: impl Iterator<Item = &'r str>) {
        self.words.extend(rules.map(|rule| Word::new("rule", rule)));
    }

    fn safeguards(&mut self, notes: &[SafeguardNote]) {
        self.rules(notes.iter().map(|note| note.list.as_deref().unwrap_or(&note.kind)));
    }
}

/// The beginning of a time's day, UTC.
fn day(time: Timestamp) -> Timestamp {
    let start = time.to_zoned(TimeZone::UTC).date().to_zoned(TimeZone::UTC);
    start.map_or(time, |start| start.timestamp())
}
