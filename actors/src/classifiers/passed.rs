//! Remembers what has passed, so that a conversation's earlier turns are not judged anew with each of its requests.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use forethought_safeguards::{
    classifier::{ClassifierPrompt, Form},
    whole::ClassifierRule,
};
use sha2::{Digest, Sha256};

/// Questions that are remembered; then all are forgotten.
const MOST: usize = 16_384;

/// Digests of questions to which the answer was that nothing is wrong. Classifiers answer at temperature 0, so the same question
/// has the same answer.
#[derive(Debug, Default)]
pub(super) struct Passed(Mutex<HashSet<[u8; 32]>>);

impl Passed {
    /// What stands for a question: of a tenant, so that none can tell from the time that it takes what others asked; of the
    /// weights; and of everything that the rule says.
    pub(super) fn key(tenant: &str, weights: &str, rule: &ClassifierRule, question: &ClassifierPrompt) -> [u8; 32] {
        let mut digest = Sha256::new();
        let form = match &question.form {
            Form::Text(text) => format!("text {text}"),
            Form::Chat(messages) => format!("chat {messages:?}"),
        };
        // Lengths keep parts apart.
        for part in
            [tenant, weights, &rule.id, &rule.model, &format!("{:?} {:?}", rule.protocol, rule.threshold), &form]
        {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    pub(super) fn contains(&self, key: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    pub(super) fn insert(&self, key: [u8; 32]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key);
    }
}
