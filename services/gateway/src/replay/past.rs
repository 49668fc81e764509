//! What the log keeps of a deliberation.

use std::collections::BTreeMap;

use forethought_audit::{Body, Digest, Outcome, OutcomeStatus, Shown};

/// What the log keeps of a deliberation, unsealed.
pub(super) struct Past<'s> {
    /// What was asked, and how.
    pub prompt: &'s [u8],
    pub outcome: &'s Outcome,
    /// What each sample said.
    pub texts: BTreeMap<u32, &'s [u8]>,
    /// The ids of its tokens, where its engine told them.
    pub ids: BTreeMap<u32, Vec<u32>>,
    /// Canonical answers by the commitments to them.
    pub answers: BTreeMap<Digest, &'s [u8]>,
    /// The answer that was given, where it is one and as the model said it.
    pub given: Option<&'s [u8]>,
}

impl<'s> Past<'s> {
    /// Of a request that is shown with its contents; or why there is nothing to hold anything against.
    pub fn of(shown: &'s Shown) -> Result<Self, String> {
        let outcome = match shown.end.as_ref().map(|end| &end.body) {
            Some(Body::Outcome(outcome)) => outcome,
            Some(_) => return Err("the process ended before it had an outcome".to_owned()),
            None => return Err("it has no outcome yet".to_owned()),
        };
        if outcome.samples.is_empty() {
            return Err(nothing_drawn(outcome.status));
        }
        let mut past = Self {
            prompt: content(shown, "prompt")?,
            outcome,
            texts: BTreeMap::new(),
            ids: BTreeMap::new(),
            answers: BTreeMap::new(),
            given: None,
        };
        if outcome.status == OutcomeStatus::Answered && outcome.safeguards.is_empty() {
            past.given = Some(content(shown, "answer")?);
        }
        for sample in &outcome.samples {
            past.texts.insert(sample.index, content(shown, &format!("sample/{}", sample.index))?);
        }
        if shown.contents.iter().any(|content| content.name == "tokens") {
            past.ids = serde_json::from_slice(content(shown, "tokens")?).map_err(|error| error.to_string())?;
        }
        for commitment in shown.end.iter().flat_map(|end| &end.contents) {
            if commitment.name.starts_with("vote/") {
                past.answers.insert(commitment.commitment, content(shown, &commitment.name)?);
            }
        }
        Ok(past)
    }
}

fn nothing_drawn(status: OutcomeStatus) -> String {
    match status {
        OutcomeStatus::Refused => "it was refused before anything was drawn".to_owned(),
        status => format!(
            "nothing was drawn for it: it {}",
            if status == OutcomeStatus::Failed { "failed" } else { "ended before" }
        ),
    }
}

fn content<'s>(shown: &'s Shown, name: &str) -> Result<&'s [u8], String> {
    let found = shown.contents.iter().find(|content| content.name == name);
    let found = found.ok_or_else(|| format!("the log holds no `{name}` of it"))?;
    found.content.as_deref().map_err(|error| format!("`{name}` cannot be read: {error}"))
}
